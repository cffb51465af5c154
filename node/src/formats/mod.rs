//! Files of the SDMX family, read as streams: SDMX-CSV, SDMX-ML and SDMX-JSON into one model.
//!
//! A reader pours observations into a [`model::Sink`] and keeps none of them: its memory does not grow with
//! the file. It reads by the standard, names what it cannot read, and never opens anything but the file.
//! [`inspect`] is the first sink; nothing is published here.

pub mod model;
pub mod report;
pub mod structure;

mod constraints;
mod csv;
pub(crate) mod doubts;
mod grouped;
mod groups;
mod json;
mod levels;
mod plain;
mod reading;
mod sniff;
pub mod stop;
mod tally;
pub(crate) mod value;
mod versions;
mod xml;

use std::{
    fs::File,
    io::{Read, Seek},
    path::Path,
};

use crate::{
    containers::{self, ContainerError, Wrapping},
    intake::Fault,
    mapping::{self, Mapping},
};
use grouped::Grouped;
use model::{Kind, Message, Sink};
use reading::Reading;
use report::Report;
pub(crate) use sniff::BYTES as HEAD_BYTES;
use sniff::Family;
use stop::Stop;
use structure::Catalogue;
use tally::Tally;

/// What says how a file is to be read, where the file does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guide<'a> {
    /// To check against.
    pub structure: Option<&'a Catalogue>,
    /// For a plain table.
    pub mapping: Option<&'a Mapping>,
}

/// Looks at a file; with a structure message beside it, checks it against that.
pub fn inspect(path: &Path, structure: Option<&Path>, mapping: Option<&Mapping>) -> Report {
    inspect_streams(open(path), structure.map(open), mapping)
}

/// The same of anything that can be read twice.
pub fn inspect_streams<R: Read + Seek>(
    input: Result<R, Stop>,
    structure: Option<Result<R, Stop>>,
    mapping: Option<&Mapping>,
) -> Report {
    let Some(structure) = structure else { return look(input, Guide { structure: None, mapping }) };
    let mut definitions = Catalogue::keeping_codes();
    let mut tally = Tally::new(None);
    read_whole(structure, Guide::default(), &mut definitions, &mut tally);
    let is_structure = tally.message.as_ref().is_some_and(|m| m.kind == Kind::Structure);
    if is_structure && !tally.faults.has_errors() {
        return look(input, Guide { structure: Some(&definitions), mapping });
    }
    if !is_structure {
        tally.fault(Fault::error("structure.unreadable", "what --structure names is no structure message"));
    }
    Report::of_structure(tally)
}

fn look<R: Read + Seek>(input: Result<R, Stop>, guide: Guide<'_>) -> Report {
    let (mut found, mut tally) = (Catalogue::default(), Tally::new(guide.structure));
    read_whole(input, guide, &mut found, &mut tally);
    if let Err(error) = tally.end() {
        Stop::from(error).tell(&mut tally);
    }
    Report::of(tally, &found)
}

fn read_whole<R: Read + Seek>(
    input: Result<R, Stop>,
    guide: Guide<'_>,
    found: &mut Catalogue,
    sink: &mut dyn Sink,
) {
    let read = input.and_then(|mut input| read_message(&mut input, guide, found, &mut *sink));
    if let Err(stop) = read {
        stop.tell(sink);
    }
}

/// The definitions of a structure message, with all of their codes; or everything that is wrong with it.
pub(crate) fn read_structure(
    input: &mut (impl Read + Seek),
) -> std::io::Result<(Catalogue, Message, Grouped)> {
    let (mut definitions, mut tally) = (Catalogue::keeping_codes(), Tally::new(None));
    match read_message(input, Guide::default(), &mut definitions, &mut tally) {
        Err(Stop::Io(error)) => return Err(error),
        Err(stop) => stop.tell(&mut tally),
        Ok(()) => {}
    }
    let message = tally.message.take();
    if !tally.faults.has_errors() && message.as_ref().is_none_or(|m| m.kind != Kind::Structure) {
        tally.fault(Fault::error("structure.unreadable", "this is no structure message"));
    }
    let nothing = Message { format: String::new(), version: String::new(), kind: Kind::Error };
    Ok((definitions, message.unwrap_or(nothing), tally.faults))
}

fn open(path: &Path) -> Result<File, Stop> {
    let mut opened = match containers::open(path, &containers::Limits::default()) {
        // What it is is said by whoever looks at its first bytes.
        Err(ContainerError::Unsupported(_)) => return Ok(File::open(path)?),
        opened => opened.map_err(contained)?,
    };
    if opened.wrapping() == Wrapping::Plain {
        return Ok(File::open(path)?);
    }
    // Without a name, so that nothing remains of it: some formats are read twice.
    let mut plain = tempfile::tempfile()?;
    let copied = std::io::copy(&mut opened, &mut plain);
    copied.map_err(|error| contained(error.downcast().unwrap_or_else(ContainerError::Io)))?;
    plain.rewind()?;
    Ok(plain)
}

fn contained(error: ContainerError) -> Stop {
    match error {
        ContainerError::Io(error) => error.into(),
        ContainerError::NoFile => Fault::error("file.kind", error.to_string()).into(),
        other => Fault::error("file.container", other.to_string()).into(),
    }
}

/// Into a sink of the caller's. `Err`: the file could not be read; what is wrong with it goes to the sink.
pub(crate) fn read_into(
    input: &mut (impl Read + Seek),
    guide: Guide<'_>,
    sink: &mut dyn Sink,
) -> std::io::Result<()> {
    match read_message(input, guide, &mut Catalogue::default(), &mut *sink) {
        Err(Stop::Io(error)) => Err(error),
        Err(stop) => {
            stop.tell(sink);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Whether it is for this room: XML, JSON, SDMX-CSV; or why it is nothing that could be a table. The input is
/// left at its beginning.
pub(crate) fn is_sdmx(input: &mut (impl Read + Seek)) -> std::io::Result<Result<bool, Fault>> {
    Ok(begins_as_sdmx(&first(input)?))
}

/// The same of the first bytes alone, no fewer than [`HEAD_BYTES`] of a longer file.
pub(crate) fn begins_as_sdmx(first: &[u8]) -> Result<bool, Fault> {
    match sniff::family(first) {
        Ok(Family::Xml | Family::Json) => Ok(true),
        Ok(Family::Csv) => Ok(csv::begins_as_sdmx(first)),
        Err(Stop::Io(error)) => Err(Fault::error("file.io", error.to_string())),
        Err(Stop::Fault(fault)) => Err(*fault),
    }
}

/// The same with what says how a file is to be read: a table that comes with that is never a plain one.
pub(crate) fn is_read_here(
    input: &mut (impl Read + Seek),
    guide: Guide<'_>,
) -> std::io::Result<Result<bool, Fault>> {
    if guide.structure.is_some() || guide.mapping.is_some() { Ok(Ok(true)) } else { is_sdmx(input) }
}

fn first(input: &mut (impl Read + Seek)) -> std::io::Result<Vec<u8>> {
    let mut first = Vec::new();
    input.by_ref().take(sniff::BYTES).read_to_end(&mut first)?;
    input.rewind()?;
    Ok(first)
}

/// What the file is decides who reads it; its name decides nothing. A mapping is for tables that are no SDMX.
fn read_message(
    input: &mut (impl Read + Seek),
    guide: Guide<'_>,
    found: &mut Catalogue,
    sink: &mut dyn Sink,
) -> Result<(), Stop> {
    let first = first(input)?;
    let family = sniff::family(&first);
    if let Some(mapping) = guide.mapping
        && !matches!(family, Ok(Family::Xml | Family::Json))
        && !csv::begins_as_sdmx(&first)
    {
        return Ok(mapping::pour(input, mapping, guide.structure, sink)?);
    }
    if guide.mapping.is_some() {
        let message = "read as SDMX, by its first bytes: the mapping is for plain tables and was not used";
        sink.fault(Fault::warning("mapping.unused", message));
    }
    let reading = &mut Reading { definitions: guide.structure, found, sink };
    match family? {
        Family::Xml => xml::read(input, &first, reading),
        Family::Json => json::read(input, reading),
        Family::Csv => csv::read(input, &first, reading),
    }
}

#[cfg(test)]
mod tests;
