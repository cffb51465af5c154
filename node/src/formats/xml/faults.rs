//! What can be wrong with a document before anybody asks what it means.

use super::super::stop::Stop;
use crate::{
    intake::{Fault, cell},
    mapping::Encoding,
};

/// In which encoding the file begins to say that it is.
pub fn encoding(first: &[u8]) -> Encoding {
    let declaration = first.strip_prefix(b"<?xml").and_then(|rest| rest.split(|b| *b == b'>').next());
    let declaration = String::from_utf8_lossy(declaration.unwrap_or_default());
    let value = declaration.split_once("encoding").map_or("", |(_, rest)| rest);
    known(value.split(['"', '\'']).nth(1).unwrap_or_default()).unwrap_or_default()
}

fn known(name: &str) -> Option<Encoding> {
    Some(match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Encoding::Utf8,
        "iso-8859-1" | "latin1" => Encoding::Latin1,
        "windows-1252" | "cp1252" => Encoding::Windows1252,
        _ => return None,
    })
}

/// To be told once the document is known to be one that is read.
pub fn check_encoding(declared: Option<&str>) -> Option<Stop> {
    let name = declared.filter(|name| known(name).is_none())?;
    let shown = cell::shown(name.as_bytes());
    let message = format!(
        "the file says it is {shown}; only UTF-8, ISO-8859-1 and windows-1252 are read: save it as UTF-8"
    );
    Some(Fault::error("encoding.declared", message).into())
}

/// The parser's words may quote the file: a megabyte of it must not become a message of one.
pub fn syntax(what: &str) -> Stop {
    let words: String = what.chars().filter(|c| !c.is_control()).take(200).collect();
    Fault::error("xml.syntax", words).into()
}

pub fn truncated() -> Stop {
    Fault::error("xml.truncated", "the file ends before its elements are closed").into()
}

pub fn doctype() -> Stop {
    let message = "a document type (DOCTYPE) is not read: SDMX-ML has none, and it could name other files";
    Fault::error("xml.doctype", message).into()
}

pub fn entity(name: &str) -> Stop {
    let message = format!("the entity {} is not defined", cell::shown(name.as_bytes()));
    Fault::error("xml.entity", message).into()
}
