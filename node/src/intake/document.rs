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
        Some("md" | "markdown") => "text/markdown",
        Some("txt") => "text/plain",
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("html" | "htm") => "text/html",
        Some("rtf") => "application/rtf",
        Some("xml") => "application/xml",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("pptx") => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        Some("doc") => "application/msword",
        Some("xls") => "application/vnd.ms-excel",
        Some("ppt") => "application/vnd.ms-powerpoint",
        Some("odp") => "application/vnd.oasis.opendocument.presentation",
        Some("odt") => "application/vnd.oasis.opendocument.text",
        Some("ods") => "application/vnd.oasis.opendocument.spreadsheet",
        _ => "application/octet-stream",
    }
}
