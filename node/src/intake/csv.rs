//! Rows and columns of a plain table: whether a file is one at all.
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
};
use crate::formats::{model::OBS_VALUE, value};

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
    let mut plain = PlainCsv::new(&header);
    check_names(line, &header, faults);
    name_formulas(line, cells, faults);
    name_delimiter(line, &header, faults);
    // By this name it is the value for everybody, and is checked as such.
    let value = header.iter().position(|name| name.trim().eq_ignore_ascii_case(OBS_VALUE));

    while let Some((line, cells)) = records.next(faults)? {
        if cells.iter().all(<[u8]>::is_empty) {
            continue;
        }
        table.rows += 1;
        name_formulas(line, cells, faults);
        if cells.len() as u64 != table.columns {
            let message = format!("{} cells, the header has {}", cells.len(), table.columns);
            faults.push(Fault::error("csv.columns", message).at(line));
            continue;
        }
        if let Some(written) = value.and_then(|n| cells.get(n)).map(cell::text) {
            let doubt = value::read(&written).doubt(&written);
            doubt.into_iter().for_each(|fault| faults.push(fault.at(line)));
        }
        plain.add(cells);
    }
    if table.rows == 0 && !records.was_cut() {
        faults.push(Fault::error("table.empty", "there is a header and no row below it"));
    }
    plain.tell(&mut table);
    Ok((Format::Csv, table))
}

fn check_names(line: u64, names: &[String], faults: &mut Faults) {
    let mut seen = HashSet::new();
    for (n, name) in names.iter().enumerate() {
        if name.trim().is_empty() {
            faults.push(Fault::error("csv.header", format!("column {} has no name", n + 1)).at(line));
        } else if !seen.insert(name) {
            let message = format!("column {} is there twice", cell::shown(name.as_bytes()));
            faults.push(Fault::error("csv.header", message).at(line));
        }
    }
}

/// One column, and in its name what others put between columns.
fn name_delimiter(line: u64, names: &[String], faults: &mut Faults) {
    let [only] = names else { return };
    let Some(delimiter) = only.chars().find(|c| [';', '\t', '|'].contains(c)) else { return };
    let message = format!(
        "a table of one column, and its name has {delimiter:?}: if that parts columns, `talanoa map` proposes a mapping"
    );
    faults.push(Fault::warning("csv.delimiter", message).at(line));
}

/// Published as they are, and named.
fn name_formulas(line: u64, cells: &ByteRecord, faults: &mut Faults) {
    for cell in cells.iter().filter(|c| cell::is_formula(c)) {
        let message = format!("{} would run in a spreadsheet", cell::shown(cell));
        faults.push(Fault::warning("cell.formula", message).at(line));
    }
}
