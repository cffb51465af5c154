//! `talanoa map`: a proposal of a mapping, and what the file says when it is read with it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::Context;

use super::{exit::Failure, remote::write_new};
use crate::{
    containers::{self, Opened},
    mapping::{self, Mapping, Summary},
};

pub fn map(file: &Path, out: Option<&Path>) -> Result<(), Failure> {
    let shown = file.display();
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Before anything is read, so that a refusal of the container has its own words.
    let first = open(file)?;
    let name = first.entry().map_or(name, str::to_owned);
    drop(first);
    let mut again = || {
        let opened = open(file).map_err(|e| io::Error::other(e.to_string()))?;
        Ok(Box::new(opened) as Box<dyn Read>)
    };
    let text = mapping::propose::propose(&mut again, &name).with_context(|| shown.to_string())?;
    let mapping = Mapping::parse(&text).context("the proposal is no mapping; please report this")?;
    match out {
        Some(path) => write_new(path, text.as_bytes())?,
        None => print!("{text}"),
    }
    let summary = mapping::read(open(file)?, &mapping, &mut |_| {}).with_context(|| shown.to_string())?;
    tell(&summary);
    Ok(())
}

fn open(file: &Path) -> Result<Opened<File>, Failure> {
    Ok(containers::open(file, &containers::Limits::default()).with_context(|| file.display().to_string())?)
}

/// To stderr: the mapping alone is the output.
fn tell(summary: &Summary) {
    let Summary { data_rows, observations, missing, period_first, period_last, sum, faults } = summary;
    let period = |p: &Option<String>| p.clone().unwrap_or_else(|| "no period".into());
    eprintln!(
        "read with it: {data_rows} rows, {observations} observations, {missing} missing, {} to {}, sum {sum}",
        period(period_first),
        period(period_last)
    );
    // One line a kind: here the mapping is corrected, not the file.
    for (_, count, first) in faults.by_code() {
        let more = if count > 1 { format!(" (the first of {count})") } else { String::new() };
        eprintln!("  {first}{more}");
    }
}
