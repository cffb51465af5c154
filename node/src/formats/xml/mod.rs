//! SDMX-ML 2.1, 3.0 and 3.1: which message it is, what its header says, and who reads the rest.

mod data;
mod faults;
mod footer;
mod generic;
mod header;
mod names;
mod pull;
mod specific;
mod structure;

use std::io::Read;

use super::{
    model::{Kind, Message},
    reading::Reading,
    stop::Stop,
};
use crate::intake::{Fault, cell};
use pull::{Token, Xml};

/// `first` is the beginning of the file: it says in which encoding the rest is.
pub fn read(input: impl Read, first: &[u8], reading: &mut Reading<'_>) -> Result<(), Stop> {
    let mut xml = Xml::new(input, faults::encoding(first));
    while xml.next()? != Token::Open {}
    let version = version(&xml)?;
    if let Some(stop) = xml.undecoded.take() {
        return Err(stop.at(1));
    }
    let name = xml.name.clone();
    let kind = match name.as_str() {
        "GenericData"
        | "GenericTimeSeriesData"
        | "StructureSpecificData"
        | "StructureSpecificTimeSeriesData" => Kind::Data,
        "Structure" => Kind::Structure,
        "Error" => Kind::Error,
        "GenericMetadata" | "StructureSpecificMetadata" | "MetadataSet" => Kind::Metadata,
        _ => {
            let shown = cell::shown(name.as_bytes());
            let message = format!("SDMX-ML {version} {shown} is no message with data or structures");
            return Err(Stop::from(Fault::error("sdmx.message", message)).at(xml.row));
        }
    };
    reading.sink.message(Message { format: format!("SDMX-ML {name}"), version, kind });
    match kind {
        Kind::Data if name.starts_with("Generic") => data::read(&mut xml, reading, data::Layout::Generic)?,
        Kind::Data => data::read(&mut xml, reading, data::Layout::Specific)?,
        Kind::Structure => structure::read(&mut xml, reading)?,
        Kind::Error => footer::error(&mut xml, reading)?,
        Kind::Metadata => xml.skip()?,
    }
    while xml.next()? != Token::End {}
    Ok(())
}

/// From the namespace of the root element, as the standard defines it.
fn version<R: Read>(xml: &Xml<R>) -> Result<String, Stop> {
    let declaration =
        if xml.prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{}", xml.prefix) };
    let namespace = xml.attributes.get(&declaration).unwrap_or_default().to_ascii_lowercase();
    let version = namespace
        .split_once("sdmx.org/resources/sdmxml/schemas/v")
        .and_then(|(_, rest)| rest.split('/').next())
        .map(|v| v.replace('_', "."));
    match version.as_deref() {
        Some("2.1" | "3.0" | "3.1") => Ok(version.unwrap_or_default()),
        Some(old) => {
            let shown = cell::shown(old.as_bytes());
            let message = format!("SDMX-ML {} is not read, only 2.1, 3.0 and 3.1", shown.trim_matches('"'));
            Err(Stop::from(Fault::error("sdmx.version", message)).at(xml.row))
        }
        None => {
            let shown = cell::shown(xml.name.as_bytes());
            let message = format!("XML, but no SDMX-ML: the document is {shown}");
            Err(Stop::from(Fault::error("sdmx.unknown", message)).at(xml.row))
        }
    }
}
