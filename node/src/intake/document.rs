//! Any file as a document: kept as it is, never opened, never rendered.

use std::io::{self, Read};

use super::fault::{Fault, Faults};

pub fn check(mut input: impl Read, faults: &mut Faults) -> io::Result<()> {
    // One byte tells; what the others are is the reader's business.
    if io::copy(&mut input.by_ref().take(1), &mut io::sink())? == 0 {
        faults.push(Fault::error("file.empty", "the file is empty"));
    }
    Ok(())
}

/// By name alone: what a file is called says how to show it, never how to trust it.
pub fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
    match extension.as_deref() {
        Some("pdf") => "application/pdf",
        Some("md") => "text/markdown",
        Some("txt") => "text/plain",
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("odt") => "application/vnd.oasis.opendocument.text",
        Some("ods") => "application/vnd.oasis.opendocument.spreadsheet",
        _ => "application/octet-stream",
    }
}
