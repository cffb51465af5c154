use super::*;

/// The proposal without its comments, and what the file is when it is read with it.
fn mapped(table: impl AsRef<[u8]>, name: &str) -> (Vec<String>, Vec<String>) {
    let text = proposed(&table, name).unwrap();
    let lines = text.lines().map(|l| l.split("  #").next().unwrap_or_default().trim());
    let rules = lines.filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect();
    (rules, observations(&text, table).0)
}

fn has(rules: &[String], wanted: &[&str]) {
    for wanted in wanted {
        assert!(rules.iter().any(|rule| rule == wanted), "no {wanted}\n{rules:#?}");
    }
}

#[test]
fn a_long_table_with_quintiles() {
    let table =
        "country,time,quintile,u5mr\nafg,2015,q1,80.5\nafg,2015,q2,64.3\nfji,2015,q1,30\nfji,2015,q2,x\n";
    let (rules, observations) = mapped(table, "u5mr.csv");
    has(
        &rules,
        &[
            r#"{ id = "REF_AREA", column = "country", area = "alpha-3" },"#,
            r#"{ id = "QUINTILE", column = "quintile" },"#,
            r#"period = { column = "time" }"#,
            r#"measure = [{ column = "u5mr" }]"#,
            r#"missing = ["x"]"#,
        ],
    );
    assert_eq!(observations[0], r#"2 REF_AREA=AF QUINTILE=q1 2015 "80.5"=80.5"#);
    assert_eq!(observations[3], r#"5 REF_AREA=FJ QUINTILE=q2 2015 "x"=–"#);
}

#[test]
fn wide_years_with_decimal_commas_and_titles() {
    let table =
        "Deaths of children;;;\n\nLand;2001;2002;2003\nVanuatu;1.234,5;..;7,25\nFiji;12,5;3,5;2.000\n";
    let (rules, observations) = mapped(table, "deaths.csv");
    has(
        &rules,
        &[
            r#"delimiter = ";""#,
            "skip_lines = 2",
            r#"decimal = ",""#,
            r#"thousands = ".""#,
            r#"missing = [".."]"#,
            r#"{ id = "REF_AREA", column = "Land", area = "name" },"#,
            r#"period = { wide = "*" }"#,
        ],
    );
    assert_eq!(observations.len(), 6);
    assert_eq!(observations[0], r#"4 REF_AREA=VU 2001 "1.234,5"=1234.5"#);
    assert_eq!(observations[5], r#"5 REF_AREA=FJ 2003 "2.000"=2000"#);
}

#[test]
fn codes_that_are_numbers_are_dimensions() {
    let mut table = "country,time,age,gender,population\n".to_owned();
    for (n, age) in (0..40).enumerate() {
        for gender in [1, 2] {
            table += &format!("242,1950,{age},{gender},{}.5\n548,1950,{age},{gender},{}\n", 900 - n, 700 - n);
        }
    }
    let (rules, observations) = mapped(table, "wpp.csv");
    has(
        &rules,
        &[
            r#"{ id = "REF_AREA", column = "country", area = "m49" },"#,
            r#"{ id = "AGE", column = "age" },"#,
            r#"{ id = "GENDER", column = "gender" },"#,
            r#"measure = [{ column = "population" }]"#,
        ],
    );
    assert_eq!(observations.len(), 160);
}

#[test]
fn labels_of_codes_are_attributes() {
    let table = "iso3,country,sex,sex_name,period,value,status\nFJI,Fiji,M,Male,2001,5,A\nFJI,Fiji,F,Female,2001,6,A\n\
                 VUT,Vanuatu,M,Male,2001,7,E\nVUT,Vanuatu,F,Female,2001,8,A\n";
    let (rules, observations) = mapped(table, "x.csv");
    has(
        &rules,
        &[
            r#"{ id = "REF_AREA", column = "iso3", area = "alpha-3" },"#,
            r#"{ id = "SEX", column = "sex" },"#,
            r#"{ id = "SEX_NAME", column = "sex_name" },"#,
            r#"measure = [{ column = "value" }]"#,
        ],
    );
    assert_eq!(observations[2], r#"4 REF_AREA=VU SEX=M 2001 "7"=7 COUNTRY=Vanuatu SEX_NAME=Male STATUS=E"#);
}

#[test]
fn several_measures_a_year_in_the_name_and_another_encoding() {
    let table = b"COUNTRY,ISO3,Flood,Drought,\r\nC\xf4te d'Ivoire,CIV,1.5,2\r\n,,,,\r\nFiji,FJI,x,0.00E+00\r\n\"Note, a\",,,\r\n";
    let (rules, observations) = mapped(table, "risk-2018.csv");
    has(
        &rules,
        &[
            r#"encoding = "windows-1252""#,
            r#"period = { constant = "2018" }"#,
            r#"{ column = "Flood", dimensions = { INDICATOR = "FLOOD" } },"#,
            r#"{ column = "Drought", dimensions = { INDICATOR = "DROUGHT" } },"#,
        ],
    );
    assert_eq!(observations[0], r#"2 REF_AREA=CI INDICATOR=FLOOD 2018 "1.5"=1.5 COUNTRY=Côte d'Ivoire"#);
    assert_eq!(observations.len(), 4);
}

#[test]
fn files_that_cannot_be_read_get_no_proposal() {
    for (table, fault) in [
        (&b""[..], "table.empty"),
        (b"a,b\n", "table.empty"),
        (b"a,b\n1,2\n\"3", "csv.quote"),
        (b"a,b\n1,\0\n", "encoding.nul"),
        (b"\xff\xfea\0b", "encoding.utf16"),
    ] {
        let Err(IntakeError::Refused(refused)) = proposed(table, "x.csv") else { panic!("{table:?}") };
        assert_eq!(refused.faults.kept()[0].code, fault);
    }
}

#[test]
fn what_a_file_says_cannot_leave_its_comment() {
    let table = "geo,year,v\nFJI,2001,1\n\"evil\ndelimiter = \"\"x\"\"\",2002,2\nVUT,2003,3\nTON,2001,3\n";
    let text = proposed(table, "x.csv").unwrap();
    assert!(text.contains(r#"kept as written: "evil\ndelimiter"#), "{text}");
    assert!(Mapping::parse(&text).is_ok());
}
