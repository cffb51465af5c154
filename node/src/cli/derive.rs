//! Tables made from the files of a release, on their way into a folder: what `get --format` adds.

use std::{fs, path::Path};

use anyhow::Context;
use talanoa_client::provenance::{DERIVED_FOLDER, Provenance};
use talanoa_proto::{
    envelope::Envelope,
    release::{Distribution, Release},
};

use super::exit::Failure;
use crate::{
    formats::{self, Guide},
    intake::{MAPPING_MEDIA_TYPE, STRUCTURE_MEDIA_TYPE},
    mapping::Mapping,
    tables::{self, Format},
};

/// Names in the folder of what was made. From the files as they were verified; the caller throws the folder
/// away when one of them holds no table.
pub fn tables(folder: &Path, proof: &[u8], format: Format) -> Result<Vec<String>, Failure> {
    let proof: Provenance = serde_json::from_slice(proof).context("provenance")?;
    let release: Release =
        Envelope::parse(&proof.release.envelope.0).context("provenance")?.object().context("provenance")?;
    let origin = [
        ("talanoa.release", proof.reference),
        ("talanoa.journal_index", proof.release.index.to_string()),
        ("talanoa.checkpoint", String::from_utf8_lossy(&proof.release.checkpoint.0).into_owned()),
    ];
    if release.distributions.iter().any(|d| d.name == DERIVED_FOLDER) {
        let message = "a file of the release is called derived: leave out --format, and convert a copy";
        return Err(anyhow::anyhow!(message).into());
    }
    fs::create_dir(folder.join(DERIVED_FOLDER))?;
    let mapping = mapping(folder, &release)?;
    let structure = structure(folder, &release)?;
    let guide = Guide { structure: structure.as_ref(), mapping: mapping.as_ref() };
    let mut derived: Vec<String> = Vec::new();
    let files = || release.distributions.iter().filter(|d| !is_guide(d));
    for file in files() {
        // Beside `a.xml` the table of `a.csv` is `a.csv.csv`.
        let is_alone = files().filter(|other| stem(other) == stem(file)).count() == 1;
        let name = if is_alone { stem(file) } else { file.name.clone() };
        let table = format!("{DERIVED_FOLDER}/{name}.{}", format.extension());
        if derived.contains(&table) {
            return Err(anyhow::anyhow!("two files of the release would both become {table}").into());
        }
        let (from, to) = (folder.join(&file.name), folder.join(&table));
        let written =
            tables::convert(&from, &to, format, guide, &origin).with_context(|| file.name.clone())?;
        let repeated = match written.repeated {
            0 => String::new(),
            n => format!(", {n} with the key of an earlier one"),
        };
        eprintln!("{table}: {} rows{repeated}, derived from {}", written.rows, file.name);
        derived.push(table);
    }
    if derived.is_empty() {
        return Err(anyhow::anyhow!("the release has no file that could hold a table").into());
    }
    Ok(derived)
}

fn stem(file: &Distribution) -> String {
    Path::new(&file.name).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_mapping(file: &Distribution) -> bool {
    file.media_type == MAPPING_MEDIA_TYPE
}

fn is_structure(file: &Distribution) -> bool {
    file.media_type.starts_with(STRUCTURE_MEDIA_TYPE)
}

fn is_guide(file: &Distribution) -> bool {
    is_mapping(file) || is_structure(file)
}

fn mapping(folder: &Path, release: &Release) -> Result<Option<Mapping>, Failure> {
    let Some(file) = release.distributions.iter().find(|d| is_mapping(d)) else { return Ok(None) };
    let input = fs::File::open(folder.join(&file.name)).with_context(|| file.name.clone())?;
    Ok(Some(Mapping::load(input).with_context(|| file.name.clone())?))
}

fn structure(folder: &Path, release: &Release) -> Result<Option<formats::structure::Catalogue>, Failure> {
    let Some(file) = release.distributions.iter().find(|d| is_structure(d)) else { return Ok(None) };
    let mut input = fs::File::open(folder.join(&file.name)).with_context(|| file.name.clone())?;
    Ok(Some(formats::read_structure(&mut input)?.0))
}
