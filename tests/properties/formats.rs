//! Files that statisticians send, and what strangers make of them.

use std::io::{self, Cursor, Read, Write};

use talanoa_node::{
    containers,
    formats::{self, report::Report},
    mapping::{self, Mapping},
    tables,
};

/// A name, and what must hold of any bytes; true where they were taken.
type Target = (&'static str, fn(&[u8]) -> bool);

pub const ALL: &[Target] = &[
    ("sdmx_ml", sdmx_ml),
    ("sdmx_json", sdmx_json),
    ("sdmx_csv", sdmx_csv),
    ("structure", structure),
    ("mapping", mapping),
    ("container", container),
    ("derived", derived),
];

fn inspect(bytes: &[u8], structure: Option<&[u8]>) -> Report {
    let report =
        formats::inspect_streams(Ok(Cursor::new(bytes)), structure.map(|s| Ok(Cursor::new(s))), None);
    assert!(report.is_whole() || report.fault_count() > 0, "what is not read as a whole has a reason");
    assert!(report.json().is_object());
    assert!(!report.page().contains('\u{1b}'), "a file does not drive a terminal");
    report
}

/// With the family's first byte, so that other families do not take the time.
fn of_family(first: u8, bytes: &[u8]) -> bool {
    if bytes.first() == Some(&first) {
        return inspect(bytes, None).is_whole();
    }
    inspect(&[&[first], bytes].concat(), None).is_whole()
}

pub fn sdmx_ml(bytes: &[u8]) -> bool {
    of_family(b'<', bytes)
}

pub fn sdmx_json(bytes: &[u8]) -> bool {
    of_family(b'{', bytes)
}

pub fn sdmx_csv(bytes: &[u8]) -> bool {
    of_family(if bytes.first() == Some(&b'D') { b'D' } else { b'S' }, bytes)
}

/// A structure message, a zero byte, and data that is checked against it.
pub fn structure(bytes: &[u8]) -> bool {
    let at = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let (definition, data) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    inspect(definition, None);
    inspect(data, Some(definition)).is_whole()
}

/// A mapping file, a zero byte, and the table that it maps.
pub fn mapping(bytes: &[u8]) -> bool {
    let at = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let (rules, table) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    let Ok(rules) = std::str::from_utf8(rules) else { return false };
    let Ok(rules) = Mapping::parse(rules) else { return false };
    let mut handed = 0;
    let read = mapping::read(table, &rules, &mut |_| handed += 1);
    read.is_ok_and(|summary| {
        assert_eq!(handed, summary.observations + summary.missing);
        !summary.faults.has_errors()
    })
}

/// Any wrapping: it ends, within what it may expand to.
pub fn container(bytes: &[u8]) -> bool {
    let limits = containers::Limits { expanded_bytes_max: 1 << 22, ..containers::Limits::default() };
    let Ok(mut opened) = containers::open_in(Cursor::new(bytes), &limits) else { return false };
    let expanded = io::copy(&mut opened.by_ref().take(1 << 23), &mut io::sink());
    expanded.is_ok_and(|bytes| {
        assert!(bytes <= 1 << 22);
        true
    })
}

/// Every form of a table has every row of it, and the JSON is JSON.
pub fn derived(bytes: &[u8]) -> bool {
    use tables::Format;
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    std::fs::File::create(&from).unwrap().write_all(bytes).unwrap();
    let rows = |format| {
        tables::convert(&from, &to, format, formats::Guide::default(), &[]).map(|written| written.rows).ok()
    };
    let csv = rows(Format::Csv);
    if rows(Format::SdmxCsv).is_some() {
        let again = std::fs::read(&to).unwrap();
        assert!(csv.is_some() && !again.is_empty());
    }
    let json = rows(Format::Json);
    if json.is_some() {
        let read = std::fs::read(&to).unwrap();
        let read: Vec<serde_json::Value> = serde_json::from_slice(&read).expect("JSON");
        assert_eq!(Some(read.len() as u64), json);
    }
    assert_eq!((csv, json), (json, rows(Format::Parquet)), "each form has every row");
    csv.is_some()
}
