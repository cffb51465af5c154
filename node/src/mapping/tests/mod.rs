use std::io::{self, Read};

use super::*;
use crate::intake::{IntakeError, Limits};

mod corpus;
mod files;
mod properties;
mod proposals;
mod tables;

fn mapping(text: &str) -> Mapping {
    Mapping::parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Each observation on one line: `5 REF_AREA=FJ SEX=M 2001 "1,5"=1.5 OBS_STATUS=A`
fn shown(o: &MappedObservation) -> String {
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(id, v)| format!(" {id}={v}")).collect::<String>();
    let (period, value) = (o.period.unwrap_or("–"), o.value.unwrap_or("–"));
    format!("{}{} {period} {:?}={value}{}", o.row, pairs(o.dimensions), o.written, pairs(o.attributes))
}

fn observations(mapping_text: &str, table: impl AsRef<[u8]>) -> (Vec<String>, Summary) {
    let mut lines = Vec::new();
    let summary = read(table.as_ref(), &mapping(mapping_text), &mut |o| lines.push(shown(o))).unwrap();
    (lines, summary)
}

/// Code and row of each fault, in order.
fn faults(mapping_text: &str, table: impl AsRef<[u8]>) -> Vec<(&'static str, u64)> {
    places(&observations(mapping_text, table).1.faults)
}

fn places(faults: &Faults) -> Vec<(&'static str, u64)> {
    faults.kept().iter().map(|f| (f.code, f.row.unwrap_or_default())).collect()
}

/// The faults of a file that cannot be read under the mapping at all.
fn refused(mapping_text: &str, table: impl AsRef<[u8]>) -> Vec<String> {
    match read(table.as_ref(), &mapping(mapping_text), &mut |_| {}) {
        Err(IntakeError::Refused(refused)) => refused.faults.lines(),
        other => panic!("{other:?}"),
    }
}

fn proposed(table: impl AsRef<[u8]>, name: &str) -> Result<String, IntakeError> {
    let table = table.as_ref().to_vec();
    let mut open = || Ok(Box::new(io::Cursor::new(table.clone())) as Box<dyn Read>);
    propose::propose(&mut open, name)
}
