use super::*;

const LONG: &str = r#"
dimension = [{ id = "REF_AREA", column = "geo", area = "alpha-3" }]
period = { column = "year" }
measure = [{ column = "v" }]
"#;

#[test]
fn a_long_table_becomes_observations() {
    let (lines, summary) = observations(LONG, "geo,year,v\nfji,2001,1.50\n\nVUT,1999-Q1,\n,,\nfji,2002,-3\n");
    assert_eq!(
        lines,
        [
            r#"2 REF_AREA=FJ 2001 "1.50"=1.50"#,
            r#"4 REF_AREA=VU 1999-Q1 ""=–"#,
            r#"6 REF_AREA=FJ 2002 "-3"=-3"#
        ]
    );
    let expected = Summary {
        data_rows: 3,
        observations: 2,
        missing: 1,
        period_first: Some("2001".into()),
        period_last: Some("2002".into()),
        sum: "-1.5".into(),
        faults: Faults::default(),
    };
    assert_eq!(summary, expected);
}

#[test]
fn wide_years_become_observations() {
    let text = r#"
        dimension = [{ id = "REF_AREA", column = "code", area = "m49" }, { id = "SEX", constant = "F" }]
        period = { wide = "value_*" }
        attribute = [{ id = "COMMENT_OBS", column = "notes" }, { id = "UNIT_MEASURE", constant = "PT" }]
        missing = ["", ".."]"#;
    let (lines, summary) =
        observations(text, "code,value_2000,value_2001-Q1,value_latest,notes\n4,1,..,1,n\n242,,2,2,\n");
    assert_eq!(
        lines,
        [
            r#"2 REF_AREA=AF SEX=F 2000 "1"=1 COMMENT_OBS=n UNIT_MEASURE=PT"#,
            r#"2 REF_AREA=AF SEX=F 2001-Q1 ".."=– COMMENT_OBS=n UNIT_MEASURE=PT"#,
            r#"3 REF_AREA=FJ SEX=F 2000 ""=– COMMENT_OBS= UNIT_MEASURE=PT"#,
            r#"3 REF_AREA=FJ SEX=F 2001-Q1 "2"=2 COMMENT_OBS= UNIT_MEASURE=PT"#
        ]
    );
    assert_eq!((summary.data_rows, summary.observations, summary.missing), (2, 2, 2));
}

#[test]
fn wide_figures_of_several_kinds_are_told_apart_by_dimensions() {
    let text = r#"
        dimension = [{ id = "REF_AREA", column = "geo" }]
        period = { spelling = "2018Q1" }
        measure = [
            { wide = "*_M", dimensions = { SEX = "M" } },
            { wide = "*_F", dimensions = { SEX = "F" } },
        ]"#;
    let (lines, summary) = observations(text, "geo,2018Q1_M,2018Q1_F,1500_F\nFJ,1,2,9\n");
    assert_eq!(lines, [r#"2 REF_AREA=FJ SEX=M 2018-Q1 "1"=1"#, r#"2 REF_AREA=FJ SEX=F 2018-Q1 "2"=2"#]);
    assert_eq!((summary.period_last.as_deref(), mapping(text).dimension_ids().len()), (Some("2018-Q1"), 3));
}

#[test]
fn periods_are_read_in_the_spelling_that_is_named() {
    let text = LONG.replace(
        "column = \"year\"",
        "column = \"year\", spelling = \"31/12/2018\", codes = { \"FY19\" = \"2018-07-01/P1Y\" }",
    );
    let (lines, summary) =
        observations(&text, "geo,year,v\nFJI,01/02/2018,1\nFJI,FY19,2\nFJI,2018,3\nFJI,12/31/2018,4\n");
    let periods: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(periods, ["2018-02-01", "2018-07-01/P1Y", "2018"]);
    assert_eq!(places(&summary.faults), [("period.illegal", 5)]);
}

#[test]
fn a_suffix_is_no_part_of_a_number() {
    let (lines, _) =
        observations(&format!("suffix = \"%\"\n{LONG}"), "geo,year,v\nFJI,2018,-13.5 %\nFJI,2019,7\n");
    assert_eq!(lines, [r#"2 REF_AREA=FJ 2018 "-13.5 %"=-13.5"#, r#"3 REF_AREA=FJ 2019 "7"=7"#]);
}

#[test]
fn equal_faults_are_counted_wherever_they_are_poured() {
    struct Counting(Faults);
    impl crate::formats::model::Sink for Counting {
        fn message(&mut self, _: crate::formats::model::Message) {}
        fn data_set(&mut self, _: &crate::formats::model::DataSet<'_>) {}
        fn series(&mut self, _: &crate::formats::model::Pairs, _: crate::formats::model::Action) {}
        fn observation(&mut self, _: &crate::formats::model::Observation<'_>) {}
        fn fault(&mut self, fault: crate::intake::Fault) {
            self.0.push(fault);
        }
    }
    let table = format!("geo,year,v\n{}", "FJI,2001,bad\n".repeat(10_000));
    let mut sink = Counting(Faults::default());
    pour(table.as_bytes(), &mapping(LONG), None, &mut sink).unwrap();
    assert_eq!(sink.0.total(), 10_000);
}

#[test]
fn several_measures_are_told_apart_by_dimensions() {
    let text = r#"
        dimension = [{ id = "SEX", column = "g", codes = { "1" = "M", "2" = "F" } }]
        period = { constant = "2018" }
        measure = [
            { column = "births", dimensions = { INDICATOR = "B", RESIDENCE = "_T" } },
            { column = "deaths", dimensions = { INDICATOR = "D", RESIDENCE = "U" } },
        ]"#;
    let (lines, summary) = observations(text, "g,births,deaths\n1,5,6\n2,7,\n9,1,1\n");
    assert_eq!(
        lines,
        [
            r#"2 SEX=M INDICATOR=B RESIDENCE=_T 2018 "5"=5"#,
            r#"2 SEX=M INDICATOR=D RESIDENCE=U 2018 "6"=6"#,
            r#"3 SEX=F INDICATOR=B RESIDENCE=_T 2018 "7"=7"#,
            r#"3 SEX=F INDICATOR=D RESIDENCE=U 2018 ""=–"#
        ]
    );
    assert_eq!(places(&summary.faults), [("dimension.code", 4)]);
}

#[test]
fn decimal_commas_thousands_and_delimiters_are_as_declared() {
    for (delimiter, table) in [
        (";", "land;2001;2002\nVanuatu;1.234,50;-7,5\nFiji;+12.345.678;..\n"),
        ("\\t", "land\t2001\t2002\nVanuatu\t1.234,50\t-7,5\nFiji\t+12.345.678\t..\n"),
        ("|", "land|2001|2002\nVanuatu|1.234,50|-7,5\nFiji|+12.345.678|..\n"),
        (",", "land,2001,2002\nVanuatu,\"1.234,50\",\"-7,5\"\nFiji,+12.345.678,..\n"),
    ] {
        let text = format!(
            "delimiter = \"{delimiter}\"\ndecimal = \",\"\nthousands = \".\"\nmissing = [\"..\", \"-\", \"NA\", \"\"]
            dimension = [{{ id = \"REF_AREA\", column = \"land\", area = \"name\" }}]\nperiod = {{ wide = \"*\" }}"
        );
        let (lines, summary) = observations(&text, table);
        assert_eq!(
            lines,
            [
                r#"2 REF_AREA=VU 2001 "1.234,50"=1234.50"#,
                r#"2 REF_AREA=VU 2002 "-7,5"=-7.5"#,
                r#"3 REF_AREA=FJ 2001 "+12.345.678"=12345678"#,
                r#"3 REF_AREA=FJ 2002 ".."=–"#
            ]
        );
        assert!(summary.faults.is_empty(), "{:?}", summary.faults);
        assert_eq!(summary.sum, "12346905");
    }
}

#[test]
fn missing_codes_are_exactly_the_declared_ones() {
    let table = "geo,year,v\nFJI,2001,..\nFJI,2002,-\nFJI,2003,NA\nFJI,2004,\nFJI,2005,n/a\n";
    let (_, summary) = observations(&format!("missing = [\"..\", \"-\", \"NA\", \"\"]\n{LONG}"), table);
    assert_eq!((summary.missing, places(&summary.faults)), (4, vec![("value.not_a_number", 6)]));
    let (_, summary) = observations(&format!("missing = [\"NA\", \"n/a\", \"-\", \"..\"]\n{LONG}"), table);
    assert_eq!((summary.missing, places(&summary.faults)), (4, vec![("value.empty", 5)]));
}

#[test]
fn lines_above_the_header_are_left_out_and_counted() {
    let text = format!("skip_lines = 3\n{LONG}");
    let table = "A \"quoted, title\nSource: the office\r\n\ngeo,year,v\nFJI,2001,1\nFJI,2002,INF\n";
    let (lines, summary) = observations(&text, table);
    assert_eq!(lines, [r#"5 REF_AREA=FJ 2001 "1"=1"#]);
    assert_eq!(places(&summary.faults), [("value.infinite", 6)]);
}

#[test]
fn a_table_without_values_is_a_list() {
    let text = r#"
        dimension = [{ id = "INDICATOR", column = "concept" }]
        attribute = [{ id = "NAME", column = "name" }]"#;
    let (lines, summary) = observations(text, "concept,name\nu5mr,Under-five mortality\n");
    assert_eq!(lines, [r#"2 INDICATOR=u5mr – ""=– NAME=Under-five mortality"#]);
    assert_eq!((summary.observations, summary.missing), (0, 1));
}

#[test]
fn numbers_of_any_size_are_kept_to_the_digit() {
    for (written, value) in [
        ("9223372036854775808", "9223372036854775808"),
        ("-18446744073709551617", "-18446744073709551617"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("-0", "0"),
        ("1e2", "100"),
        ("0.00E+00", "0.00"),
    ] {
        let (lines, summary) = observations(LONG, format!("geo,year,v\nFJI,2001,{written}\n"));
        assert_eq!(lines, [format!("2 REF_AREA=FJ 2001 {written:?}={value}")]);
        assert!(summary.faults.is_empty());
    }
    for (written, code) in [
        ("INF", "value.infinite"),
        ("-Infinity", "value.infinite"),
        ("1e999", "value.range"),
        ("NaN", "value.not_a_number"),
        ("12 %", "value.not_a_number"),
        ("1,5", "csv.columns"),
    ] {
        assert_eq!(faults(LONG, format!("geo,year,v\nFJI,2001,{written}\n")), [(code, 2)], "{written}");
    }
}

#[test]
fn illegal_periods_and_unknown_areas_are_told_apart() {
    let table = "geo,year,v\nFJI,2001-Q5,1\nFJI,2005.5834,2\nFJI,,3\nWLD,2001,4\n,2001,5\nWLD,2002,6\n";
    let (lines, summary) = observations(LONG, table);
    assert_eq!(lines, [r#"5 REF_AREA=WLD 2001 "4"=4"#, r#"7 REF_AREA=WLD 2002 "6"=6"#]);
    let expected = [
        ("period.illegal", 2),
        ("period.illegal", 3),
        ("period.illegal", 4),
        ("area.unknown", 5),
        ("dimension.empty", 6),
    ];
    assert_eq!((summary.data_rows, places(&summary.faults)), (6, expected.to_vec()));
}

#[test]
fn formulas_are_warned_of_and_never_altered() {
    let text = format!("{LONG}attribute = [{{ id = \"NOTE\", column = \"n\" }}]");
    let table = "geo,year,v,n\nFJI,2001,1,=1+1\nFJI,2002,2,+cmd|x\nFJI,2003,3,-2+3\nFJI,2004,4,@SUM(A1)\nFJI,2005,-5,-\n";
    let (lines, summary) = observations(&text, table);
    for (line, note) in lines.iter().zip(["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "-"]) {
        assert!(line.ends_with(&format!(" NOTE={note}")), "{line}");
    }
    assert_eq!(places(&summary.faults), [2, 3, 4, 5].map(|row| ("cell.formula", row)));
    assert!(!summary.faults.has_errors());
}

#[test]
fn duplicate_keys_are_warned_of_and_both_kept() {
    let table = "geo,year,v\nFJI,2001,1\nfji,2001,2\nFJI,2001,\nFJI,2002,1\n";
    let (lines, summary) = observations(LONG, table);
    assert_eq!(lines.len(), 4);
    assert_eq!(places(&summary.faults), [("key.duplicate", 3)]);
    let limits = Limits { keys_max: 1, ..Limits::default() };
    let table = "geo,year,v\nFJI,2001,1\nFJI,2002,1\nFJI,2001,1\n";
    let summary = read_within(table.as_bytes(), &mapping(LONG), &mut |_| {}, &limits).unwrap();
    assert_eq!(places(&summary.faults), [("key.unchecked", 3)]);
}

#[test]
fn a_note_below_the_table_is_no_observation() {
    let (lines, summary) = observations(LONG, "geo,year,v\nFJI,2001,1\n,Source: the office,\n");
    assert_eq!((lines.len(), summary.data_rows), (1, 2));
    assert_eq!(places(&summary.faults), [("row.note", 3)]);
}
