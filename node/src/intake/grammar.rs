//! The second guard: RFC 4180, checked before anything is buffered.
//!
//! Stops a line without an end, a million columns and a quote that never closes. It reads as the `csv`
//! crate does, byte for byte, and hands the bytes on unchanged: the crate cuts cells, this file says on
//! which line a record began and what was doubtful about its quotes.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use super::{Limits, fault::Fault, text::Text};

/// One whole record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The line on which it begins.
    pub line: u64,
    /// `5" pipe`: not RFC 4180, but every reader takes it literally.
    pub quote_in_cell: bool,
    /// `"a"b`: each reader makes something else of it.
    pub text_after_quote: bool,
}

#[derive(Clone, Copy)]
enum State {
    RecordStart,
    CellStart,
    Cell,
    Quoted,
    /// A quote inside a quoted cell: the end of the cell, or the first half of a doubled quote.
    QuoteInQuoted,
}

pub struct Grammar<R> {
    text: Text<R>,
    /// Bytes of the piece already handed on, and bytes that may be.
    handed: usize,
    admitted: usize,
    state: State,
    line: u64,
    after_cr: bool,
    mark: Mark,
    quote_line: u64,
    record_bytes: u64,
    columns: u64,
    delimiter: u8,
    limits: Limits,
    /// Records that have ended, as far as the text was examined.
    ended: VecDeque<Mark>,
    fault: Option<Fault>,
    is_over: bool,
    is_empty: bool,
}

impl<R: Read> Grammar<R> {
    /// Where the comma is the decimal sign, columns are cut by another character. `first_line` is the number of
    /// the line with which the input begins.
    pub fn cut_at(input: R, limits: &Limits, delimiter: u8, first_line: u64) -> Self {
        Self {
            text: Text::new(input),
            handed: 0,
            admitted: 0,
            state: State::RecordStart,
            line: first_line,
            after_cr: false,
            mark: Mark::default(),
            quote_line: 0,
            record_bytes: 0,
            columns: 0,
            delimiter,
            limits: limits.clone(),
            ended: VecDeque::new(),
            fault: None,
            is_over: false,
            is_empty: true,
        }
    }

    /// The next whole record. `None`: what the parser holds is the torso before a fault.
    pub fn next_mark(&mut self) -> Option<Mark> {
        self.ended.pop_front()
    }

    /// Why the records ended before the file did.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// The file has not a single byte.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    fn examine_next_piece(&mut self) -> io::Result<()> {
        self.text.advance()?;
        self.handed = 0;
        self.admitted = self.text.piece().len();
        if self.admitted == 0 {
            self.is_over = true;
            self.end();
            return Ok(());
        }
        let from = if self.is_empty && self.text.piece().starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        self.is_empty = false;
        for n in from..self.admitted {
            let byte = self.text.piece()[n];
            self.step(byte);
            if let Some(fault) = self.over_limit() {
                self.fault = Some(fault);
                self.is_over = true;
                self.admitted = n;
                break;
            }
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) {
        if matches!(self.state, State::RecordStart) && !matches!(byte, b'\r' | b'\n') {
            self.mark = Mark { line: self.line, ..Mark::default() };
            self.columns = 1;
            self.record_bytes = 0;
            self.state = State::CellStart;
        }
        self.record_bytes += 1;
        self.state = match (self.state, byte) {
            (State::RecordStart, _) => State::RecordStart,
            (State::CellStart, b'"') => {
                self.quote_line = self.line;
                State::Quoted
            }
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) | (State::QuoteInQuoted, b'"') => State::Quoted,
            (_, byte) if byte == self.delimiter => {
                self.columns += 1;
                State::CellStart
            }
            (_, b'\r' | b'\n') => {
                self.ended.push_back(self.mark);
                State::RecordStart
            }
            (State::QuoteInQuoted, _) => {
                self.mark.text_after_quote = true;
                State::Cell
            }
            (State::CellStart | State::Cell, _) => {
                self.mark.quote_in_cell |= byte == b'"';
                State::Cell
            }
        };
        // "\r\n" is one end of a line.
        self.line += u64::from(byte == b'\r' || byte == b'\n' && !self.after_cr);
        self.after_cr = byte == b'\r';
    }

    fn over_limit(&self) -> Option<Fault> {
        let Limits { columns_max, record_bytes_max, .. } = self.limits;
        if let State::RecordStart = self.state {
            return None;
        }
        if self.columns > columns_max {
            let message = format!("more than {columns_max} columns; reading stopped here");
            return Some(Fault::error("csv.columns", message).at(self.mark.line));
        }
        if self.record_bytes <= record_bytes_max {
            return None;
        }
        if let State::Quoted = self.state {
            let message = format!("a quote is opened and not closed within {record_bytes_max} bytes");
            return Some(Fault::error("csv.quote", message).at(self.quote_line));
        }
        let message = format!("a record is longer than {record_bytes_max} bytes; reading stopped here");
        Some(Fault::error("csv.record", message).at(self.mark.line))
    }

    fn end(&mut self) {
        self.fault = self.text.take_fault();
        // A file that cannot be opened as text still has bytes.
        self.is_empty &= self.fault.is_none();
        match self.state {
            _ if self.fault.is_some() => {}
            State::RecordStart => {}
            State::Quoted => {
                let fault = Fault::error("csv.quote", "a quote is opened and not closed").at(self.quote_line);
                self.fault = Some(fault);
            }
            // The last line may lack its end.
            State::CellStart | State::Cell | State::QuoteInQuoted => self.ended.push_back(self.mark),
        }
    }
}

impl<R: Read> Read for Grammar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.handed == self.admitted && !self.is_over {
            self.examine_next_piece()?;
        }
        let rest = &self.text.piece()[self.handed..self.admitted];
        let n = buffer.len().min(rest.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.handed += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marks(text: &[u8]) -> (Vec<Mark>, Vec<csv::ByteRecord>, Option<Fault>) {
        let grammar = Grammar::cut_at(text, &Limits::default(), b',', 1);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(grammar);
        let records: Vec<_> = reader.byte_records().map(Result::unwrap).collect();
        let grammar = reader.get_mut();
        let marks = std::iter::from_fn(|| grammar.next_mark()).collect();
        (marks, records, grammar.take_fault())
    }

    #[test]
    fn records_begin_where_an_editor_shows_them() {
        for text in
            ["a\n\nb\n\"c\nd\"\ne", "a\r\n\r\nb\r\n\"c\r\nd\"\r\ne\r\n", "\u{feff}a\r\rb\r\"c\rd\"\re\r"]
        {
            let lines: Vec<u64> = marks(text.as_bytes()).0.iter().map(|m| m.line).collect();
            assert_eq!(lines, [1, 3, 4, 6], "{text:?}");
        }
    }

    #[test]
    fn doubtful_quotes_belong_to_their_record() {
        let (marks, _, fault) = marks(b"a,\"b\"\"c\"\n5\" pipe,x\n\"a\"b,x\n\"a\",\"b\"\n");
        let doubts: Vec<_> = marks.iter().map(|m| (m.quote_in_cell, m.text_after_quote)).collect();
        assert_eq!(doubts, [(false, false), (true, false), (false, true), (false, false)]);
        assert_eq!(fault, None);
    }

    proptest! {
        /// Two readers of one grammar must never disagree, or faults would name wrong rows.
        #[test]
        fn it_sees_the_records_that_the_parser_sees(text in "(\u{feff})?[a\",\r\n]{0,40}") {
            let (marks, mut records, fault) = marks(text.as_bytes());
            if fault.is_some() {
                records.truncate(marks.len());
            }
            prop_assert_eq!(marks.len(), records.len());
        }
    }
}
