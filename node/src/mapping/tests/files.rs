use super::*;

const LONG: &str = r#"
dimension = [{ id = "REF_AREA", column = "geo" }]
period = { column = "year" }
measure = [{ column = "v" }]
"#;

#[test]
fn ragged_rows_are_refused_one_by_one() {
    assert_eq!(
        faults(LONG, "geo,year,v\nFJ,2001\nFJ,2001,1\nFJ,2002,1,9\n"),
        [("csv.columns", 2), ("csv.columns", 4)]
    );
    // A comma at the end of the header names nothing, and rows need not have it.
    assert_eq!(faults(LONG, "geo,year,v,\nFJ,2001,1\nFJ,2002,1,\n"), []);
}

#[test]
fn lines_of_text_below_a_table_are_notes_and_counted() {
    let table = "geo,year,v\nFJ,2001,1\n,,\nSource: the office\nNote: provisional,,\n";
    assert_eq!(faults(LONG, table), [("row.note", 4), ("row.note", 5)]);
    // A country of which nothing is said is no note, and a note that is cut by its commas must be named.
    let of_areas = LONG.replace("column = \"geo\"", "column = \"geo\", area = \"alpha-2\"");
    let table = "geo,year,v\nFJ,2001,1\nVU,,\nWS\nSource: Fiji, Suva\n";
    assert_eq!(faults(&of_areas, table), [("period.illegal", 3), ("csv.columns", 4), ("csv.columns", 5)]);
    let named = format!("notes = [\"Source\"]\n{of_areas}");
    assert_eq!(faults(&named, table), [("period.illegal", 3), ("csv.columns", 4), ("row.note", 5)]);
    let wide =
        "dimension = [{ id = \"A\", column = \"geo\", area = \"alpha-2\" }]\nperiod = { wide = \"*\" }";
    let (lines, summary) = observations(wide, "geo,2001,2002\nFJ,1,2\nVU,,\nSource: the office,,\n");
    assert_eq!((lines.len(), summary.missing, places(&summary.faults)), (4, 2, vec![("row.note", 4)]));
    // A list has nothing but first cells.
    assert_eq!(faults("dimension = [{ id = \"A\", column = \"a\" }]", "a,b\nx,\ny\n"), [("csv.columns", 3)]);
}

#[test]
fn commas_behind_the_last_cell_say_nothing() {
    let (lines, summary) = observations(LONG, "geo,year,v\nFJ,2001,1,,\nVU,2001,2,, ,\nWS,2001,3,,4\n");
    assert_eq!((lines.len(), places(&summary.faults)), (2, vec![("csv.columns", 4)]));
}

#[test]
fn no_more_of_a_mapping_is_read_than_it_may_be_long() {
    let pulled = std::cell::Cell::new(0);
    let endless = Endless { bytes_left: 1 << 30, pulled: &pulled };
    assert_eq!(Mapping::load(endless).unwrap_err().message, "longer than 4194304 bytes");
    assert!(pulled.get() < 5 << 20, "{}", pulled.get());
    assert_eq!(Mapping::load(&b"\xff"[..]).unwrap_err().message, "is not UTF-8");
    assert_eq!(Mapping::load(LONG.as_bytes()), Ok(mapping(LONG)));
}

#[test]
fn quotes_that_do_not_close_end_the_reading() {
    let (lines, summary) = observations(LONG, "geo,year,v\nFJ,2001,1\n\"FJ,2002,1\nFJ,2003,1\n");
    assert_eq!((lines.len(), places(&summary.faults)), (1, vec![("csv.quote", 3)]));
    assert!(summary.faults.has_errors());
    let (lines, summary) = observations(LONG, "geo,year,v\n\"FJ\"x,2001,1\n");
    assert_eq!((lines.len(), places(&summary.faults)), (1, vec![("csv.quote", 2)]));
}

#[test]
fn a_million_columns_and_a_line_without_end_are_refused() {
    let columns = "a,".repeat(1_000_000);
    assert_eq!(
        refused(LONG, columns),
        ["error csv.columns in row 1: more than 10000 columns; reading stopped here"]
    );
    let line = format!("geo,year,v\nFJ,2001,1\nFJ,2002,{}\n", "1".repeat(8 << 20));
    assert_eq!(faults(LONG, line), [("csv.record", 3)]);
    let skipped = format!("{}\ngeo,year,v\nFJ,2001,1\n", "x".repeat(8 << 20));
    assert_eq!(faults(&format!("skip_lines = 1\n{LONG}"), skipped), []);
}

/// Rows without end, and how many bytes of them were asked for.
struct Endless<'a> {
    bytes_left: u64,
    pulled: &'a std::cell::Cell<u64>,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const ROW: &[u8] = b"FJ,2001,1\n";
        let length = (buffer.len() as u64).min(self.bytes_left);
        for (n, byte) in buffer.iter_mut().take(length as usize).enumerate() {
            *byte = ROW[(self.pulled.get() as usize + n) % ROW.len()];
        }
        self.pulled.set(self.pulled.get() + length);
        self.bytes_left -= length;
        Ok(length as usize)
    }
}

#[test]
fn rows_are_handed_on_before_the_next_are_read() {
    let pulled = std::cell::Cell::new(0);
    let input = b"geo,year,v\n".chain(Endless { bytes_left: 2_000_000, pulled: &pulled });
    let (mut seen, mut ahead_max) = (0_u64, 0);
    let mut sink = |_: &MappedObservation| {
        seen += 1;
        ahead_max = pulled.get().saturating_sub(10 * seen).max(ahead_max);
    };
    let summary = read(input, &mapping(LONG), &mut sink).unwrap();
    assert_eq!((summary.data_rows, summary.sum.as_str()), (200_000, "200000"));
    assert!(ahead_max < 100_000, "{ahead_max}");
    assert_eq!(summary.faults.total(), 199_999, "each but the first has the same key");
    assert!(summary.faults.kept().len() <= 1000);
}

#[test]
fn bytes_that_are_no_text_are_named() {
    for (bytes, code) in [(&b"FJ,2002,\0\n"[..], "encoding.nul"), (b"C\xf4te,2002,1\n", "encoding.utf8")] {
        let table = [b"geo,year,v\nFJ,2001,1\n", bytes].concat();
        let (lines, summary) = observations(LONG, &table);
        assert_eq!((lines.len(), places(&summary.faults)), (1, vec![(code, 0)]));
        assert!(summary.faults.has_errors());
    }
}

#[test]
fn declared_encodings_are_read() {
    let text = |encoding: &str| format!("encoding = \"{encoding}\"\n{LONG}");
    let cote = [r#"2 REF_AREA=Côte 2001 "1"=1"#];
    for encoding in ["windows-1252", "latin1"] {
        assert_eq!(observations(&text(encoding), b"geo,year,v\nC\xf4te,2001,1\n").0, cote);
    }
    let units: Vec<u16> = "\u{feff}geo,year,v\nCôte,2001,1\n".encode_utf16().collect();
    for encoding in ["utf-8", "utf-16"] {
        let little: Vec<u8> = units.iter().flat_map(|u| u.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|u| u.to_be_bytes()).collect();
        assert_eq!(observations(&text(encoding), &little).0, cote);
        assert_eq!(observations(&text(encoding), &big).0, cote);
        let lines = refused(&text(encoding), &little[..little.len() - 1]);
        assert_eq!(lines, ["error encoding.utf16: half a character before byte 47"]);
    }
    assert_eq!(observations(LONG, "\u{feff}geo,year,v\nCôte,2001,1\n").0, cote);
    let lines = refused(&text("utf-16"), "geo,year,v\n");
    assert_eq!(lines, ["error encoding.utf16: declared as UTF-16, but without a byte order mark"]);
}

#[test]
fn what_the_header_lacks_is_said_at_once() {
    let lines = refused(LONG, "area,YEAR, v ,v\nFJ,2001,1,2\n");
    assert_eq!(
        lines,
        [
            "error mapping.column in row 1: the header has no column \"geo\"",
            "error mapping.column in row 1: the header has no column \"year\"",
            "error mapping.column in row 1: the header names \"v\" twice"
        ]
    );
    let lines = refused("period = { wide = \"value_*\" }", "geo,value_x\nFJ,1\n");
    assert_eq!(lines, ["error mapping.column in row 1: no column has a period where \"value_*\" has its *"]);
    let lines = refused("period = { wide = \"*\" }", "geo,2018,2019, 2019\nFJ,1,2,3\n");
    assert_eq!(lines, ["error mapping.column in row 1: two columns have the values of 2019"]);
    assert_eq!(refused(LONG, ""), ["error table.empty: there is no header"]);
    assert_eq!(faults(LONG, "geo,year,v\n"), [("table.empty", 0)]);
}

/// What a mapping file says wrongly is named with line and field.
#[test]
fn faults_of_a_mapping_name_line_and_field() {
    for (text, message) in [
        ("delimiter = \";;\"", "line 1: delimiter: is one character"),
        ("\ndelimiter = \"a\"", "line 2: delimiter: is one character"),
        ("delimiter = 3", "line 1: delimiter: invalid type: integer `3`, expected a string"),
        ("decimal = \";\"", "line 1: decimal: is \".\" or \",\""),
        ("decimal = \",\"\nthousands = \",\"", "line 2: thousands: is the same as decimal"),
        ("thousands = \"\"", "line 1: thousands: is one of"),
        ("encoding = \"ebcdic\"", "line 1: encoding: unknown variant `ebcdic`, expected"),
        ("skip_lines = -1", "line 1: skip_lines: invalid value: integer `-1`"),
        ("\n\ncolour = 1", "line 3: colour: unknown field `colour`, expected"),
        ("period = { colunm = \"year\" }", "line 1: colunm: unknown field `colunm`, expected"),
        ("suffix = \"p\"", "line 1: suffix: is \"%\""),
        ("notes = [\"\"]", "notes: each row would begin with"),
        (
            "period = { column = \"a\", spelling = \"2018-2019\" }",
            "line 1: spelling: unknown variant `2018-2019`, expected",
        ),
        (
            "period = { column = \"a\", codes = { x = \"2018-Q5\" } }",
            "line 1: period.codes: \"x\" stands for \"2018-Q5\", which is no SDMX period",
        ),
        ("period = { constant = \"2018\", spelling = \"2018.0\" }", "line 1: period.constant: is written as"),
        ("measure = [{ wide = \"2018\" }]", "line 1: measure.wide: \"2018\" has no *"),
        ("measure = [{ }]", "line 1: measure: has either column or wide"),
        (
            "measure = [{ wide = \"*\", dimensions = { I = \"A\" } },\n{ column = \"b\", dimensions = { I = \"B\" } }]",
            "line 2: measure: either all measures have wide, or none has",
        ),
        (
            "period = { column = \"a\" }\nmeasure = [{ wide = \"*\" }]",
            "line 1: period: stands in the names that measure.wide fits",
        ),
        ("period = { }", "line 1: period: has one of column, constant and wide"),
        ("period = { column = \"a\", wide = \"*\" }", "line 1: period: has one of column, constant and wide"),
        ("period = { wide = \"2000\" }", "line 1: period.wide: \"2000\" has no *"),
        ("period = { constant = \"2018-Q5\" }", "line 1: period.constant: \"2018-Q5\" is no SDMX period"),
        ("dimension = [\n  { id = \"SEX\" },\n]", "line 2: dimension: SEX has either column or constant"),
        ("[[dimension]]\nid = \"1A\"\ncolumn = \"x\"", "line 1: dimension.id: \"1A\" is no SDMX id"),
        (
            "dimension = [{ id = \"TIME_PERIOD\", column = \"t\" }]",
            "line 1: dimension.id: TIME_PERIOD is given by",
        ),
        ("dimension = [{ id = \"A\", constant = \"\" }]", "line 1: dimension.constant: A is empty"),
        (
            "dimension = [{ id = \"A\", constant = \"x\", area = \"m49\" }]",
            "line 1: dimension.constant: A is a constant",
        ),
        (
            "dimension = [{ id = \"A\", column = \"x\", area = \"iso\" }]",
            "line 1: area: unknown variant `iso`",
        ),
        (
            "dimension = [\n{ id = \"A\", column = \"x\" },\n{ id = \"A\", column = \"y\" }]",
            "line 3: dimension.id: A is there twice",
        ),
        (
            "measure = [{ column = \"a\" },\n{ column = \"b\", dimensions = { I = \"B\" } }]",
            "line 2: measure.dimensions: several measures need the same dimensions each",
        ),
        (
            "measure = [{ column = \"a\" },\n{ column = \"b\" }]",
            "line 2: measure.dimensions: several measures",
        ),
        (
            "measure = [{ column = \"a\" },\n{ column = \" a\" }]",
            "line 2: measure.column: \"a\" is there twice",
        ),
        (
            "period = { wide = \"*\" }\nmeasure = [{ column = \"a\" }]",
            "line 2: measure: with period.wide the columns",
        ),
        (
            "attribute = [{ id = \"U\", column = \"u\", constant = \"v\" }]",
            "line 1: attribute: U has either column or",
        ),
        ("measure = [", "line 1: "),
    ] {
        let error = Mapping::parse(text).expect_err(text).to_string();
        assert!(error.starts_with(message), "{text}\n  {error}\n  {message}");
        assert!(!error.contains('\n'), "{error}");
    }
    assert!(Mapping::parse(&"#".repeat(5 << 20)).unwrap_err().to_string().starts_with("longer than"));
}
