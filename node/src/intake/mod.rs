//! A file arrives: bytes become what they claim to be, or a list of everything that is wrong with them.
//!
//! Checks and refuses, never alters: what is published is the file, byte for byte. Streaming, so that
//! memory does not grow with the file. One module per format, one shared model.

mod csv;
mod document;
mod fault;
mod guard;
mod period;
mod sdmx_csv;

use std::{
    io::{self, Read},
    path::Path,
};

use talanoa_proto::release::is_plain_name;

pub use fault::{Fault, Faults, Refused, Severity};

/// What the publisher says a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    Table,
    Document,
}

/// A file that is what it claims. Only [`check`] makes one.
#[derive(Clone, Debug)]
pub struct Checked {
    media_type: String,
    table: Option<Table>,
    warnings: Faults,
}

/// What a table holds. Counts are exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub rows: u64,
    pub columns: u64,
    pub observations: u64,
    /// As the file writes them; ordered by the start of the period.
    pub period_first: Option<String>,
    pub period_last: Option<String>,
    /// As the file writes them, sorted, unique.
    pub areas: Vec<String>,
    /// For example `dataflow AP28:CHILD_DEATHS(1.0.0)`.
    pub structure: String,
}

impl Checked {
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    pub fn table(&self) -> Option<&Table> {
        self.table.as_ref()
    }

    pub fn warnings(&self) -> &Faults {
        &self.warnings
    }
}

#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("cannot read the file: {0}")]
    Io(#[from] io::Error),
}

/// The name under which a file is published: a name, never a path.
pub fn file_name(path: &Path) -> Result<String, Refused> {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    if is_plain_name(name) && name != talanoa_client::provenance::FILE_NAME {
        return Ok(name.to_owned());
    }
    let message = format!(
        "{name:?} cannot be a file name in a release: letters, digits, - _ . and spaces, not starting with a dot"
    );
    Err(Refused::of(Fault::error("file.name", message)))
}

/// Reads the whole file once. With `strict` a warning refuses too.
pub fn check(input: impl Read, name: &str, claim: Claim, strict: bool) -> Result<Checked, IntakeError> {
    let mut faults = Faults::default();
    let (media_type, table) = match claim {
        Claim::Document => (document::check(input, name, &mut faults)?, None),
        Claim::Table => {
            let (media_type, table) = csv::check(input, &mut faults)?;
            (media_type, Some(table))
        }
    };
    if strict {
        faults.promote_warnings();
    }
    if faults.has_errors() {
        return Err(Refused { faults }.into());
    }
    Ok(Checked { media_type, table, warnings: faults })
}

#[cfg(test)]
mod tests;
