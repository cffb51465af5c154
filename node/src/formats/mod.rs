//! Files of the SDMX family, read as streams: SDMX-CSV, SDMX-ML and SDMX-JSON into one model.
//!
//! A reader pours observations into a [`model::Sink`] and keeps none of them: its memory does not grow with
//! the file. It reads by the standard, names what it cannot read, and never opens anything but the file.
//! [`inspect`] is the first sink; nothing is published here.

pub mod model;
pub mod report;
pub mod structure;

mod csv;
mod grouped;
mod json;
mod plain;
mod reading;
mod sniff;
pub mod stop;
mod tally;
pub(crate) mod value;
mod xml;

use std::{
    fs::File,
    io::{Read, Seek},
    path::Path,
};

use crate::intake::Fault;
use model::{Kind, Sink};
use reading::Reading;
use report::Report;
use sniff::Family;
use stop::Stop;
use structure::Catalogue;
use tally::Tally;

/// Looks at a file; with a structure message beside it, checks it against that.
pub fn inspect(path: &Path, structure: Option<&Path>) -> Report {
    inspect_streams(open(path), structure.map(open))
}

/// The same of anything that can be read twice.
pub fn inspect_streams<R: Read + Seek>(input: Result<R, Stop>, structure: Option<Result<R, Stop>>) -> Report {
    let Some(structure) = structure else { return look(input, None) };
    let mut definitions = Catalogue::keeping_codes();
    let mut tally = Tally::new(None);
    read_whole(structure, None, &mut definitions, &mut tally);
    let is_structure = tally.message.as_ref().is_some_and(|m| m.kind == Kind::Structure);
    if is_structure && !tally.faults.has_errors() {
        return look(input, Some(&definitions));
    }
    if !is_structure {
        tally.fault(Fault::error("structure.unreadable", "what --structure names is no structure message"));
    }
    Report::of_structure(tally)
}

fn look<R: Read + Seek>(input: Result<R, Stop>, definitions: Option<&Catalogue>) -> Report {
    let (mut found, mut tally) = (Catalogue::default(), Tally::new(definitions));
    read_whole(input, definitions, &mut found, &mut tally);
    Report::of(tally, &found)
}

fn read_whole<R: Read + Seek>(
    input: Result<R, Stop>,
    definitions: Option<&Catalogue>,
    found: &mut Catalogue,
    sink: &mut dyn Sink,
) {
    let read = input.and_then(|mut input| {
        let mut reading = Reading { definitions, found, sink: &mut *sink };
        read_message(&mut input, &mut reading)
    });
    if let Err(stop) = read {
        stop.tell(sink);
    }
}

/// A file and nothing else: a pipe cannot be read twice, a device may never end. Asked before it is opened,
/// because opening a pipe waits for somebody who writes.
fn open(path: &Path) -> Result<File, Stop> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(Fault::error("file.kind", "this is no file").into());
    }
    Ok(File::open(path)?)
}

/// Into a sink of the caller's. `Err`: the file could not be read; what is wrong with it goes to the sink.
pub(crate) fn read_into(input: &mut (impl Read + Seek), sink: &mut dyn Sink) -> std::io::Result<()> {
    let mut found = Catalogue::default();
    let mut reading = Reading { definitions: None, found: &mut found, sink: &mut *sink };
    match read_message(input, &mut reading) {
        Err(Stop::Io(error)) => Err(error),
        Err(stop) => {
            stop.tell(sink);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Whether it is for this room: XML, JSON, and SDMX-CSV whose cells are cut or filled in other ways than the
/// intake's own reader knows. The input is left at its beginning.
pub(crate) fn is_special(input: &mut (impl Read + Seek)) -> std::io::Result<bool> {
    let first = first(input)?;
    Ok(match sniff::family(&first) {
        Ok(Family::Xml | Family::Json) => true,
        Ok(Family::Csv) => csv::is_special(&first),
        Err(_) => false,
    })
}

/// Whether it is SDMX at all; or why it is nothing that could be a table.
pub(crate) fn is_sdmx(input: &mut (impl Read + Seek)) -> std::io::Result<Result<bool, Fault>> {
    let first = first(input)?;
    Ok(match sniff::family(&first) {
        Ok(Family::Xml | Family::Json) => Ok(true),
        Ok(Family::Csv) => Ok(csv::begins_as_sdmx(&first)),
        Err(Stop::Io(error)) => return Err(error),
        Err(Stop::Fault(fault)) => Err(*fault),
    })
}

fn first(input: &mut (impl Read + Seek)) -> std::io::Result<Vec<u8>> {
    let mut first = Vec::new();
    input.by_ref().take(sniff::BYTES).read_to_end(&mut first)?;
    input.rewind()?;
    Ok(first)
}

/// What the file is decides who reads it; its name decides nothing.
fn read_message(input: &mut (impl Read + Seek), reading: &mut Reading<'_>) -> Result<(), Stop> {
    let first = first(input)?;
    match sniff::family(&first)? {
        Family::Xml => xml::read(input, reading),
        Family::Json => json::read(input, reading),
        Family::Csv => csv::read(input, &first, reading),
    }
}

#[cfg(test)]
mod tests;
