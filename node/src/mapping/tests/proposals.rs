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
fn a_data_bank_export_with_notes_below() {
    let table = "Country Name,Country Code,Series Name,2000 [YR2000],2001 [YR2001],2002 [YR2002]\n\
                 Fiji,FJI,Births,1,..,3\nFiji,FJI,Deaths,1,2,..\nVanuatu,VUT,Births,1,2,3\nVanuatu,VUT,Deaths,1,2,3\n\
                 ,,,,,\nData from database: X,,,,,\nLast Updated: 01/01/2024,,,,,\n";
    let (rules, observations) = mapped(table, "x.csv");
    has(
        &rules,
        &[
            r#"{ id = "REF_AREA", column = "Country Code", area = "alpha-3" },"#,
            r#"{ id = "SERIES_NAME", column = "Series Name" },"#,
            r#"{ id = "COUNTRY_NAME", column = "Country Name" },"#,
            r#"period = { wide = "* [YR*]" }"#,
            r#"missing = ["", ".."]"#,
        ],
    );
    assert_eq!(observations[0], r#"2 REF_AREA=FJ SERIES_NAME=Births 2000 "1"=1 COUNTRY_NAME=Fiji"#);
    assert_eq!(observations.len(), 12);
}

#[test]
fn marks_in_a_column_that_is_called_the_value() {
    let table = "GeoAreaCode,TimePeriod,Value,Time_Detail,[Age],[Sex]\n242,2001,1.5,2001,18Y,F\n242,2001,2.5,2001,15Y,F\n\
                 548,2001,<5,2001,18Y,F\n";
    let (rules, observations) = mapped(table, "sdg.csv");
    has(
        &rules,
        &[
            r#"missing = [""]"#,
            r#"{ id = "AGE", column = "[Age]" },"#,
            r#"{ id = "SEX", column = "[Sex]" },"#,
            r#"period = { column = "TimePeriod" }"#,
            r#"measure = [{ column = "Value" }]"#,
            r#"{ id = "TIME_DETAIL", column = "Time_Detail" },"#,
        ],
    );
    assert_eq!(observations.len(), 2, "<5 is a figure, and its row is refused");
}

#[test]
fn decimal_commas_without_thousands_and_words_of_other_languages() {
    let table = "Pays;Année;Âge;Décès (nombre)\nFiji;2001;0;1 234,5\nFiji;2001;100+;12,5\nVanuatu;2001;0;n.d.\n\
                 Vanuatu;2001;1;3\nVanuatu;2001;2;3\nVanuatu;2001;3;3\nVanuatu;2001;100+;0,5\nTonga;2001;0;4\nTonga;2001;1;4\nTonga;2001;2;4\n";
    let (rules, observations) = mapped(table, "x.csv");
    has(
        &rules,
        &[
            r#"decimal = ",""#,
            r#"thousands = " ""#,
            r#"missing = ["n.d."]"#,
            r#"{ id = "AGE", column = "Âge" },"#,
            r#"period = { column = "Année" }"#,
            r#"measure = [{ column = "Décès (nombre)" }]"#,
        ],
    );
    assert_eq!(observations[0], r#"2 REF_AREA=FJ AGE=0 2001 "1 234,5"=1234.5"#);
}

#[test]
fn a_figure_is_never_offered_as_missing() {
    for odd in ["12.3p", "(13.5)", "12%", "<5", "INF", "-∞"] {
        let table = format!(
            "Country,Year,Value\nFiji,2018,100\nTonga,2018,{odd}\nSamoa,2018,9\nPalau,2018,7\nNauru,2018,7\n"
        );
        let text = proposed(&table, "x.csv").unwrap();
        assert!(
            text.contains("missing = [\"\"]") && text.contains("refused") && text.contains(odd),
            "{text}"
        );
        assert_eq!(observations(&text, &table).1.faults.total(), 1, "{text}");
    }
}

#[test]
fn a_column_of_percentages_is_the_measure() {
    let (rules, observations) =
        mapped("Country,Year,Coverage (%)\nFiji,2018,95 %\nTonga,2018,93.5%\n", "x.csv");
    has(&rules, &[r#"suffix = "%""#, r#"measure = [{ column = "Coverage (%)" }]"#]);
    assert_eq!(observations[1], r#"3 REF_AREA=TO 2018 "93.5%"=93.5"#);
}

#[test]
fn figures_of_several_kinds_under_years_are_all_measures() {
    let table = "Country,2018_M,2018_F,2019_M,2019_F,2020_M,2020_F\nFiji,1,2,3,4,5,6\nTonga,1,2,3,4,5,6\n";
    let (rules, observations) = mapped(table, "x.csv");
    has(&rules, &[r#"{ wide = "*_M", dimensions = { INDICATOR = "M" } },"#]);
    assert_eq!(observations.len(), 12);
    assert_eq!(observations[0], r#"2 REF_AREA=FJ INDICATOR=F 2018 "2"=2"#);
    let (rules, observations) =
        mapped("Country,i1990,i2000,i2010,i1500\nFiji,1,2,3,4\nTonga,1,2,3,4\n", "x.csv");
    has(&rules, &[r#"period = { wide = "i*" }"#, r#"{ id = "I1500", column = "i1500" },"#]);
    assert_eq!(observations.len(), 6);
    let (rules, observations) = mapped("Country,2018Q1,2018Q2\nFiji,1,2\nTonga,1,2\n", "x.csv");
    has(&rules, &[r#"period = { wide = "*", spelling = "2018Q1" }"#]);
    assert_eq!(observations[1], r#"2 REF_AREA=FJ 2018-Q2 "2"=2"#);
}

#[test]
fn two_ways_of_writing_that_fit_are_told() {
    let text = proposed("Land;Jahr;Zahl\nFJ;2018;1.234\nVU;2018;12.345\nTO;2019;100.000\n", "x.csv").unwrap();
    assert!(text.contains("\"1.234\" is read as 1.234, and may be 1234."), "{text}");
    let text = proposed("Land;Jahr;Zahl\nFJ;2018;1234\nVU;2018;12.3\n", "x.csv").unwrap();
    assert!(!text.contains("TWO WAYS"), "{text}");
}

#[test]
fn periods_in_other_spellings_are_found() {
    for (periods, rule) in [
        (["2018Q1", "2018Q2"], r#"period = { column = "Period", spelling = "2018Q1" }"#),
        (["2018M01", "2018M12"], r#"period = { column = "Period", spelling = "2018M01" }"#),
        (["Jan 2018", "Dec 2018"], r#"period = { column = "Period", spelling = "Jan 2018" }"#),
        (["2018.0", "2019.0"], r#"period = { column = "Period", spelling = "2018.0" }"#),
        (["31/12/2018", "01/02/2018"], r#"period = { column = "Period", spelling = "31/12/2018" }"#),
        (["03/12/2018", "01/02/2018"], r#"period = { column = "Period" }"#),
        (["2018/19", "2019/20"], r#"period = { column = "Period" }"#),
        (["2018-2019", "2019-2020"], r#"period = { column = "Period" }"#),
    ] {
        let [first, second] = periods;
        let table = format!("Country,Period,Value\nFiji,{first},1.5\nFiji,{second},2\n");
        let (rules, observations) = mapped(table, "x.csv");
        has(&rules, &[rule]);
        assert_eq!(observations.len(), if rule.contains("spelling") { 2 } else { 0 }, "{rules:?}");
    }
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    for table in ["Country,Year,Value,Value\nFiji,2018,1,1\n", "Country,2018,2019,2019\nFiji,1,2,3\n"] {
        let Err(IntakeError::Refused(refused)) = proposed(table, "x.csv") else { panic!("{table}") };
        assert_eq!(refused.faults.kept()[0].code, "csv.header");
    }
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
