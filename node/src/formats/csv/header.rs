//! The first row: which version it is, which character cuts, and which column is which component.

use std::collections::HashSet;

use csv::StringRecord;

use super::super::{
    model::{OBS_VALUE, Sink, TIME_PERIOD},
    stop::Stop,
};
use crate::intake::{Fault, cell};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `DATAFLOW` first: one cell names a dataflow.
    V1,
    /// `STRUCTURE,STRUCTURE_ID` first.
    V2,
    /// Neither, but there is a measure: what data warehouses serve as "CSV".
    Plain,
    /// `MDSTRUCTURE` first: reference metadata.
    Metadata,
}

#[derive(Debug)]
pub struct Column {
    pub at: usize,
    pub id: String,
    /// `NAME[]`: several values in a cell.
    pub is_many: bool,
    /// `ID: Name` or `ID:Name`: its cells may be so too.
    pub has_label: bool,
}

#[derive(Debug)]
pub struct Header {
    pub style: Style,
    pub columns: Vec<Column>,
    pub action: Option<usize>,
    /// Between several values in a cell.
    pub sub: Option<char>,
    /// Where columns are cut by `;` numbers are written as `12,4`.
    pub has_decimal_comma: bool,
    doubts: Vec<Fault>,
}

/// The character behind the fixed first term; for plain CSV the one used most in the first line.
pub fn delimiter(first: &[u8]) -> u8 {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    let term =
        [b"STRUCTURE".as_slice(), b"DATAFLOW", b"MDSTRUCTURE"].into_iter().find_map(|t| text.strip_prefix(t));
    let candidates = [b',', b';', b'\t', b'|'];
    if let Some(rest) = term {
        let inside = rest.strip_prefix(b"[").and_then(|r| r.iter().position(|b| *b == b']'));
        let rest = rest.get(inside.map_or(0, |n| n + 2)..).unwrap_or_default();
        let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
        if let Some(next) = rest.first().filter(|b| candidates.contains(b)) {
            return *next;
        }
    }
    let line = text.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    let count = |candidate: &u8| line.iter().filter(|b| *b == candidate).count();
    // Of equals the last wins, and the comma is the rule.
    candidates.into_iter().rev().max_by_key(count).unwrap_or(b',')
}

impl Header {
    pub fn read(cells: &StringRecord, delimiter: u8) -> Result<Self, Stop> {
        let cell = |n: usize| id(cells.get(n).unwrap_or_default());
        let (term, sub) = term_and_sub(cell(0));
        let (style, prefix) = match term {
            "STRUCTURE" if cell(1) == "STRUCTURE_ID" => (Style::V2, 2),
            "STRUCTURE" => return Err(unsupported()),
            "DATAFLOW" => (Style::V1, 1),
            "MDSTRUCTURE" => (Style::Metadata, 1),
            _ => (Style::Plain, 0),
        };
        let has_names = style == Style::V2 && cell(prefix) == "STRUCTURE_NAME";
        let prefix = prefix + usize::from(has_names);
        let mut header = Self {
            style,
            columns: Vec::new(),
            action: None,
            sub,
            has_decimal_comma: delimiter == b';',
            doubts: Vec::new(),
        };
        header.take_columns(cells, prefix, has_names);
        header.check_names();
        let has_measure = header.columns.iter().any(|c| c.id == OBS_VALUE);
        if style == Style::Plain && !has_measure {
            let message = "CSV, but no SDMX-CSV: it begins with neither STRUCTURE nor DATAFLOW, \
                           and no column is OBS_VALUE. A plain table is read with --mapping FILE, which \
                           `talanoa map` proposes";
            return Err(Fault::error("csv.unknown", message).into());
        }
        Ok(header)
    }

    pub fn format(&self) -> (&'static str, &'static str) {
        match self.style {
            Style::V1 => ("SDMX-CSV", "1.0"),
            Style::V2 => ("SDMX-CSV", "2.x"),
            Style::Metadata => ("SDMX-CSV metadata", "2.x"),
            Style::Plain => ("CSV", ""),
        }
    }

    /// What is wrong with the header although it can be read.
    pub fn tell_doubts(&self, line: u64, sink: &mut dyn Sink) {
        self.doubts.iter().for_each(|fault| sink.fault(fault.clone().at(line)));
    }

    fn take_columns(&mut self, cells: &StringRecord, prefix: usize, has_names: bool) {
        let mut numbered = cells.iter().enumerate().skip(prefix);
        while let Some((at, cell)) = numbered.next() {
            let (id, is_many) = component(cell);
            match id.as_str() {
                "ACTION" if self.action.is_none() => self.action = Some(at),
                // What they say is in the components' own columns too.
                "SERIES_KEY" | "OBS_KEY" => {}
                "KEY" if self.style == Style::Plain => {}
                _ => {
                    if has_names {
                        self.check_name_column(&id, numbered.next());
                    }
                    // Beside its codes a warehouse puts their labels, under names for people.
                    if self.style != Style::Plain || is_code_name(&id) {
                        self.columns.push(Column { at, id, is_many, has_label: cell.contains(':') });
                    }
                }
            }
        }
    }

    /// A column of names that is called as a component is one: passed over, it would be lost in silence.
    fn check_name_column(&mut self, of: &str, column: Option<(usize, &str)>) {
        if let Some((_, name)) = column.filter(|(_, c)| matches!(*c, TIME_PERIOD | OBS_VALUE) && *c != of) {
            let message = format!(
                "STRUCTURE_NAME announces a column of names beside {}, and {name} stands there",
                cell::shown(of.as_bytes())
            );
            self.doubts.push(Fault::error("csv.header", message));
        }
    }

    fn check_names(&mut self) {
        let mut seen = HashSet::new();
        for Column { at, id, is_many, .. } in &self.columns {
            let (shown, n) = (cell::shown(id.as_bytes()), at + 1);
            if id.trim().is_empty() {
                self.doubts.push(Fault::error("csv.header", format!("column {n} has no name")));
            } else if !seen.insert(id.as_str()) {
                self.doubts.push(Fault::error("csv.header", format!("column {shown} is there twice")));
            }
            if *is_many && self.sub.is_none() {
                let message =
                    format!("{shown} has several values in a cell, but STRUCTURE[ ] names no separator");
                self.doubts.push(Fault::warning("csv.header", message));
            }
        }
    }
}

/// `STRUCTURE[;]`
fn term_and_sub(cell: &str) -> (&str, Option<char>) {
    match cell.split_once('[') {
        Some((term, rest)) => (term, rest.strip_suffix(']').and_then(|s| s.chars().next())),
        None => (cell, None),
    }
}

/// `ID: Name`, or `ID:Name` as some services write it: no id has a colon.
fn id(cell: &str) -> &str {
    cell.split_once(':').map_or(cell, |(id, _)| id.trim())
}

/// `ID: Name`, `ID[]`, `ID[en;fr]`, `CONTACT[].NAME[]`: the id, and whether there are several values.
fn component(cell: &str) -> (String, bool) {
    let id = id(cell);
    let outside: Vec<&str> = id
        .split('[')
        .enumerate()
        .map(|(n, p)| if n == 0 { p } else { p.split_once(']').map_or("", |(_, r)| r) })
        .collect();
    (outside.concat(), outside.len() > 1)
}

fn is_code_name(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_uppercase())
        && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn unsupported() -> Stop {
    let message = "the columns of SDMX-CSV 2.x begin with STRUCTURE,STRUCTURE_ID";
    Fault::error("sdmx.unsupported", message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_follows_the_first_term() {
        for (first, expected) in [
            ("STRUCTURE,STRUCTURE_ID", b','),
            ("STRUCTURE[;],STRUCTURE_ID", b','),
            ("STRUCTURE[|];STRUCTURE_ID", b';'),
            ("\u{feff}\"STRUCTURE[,]\";X,Y,Z", b';'),
            ("DATAFLOW\tFREQ", b'\t'),
            ("REF_AREA;OBS_VALUE\n1,2,3", b';'),
            ("REF_AREA,OBS_VALUE", b','),
            ("", b','),
            ("STRUCTURE[", b','),
        ] {
            assert_eq!(delimiter(first.as_bytes()), expected, "{first}");
        }
    }

    #[test]
    fn names_of_components_lose_their_labels_and_brackets() {
        for (cell, id, is_many) in [
            ("DIM_1: Dimension 1", "DIM_1", false),
            ("ATTR[en;fr]: Titre", "ATTR", true),
            ("CONTACT[].NAME[]", "CONTACT.NAME", true),
            ("ODD[", "ODD", true),
            ("FREQ:Frequency", "FREQ", false),
            ("FREQ :Frequency: of what", "FREQ", false),
        ] {
            assert_eq!(component(cell), (id.to_owned(), is_many));
        }
    }
}
