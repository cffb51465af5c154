//! SDMX-JSON 1.0 and 2.x, and the layout before 1.0.
//!
//! The structure that gives the indexes their meaning may stand behind the data, so the file is passed
//! over twice: first for everything but observations, then for these.

mod component;
mod data;
mod errors;
mod guard;
mod layout;
mod observations;
mod outline;
mod structure;
mod walk;

use std::io::{Read, Seek};

use serde::de::DeserializeSeed;

use super::{
    model::{Kind, Message},
    reading::Reading,
    stop::Stop,
};
use crate::intake::{Fault, cell};
use guard::{Guard, Shared};
use outline::Outline;

pub fn read(input: &mut (impl Read + Seek), reading: &mut Reading<'_>) -> Result<(), Stop> {
    let outline = outline::read(input, reading.found)?;
    let Some(kind) = outline.kind() else {
        let message = "JSON, but no SDMX-JSON: there are no data sets, structures or metadata sets in it";
        return Err(Fault::error("sdmx.unknown", message).into());
    };
    let version = outline.version()?;
    let format = match kind {
        Kind::Data => "SDMX-JSON",
        Kind::Structure => "SDMX-JSON structure",
        Kind::Metadata => "SDMX-JSON metadata",
        Kind::Error => "SDMX-JSON error",
    };
    reading.sink.message(Message { format: format.to_owned(), version, kind });
    for text in &outline.errors {
        reading.sink.fault(Fault::error("message.error", text.clone()));
    }
    if kind == Kind::Data {
        data::read(input, &outline, reading)?;
    }
    Ok(())
}

/// One pass over the whole file.
fn pass<'de, S: DeserializeSeed<'de, Value = ()>>(
    input: &mut (impl Read + Seek),
    shared: &Shared,
    seed: S,
) -> Result<(), Stop> {
    input.rewind()?;
    let mut deserializer = serde_json::Deserializer::from_reader(Guard::new(input, shared));
    let read = seed.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    // What the guard or a visitor found says more than the parser's word for it.
    if let Some(fault) = shared.take_fault() {
        return Err(fault.into());
    }
    read.map_err(|error| broken(&error, shared))
}

fn broken(error: &serde_json::Error, shared: &Shared) -> Stop {
    use serde_json::error::Category;
    let code = match error.classify() {
        Category::Io => {
            let kind = error.io_error_kind().unwrap_or(std::io::ErrorKind::Other);
            return Stop::Io(std::io::Error::new(kind, error.to_string()));
        }
        Category::Eof => {
            return Stop::from(Fault::error(
                "json.truncated",
                "the file ends before its brackets are closed",
            ))
            .at(shared.line());
        }
        Category::Syntax => "json.syntax",
        Category::Data => "json.layout",
    };
    let sentence: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    Stop::from(Fault::error(code, sentence)).at(error.line() as u64)
}

impl Outline {
    /// From the schema that the message names, else from where things stand in it.
    fn version(&self) -> Result<String, Stop> {
        let is_version =
            |part: &&str| part.contains('.') && part.chars().all(|c| c.is_ascii_digit() || c == '.');
        let parts = self.schema.split('/').map(|part| part.strip_prefix('v').unwrap_or(part));
        let named = parts.into_iter().find(is_version).map(str::to_owned);
        let version = named.unwrap_or_else(|| {
            let layout = match (self.is_bare, self.has_structure_list || self.is_v2) {
                (true, _) => "pre-1.0",
                (_, true) => "2.x",
                _ => "1.0",
            };
            layout.to_owned()
        });
        if version == "pre-1.0" || version.starts_with("1.") || version.starts_with("2.") {
            return Ok(version);
        }
        let shown = cell::shown(version.as_bytes());
        let message =
            format!("SDMX-JSON {} is not read, only 1.0, 2.x and the layout before", shown.trim_matches('"'));
        Err(Fault::error("sdmx.version", message).into())
    }
}
