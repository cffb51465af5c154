//! A release's files as typed columns: CSV for people, SDMX-CSV, JSON and Parquet for their tools.
//!
//! ```text
//!   signed file ─▶ shape (which columns, of which type) ─▶ rows ─▶ writer
//! ```
//!
//! Derived and rebuildable: the signed bytes never change, and what is written here carries no signature.
//! A file is read twice and never held, so that memory does not grow with it.

mod csv;
mod json;
mod parquet;
mod places;
mod rows;
mod shape;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use crate::{
    formats::Guide,
    intake::{Faults, Severity},
};
use rows::Source;
use shape::Shape;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people and spreadsheets: cells that would run as a formula are made text
    Csv,
    /// SDMX-CSV 2.0
    SdmxCsv,
    Parquet,
    /// One array of objects
    Json,
}

impl Format {
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::SdmxCsv => "sdmx.csv",
            Self::Parquet => "parquet",
            Self::Json => "json",
        }
    }
}

/// What a derived table says of where it comes from: names and values, in order.
pub type Origin<'a> = &'a [(&'static str, String)];

#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("{0}")]
    NoTable(String),
    #[error("cannot write the table: {0}")]
    Io(#[from] io::Error),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub rows: u64,
    /// Of these, with the key of an earlier one: kept, and marked except in SDMX-CSV.
    pub repeated: u64,
}

/// Reads `from` and writes it to `to` in another format.
///
/// # Errors
/// [`TableError::NoTable`] when the file holds no table, or not of the kind that `format` needs.
pub fn convert(
    from: &Path,
    to: &Path,
    format: Format,
    guide: Guide<'_>,
    origin: Origin<'_>,
) -> Result<Written, TableError> {
    let mut source = Source::open(from, guide)?;
    let dir = to.parent().unwrap_or(Path::new("."));
    let shape = Shape::of(&mut source, dir)?;
    if format == Format::SdmxCsv && !shape.is_sdmx() {
        return Err(TableError::NoTable(
            "a plain table has no dimensions to be written as SDMX-CSV: --format csv, json or parquet".into(),
        ));
    }
    if format == Format::SdmxCsv && shape.is_unnamed {
        return Err(TableError::NoTable(
            "the file does not name the structure that each row of SDMX-CSV belongs to: publish it with \
             --structure, or get it with --format csv, json or parquet"
                .into(),
        ));
    }
    let out = BufWriter::new(File::create(to)?);
    match format {
        Format::Csv => csv::write(&shape, &mut source, out),
        Format::SdmxCsv => csv::write_sdmx(&shape, &mut source, out),
        Format::Json => json::write(&shape, &mut source, out),
        Format::Parquet => parquet::write(&shape, &mut source, out, origin),
    }
}

/// What stopped a reading is the first error that it met.
fn sound(faults: &Faults) -> Result<(), TableError> {
    match faults.kept().iter().find(|f| f.severity == Severity::Error) {
        Some(fault) => Err(TableError::NoTable(format!("this file is no table that can be read: {fault}"))),
        None => Ok(()),
    }
}

/// Written whole, or an error: what a buffer still holds is not lost silently.
fn finish(mut out: BufWriter<File>) -> io::Result<()> {
    out.flush()?;
    out.get_ref().sync_data()
}

#[cfg(test)]
mod tests;
