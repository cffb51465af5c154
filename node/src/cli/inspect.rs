//! `talanoa inspect`: what a file is and holds. Needs no node, publishes nothing.

use std::path::Path;

use anyhow::Context;

use super::{args, exit::Failure};
use crate::{containers, formats, mapping::Mapping};

pub fn inspect(typed: &args::Inspect) -> Result<(), Failure> {
    let mapping = typed.mapping.as_deref().map(mapping).transpose()?;
    let report = formats::inspect(&typed.file, typed.structure.as_deref(), mapping.as_ref());
    match typed.json {
        true => println!("{}", report.json()),
        false => print!("{}", report.page()),
    }
    if report.is_whole() {
        return Ok(());
    }
    let faults = match report.fault_count() {
        1 => "1 fault".to_owned(),
        n => format!("{n} faults"),
    };
    let message = format!("{} was not read as a whole: {faults}", typed.file.display());
    Err(Failure::Refused { message, advice: None })
}

fn mapping(path: &Path) -> Result<Mapping, Failure> {
    let file = containers::file(path).with_context(|| path.display().to_string())?;
    Ok(Mapping::load(file).with_context(|| path.display().to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_read_as_a_whole_is_a_success() {
        let dir = tempfile::tempdir().unwrap();
        let code = |text: &str| {
            let file = dir.path().join("x");
            std::fs::write(&file, text).unwrap();
            inspect(&args::Inspect { file, structure: None, mapping: None, json: true })
                .err()
                .map(|f| f.exit_code())
        };
        assert_eq!(code("DATAFLOW,SEX,OBS_VALUE\nA:B(1.0),F,1\n"), None);
        assert_eq!(code("DATAFLOW,SEX,OBS_VALUE\nA:B(1.0),F,INF\n"), Some(1));
        assert_eq!(code(""), Some(1));
    }
}
