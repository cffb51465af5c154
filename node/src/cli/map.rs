//! `talanoa map`: a proposal of a mapping, and what the file says when it is read with it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::Context;

use super::{exit::Failure, offline::write_new};
use crate::{
    containers::{self, Opened},
    formats,
    intake::{IntakeError, Refused},
    mapping::{self, Mapping, Summary},
};

pub fn map(file: &Path, out: Option<&Path>) -> Result<(), Failure> {
    let shown = file.display();
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Before anything is read, so that a refusal of the container has its own words.
    let mut first = open(file)?;
    let name = first.entry().map_or(name, str::to_owned);
    refuse_others(&mut first).with_context(|| shown.to_string())?;
    drop(first);
    let mut again = || {
        let opened = open(file).map_err(|e| io::Error::other(e.to_string()))?;
        Ok(Box::new(opened) as Box<dyn Read>)
    };
    let text = mapping::propose::propose(&mut again, &name).map_err(|e| refusal(file, e))?;
    let mapping = Mapping::parse(&text).context("the proposal is no mapping; please report this")?;
    match out {
        Some(path) => write_new(path, text.as_bytes())?,
        None => print!("{text}"),
    }
    let summary = mapping::read(open(file)?, &mapping, &mut |_| {}).map_err(|e| refusal(file, e))?;
    tell(&summary);
    if summary.faults.has_errors() || summary.observations + summary.missing == 0 {
        let message = format!("{shown} is not read as a whole by this mapping: correct one of them");
        return Err(Failure::Refused { message, advice: None });
    }
    Ok(())
}

/// What is no plain table, by its first bytes: a mapping of it would never be used.
fn refuse_others(input: &mut impl Read) -> anyhow::Result<()> {
    let mut head = Vec::new();
    input.take(formats::HEAD_BYTES).read_to_end(&mut head)?;
    match formats::begins_as_sdmx(&head) {
        Ok(false) => Ok(()),
        Ok(true) => anyhow::bail!(
            "SDMX-CSV, XML or JSON by its first bytes, and no plain table: `talanoa inspect` reads what is SDMX, and no mapping is needed"
        ),
        Err(fault) if fault.code == "file.format" => anyhow::bail!(fault.message),
        // In another encoding, or empty: whoever reads it says so.
        Err(_) => Ok(()),
    }
}

/// Here nothing would have been published anyway.
fn refusal(file: &Path, error: IntakeError) -> Failure {
    match error {
        IntakeError::Refused(Refused { faults }) => {
            let message = format!("{} cannot be mapped:\n  {}", file.display(), faults.lines().join("\n  "));
            Failure::Refused { message, advice: None }
        }
        other => anyhow::Error::from(other).context(file.display().to_string()).into(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_written_once_and_reads_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let (table, out) = (dir.path().join("deaths-2018.csv"), dir.path().join("deaths.toml"));
        std::fs::write(&table, "iso3,sex,deaths\nFJI,M,1\nFJI,F,2\nVUT,M,\nVUT,F,3\n").unwrap();
        map(&table, Some(&out)).unwrap();
        let text = std::fs::read_to_string(&out).unwrap();
        let mapping = Mapping::parse(&text).unwrap();
        let summary = mapping::read(open(&table).unwrap(), &mapping, &mut |_| {}).unwrap();
        assert_eq!((summary.observations, summary.missing, summary.sum.as_str()), (3, 1, "6"));
        assert_eq!(summary.period_last.as_deref(), Some("2018"));
        assert_eq!(map(&table, Some(&out)).unwrap_err().exit_code(), 1, "nothing is overwritten");
        assert!(map(&dir.path().join("none.csv"), None).is_err());
    }

    #[test]
    fn a_bomb_is_refused_in_its_own_words() {
        let dir = tempfile::tempdir().unwrap();
        let table = dir.path().join("a.csv.gz");
        let file = File::create(&table).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        io::copy(&mut io::repeat(b'1').take(32 << 20), &mut encoder).unwrap();
        encoder.finish().unwrap();
        let failure = map(&table, None).unwrap_err().to_string();
        assert_eq!(failure.matches("a decompression bomb").count(), 1, "{failure}");
    }

    #[test]
    fn what_no_mapping_reads_is_no_success() {
        let dir = tempfile::tempdir().unwrap();
        let table = dir.path().join("a.csv");
        for (text, word) in [
            ("<message:GenericData/>", "talanoa inspect"),
            ("{\"data\": {}}", "talanoa inspect"),
            ("DATAFLOW,REF_AREA,OBS_VALUE\nA:B(1.0),FJ,1\n", "talanoa inspect"),
            ("%PDF-1.4\nx", "a PDF document"),
            ("geo,year,v,v\nFJ,2001,1,2\n", "the header names \"v\" twice"),
            ("geo,year,v\nFJ,2018/19,1\n", "not read as a whole"),
            (
                "geo,year,v\nFJ,2018,1\nVU,2018,\"<5\"\nTO,2018,3\nWS,2018,4\nKI,2018,4\n",
                "not read as a whole",
            ),
        ] {
            std::fs::write(&table, text).unwrap();
            let failure = map(&table, None).unwrap_err();
            assert_eq!(failure.exit_code(), 1);
            assert!(failure.to_string().contains(word), "{failure}");
            assert!(!failure.to_string().contains("published"), "{failure}");
        }
    }
}
