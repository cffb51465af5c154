use super::*;

const HEAD: &str = "STRUCTURE,STRUCTURE_ID,ACTION,SEX,TIME_PERIOD,OBS_VALUE,NOTE\n";

#[test]
fn labels_and_names_are_beside_the_ids() {
    let both = "STRUCTURE[|];STRUCTURE_ID;ACTION;SERIES_KEY;OBS_KEY;SEX: Sexe;TIME_PERIOD: Temps;OBS_VALUE: Valeur\n\
        dataflow;A:B(1.0): Titre: long;I;F;F.2001;F: Femmes: toutes;2001: 2001;12,4\n";
    assert_eq!(heard(both), ["2 Information SEX=F TIME_PERIOD=2001 | 12.4 |"]);
    let names = "STRUCTURE,STRUCTURE_ID,STRUCTURE_NAME,ACTION,SEX,Sex,TIME_PERIOD,Time,OBS_VALUE,Value\n\
        dataflow,A:B,Title,A,F,Women,2001,2001,12.4,\n";
    assert_eq!(heard(names), ["2 Append SEX=F TIME_PERIOD=2001 | 12.4 |"]);
}

#[test]
fn several_values_of_a_cell_are_several_values() {
    let many = "STRUCTURE[;],STRUCTURE_ID,ACTION,SEX,OBS_VALUE,A1[],A2[en;fr]\n\
        dataflow,A:B(1.0),M,F,1,X;Y,\"en:Yes: it is;fr:Oui\"\n";
    assert_eq!(heard(many), ["2 Merge SEX=F | 1 | A1=X A1=Y A2=en:Yes: it is A2=fr:Oui"]);
    let quoted = many.replace("X;Y", "\"\"\"a;\"\"\"\"b\"\";c;\"");
    assert_eq!(heard(&quoted), ["2 Merge SEX=F | 1 | A1=a;\"b A1=c A1= A2=en:Yes: it is A2=fr:Oui"]);
    let report = look_at(many.replace("[;]", ""));
    assert_eq!(faults(&report), [("csv.header", 1), ("csv.header", 1)]);
}

#[test]
fn deletions_and_unknown_actions_are_never_data() {
    let text = format!(
        "{HEAD}dataflow,A:B(1.0),D,F,2001,5,\ndataflow,A:B(1.0),X,F,2002,6,\ndataflow,A:B(1.0),R,F,2003,7,\n\
         dataflow,A:B(1.0),D,,,-,\n"
    );
    let report = look_at(&text);
    assert_eq!((report.observations, report.deleted, report.sum), (1, 2, Some(7.0)));
    assert_eq!((report.first.as_deref(), faults(&report)), (Some("2003"), vec![("sdmx.action", 3)]));
    assert!(!report.is_whole());
}

#[test]
fn attributes_of_a_part_of_the_key_are_no_observation() {
    let text = format!(
        "{HEAD}dataflow,A:B(1.0),M,F,,,note\ndataflow,A:B(1.0),M,F,~,,note\ndataflow,A:B(1.0),M,F,2001,,\n"
    );
    assert_eq!(heard(&text), ["4 Merge SEX=F TIME_PERIOD=2001 | - |"]);
}

#[test]
fn each_structure_begins_a_data_set() {
    let text = format!(
        "{HEAD}dataflow,A:B(1.0),I,F,2001,1,\ndatastructure,A:C,I,F,2001,2,\nmetadataflow,A:C,I,F,2001,3,\n"
    );
    let report = look_at(&text);
    assert_eq!((report.observations, faults(&report)), (3, vec![("sdmx.structure", 4)]));
}

#[test]
fn plain_csv_is_read_where_it_has_a_measure() {
    let text = "REF_AREA,Geographic area,TIME_PERIOD,OBS_VALUE,Unit\nAFG,Afghanistan,2020,57.5,x\nFJI,Fiji,2021,,x\n";
    let report = look_at(text);
    assert_eq!((report.format(), report.observations, report.sum), ("CSV", 2, Some(57.5)));
    assert_eq!(report.dimensions, ["REF_AREA", "TIME_PERIOD"]);
    assert_eq!(refusal("country,year,deaths\nFJ,2001,5\n"), "csv.unknown");
}

#[test]
fn a_row_is_as_wide_as_the_header() {
    let rows = "dataflow,A:B(1.0),I,F,2001,1\n".repeat(10_000);
    let report = look_at(format!("{HEAD}{rows}dataflow,A:B(1.0),I,F,2001,1,\n"));
    assert_eq!((report.observations, faults(&report)), (1, vec![("csv.columns", 2)]));
    assert_eq!(report.faults[0].message, "6 cells, the header has 7 (10000 times)");
}

#[test]
fn values_are_told_apart() {
    let rows: String = ["9223372036854775808", "-0", "1e2", "NaN", "", ":", "1e999"]
        .iter()
        .zip(2001..)
        .map(|(value, year)| format!("dataflow,A:B(1.0),I,F,{year},{value},\n"))
        .collect();
    let report = look_at(format!("{HEAD}{rows}"));
    assert_eq!(report.sum, Some(9_223_372_036_854_775_908.0));
    assert_eq!(faults(&report), [("value.not_a_number", 7), ("value.infinite", 8)]);
}

#[test]
fn headers_that_mean_nothing_are_refused() {
    for (text, code) in [
        ("STRUCTURE,ACTION,SEX\ndataflow,I,F\n", "sdmx.unsupported"),
        ("DATAFLOW,SEX,SEX,OBS_VALUE\nA:B(1.0),F,F,1\n", "csv.header"),
        ("DATAFLOW,SEX,,OBS_VALUE\nA:B(1.0),F,F,1\n", "csv.header"),
        ("REF_AREA,OBS_VALUE\n", "table.empty"),
        (
            "STRUCTURE,STRUCTURE_ID,STRUCTURE_NAME,ACTION,FREQ,TIME_PERIOD,OBS_VALUE,NOTE\ndataflow,A:B,n,I,A,2001,1,\n",
            "csv.header",
        ),
        ("\n\n", "table.empty"),
        ("DATAFLOW,SEX,OBS_VALUE\nA:B(1.0),\"F,1\n", "csv.quote"),
        ("DATAFLOW,SEX,OBS_VALUE\nA:B(1.0),\"F\"x,1\n", "csv.quote"),
    ] {
        assert_eq!(refusal(text), code, "{text}");
    }
}

#[test]
fn reference_metadata_is_no_data() {
    let text = "MDSTRUCTURE[|];MDSTRUCTURE_ID;METADATASET_ID;TARGET_TYPES;TARGET_IDS;ATTRIBUTE_1\nmetadataflow;A:B(1.0);A:C(1.0);dataflow;A:D(1.0);x\n";
    let report = look_at(text);
    assert_eq!((report.kind(), report.observations, report.is_whole()), (Some(Kind::Metadata), 0, true));
}

/// As BIS, Norges Bank and UNICEF serve it.
#[test]
fn labels_need_no_blank_before_them() {
    for head in ["STRUCTURE,STRUCTURE_ID,", "DATAFLOW,", ""] {
        let row = head
            .replace("STRUCTURE,STRUCTURE_ID", "dataflow,A:B(1.0): Rates")
            .replace("DATAFLOW", "A:B(1.0):Rates");
        let text = format!(
            "{head}FREQ:Frequency,TENOR:Tenor,TIME_PERIOD:Time period,OBS_VALUE:Value,NOTE:Note\n\
             {row}B:Business,10Y: 10 years,2020-01-01T00:00:00,1.5,http://a/b\n"
        );
        assert_eq!(
            heard(&text),
            ["2 Information FREQ=B TENOR=10Y TIME_PERIOD=2020-01-01T00:00:00 | 1.5 | NOTE=http://a/b"]
        );
    }
    let plain = "REF_AREA,Remark: any,TIME_PERIOD,OBS_VALUE\nA:B,x: y,2001,1\n";
    assert_eq!(heard(plain), ["2 Information REF_AREA=A:B TIME_PERIOD=2001 | 1 |"]);
}

#[test]
fn a_presumed_key_may_have_gaps_where_the_period_is_there() {
    let head = "STRUCTURE,STRUCTURE_ID,ACTION,D1,D2,A1,OBS_VALUE,TIME_PERIOD\n";
    let rows = "dataflow,A:B,I,a,b,,,2020\ndataflow,A:B,I,a,b,x,,\ndataflow,A:B,I,a,~,x,,2020\n";
    assert_eq!(heard(format!("{head}{rows}")), ["2 Information D1=a D2=b TIME_PERIOD=2020 | - |"]);
    let off = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,UNIT\ndataflow,A:B,I,~,note\ndataflow,A:B,I,A,note\n";
    assert_eq!(heard(off), ["3 Information  | - | FREQ=A UNIT=note"]);
}

#[test]
fn a_header_alone_is_an_answer_without_data() {
    let report = look_at("DATAFLOW,SEX,OBS_VALUE\n");
    assert_eq!((report.is_whole(), faults(&report)), (true, vec![("table.empty", 0)]));
}

/// To cut a text that carries no label would lose its rest.
#[test]
fn a_text_is_no_code_with_its_label() {
    let text = "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA: Area,TIME_PERIOD: Time,OBS_VALUE: Value,OBS_STATUS: Status,NOTE: Note\n\
        dataflow,A:B(1.0): Flow,I,FJ: Fiji,2018,5,A: Normal,Source: Fiji Bureau: see page 5\n\
        dataflow,A:B(1.0): Flow,I,VU: Vanuatu,2018,5,A: Normal,THE SOURCE: a census\n";
    assert_eq!(
        heard(text),
        [
            "2 Information REF_AREA=FJ TIME_PERIOD=2018 | 5 | OBS_STATUS=A NOTE=Source: Fiji Bureau: see page 5",
            "3 Information REF_AREA=VU TIME_PERIOD=2018 | 5 | OBS_STATUS=A NOTE=THE SOURCE: a census",
        ]
    );
}

#[test]
fn a_value_without_a_place_is_doubted() {
    let text =
        format!("{HEAD}dataflow,A:B(1.0),I,,2001,1,\ndataflow,A:B(1.0),I,F,,1,\ndataflow,A:B(1.0),M,F,,,x\n");
    let report = look_at(&text);
    assert_eq!(
        (report.observations, faults(&report)),
        (2, vec![("dimension.missing", 2), ("dimension.missing", 3)])
    );
    assert_eq!(report.faults[1].message, "a value without TIME_PERIOD");
}

/// Publishing and inspecting say the same of one file.
#[test]
fn an_inspection_names_what_a_publication_names() {
    let text = format!(
        "{HEAD}dataflow,A:B(1.0),I,F,2001,1,=cmd()\ndataflow,A:B(1.0),I,F,2001,2,\ndataflow,A:B(1.0),I,F,2018-13,3,\n"
    );
    let report = look_at(&text);
    let expected = [("cell.formula", 2), ("key.duplicate", 3), ("period.illegal", 4)];
    assert_eq!(faults(&report), expected);
    let checked = crate::intake::check(Cursor::new(text), "x.csv", crate::intake::Claim::Table, false);
    let Err(crate::intake::IntakeError::Refused(refused)) = checked else { panic!("{checked:?}") };
    let named: Vec<_> = refused.faults.kept().iter().map(|f| (f.code, f.row.unwrap())).collect();
    assert_eq!(named, expected);
    let exact = look_at(format!("{HEAD}{}", "dataflow,A:B(1.0),I,F,2001,0.1,\n".repeat(3)));
    assert!(exact.page().contains("sum           0.3\n"));
}
