//! SDMX-CSV 1.0 and 2.x, and plain CSV that uses SDMX's column names.
//!
//! 2.0 and 2.1 differ in what a service should write, not in what a reader sees: both are `2.x`.

mod header;
mod records;
mod rows;

use std::io::Read;

use super::{
    model::{Kind, Message},
    reading::Reading,
    stop::Stop,
};
use crate::intake::Fault;
use header::{Header, Style};
use records::Records;
use rows::Rows;

/// Whether the first cell is one that SDMX-CSV begins with.
pub fn begins_as_sdmx(first: &[u8]) -> bool {
    after_term(first).is_some()
}

/// SDMX-CSV that is cut by another character than the comma, has several values in a cell, or names beside ids.
pub fn is_special(first: &[u8]) -> bool {
    let Some(rest) = after_term(first) else { return false };
    let line = rest.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    let has = |word: &[u8]| line.windows(word.len()).any(|w| w == word);
    header::delimiter(first) != b',' || rest.starts_with(b"[") || has(b"[]") || has(b"STRUCTURE_NAME")
}

fn after_term(first: &[u8]) -> Option<&[u8]> {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    let terms = [b"STRUCTURE".as_slice(), b"DATAFLOW", b"MDSTRUCTURE"];
    let rest = terms.into_iter().find_map(|t| text.strip_prefix(t))?;
    matches!(rest.first(), Some(b',' | b';' | b'\t' | b'|' | b'[' | b':' | b'"')).then_some(rest)
}

/// `first` is the beginning of the file: it says which character cuts the columns.
pub fn read(input: impl Read, first: &[u8], reading: &mut Reading<'_>) -> Result<(), Stop> {
    let delimiter = header::delimiter(first);
    let mut records = Records::new(input, delimiter);
    let Some((line, cells)) = records.next(reading.sink)? else {
        if !records.was_cut() {
            reading.sink.fault(Fault::error("table.empty", "there is no header"));
        }
        return Ok(());
    };
    let header = Header::read(cells, delimiter).map_err(|stop| stop.at(line))?;
    let (format, version) = header.format();
    let kind = if header.style == Style::Metadata { Kind::Metadata } else { Kind::Data };
    let message = Message { format: format.to_owned(), version: version.to_owned(), kind };
    reading.sink.message(message);
    header.tell_doubts(line, reading.sink);

    let columns = cells.len();
    let mut rows = Rows::new(header, reading);
    while let Some((line, cells)) = records.next(rows.reading.sink)? {
        rows.count();
        if cells.len() != columns {
            let message = format!("{} cells, the header has {columns}", cells.len());
            rows.reading.sink.fault(Fault::error("csv.columns", message).at(line));
            continue;
        }
        if kind == Kind::Data {
            rows.add(line, cells)?;
        }
    }
    if rows.is_empty() && !records.was_cut() {
        rows.reading.sink.fault(Fault::error("table.empty", "there is a header and no row below it"));
    }
    Ok(())
}
