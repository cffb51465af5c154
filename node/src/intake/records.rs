//! Records of a delimited text, one by one, each with the line on which it began.

use std::io::{self, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::{
    Limits,
    fault::{Fault, Faults},
    grammar::Grammar,
};

/// Whole records with their lines; what the grammar says of each comes before what it holds.
pub struct Records<R> {
    reader: Reader<Grammar<R>>,
    cells: ByteRecord,
    was_cut: bool,
}

impl<R: Read> Records<R> {
    pub fn new(input: R, limits: &Limits) -> Self {
        Self::cut_at(input, limits, b',', 1)
    }

    /// Another delimiter, and the number of the line with which the input begins.
    pub fn cut_at(input: R, limits: &Limits, delimiter: u8, first_line: u64) -> Self {
        let grammar = Grammar::cut_at(input, limits, delimiter, first_line);
        let reader =
            ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(grammar);
        Self { reader, cells: ByteRecord::new(), was_cut: false }
    }

    pub fn next(&mut self, faults: &mut Faults) -> io::Result<Option<(u64, &ByteRecord)>> {
        let is_more = self.reader.read_byte_record(&mut self.cells).map_err(unwrapped)?;
        let grammar = self.reader.get_mut();
        let Some(mark) = grammar.next_mark().filter(|_| is_more) else {
            if let Some(fault) = grammar.take_fault() {
                self.was_cut = true;
                faults.push(fault);
            }
            return Ok(None);
        };
        if mark.text_after_quote {
            faults.push(Fault::error("csv.quote", "there is text after a closing quote").at(mark.line));
        } else if mark.quote_in_cell {
            let message = "a quote inside a cell that does not begin with one; it is taken literally";
            faults.push(Fault::warning("csv.quote", message).at(mark.line));
        }
        Ok(Some((mark.line, &self.cells)))
    }

    /// A fault ended the reading: what came after it is unknown.
    pub fn was_cut(&self) -> bool {
        self.was_cut
    }

    pub fn is_empty(&self) -> bool {
        self.reader.get_ref().is_empty()
    }
}

/// The error of the input itself, which its makers recognise, and not that of a reader around it.
fn unwrapped(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
