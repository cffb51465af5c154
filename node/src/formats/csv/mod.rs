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
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    let terms = [b"STRUCTURE".as_slice(), b"DATAFLOW", b"MDSTRUCTURE"];
    let rest = terms.into_iter().find_map(|t| text.strip_prefix(t)).and_then(|rest| rest.first());
    matches!(rest, Some(b',' | b';' | b'\t' | b'|' | b'[' | b':' | b'"'))
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
    let is_plain = header.style == Style::Plain;
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
        // A service that has no data for a question answers so; whoever publishes it is refused.
        let make = if is_plain { Fault::error } else { Fault::warning };
        rows.reading.sink.fault(make("table.empty", "there is a header and no row below it"));
    }
    Ok(())
}
