//! A file from its first byte to its last: decoded, cut into records, walked through.

use std::io::{self, Read};

use csv::ByteRecord;

use super::{
    MappedObservation, Mapping, Summary,
    columns::Columns,
    encoding::{Decoded, Undecodable},
    skip::SkipLines,
    walk::Walk,
};
use crate::intake::{Fault, Faults, IntakeError, Limits, Refused, cell, records::Records};

pub type Sink<'a> = dyn FnMut(&MappedObservation) + 'a;

/// Reads the whole file once. Refused is only what cannot be read under this mapping at all.
pub fn read(input: impl Read, mapping: &Mapping, sink: &mut Sink) -> Result<Summary, IntakeError> {
    read_within(input, mapping, sink, &Limits::default())
}

pub fn read_within(
    input: impl Read,
    mapping: &Mapping,
    sink: &mut Sink,
    limits: &Limits,
) -> Result<Summary, IntakeError> {
    let input = SkipLines::new(Decoded::new(input, mapping.encoding), mapping.skip_lines);
    let first_line = mapping.skip_lines.saturating_add(1);
    let mut records = Records::cut_at(input, limits, mapping.delimiter, first_line);
    let mut faults = Faults::default();
    let Some((line, header)) = next(&mut records, &mut faults)? else {
        if !faults.has_errors() {
            faults.push(Fault::error("table.empty", "there is no header"));
        }
        return Err(Refused { faults }.into());
    };
    let header: Vec<String> = header.iter().map(|c| cell::text(c).into_owned()).collect();
    let Some(columns) = Columns::find(mapping, &header, line, &mut faults) else {
        return Err(Refused { faults }.into());
    };
    let mut walk = Walk::new(mapping, columns, limits, faults);
    while let Some((line, cells)) = next(&mut records, &mut walk.summary.faults)? {
        walk.row(line, cells, sink);
    }
    Ok(walk.end(records.was_cut())?)
}

/// The next record; where the text cannot be decoded the file ends with a fault.
pub(super) fn next<'r, R: Read>(
    records: &'r mut Records<R>,
    faults: &mut Faults,
) -> io::Result<Option<(u64, &'r ByteRecord)>> {
    match records.next(faults) {
        Err(error) => match error.downcast::<Undecodable>() {
            Ok(Undecodable(fault)) => {
                faults.push(fault);
                Ok(None)
            }
            Err(error) => Err(error),
        },
        Ok(record) => Ok(record),
    }
}
