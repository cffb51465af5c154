//! What can be wrong with a document before anybody asks what it means.

use talanoa_proto::limits;

use super::super::stop::Stop;
use crate::intake::{Fault, cell};

pub fn check_encoding(declared: Option<&str>) -> Result<(), Stop> {
    match declared {
        None => Ok(()),
        Some(name) if ["utf-8", "utf8", "us-ascii"].iter().any(|e| name.eq_ignore_ascii_case(e)) => Ok(()),
        Some(name) => {
            let shown = cell::shown(name.as_bytes());
            let message = format!("the file says it is {shown}; only UTF-8 is read: save it as UTF-8");
            Err(Fault::error("encoding.declared", message).into())
        }
    }
}

/// No id of the standard is so long; one of a megabyte is no name.
pub fn check_name(name: &str) -> Result<(), Stop> {
    if name.len() <= limits::NAME_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the name {} is too long", cell::shown(name.as_bytes()));
    Err(Fault::error("xml.name", message).into())
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
