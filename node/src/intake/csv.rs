//! CSV, and the door to SDMX-CSV: which of the two a file is, and whether it is a table at all.

use std::io::{self, Read};

use csv::{ByteRecord, ReaderBuilder};

use super::{
    Table,
    fault::{Fault, Faults},
    guard::Guard,
    period, sdmx_csv,
};

const COLUMNS_MAX: usize = 10_000;

/// What a format makes of one row.
pub(super) trait Rows {
    fn row(&mut self, line: u64, cells: &ByteRecord, table: &mut Table, faults: &mut Faults);
    fn finish(self: Box<Self>, table: &mut Table);
}

pub fn check(input: impl Read, faults: &mut Faults) -> io::Result<(String, Table)> {
    let guard = Guard::new(input);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(guard);
    let mut table = Table::default();
    let mut media_type = "text/csv".to_owned();
    let mut format: Option<Box<dyn Rows>> = None;
    let mut cells = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut cells) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                if let Some(fault) = reader.get_mut().fault.take() {
                    faults.push(fault);
                    return Ok((media_type, table));
                }
                return Err(error.into());
            }
        }
        let line = cells.position().map_or(0, csv::Position::line);
        let Some(rows) = &mut format else {
            let header: Vec<String> = cells.iter().map(|c| text(c).into_owned()).collect();
            if !check_header(&header, faults) {
                return Ok((media_type, table));
            }
            table.columns = header.len() as u64;
            format = Some(match sdmx_csv::recognise(&header, faults) {
                sdmx_csv::Recognised::Yes(sdmx) => {
                    media_type = "application/vnd.sdmx.data+csv;version=2.0.0".to_owned();
                    Box::new(*sdmx) as Box<dyn Rows>
                }
                sdmx_csv::Recognised::No => Box::new(Plain::new(&header)),
                sdmx_csv::Recognised::NotYet => return Ok((media_type, table)),
            });
            continue;
        };
        table.rows += 1;
        if cells.len() as u64 != table.columns {
            let message = format!("{} cells, the header has {}", cells.len(), table.columns);
            faults.push(Fault::error("csv.columns", message).at(line));
            continue;
        }
        formula_cells(line, &cells, faults);
        rows.row(line, &cells, &mut table, faults);
    }
    if reader.get_ref().bytes() == 0 {
        faults.push(Fault::error("file.empty", "the file is empty"));
    } else if table.rows == 0 && !faults.has_errors() {
        faults.push(Fault::error("table.empty", "there is a header and no row below it"));
    }
    if let Some(rows) = format {
        rows.finish(&mut table);
    }
    Ok((media_type, table))
}

fn check_header(header: &[String], faults: &mut Faults) -> bool {
    if header.len() > COLUMNS_MAX {
        let message = format!("{} columns, at most {COLUMNS_MAX}", header.len());
        faults.push(Fault::error("csv.header", message).at(1));
        return false;
    }
    let mut seen = std::collections::BTreeSet::new();
    for name in header {
        if name.trim().is_empty() {
            faults.push(Fault::error("csv.header", "a column has no name").at(1));
        } else if !seen.insert(name) {
            faults.push(Fault::error("csv.header", format!("column {name:?} is there twice")).at(1));
        }
    }
    !faults.has_errors()
}

/// A spreadsheet would run these: published as they are, and named.
fn formula_cells(line: u64, cells: &ByteRecord, faults: &mut Faults) {
    for cell in cells {
        let suspicious = match cell.first() {
            Some(b'=' | b'@' | b'\t' | b'\r') => true,
            Some(b'+' | b'-') => !is_number(cell),
            _ => false,
        };
        if suspicious && cell.len() > 1 {
            let shown: String = text(cell).chars().take(40).collect();
            faults.push(
                Fault::warning("cell.formula", format!("{shown:?} would run in a spreadsheet")).at(line),
            );
        }
    }
}

pub(super) fn text(cell: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(cell)
}

/// A finite decimal number, `1e2` and `-0` included.
pub(super) fn is_number(cell: &[u8]) -> bool {
    let plain = cell.iter().all(|b| b.is_ascii_digit() || b"+-.eE".contains(b));
    plain && std::str::from_utf8(cell).is_ok_and(|t| t.parse::<f64>().is_ok_and(f64::is_finite))
}

/// Widens first and last by one more period.
pub(super) fn widen(table: &mut Table, edges: &mut [Option<String>; 2], written: &str, start: String) {
    if edges[0].as_ref().is_none_or(|first| start < *first) {
        table.period_first = Some(written.to_owned());
        edges[0] = Some(start.clone());
    }
    if edges[1].as_ref().is_none_or(|last| start > *last) {
        table.period_last = Some(written.to_owned());
        edges[1] = Some(start);
    }
}

/// A table of which only the columns' names are known: areas and periods are taken where they are plain.
struct Plain {
    area: Option<usize>,
    time: Option<usize>,
    areas: std::collections::BTreeSet<String>,
    edges: [Option<String>; 2],
}

impl Plain {
    fn new(header: &[String]) -> Self {
        let find = |names: &[&str]| {
            header.iter().position(|h| names.contains(&h.trim().to_ascii_lowercase().as_str()))
        };
        Self {
            area: find(&["ref_area", "geo", "iso3", "iso2", "country", "area"]),
            time: find(&["time_period", "time", "year", "date"]),
            areas: std::collections::BTreeSet::new(),
            edges: [None, None],
        }
    }
}

impl Rows for Plain {
    fn row(&mut self, _: u64, cells: &ByteRecord, table: &mut Table, _: &mut Faults) {
        table.observations += u64::from(cells.iter().any(|c| !c.is_empty()));
        if let Some(area) = self.area.and_then(|n| cells.get(n)) {
            let code = (2..=3).contains(&area.len()) && area.iter().all(u8::is_ascii_alphabetic);
            if code && self.areas.len() < talanoa_proto::limits::AREAS_MAX {
                self.areas.insert(text(area).into_owned());
            }
        }
        if let Some(written) = self.time.and_then(|n| cells.get(n)).map(text)
            && let Some(start) = period::start(&written)
        {
            widen(table, &mut self.edges, &written, start);
        }
    }

    fn finish(self: Box<Self>, table: &mut Table) {
        table.areas = self.areas.into_iter().collect();
    }
}
