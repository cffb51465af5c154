//! What lies on the disk of a node is read back from bytes that anything may have happened to.

use std::{fs, io::Cursor};

use talanoa_node::{
    intake::{self, Claim},
    store::{
        anchor,
        ledger::{self, HEADER_BYTES, Header, open::walk_all},
        records::Record,
    },
};

/// A name, and what must hold of any bytes; true where they were taken.
type Target = (&'static str, fn(&[u8]) -> bool);

pub const ALL: &[Target] = &[("segment", segment), ("record", record), ("table", table), ("config", config)];

/// The bytes as the first segment of a ledger: the walk ends, and every record it visited is as it was hashed.
pub fn segment(bytes: &[u8]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(ledger::segment_name(0)), bytes).unwrap();
    fs::write(dir.path().join(anchor::FILE_NAME), bytes).unwrap();
    let _ = anchor::newest(anchor::read(dir.path()).unwrap());
    let mut visited = 0;
    let walked = walk_all(dir.path(), &mut |visit| {
        visited += 1;
        let from = visit.at.offset as usize;
        let header = Header::decode(&bytes[from..from + HEADER_BYTES]).expect("visited, so it has a header");
        assert_eq!((header.kind, header.bytes), (visit.kind, visit.at.bytes));
        Ok(())
    });
    let walked = walked.unwrap();
    assert!(walked.records == visited && walked.offset <= bytes.len() as u64);
    visited > 0
}

/// The first byte is a record's kind, the rest its payload.
pub fn record(bytes: &[u8]) -> bool {
    let Some((kind, payload)) = bytes.split_first() else { return false };
    let Ok(record) = Record::decode(*kind, payload) else { return false };
    assert_eq!(record.kind(), *kind);
    assert_eq!(Record::decode(*kind, &record.encode()), Ok(record.clone()));
    let _ = (record.declared(), record.commitment());
    true
}

/// The bytes as a table that somebody wants to publish, strictly and not, and as a document.
pub fn table(bytes: &[u8]) -> bool {
    let _ = intake::check(Cursor::new(bytes), "a.pdf", Claim::Document, false);
    let strict = intake::check(Cursor::new(bytes), "a.csv", Claim::Table, true);
    let lenient = intake::check(Cursor::new(bytes), "a.csv", Claim::Table, false);
    assert!(strict.is_err() || lenient.is_ok(), "what passes strictly passes");
    let Ok(checked) = lenient else { return false };
    let table = checked.table().expect("a table was claimed");
    assert!(table.observations <= table.rows.saturating_mul(table.columns.max(1)));
    true
}

pub fn config(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    talanoa_node::config::Settings::parse(text).is_ok()
}
