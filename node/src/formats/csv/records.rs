//! Whole records with their lines, behind the guard that the intake uses.

use std::io::{self, Read};

use csv::{Reader, ReaderBuilder, StringRecord};

use super::super::model::{COLUMNS_MAX, RECORD_BYTES_MAX, Sink};
use crate::intake::{Fault, Limits, grammar::Grammar};

pub struct Records<R: Read> {
    reader: Reader<Grammar<R>>,
    cells: StringRecord,
    was_cut: bool,
}

impl<R: Read> Records<R> {
    pub fn new(input: R, delimiter: u8) -> Self {
        let limits = Limits {
            columns_max: COLUMNS_MAX as u64,
            record_bytes_max: RECORD_BYTES_MAX as u64,
            ..Limits::default()
        };
        let grammar = Grammar::cut_at(input, &limits, delimiter, 1);
        let reader =
            ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(grammar);
        Self { reader, cells: StringRecord::new(), was_cut: false }
    }

    pub fn next(&mut self, sink: &mut dyn Sink) -> io::Result<Option<(u64, &StringRecord)>> {
        let read = self.reader.read_record(&mut self.cells);
        let grammar = self.reader.get_mut();
        let Some(mark) = grammar.next_mark().filter(|_| matches!(read, Ok(true))) else {
            // The torso before a fault may end inside of a character: the fault is what is told.
            match grammar.take_fault() {
                Some(fault) => sink.fault(fault),
                None => return read.map(|_| None).map_err(io::Error::from),
            }
            self.was_cut = true;
            return Ok(None);
        };
        if mark.text_after_quote {
            sink.fault(Fault::error("csv.quote", "there is text after a closing quote").at(mark.line));
        } else if mark.quote_in_cell {
            let message = "a quote inside a cell that does not begin with one; it is taken literally";
            sink.fault(Fault::warning("csv.quote", message).at(mark.line));
        }
        Ok(Some((mark.line, &self.cells)))
    }

    /// A fault ended the reading: what came after it is unknown.
    pub fn was_cut(&self) -> bool {
        self.was_cut
    }
}
