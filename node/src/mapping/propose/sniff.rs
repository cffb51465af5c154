//! How a file is cut: its encoding, its delimiter, and the line on which the header stands.

use std::{collections::BTreeMap, io::Read};

use csv::ReaderBuilder;

use super::{Opener, Shape};
use crate::{
    intake::{Faults, IntakeError, Limits, Refused, records::Records, text::Text},
    mapping::{
        Encoding,
        encoding::{Decoded, Undecodable},
        read::next,
    },
};

/// What is looked at for delimiter and header.
const HEAD_BYTES: u64 = 256 * 1024;
const HEAD_RECORDS: usize = 100;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub fn shape(open: &mut Opener) -> Result<Shape, IntakeError> {
    let encoding = encoding(open)?;
    let mut head = Vec::new();
    Decoded::new(open()?, encoding).take(HEAD_BYTES).read_to_end(&mut head).map_err(undecodable)?;
    // The last line may be cut.
    let whole = head.iter().rposition(|b| *b == b'\n').filter(|_| head.len() as u64 == HEAD_BYTES);
    let head = head.get(..whole.unwrap_or(head.len())).unwrap_or_default();
    let delimiter = delimiter(head);
    Ok(Shape { encoding, delimiter, skip_lines: header_line(head, delimiter)?.saturating_sub(1) })
}

/// UTF-8 if it is valid to the last byte. Otherwise the commonest of the others, which any bytes would fit.
fn encoding(open: &mut Opener) -> Result<Encoding, IntakeError> {
    let mut mark = Vec::new();
    open()?.take(3).read_to_end(&mut mark)?;
    let marked = Encoding::of_mark(&mark);
    let mut text = Text::new(Decoded::new(open()?, Encoding::Utf8));
    loop {
        text.advance().map_err(undecodable)?;
        if text.piece().is_empty() {
            break;
        }
    }
    match text.take_fault() {
        None => Ok(marked.unwrap_or_default()),
        Some(fault) if fault.code == "encoding.utf8" && marked.is_none() => Ok(Encoding::Windows1252),
        Some(fault) => Err(Refused::of(fault).into()),
    }
}

pub fn undecodable(error: std::io::Error) -> IntakeError {
    match error.downcast::<Undecodable>() {
        Ok(Undecodable(fault)) => Refused::of(fault).into(),
        Err(error) => error.into(),
    }
}

/// The one that cuts most records into the same number of cells, and into most of them.
fn delimiter(head: &[u8]) -> u8 {
    let score = |delimiter: &u8| {
        let widths = widths(head, *delimiter);
        let (width, records) = modal(&widths);
        // In tenths: a few notes at the end must not outweigh the cells.
        let regular = if width > 1 { 10 * records / widths.len().max(1) } else { 0 };
        (regular.min(9), width)
    };
    // Of equals `max_by_key` takes the last, and the comma is the likeliest.
    DELIMITERS.into_iter().rev().max_by_key(score).unwrap_or(b',')
}

/// Cells of each of the first records.
fn widths(head: &[u8], delimiter: u8) -> Vec<usize> {
    let reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(head);
    let records = reader.into_byte_records().take(HEAD_RECORDS);
    records.filter_map(Result::ok).map(|r| r.len()).collect()
}

/// The commonest width, and how often it is there.
fn modal(widths: &[usize]) -> (usize, usize) {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    widths.iter().for_each(|w| *counts.entry(*w).or_default() += 1);
    counts.into_iter().max_by_key(|(width, count)| (*count, *width)).unwrap_or((1, 0))
}

/// The first record that reaches as far as most and fills more than half of the usual width: titles above a
/// table fill a cell or two, or fall into as many as they have commas.
fn header_line(head: &[u8], delimiter: u8) -> Result<u64, IntakeError> {
    let (width, _) = modal(&widths(head, delimiter));
    let mut records = Records::cut_at(head, &Limits::default(), delimiter, 1);
    let mut faults = Faults::default();
    let mut seen: Vec<(u64, usize, usize)> = Vec::new();
    while let Some((line, cells)) = next(&mut records, &mut faults)?.filter(|_| seen.len() < HEAD_RECORDS) {
        let is_filled = |c: &[u8]| !c.trim_ascii().is_empty();
        let reach = cells.iter().rposition(is_filled).map_or(0, |n| n + 1);
        seen.push((line, reach, cells.iter().filter(|c| is_filled(c)).count()));
    }
    let (usual, _) = modal(&seen.iter().map(|(_, reach, _)| *reach).collect::<Vec<_>>());
    let fills = |filled: usize| filled > width / 2;
    let whole = seen.iter().find(|(_, reach, filled)| fills(*filled) && *reach >= usual);
    let found = whole.or_else(|| seen.iter().find(|(.., filled)| fills(*filled))).or(seen.first());
    Ok(found.map_or(1, |(line, ..)| *line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8]) -> (Encoding, char, u64) {
        let text = text.to_vec();
        let mut open = || Ok(Box::new(std::io::Cursor::new(text.clone())) as Box<dyn Read>);
        let shape = shape(&mut open).unwrap();
        (shape.encoding, char::from(shape.delimiter), shape.skip_lines)
    }

    #[test]
    fn delimiters_and_headers_are_found() {
        for (text, delimiter, skip_lines) in [
            ("a,b\n1,2\n", ',', 0),
            ("a;b;c\nx;1,5;2\ny;2,5;3\n", ';', 0),
            ("a\tb\nx, y\t1\n", '\t', 0),
            ("a|b|c\n1|2|3\n", '|', 0),
            ("a\n1\n2\n", ',', 0),
            ("Deaths by year\nSource: the office\n\ngeo,year,deaths\nFJ,2001,5\nVU,2001,4\n", ',', 3),
            (
                "\"Data Source\",\"WDI\",\n\n\"Country\",\"Code\",\"1960\",\"1961\"\n\"Fiji\",\"FJI\",\"1\",\"2\"\n\"Tonga\",\"TON\",\"1\",\"2\"\n",
                ',',
                2,
            ),
            ("Deaths by age, sex and year\n\ngeo,year,sex,v\nFJ,2001,M,1\nFJ,2001,F,1\n", ',', 2),
            ("geo,year,sex,v\nFJ,2001,M,\nFJ,2001,F,\n", ',', 0),
            ("Table 1;;;\ngeo;year;sex;v\nFJ;2001;M;1\n", ';', 1),
        ] {
            assert_eq!(cut(text.as_bytes()), (Encoding::Utf8, delimiter, skip_lines), "{text}");
        }
    }

    #[test]
    fn encodings_are_found() {
        assert_eq!(cut(b"a,b\nC\xf4te,1\n").0, Encoding::Windows1252);
        assert_eq!(cut(b"\xef\xbb\xbfa,b\n1,2\n").0, Encoding::Utf8);
        let utf16: Vec<u8> = "\u{feff}a;b\nx;1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(cut(&utf16), (Encoding::Utf16, ';', 0));
    }
}
