use proptest::prelude::*;

use super::*;

fn table(text: impl AsRef<[u8]>) -> Result<Checked, Vec<String>> {
    match check(text.as_ref(), "x.csv", Claim::Table, false) {
        Ok(checked) => Ok(checked),
        Err(IntakeError::Refused(refused)) => Err(refused.faults.lines()),
        Err(IntakeError::Io(error)) => panic!("{error}"),
    }
}

fn refused(text: impl AsRef<[u8]>) -> String {
    table(text).expect_err("refused").join("\n")
}

fn sdmx(rows: &str) -> String {
    let header = "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,TIME_PERIOD,OBS_VALUE,OBS_STATUS\n";
    rows.lines().fold(header.to_owned(), |text, row| text + "dataflow,AP28:A(1.0.0)," + row + "\n")
}

#[test]
fn a_table_is_counted() {
    let checked = table(sdmx("I,FJI,2019,1.5,A\nI,FJI,2020-Q1,,A\nI,VUT,2018,-0,A\nD,FJI,2001,9,A")).unwrap();
    let expected = Table {
        rows: 4,
        columns: 7,
        observations: 2,
        period_first: Some("2018".into()),
        period_last: Some("2020-Q1".into()),
        areas: vec!["FJI".into(), "VUT".into()],
        structure: "dataflow AP28:A(1.0.0)".into(),
    };
    assert_eq!(checked.table(), Some(&expected));
    assert_eq!(checked.media_type(), "application/vnd.sdmx.data+csv;version=2.0.0");
    assert!(checked.warnings().is_empty());
}

#[test]
fn plain_csv_is_counted_with_and_without_a_byte_order_mark() {
    for text in ["geo,year,v\nfji,2001,1\nvut,1999,2\n", "\u{feff}geo,year,v\r\nfji,2001,1\r\nvut,1999,2"] {
        let checked = table(text).unwrap();
        let table = checked.table().unwrap();
        assert_eq!((table.rows, table.observations, table.columns), (2, 2, 3));
        assert_eq!(table.period_first.as_deref(), Some("1999"));
        assert_eq!(table.areas, ["fji", "vut"]);
    }
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    assert!(refused(b"a,b\n1,\xe9\n").contains("encoding.utf8: not UTF-8 at byte 6"));
    assert!(refused(b"a,b\n1,\xe9").contains("at byte 6"));
    assert!(refused(b"\xef\xbb\xbfa,b\n1,\xe9\n").contains("at byte 9"));
    assert!(refused(b"\xff\xfea\0,\0b\0").contains("UTF-16"));
    assert!(refused(b"a,b\n1,\0\n").contains("encoding.nul in row 2"));
    assert!(refused(b"").contains("file.empty"));
    let far = [b"a\n".as_slice(), &b"x\n".repeat(100_000), b"\xff\n"].concat();
    assert!(refused(far).contains("at byte 200002"));
}

#[test]
fn what_is_no_table_is_refused_with_every_row() {
    assert!(refused("a,b\n").contains("table.empty"));
    assert!(refused("a,,c\n1,2,3\n").contains("no name"));
    assert!(refused("a,b,a\n1,2,3\n").contains("there twice"));
    let ragged = refused("a,b\n1\n1,2\n1,2,3\n");
    assert!(ragged.contains("in row 2: 1 cells") && ragged.contains("in row 4: 3 cells"), "{ragged}");
    assert!(refused("a,b\n1,2\n\"1,2\n3,4\n").contains("csv.quote in row 3"));
}

#[test]
fn a_line_without_end_and_a_million_columns_cost_no_memory() {
    assert!(refused("x".repeat(8 << 20)).contains("csv.record in row 1"));
    assert!(refused("a,".repeat(1_000_000)).contains("csv.record"));
    let wide: Vec<String> = (0..=10_000).map(|n| n.to_string()).collect();
    assert!(refused(wide.join(",") + "\n").contains("10001 columns"));
    assert!(table(wide[1..].join(",") + "\n" + &wide[1..].join(",") + "\n").is_ok());
    let open = "a,b\n1,\"".to_owned() + &"x\n".repeat(1 << 20);
    assert!(refused(open).contains("csv.quote in row 2"));
}

#[test]
fn doubtful_rows_are_named_and_kept_and_strict_refuses_them() {
    let text = sdmx("I,FJI,2019,1,A\nI,FJI,2019,2,A\nI,FJI,20X9,3,A\nI,FJI,2018,many,A\nI,FJI,2017,4,=cmd()");
    let checked = table(&text).unwrap();
    let codes: Vec<_> =
        checked.warnings().by_code().into_iter().map(|(code, count, _)| (code, count)).collect();
    let expected =
        [("cell.formula", 1), ("key.duplicate", 1), ("period.illegal", 1), ("value.not_a_number", 1)];
    assert_eq!(codes, expected);
    assert_eq!(checked.table().unwrap().observations, 5);
    assert!(check(text.as_bytes(), "x.csv", Claim::Table, true).is_err());
}

#[test]
fn ten_thousand_equal_faults_are_a_few_lines() {
    let lines = table("a,b\n".to_owned() + &"1\n".repeat(10_000)).unwrap_err();
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[20], "and 9980 more of csv.columns");
}

#[test]
fn sdmx_rules_are_kept() {
    assert!(refused(sdmx("X,FJI,2019,1,A")).contains("sdmx.action"));
    assert!(refused(sdmx("I,FJI,2019,INF,A")).contains("value.infinite"));
    assert!(refused(sdmx("I,FJI,2019,1e999,A")).contains("value.infinite"));
    assert!(refused(sdmx("I,FJI,2019,1,A").replace("AP28:A(1.0.0)", "AP28")).contains("sdmx.structure"));
    for header in ["DATAFLOW,REF_AREA\nX,Y\n", "STRUCTURE;STRUCTURE_ID;ACTION\nx;y;z\n", "STRUCTURE,X\na,b\n"]
    {
        assert!(refused(header).contains("sdmx.unsupported"));
    }
    for value in ["1e2", "-0", "NaN", "+3", ".5", "9223372036854775808"] {
        assert!(table(sdmx(&format!("I,FJI,2019,{value},A"))).unwrap().warnings().is_empty(), "{value}");
    }
}

#[test]
fn periods_begin_in_their_order() {
    let order = [
        "1999",
        "2000-S2",
        "2001",
        "2001-02",
        "2001-Q2",
        "2001-05-06",
        "2001-05-06T07:00:00",
        "2001-M06",
        "2001-T3",
    ];
    let starts: Vec<_> = order.iter().map(|p| period::start(p).unwrap()).collect();
    assert!(starts.is_sorted(), "{starts:?}");
    for bad in ["", "99", "2001-13", "2001-Q5", "2001-X1", "2001-02-32", "20011", "2001-W54", "abcd"] {
        assert_eq!(period::start(bad), None, "{bad}");
    }
}

#[test]
fn names_of_files_are_names() {
    for good in ["/home/x/a b.csv", "Données 2020.csv", "a"] {
        assert!(file_name(Path::new(good)).is_ok(), "{good}");
    }
    for bad in ["/", "..", ".hidden", "a\\b", "a\nb", "c:x", "provenance.json", &"a".repeat(256)] {
        assert!(file_name(Path::new(bad)).is_err(), "{bad}");
    }
}

#[test]
fn documents_are_taken_as_they_are() {
    let checked = check(&b"\xff\0anything"[..], "report.PDF", Claim::Document, true).unwrap();
    assert_eq!(checked.media_type(), "application/pdf");
    assert!(check(&b""[..], "report.pdf", Claim::Document, false).is_err());
}

/// The real tables and their independent counts, where they are at hand.
#[test]
fn the_corpus_is_counted_as_its_oracle_counts_it() {
    let Ok(corpus) = std::env::var("TALANOA_CORPUS") else {
        println!("skipped: TALANOA_CORPUS is not set");
        return;
    };
    let corpus = Path::new(&corpus);
    let oracle: serde_json::Value =
        serde_json::from_slice(&std::fs::read(corpus.join("oracle.json")).unwrap()).unwrap();
    let mut files = 0;
    for (flow, countries) in oracle["by_country"].as_object().unwrap() {
        for (country, expected) in countries.as_object().unwrap() {
            let path = corpus.join(format!("by_country/{country}/{flow}.csv"));
            let file = std::fs::File::open(&path).unwrap();
            let checked = check(file, "x.csv", Claim::Table, false).unwrap();
            let table = checked.table().unwrap();
            assert_eq!(table.observations, expected["n"].as_u64().unwrap(), "{}", path.display());
            assert_eq!(table.period_first.as_deref(), expected["first"].as_str(), "{}", path.display());
            assert_eq!(table.period_last.as_deref(), expected["last"].as_str(), "{}", path.display());
            let twice = flow == "NUTRITION_EQUITY" && country == "BD";
            assert_eq!(checked.warnings().total(), u64::from(twice), "{}", path.display());
            files += 1;
        }
    }
    assert_eq!(files, 219);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = check(bytes.as_slice(), "x.csv", Claim::Table, false);
    }

    #[test]
    fn well_formed_tables_count_right(rows in prop::collection::vec(("[a-z ,\"\n]{0,8}", 0u32..100), 1..50)) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(["name", "n"]).unwrap();
        rows.iter().for_each(|(name, n)| writer.write_record([name, &n.to_string()]).unwrap());
        let checked = table(writer.into_inner().unwrap()).unwrap();
        prop_assert_eq!(checked.table().unwrap().rows, rows.len() as u64);
    }
}
