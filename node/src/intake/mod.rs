//! A file arrives: bytes become what they claim to be, or a list of everything that is wrong with them.
//!
//! Checks and refuses, never alters: what is published is the file, byte for byte. Streaming, so that
//! memory does not grow with the file. One module per format, one shared model.

pub(crate) mod cell;
pub(crate) mod coverage;
mod csv;
mod document;
mod fault;
pub(crate) mod grammar;
pub(crate) mod keys;
pub(crate) mod period;
mod plain_csv;
pub(crate) mod records;
mod runs;
mod sdmx;
pub(crate) mod text;

use std::{
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

use talanoa_client::provenance;
use talanoa_proto::release::is_plain_name;

use crate::formats::{self, Guide};

/// By them a reader of a release knows which of the files says how the others are read.
pub const MAPPING_MEDIA_TYPE: &str = "application/toml";
/// What such a media type begins with.
pub const STRUCTURE_MEDIA_TYPE: &str = "application/vnd.sdmx.structure+";

pub use fault::{Fault, Faults, Refused, Severity};

/// What the publisher says a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    Table,
    /// Of the tables that are published with it.
    Structure,
    Mapping,
    Document,
}

/// What a file was read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    SdmxCsv1,
    SdmxCsv2,
    SdmxMlGeneric,
    SdmxMlGenericTimeSeries,
    SdmxMlSpecific,
    SdmxMlSpecificTimeSeries,
    SdmxMl3,
    /// Also the layout before 1.0.
    SdmxJson1,
    SdmxJson2,
    /// A plain table, by itself or with a mapping.
    Csv,
    /// A structure message that comes with the tables.
    SdmxMlStructure,
    SdmxJsonStructure,
    /// The mapping file of the tables.
    Mapping,
    /// A document: never opened.
    Opaque,
}

/// A file that is what it claims. Only [`check`] makes one.
#[derive(Clone, Debug)]
pub struct Checked {
    format: Format,
    media_type: &'static str,
    table: Option<Table>,
    warnings: Faults,
}

/// What a table holds. Counts are exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Records below the header.
    pub rows: u64,
    pub columns: u64,
    pub observations: u64,
    /// As the file writes them; ordered by the start of the period.
    pub period_first: Option<String>,
    pub period_last: Option<String>,
    /// As the file writes them, sorted, unique; no more than a release may name.
    pub areas: Vec<String>,
    /// For example `dataflow AP28:CHILD_DEATHS(1.0.0)`; several are joined by `, `. Empty: none is named.
    pub structure: String,
}

/// What a file may ask of this machine.
#[derive(Clone, Debug)]
pub struct Limits {
    pub columns_max: u64,
    /// A longer record is no row that anybody wrote.
    pub record_bytes_max: u64,
    /// Keys remembered in memory for finding duplicates: 25 to 75 bytes each, as the map grows. 0: none are looked for.
    pub keys_max: usize,
    /// Where the keys beyond them go. `None`: they are not looked at, and the file is told so.
    pub spill_dir: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { columns_max: 10_000, record_bytes_max: 1 << 20, keys_max: 1_800_000, spill_dir: None }
    }
}

impl Checked {
    pub fn format(&self) -> Format {
        self.format
    }

    pub fn media_type(&self) -> &str {
        self.media_type
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
    /// The reason is its source, so that it is not told twice.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
}

/// The name under which a file is published: a name, never a path.
pub fn file_name(path: &Path) -> Result<String, Refused> {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    // They lie beside the files in every copy.
    let reserved = [provenance::FILE_NAME, provenance::TERMS_FILE];
    if is_plain_name(name) && !reserved.contains(&name) {
        return Ok(name.to_owned());
    }
    let message = format!(
        "{} cannot be a file name in a release: UTF-8 of at most 255 bytes, not starting with a dot, \
         without / \\ : and control characters, and not {}",
        cell::shown(path.as_os_str().as_encoded_bytes()),
        reserved.join(" or ")
    );
    Err(Refused::of(Fault::error("file.name", message)))
}

/// Reads the whole file once. With `strict` a warning refuses too.
pub fn check(
    input: impl Read + Seek,
    name: &str,
    claim: Claim,
    strict: bool,
) -> Result<Checked, IntakeError> {
    check_within(input, name, claim, strict, Guide::default(), &Limits::default())
}

pub fn check_within(
    mut input: impl Read + Seek,
    name: &str,
    claim: Claim,
    strict: bool,
    guide: Guide<'_>,
    limits: &Limits,
) -> Result<Checked, IntakeError> {
    let mut faults = Faults::default();
    let (format, table) = match claim {
        Claim::Document => {
            document::check(input, &mut faults)?;
            (Format::Opaque, None)
        }
        Claim::Structure => (structure(&mut input, &mut faults)?, None),
        // Read before the tables were, or nothing was read at all.
        Claim::Mapping => (Format::Mapping, None),
        Claim::Table => {
            let (format, table) = match formats::is_read_here(&mut input, guide)? {
                Ok(true) => sdmx::check(&mut input, guide, limits, &mut faults)?,
                Ok(false) => csv::check(input, limits, &mut faults)?,
                // What it is instead of a table: a workbook, an archive, a PDF.
                Err(fault) => return Err(Refused::of(fault).into()),
            };
            (format, Some(table))
        }
    };
    if strict {
        faults.promote_warnings();
    }
    if faults.has_errors() {
        return Err(Refused { faults }.into());
    }
    Ok(Checked { format, media_type: media_type(format, name), table, warnings: faults })
}

/// Its definitions were taken before the tables were read.
fn structure(input: &mut (impl Read + Seek), faults: &mut Faults) -> io::Result<Format> {
    let (_, message, found) = formats::read_structure(input)?;
    found.faults().for_each(|fault| faults.push(fault));
    Ok(if message.format.starts_with("SDMX-JSON") {
        Format::SdmxJsonStructure
    } else {
        Format::SdmxMlStructure
    })
}

fn media_type(format: Format, name: &str) -> &'static str {
    match format {
        Format::SdmxCsv1 => "application/vnd.sdmx.data+csv;version=1.0.0",
        Format::SdmxCsv2 => "application/vnd.sdmx.data+csv;version=2.0.0",
        Format::SdmxMlGeneric => "application/vnd.sdmx.genericdata+xml;version=2.1",
        Format::SdmxMlGenericTimeSeries => "application/vnd.sdmx.generictimeseriesdata+xml;version=2.1",
        Format::SdmxMlSpecific => "application/vnd.sdmx.structurespecificdata+xml;version=2.1",
        Format::SdmxMlSpecificTimeSeries => {
            "application/vnd.sdmx.structurespecifictimeseriesdata+xml;version=2.1"
        }
        Format::SdmxMl3 => "application/vnd.sdmx.data+xml;version=3.0.0",
        Format::SdmxJson1 => "application/vnd.sdmx.data+json;version=1.0.0",
        Format::SdmxJson2 => "application/vnd.sdmx.data+json;version=2.0.0",
        Format::SdmxMlStructure => "application/vnd.sdmx.structure+xml",
        Format::SdmxJsonStructure => "application/vnd.sdmx.structure+json",
        Format::Mapping => MAPPING_MEDIA_TYPE,
        Format::Csv => "text/csv",
        Format::Opaque => document::media_type(name),
    }
}

#[cfg(test)]
mod tests;
