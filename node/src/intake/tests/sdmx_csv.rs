use proptest::prelude::*;

use super::*;

#[test]
fn structures_and_actions_are_checked() {
    assert_eq!(
        refused(sdmx("X,FJI,2019,1,A\n,FJI,2018,1,A\ni,FJI,2017,1,A")),
        [2, 3, 4].map(|r| ("sdmx.action", r))
    );
    for bad in ["AP28", "AP28:A()", ":A(1.0)", "AP28:(1.0)", "AP28:A(1.0)x", "A P:A(1.0)", "AP28:A(1.0"] {
        assert_eq!(
            refused(sdmx("I,FJI,2019,1,A").replace("AP28:A(1.0.0)", bad)),
            [("sdmx.structure", 2)],
            "{bad}"
        );
    }
    assert_eq!(warned(sdmx("I,FJI,2019,1,A").replace("dataflow", "Dataflow")), [("sdmx.structure", 2)]);
    let three = "STRUCTURE,STRUCTURE_ID,ACTION,D,M\ndataprovision,A:C(1.8.0),M,x,1\ndataflow,A.B:A(1.0+),I,x,2\n\
                 datastructure,A:B(1.0.0-draft),A,x,3\ndataflow,A.B:A(1.0+),D,x,\n";
    let checked = table(three).unwrap();
    let table = checked.table().unwrap();
    assert_eq!(
        table.structure,
        "dataflow A.B:A(1.0+), dataprovision A:C(1.8.0), datastructure A:B(1.0.0-draft)"
    );
    assert_eq!(
        (table.rows, table.observations),
        (3, 3),
        "without OBS_VALUE each row that does not delete counts"
    );
}

#[test]
fn more_structures_than_a_release_can_name_are_told() {
    let rows: String = (0..300).map(|n| format!("dataflow,AP28:{n:030}(1.0.0),I,{n}\n")).collect();
    let checked = table("STRUCTURE,STRUCTURE_ID,ACTION,OBS_VALUE\n".to_owned() + &rows).unwrap();
    assert!(checked.table().unwrap().structure.len() <= 4096);
    assert!(checked.warnings().by_code()[0].0 == "sdmx.structures" && checked.warnings().total() > 100);
}

#[test]
fn other_kinds_of_sdmx_csv_are_refused_by_name() {
    let empty = refused("DATAFLOW,SEX,OBS_VALUE\n");
    assert!(!empty.is_empty() && empty.iter().all(|(code, _)| *code == "table.empty"), "{empty:?}");
    assert_eq!(refused("STRUCTURE,X\na,b\n"), [("sdmx.unsupported", 1)]);
}

#[test]
fn labels_beside_ids_are_not_part_of_them() {
    let text = "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA: Area,TIME_PERIOD: Time,OBS_VALUE: Value\n\
                dataflow,A:B(1.0): Deaths,I,FJI: Fiji,2019: 2019,1.5\ndataflow,A:B(1.0): Deaths,I,FJI: Viti,2019,2\n";
    let checked = table(text).unwrap();
    let table = checked.table().unwrap();
    assert_eq!((table.areas.join(""), table.structure.as_str()), ("FJI".to_owned(), "dataflow A:B(1.0)"));
    assert_eq!((table.period_first.as_deref(), table.observations), (Some("2019"), 2));
    assert_eq!(places(checked.warnings()), [("key.duplicate", 3)]);
    let twice = text.replace("TIME_PERIOD: Time", "REF_AREA: Other");
    assert_eq!(refused(twice)[0], ("csv.header", 1));
}

#[test]
fn a_key_is_what_stands_before_the_value_and_the_period() {
    let text = |header: &str, rows: &str| format!("STRUCTURE,STRUCTURE_ID,{header}\n{rows}");
    let late = text(
        "ACTION,D,OBS_VALUE,TIME_PERIOD",
        "dataflow,A:B(1.0),I,x,1,2001\ndataflow,A:B(1.0),I,x,1,2002\n",
    );
    assert!(warned(&late).is_empty(), "the period is of the key wherever it stands");
    assert_eq!(warned(late.replace("2002", "2001")), [("key.duplicate", 3)]);
    assert!(warned(late.replace("2002", "2001").replacen("A:B", "A:C", 1)).is_empty(), "another structure");
    let deleting = late.replace("2002", "2001").replacen(",I,", ",D,", 1);
    assert_eq!(warned(deleting), [("sdmx.deleted", 0)], "a row that deletes is no second");
    let first = text(
        "ACTION,OBS_VALUE,D,TIME_PERIOD",
        "dataflow,A:B(1.0),I,1,x,2001\ndataflow,A:B(1.0),I,1,y,2001\n",
    );
    assert!(warned(first).is_empty(), "where no dimension stands before the value, none is known");
    let plain = text("D,OBS_VALUE", "dataflow,A:B(1.0),x,1\ndataflow,A:B(1.0),x,2\ndataflow,A:B(1.0),y,\n");
    assert_eq!(warned(&plain), [("key.duplicate", 3)]);
    assert_eq!(table(&plain).unwrap().table().unwrap().observations, 2, "ACTION may be absent");
}

#[test]
fn keys_beyond_the_limit_are_said_to_be_unchecked() {
    let rows = "I,FJI,2001,1,A\nI,FJI,2002,1,A\nI,FJI,2001,1,A";
    let checked = table_within(
        sdmx(rows).replace(",OBS_STATUS", "").replace(",A\n", "\n"),
        &Limits { columns_max: 6, ..SMALL },
    );
    assert_eq!(places(checked.unwrap().warnings()), [("key.duplicate", 4)]);
    let more = sdmx(&format!("{rows}\nI,FJI,2003,1,A\nI,FJI,2001,1,A"));
    let limits = Limits { keys_max: 2, ..Limits::default() };
    let checked = table_within(more, &limits).unwrap();
    assert_eq!(places(checked.warnings()), [("key.duplicate", 4), ("key.unchecked", 5)]);
}

#[test]
fn values_are_numbers_or_named() {
    for value in ["1e2", "-0", "NaN", "+3", ".5", "9223372036854775808"] {
        assert!(warned(sdmx(&format!("I,FJI,2019,{value},A"))).is_empty(), "{value}");
    }
    for value in ["x", "0x1F", "\"1,234\"", " 1", "nan", "-", "1 234"] {
        assert_eq!(warned(sdmx(&format!("I,FJI,2019,{value},A"))), [("value.not_a_number", 2)], "{value}");
    }
    for value in ["INF", "inf", "Infinity", "1e999"] {
        assert_eq!(refused(sdmx(&format!("I,FJI,2019,{value},A"))), [("value.infinite", 2)], "{value}");
    }
    let sign = refused(sdmx("I,FJI,2019,-INF,A"));
    assert_eq!(sign, [("cell.formula", 2), ("value.infinite", 2)]);
}

proptest! {
    #[test]
    fn well_formed_observations_count_right(rows in prop::collection::vec((1900u32..2100, prop::option::of(-1e9..1e9), 0usize..5), 1..50)) {
        let lines: Vec<String> = rows.iter().map(|(year, value, action)| {
            let value = value.map(|v: f64| v.to_string()).unwrap_or_default();
            format!("{},FJI,{year},{value},A", ["I", "A", "R", "M", "D"][*action])
        }).collect();
        let live: Vec<_> = rows.iter().filter(|(_, _, action)| *action < 4).collect();
        let checked = table(sdmx(&lines.join("\n")));
        if live.is_empty() {
            prop_assert!(checked.is_err(), "what only deletes is no table");
            return Ok(());
        }
        let checked = checked.unwrap();
        let table = checked.table().unwrap();
        prop_assert_eq!(table.observations, live.iter().filter(|(_, value, _)| value.is_some()).count() as u64);
        prop_assert_eq!(table.period_first.clone(), live.iter().map(|(year, ..)| year.to_string()).min());
        prop_assert_eq!(table.period_last.clone(), live.iter().map(|(year, ..)| year.to_string()).max());
        let years: std::collections::HashSet<_> = live.iter().map(|(year, ..)| year).collect();
        let deletes = u64::from(live.len() < rows.len());
        prop_assert_eq!(checked.warnings().total(), (live.len() - years.len()) as u64 + deletes);
    }
}

#[test]
fn version_1_names_its_dataflow_in_the_first_column() {
    let text = "DATAFLOW,FREQ: Frequency,REF_AREA: Area,TIME_PERIOD: Time,OBS_VALUE: Value,OBS_STATUS: Status\n\
                SPC:DF_CHILD(1.0): Children,A: Annual,FJ: Fiji,2020,1.5,A: Normal\n\
                SPC:DF_CHILD(1.0): Children,A: Annual,FJ: Fiji,2021,,M: Missing\n\
                SPC:DF_CHILD(1.0): Children,A: Annual,FJ: Fiji,2020,1.6,A: Normal\n";
    let checked = check(file(text), "a.csv", Claim::Table, false).unwrap();
    assert_eq!(checked.format(), Format::SdmxCsv1);
    assert_eq!(checked.media_type(), "application/vnd.sdmx.data+csv;version=1.0.0");
    let table = checked.table().unwrap();
    assert_eq!((table.rows, table.observations), (3, 2));
    assert_eq!(table.structure, "dataflow SPC:DF_CHILD(1.0)");
    assert_eq!(table.areas, ["FJ"]);
    assert_eq!(checked.warnings().total(), 1, "the same key twice: {:?}", checked.warnings().lines());
    let refused = check(file("DATAFLOW,REF_AREA,OBS_VALUE\nX,FJ,1\n"), "a.csv", Claim::Table, false);
    assert!(refused.unwrap_err().to_string().contains("AGENCY:ID"));
}
