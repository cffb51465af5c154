use proptest::prelude::*;

use super::*;

mod corpus;
mod sdmx;
mod sdmx_csv;

const SMALL: Limits = Limits { columns_max: 4, record_bytes_max: 64, keys_max: 2, spill_dir: None };

fn table(text: impl AsRef<[u8]>) -> Result<Checked, Faults> {
    table_within(text, &Limits::default())
}

/// As it lies on a disk.
fn file(bytes: impl AsRef<[u8]>) -> io::Cursor<Vec<u8>> {
    io::Cursor::new(bytes.as_ref().to_vec())
}

fn table_within(text: impl AsRef<[u8]>, limits: &Limits) -> Result<Checked, Faults> {
    match check_within(file(text), "x.csv", Claim::Table, false, Guide::default(), limits) {
        Ok(checked) => Ok(checked),
        Err(IntakeError::Refused(refused)) => Err(refused.faults),
        Err(IntakeError::Io(error)) => panic!("{error}"),
    }
}

/// Code and row of each fault of a refused table, in order.
fn refused(text: impl AsRef<[u8]>) -> Vec<(&'static str, u64)> {
    places(&table(text).expect_err("refused"))
}

fn warned(text: impl AsRef<[u8]>) -> Vec<(&'static str, u64)> {
    places(table(text).expect("taken").warnings())
}

fn places(faults: &Faults) -> Vec<(&'static str, u64)> {
    faults.kept().iter().map(|f| (f.code, f.row.unwrap_or_default())).collect()
}

fn sdmx(rows: &str) -> String {
    let header = "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,TIME_PERIOD,OBS_VALUE,OBS_STATUS\n";
    rows.lines().fold(header.to_owned(), |text, row| text + "dataflow,AP28:A(1.0.0)," + row + "\n")
}

#[test]
fn a_table_is_counted() {
    let checked = table(sdmx("I,FJI,2019,1.5,A\nI,FJI,2020-Q1,,A\nI,VUT,2018,-0,A\nD,TON,2001,9,A")).unwrap();
    let expected = Table {
        // Not the one that deletes, which is warned of; and the components, not what names structure and action.
        rows: 3,
        columns: 4,
        observations: 2,
        period_first: Some("2018".into()),
        period_last: Some("2020-Q1".into()),
        areas: vec!["FJI".into(), "VUT".into()],
        structure: "dataflow AP28:A(1.0.0)".into(),
    };
    assert_eq!(checked.table(), Some(&expected));
    assert_eq!((checked.format(), checked.warnings().total()), (Format::SdmxCsv2, 1));
    assert_eq!(checked.media_type(), "application/vnd.sdmx.data+csv;version=2.0.0");
}

#[test]
fn plain_csv_is_counted_with_and_without_a_byte_order_mark() {
    for text in [
        "geo,year,v\nfji,2001,1\n,,\nvut,1999,2\n",
        "\u{feff}\"geo\",year,v\r\nfji,2001,1\r\n,,\r\nvut,1999,2",
    ] {
        let checked = table(text).unwrap();
        let table = checked.table().unwrap();
        assert_eq!((table.rows, table.observations, table.columns), (2, 2, 3));
        assert_eq!(
            (table.period_first.as_deref(), table.period_last.as_deref()),
            (Some("1999"), Some("2001"))
        );
        assert_eq!(table.areas, ["fji", "vut"]);
        assert_eq!((checked.format(), checked.media_type()), (Format::Csv, "text/csv"));
    }
}

#[test]
fn a_column_that_is_not_all_codes_or_all_periods_says_nothing() {
    let checked =
        table("Country,ISO3,Year,Date\nFiji,FJI,2001,2001-02-03\nWorld,,2001,2001-02-04\n").unwrap();
    assert_eq!(checked.table().unwrap().areas, ["FJI"]);
    assert_eq!(checked.table().unwrap().period_last.as_deref(), Some("2001"));
    let checked = table("area,year\nFJI,2001\nEU28,2002 (p)\n").unwrap();
    assert_eq!(
        (checked.table().unwrap().areas.len(), checked.table().unwrap().period_first.clone()),
        (0, None)
    );
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    let far = [b"a\n".as_slice(), &b"x\n".repeat(100_000), b"\xff\n"].concat();
    for (bytes, code, offset) in [
        (b"a,b\n1,\xe9\n".as_slice(), "encoding.utf8", 6),
        (b"a,b\n1,\xe9", "encoding.utf8", 6),
        (b"\xef\xbb\xbfa,b\n1,\xe9\n", "encoding.utf8", 9),
        (b"\xff", "encoding.utf8", 0),
        (b"\xff\xfea\0,\0b\0", "encoding.utf16", 0),
        (b"\xfe\xff\0a\0,\0b", "encoding.utf16", 0),
        (b"a,b\n1,\0\n", "encoding.nul", 6),
        (&far, "encoding.utf8", 200_002),
    ] {
        let faults = table(bytes).unwrap_err();
        let found: Vec<_> = faults.kept().iter().map(|f| (f.code, f.offset)).collect();
        assert_eq!(found, [(code, Some(offset))]);
    }
    assert!(table(b"a\n\xe9\n").unwrap_err().lines()[0].contains("encoding.utf8: not UTF-8 at byte 2"));
}

#[test]
fn faults_before_the_one_that_ends_the_reading_are_named_too() {
    assert_eq!(
        refused(b"a,b\n1\n=x,2\n1,\xff\n3\n"),
        [("csv.columns", 2), ("cell.formula", 3), ("encoding.utf8", 0)]
    );
    assert_eq!(refused("a,b\n1\n1,\"2\n"), [("csv.columns", 2), ("csv.quote", 3)]);
}

#[test]
fn what_is_no_table_is_refused_with_every_row() {
    assert_eq!(refused(""), [("file.empty", 0)]);
    assert_eq!(refused("\u{feff}"), [("table.empty", 0)]);
    assert_eq!(refused("\n\r\n"), [("table.empty", 0)]);
    assert_eq!(refused("a,b\n"), [("table.empty", 0)]);
    assert_eq!(refused("a,,c,a\n1,2,3\n"), [("csv.header", 1), ("csv.header", 1), ("csv.columns", 2)]);
    let ragged = table("a,b\n1\n1,2\n\"1\n\",2,3\n1\n").unwrap_err().lines();
    assert_eq!(ragged[1], "error csv.columns in row 4: 3 cells, the header has 2");
    assert_eq!(ragged[0], "error csv.columns in rows 2, 6: 1 cells, the header has 2");
    assert_eq!(refused("a,b\n1,2\n\"1,2\n3,4\n"), [("csv.quote", 3)]);
    assert_eq!(refused("a,b\n\"1\n\n\",\"2\n"), [("csv.quote", 4)]);
}

#[test]
fn rows_are_the_lines_of_the_file_whatever_ends_them() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["a,b", "1", "\"x", "y\",2", "", "1,2", "3"].join(end);
        assert_eq!(refused(text), [("csv.columns", 2), ("csv.columns", 7)], "{end:?}");
    }
}

#[test]
fn quotes_that_readers_take_differently_are_refused_and_literal_ones_named() {
    assert_eq!(refused("a,b\n\"1\"x,2\n"), [("csv.quote", 2)]);
    assert_eq!(warned("a,b\n5\" pipe,2\n\"6\"\" pipe\",2\n"), [("csv.quote", 2)]);
}

#[test]
fn each_limit_holds_at_its_edge() {
    assert!(table_within("a,b,c,d\n1,2,3,4\n", &SMALL).is_ok());
    let wide = table_within("a,b\n1,2,3,4\n1,2,3,4,5\n", &SMALL).unwrap_err();
    assert_eq!(places(&wide), [("csv.columns", 2), ("csv.columns", 3)]);
    let record = |cell: &str, bytes: usize| "a\n".to_owned() + cell + &"x".repeat(bytes - cell.len());
    assert!(table_within(record("x", 64), &SMALL).is_ok());
    assert!(table_within(record("\"x\n", 63) + "\"", &SMALL).is_ok());
    for (cell, code) in [("x", "csv.record"), ("\"x\n", "csv.quote")] {
        let faults = table_within(record(cell, 65) + "\"", &SMALL).unwrap_err();
        assert_eq!(places(&faults), [(code, 2)]);
        assert!(faults.lines()[0].contains("64 bytes"), "{faults:?}");
    }
}

#[test]
fn a_line_without_end_and_a_million_columns_are_refused_early() {
    /// Fails the test when more is read than is needed to refuse.
    struct Endless(&'static [u8], usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += buffer.len();
            assert!(self.1 < 4 << 20, "it reads on and on");
            buffer.iter_mut().zip(self.0.iter().cycle()).for_each(|(b, x)| *b = *x);
            Ok(buffer.len())
        }
    }
    impl Seek for Endless {
        fn seek(&mut self, _: io::SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }
    for (pattern, code) in [
        (b"x".as_slice(), "csv.record"),
        (b"a,", "csv.columns"),
        (b"\"\"\"\"", "csv.quote"),
        (b"\"", "csv.quote"),
    ] {
        let Err(IntakeError::Refused(refused)) = check(Endless(pattern, 0), "x.csv", Claim::Table, false)
        else {
            panic!("{code} is not refused")
        };
        assert_eq!(places(&refused.faults), [(code, 1)]);
    }
}

#[test]
fn doubtful_rows_are_named_and_kept_and_strict_refuses_them() {
    let text = sdmx("I,FJI,2019,1,A\nI,FJI,2019,2,A\nI,FJI,2018,many,A\nI,FJI,2017,4,=cmd()");
    let expected = [("key.duplicate", 3), ("value.not_a_number", 4), ("cell.formula", 5)];
    assert_eq!(warned(&text), expected);
    assert_eq!(refused(text.replace("2018", "20X9"))[1], ("period.illegal", 4));
    assert_eq!(table(&text).unwrap().table().unwrap().observations, 4);
    let Err(IntakeError::Refused(refused)) = check(file(text), "x.csv", Claim::Table, true) else {
        panic!("strict takes no warning")
    };
    assert_eq!(places(&refused.faults), expected);
    assert!(refused.faults.kept().iter().all(|f| f.severity == Severity::Error));
    assert!(
        refused
            .to_string()
            .contains("\n  error key.duplicate in row 3: the same key as row 2; both are kept\n")
    );
}

#[test]
fn what_is_no_table_is_refused_by_what_it_is() {
    for (bytes, word) in [
        (&b"%PDF-1.4\n%x\nobj"[..], "a PDF document"),
        (b"\x1f\x8b\x08\0", "a gzip file: unpack it"),
        (b"PK\x03\x04\x14", "a zip archive or a spreadsheet"),
    ] {
        let lines = table(bytes).unwrap_err().lines();
        assert!(lines.len() == 1 && lines[0].contains(word), "{lines:?}");
    }
}

#[test]
fn a_column_that_is_called_the_value_is_checked_as_one() {
    let rows = "REF_AREA,TIME_PERIOD,OBS_VALUE\nFJ,2018,INF\nVU,2018,3\nVU,2019,x\n";
    assert_eq!(refused(rows), [("value.infinite", 2), ("value.not_a_number", 4)]);
    assert_eq!(warned("geo,value\nFJ,INF\n"), []);
}

#[test]
fn other_delimiters_are_warned_of_and_blank_rows_are_none() {
    assert_eq!(warned("geo;year;value\nFJ;2018;1\n"), [("csv.delimiter", 1)]);
    assert_eq!(warned("notes\na;b\n"), []);
    let checked = table("geo,year,v\n,,\nFJ,2018,1\n,,,\n").unwrap();
    assert_eq!(checked.table().map(|t| (t.rows, t.observations)), Some((1, 1)));
}

#[test]
fn a_mapping_that_is_not_used_and_what_is_deleted_are_told() {
    let mapping = crate::mapping::Mapping::parse("period = { column = \"Year\" }").unwrap();
    let guide = Guide { structure: None, mapping: Some(&mapping) };
    let message = sdmx("I,FJ,2018,5,A\nD,FJ,2019,5,A");
    let checked =
        check_within(file(message), "x.csv", Claim::Table, false, guide, &Limits::default()).unwrap();
    let codes: Vec<&str> = checked.warnings().kept().iter().map(|f| f.code).collect();
    assert_eq!(codes, ["mapping.unused", "sdmx.deleted"]);
}

#[test]
fn documents_have_their_registered_types() {
    for (name, media_type) in [
        ("a.pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
        ("a.doc", "application/msword"),
        ("a.xls", "application/vnd.ms-excel"),
        ("a.ppt", "application/vnd.ms-powerpoint"),
        ("a.odp", "application/vnd.oasis.opendocument.presentation"),
        ("a.RTF", "application/rtf"),
        ("a.html", "text/html"),
        ("a.markdown", "text/markdown"),
        ("a", "application/octet-stream"),
    ] {
        assert_eq!(document::media_type(name), media_type);
    }
}

#[test]
fn ten_thousand_equal_faults_are_one_line() {
    let lines = table("a,b\n".to_owned() + &"1\n".repeat(10_000)).unwrap_err().lines();
    assert_eq!(lines, ["error csv.columns in rows 2, 3, 4, 5, 6: 1 cells, the header has 2 (10,000 times)"]);
}

#[test]
fn a_formula_in_a_header_is_named() {
    assert_eq!(warned("a,=HYPERLINK(\"x\")\n1,2\n"), [("csv.quote", 1), ("cell.formula", 1)]);
}

#[test]
fn names_of_files_are_names() {
    for good in ["/home/x/a b.csv", "Données 2020.csv", "a", &"a".repeat(255)] {
        assert!(file_name(Path::new(good)).is_ok(), "{good}");
    }
    for bad in [
        "",
        "/",
        ".",
        "..",
        "a/..",
        ".hidden",
        "a\\b",
        "a\nb",
        "a\0b",
        "c:x",
        "provenance.json",
        "provenance.terms.txt",
        &"a".repeat(256),
    ] {
        assert!(file_name(Path::new(bad)).is_err(), "{bad}");
    }
    assert!(!file_name(Path::new("a\x1b[31m:")).unwrap_err().to_string().contains('\x1b'));
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_utf8_is_refused() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    assert!(file_name(Path::new(OsStr::from_bytes(b"a\xff.csv"))).is_err());
}

#[test]
fn documents_are_taken_as_they_are() {
    for (name, media_type) in
        [("r.PDF", "application/pdf"), ("r.md", "text/markdown"), ("r", "application/octet-stream")]
    {
        let checked = check(file(b"\xff\0anything"), name, Claim::Document, true).unwrap();
        assert_eq!(
            (checked.format(), checked.media_type(), checked.table()),
            (Format::Opaque, media_type, None)
        );
    }
    assert!(check(file(b""), "report.pdf", Claim::Document, false).is_err());
}

#[test]
fn a_disk_that_fails_is_no_fault_of_the_file() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no such sector"))
        }
    }
    impl Seek for Broken {
        fn seek(&mut self, _: io::SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }
    for claim in [Claim::Table, Claim::Document] {
        assert!(matches!(check(Broken, "x.csv", claim, false), Err(IntakeError::Io(_))));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, strict: bool) {
        let _ = check(file(bytes), "x.csv", Claim::Table, strict);
    }

    #[test]
    fn no_table_makes_it_panic(cells in "[a\",;:\r\n=INF0-9]{0,80}", small: bool) {
        let limits = if small { SMALL } else { Limits::default() };
        let _ = table_within(&cells, &limits);
        let _ = table_within(sdmx(&cells), &limits);
    }

    #[test]
    fn well_formed_tables_count_right(rows in prop::collection::vec(("[a-z ,\"\r\n]{0,8}", 0u32..100), 1..50)) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(["name", "n"]).unwrap();
        rows.iter().for_each(|(name, n)| writer.write_record([name, &n.to_string()]).unwrap());
        let checked = table(writer.into_inner().unwrap()).unwrap();
        prop_assert_eq!(checked.table().unwrap().rows, rows.len() as u64);
    }
}
