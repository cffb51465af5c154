//! Rows and columns: whether a file is a table at all, and which reader its header asks for.
//!
//! Every row is looked at, also after a fault: the publisher corrects a file once, not once per fault.

use std::{
    collections::HashSet,
    io::{self, Read},
};

use csv::ByteRecord;

use super::{
    Format, Limits, Table, cell,
    fault::{Fault, Faults},
    plain_csv::PlainCsv,
    records::Records,
    sdmx_csv::{self, SdmxCsv, Version},
};

pub fn check(input: impl Read, limits: &Limits, faults: &mut Faults) -> io::Result<(Format, Table)> {
    let mut records = Records::new(input, limits);
    let mut table = Table::default();
    let Some((line, cells)) = records.next(faults)? else {
        if records.is_empty() {
            faults.push(Fault::error("file.empty", "the file is empty"));
        } else if !faults.has_errors() {
            faults.push(Fault::error("table.empty", "there is no header"));
        }
        return Ok((Format::Csv, table));
    };
    let header: Vec<String> = cells.iter().map(|c| cell::text(c).into_owned()).collect();
    table.columns = header.len() as u64;
    let mut rows = match sdmx_csv::recognise(&header) {
        Err(reason) => {
            faults.push(Fault::error("sdmx.unsupported", reason).at(line));
            return Ok((Format::Csv, table));
        }
        Ok(Some(layout)) => Rows::Sdmx(Box::new(SdmxCsv::new(layout, limits))),
        Ok(None) => Rows::Plain(PlainCsv::new(&header)),
    };
    check_names(line, rows.names(&header), faults);
    name_formulas(line, cells, faults);

    while let Some((line, cells)) = records.next(faults)? {
        table.rows += 1;
        name_formulas(line, cells, faults);
        if cells.len() as u64 != table.columns {
            let message = format!("{} cells, the header has {}", cells.len(), table.columns);
            faults.push(Fault::error("csv.columns", message).at(line));
            continue;
        }
        rows.add(line, cells, faults);
    }
    if table.rows == 0 && !records.was_cut() {
        faults.push(Fault::error("table.empty", "there is a header and no row below it"));
    }
    Ok((rows.tell(&mut table, faults)?, table))
}

/// The formats that are made of rows.
enum Rows {
    Plain(PlainCsv),
    Sdmx(Box<SdmxCsv>),
}

impl Rows {
    /// What must be unique in the header.
    fn names<'a>(&self, header: &'a [String]) -> Vec<&'a str> {
        match self {
            Rows::Plain(_) => header.iter().map(String::as_str).collect(),
            Rows::Sdmx(_) => header.iter().map(|h| sdmx_csv::id(h)).collect(),
        }
    }

    fn add(&mut self, line: u64, cells: &ByteRecord, faults: &mut Faults) {
        match self {
            Rows::Plain(plain) => plain.add(cells),
            Rows::Sdmx(sdmx) => sdmx.add(line, cells, faults),
        }
    }

    fn tell(self, table: &mut Table, faults: &mut Faults) -> io::Result<Format> {
        match self {
            Rows::Plain(plain) => {
                plain.tell(table);
                Ok(Format::Csv)
            }
            Rows::Sdmx(sdmx) => {
                let version = sdmx.version();
                sdmx.tell(table, faults)?;
                Ok(match version {
                    Version::V1 => Format::SdmxCsv1,
                    Version::V2 => Format::SdmxCsv2,
                })
            }
        }
    }
}

fn check_names(line: u64, names: Vec<&str>, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for (n, name) in names.into_iter().enumerate() {
        if name.trim().is_empty() {
            faults.push(Fault::error("csv.header", format!("column {} has no name", n + 1)).at(line));
        } else if !seen.insert(name) {
            let message = format!("column {} is there twice", cell::shown(name.as_bytes()));
            faults.push(Fault::error("csv.header", message).at(line));
        }
    }
}

/// Published as they are, and named.
fn name_formulas(line: u64, cells: &ByteRecord, faults: &mut Faults) {
    for cell in cells.iter().filter(|c| cell::is_formula(c)) {
        let message = format!("{} would run in a spreadsheet", cell::shown(cell));
        faults.push(Fault::warning("cell.formula", message).at(line));
    }
}
