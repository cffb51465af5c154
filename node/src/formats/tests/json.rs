use super::*;

fn flat(data_set: &str) -> String {
    format!(
        r#"{{"meta":{{"schema":"https://json.sdmx.org/2.1.0/sdmx-json-data-schema.json"}},
"data":{{"dataSets":[{{{data_set}}}],"structures":[{{"dimensions":{{"observation":[
{{"id":"TIME_PERIOD","keyPosition":1,"values":[{{"id":"2001"}},{{"id":"2002"}}]}},
{{"id":"SEX","keyPosition":0,"values":[{{"id":"F"}}]}}]}},
"attributes":{{"observation":[{{"id":"ST","values":[{{"id":"A"}}]}},{{"id":"NOTE"}}]}}}}]}}}}"#
    )
}

#[test]
fn indexes_mean_values_and_numbers_keep_their_digits() {
    let text = flat(
        r#""observations":{"0:0":[9223372036854775808,0,"a: \"b\""],"1:0":[18446744073709551617.5,null,{"en":"x"}]}"#,
    );
    assert_eq!(
        heard(&text),
        [
            r#"2 Information TIME_PERIOD=2001 SEX=F | 9223372036854775808 | ST=A NOTE=a: "b""#,
            r#"2 Information TIME_PERIOD=2002 SEX=F | 18446744073709551617.5 | NOTE={"en":"x"}"#,
        ]
    );
    let report = look_at(&text);
    assert_eq!((report.format(), report.version()), ("SDMX-JSON", "2.1.0"));
    assert_eq!(report.dimensions, ["SEX", "TIME_PERIOD"]);
}

#[test]
fn an_action_behind_the_observations_counts_as_one_before() {
    let report = look_at(flat(r#""observations":{"0:0":[1]},"action":"Delete""#));
    assert_eq!((report.observations, report.deleted, report.sum, report.is_whole()), (0, 1, None, true));
    assert_eq!(refusal(flat(r#""observations":{"0:0":[1]},"action":"Drop""#)), "sdmx.action");
}

#[test]
fn series_and_the_layout_before_1_0_are_read() {
    let text = r#"{"header":{"id":"x"},"dataSets":[{"action":"Information","series":{
        "0":{"attributes":[0],"observations":{"0":[1.5],"1":[null]}},"1":{"observations":{}}}}],
        "structure":{"dimensions":{"dataSet":[{"id":"FREQ","values":[{"id":"A"}]}],
        "series":[{"id":"SEX","values":[{"id":"F"},{"id":"M"}]}],
        "observation":[{"id":"TIME","role":"TIME_PERIOD","values":[{"id":"2001"},{"id":"2002"}]}]}}}"#;
    let report = look_at(text);
    assert_eq!((report.version(), report.observations, report.series), ("pre-1.0", 2, 2));
    assert_eq!((report.sum, report.last.as_deref()), (Some(1.5), Some("2002")));
    assert_eq!(faults(&report), []);
}

#[test]
fn several_measures_have_one_that_is_primary() {
    let two = r#"{"data":{"structures":[{"dimensions":{"observation":[{"id":"SEX","values":["F"]}]},
        "measures":{"observation":[{"id":"LOW"},{"id":"OBS_VALUE","values":[{"value":7.25}]}]},
        "attributes":{"observation":[{"id":"ST","values":["A"]}]}}],"dataSets":[{"observations":{"0":[1,0,0]}}]}}"#;
    assert_eq!(heard(two), ["3 Information SEX=F | 7.25 | ST=A"]);
}

#[test]
fn a_message_that_lists_no_measure_has_none() {
    let text = flat(r#""observations":{"0:0":[0]}"#);
    let none = text.replace(r#""attributes":"#, r#""measures":{"observation":[]},"attributes":"#);
    assert_eq!(heard(none), ["2 Information TIME_PERIOD=2001 SEX=F | - | ST=A"]);
    assert_eq!(heard(text), ["2 Information TIME_PERIOD=2001 SEX=F | 0 |"]);
}

#[test]
fn flat_observations_have_the_dimensions_of_series_too() {
    let text = r#"{"data":{"structures":[{"dimensions":{"series":[{"id":"SEX","values":["F","M"]}],
        "observation":[{"id":"TIME","roles":["TIME_PERIOD"],"values":["2001","2002"]}]}}],
        "dataSets":[{"observations":{"0:1":[1],"1:0":[2],"0":[4]}}]}}"#;
    assert_eq!(
        heard(text),
        [
            "3 Information SEX=F TIME_PERIOD=2002 | 1 |",
            "3 Information SEX=M TIME_PERIOD=2001 | 2 |",
            "error json.index in row 3: the key \"0\" has an index that means nothing in the structure",
        ]
    );
}

#[test]
fn messages_may_be_empty() {
    let schema =
        |name: &str| format!(r#"{{"meta":{{"schema":"https://x/2.0.0/sdmx-json-{name}-schema.json"}}"#);
    let dimensions = r#"{"dimensions":{"observation":[{"id":"SEX","values":["F"]}]}}"#;
    for (text, kind) in [
        (schema("structure") + "}", Kind::Structure),
        (schema("structure") + r#","data":{}}"#, Kind::Structure),
        (schema("metadata") + r#","data":{}}"#, Kind::Metadata),
        (schema("data") + "}", Kind::Data),
        (format!(r#"{{"data":{{"structure":{dimensions}}}}}"#), Kind::Data),
        (format!(r#"{{"data":{{"structures":[{dimensions}]}}}}"#), Kind::Data),
    ] {
        let report = look_at(&text);
        assert_eq!((report.kind(), report.is_whole(), report.observations), (Some(kind), true, 0), "{text}");
    }
    assert_eq!(refusal(r#"{"meta":{"id":"x"},"data":{"structure":{}}}"#), "sdmx.unknown");
}

#[test]
fn versions_are_where_the_schema_has_them() {
    let schema = |path: &str| flat("").replace("json.sdmx.org/2.1.0", path);
    let dsd =
        |part: &str| format!(r#"{{"data":{{"dataStructures":[{{"dataStructureComponents":{{{part}}}}}]}}}}"#);
    for (text, version) in [
        (schema("x/sdmx-json/v2.0.1/data-message/tools/schemas"), "2.0.1"),
        (schema("x/sdmx-json/develop/data-message/tools/schemas/1.0"), "1.0"),
        (schema("x/vendor"), "2.x"),
        (dsd(r#""dimensionList":{"timeDimension":{}}"#), "2.x"),
        (dsd(r#""measureList":{"measures":[]}"#), "2.x"),
        (dsd(r#""dimensionList":{"timeDimensions":[]}"#), "1.0"),
    ] {
        assert_eq!(look_at(&text).version(), version, "{text}");
    }
}

#[test]
fn equal_keys_are_refused_wherever_they_are() {
    for text in [
        flat(r#""observations":{"0:0":[1],"0:0":[2]}"#),
        flat(r#""observations":{"0:0":[1],"\u0030:0":[2]}"#),
        flat(r#""observations":{"0:0":[1]},"observations":{"1:0":[2]}"#),
        flat(r#""observations":{"0:0":[1,null,{"en":"a","en":"b"}]}"#),
        flat(r#""links":[{"a":{"b":1,"b":2}}]"#),
        flat("").replacen("\"meta\"", "\"data\":null,\"meta\"", 1),
        flat("").replace(r#""keyPosition":1"#, r#""id":"SEX""#),
    ] {
        assert_eq!(refusal(&text), "json.duplicate", "{text}");
    }
    let report = look_at(flat(r#""observations":{"0:0":[1],"0:0":[2]}"#));
    assert_eq!(report.faults[0].message, r#"the key "0:0" is twice in one object"#);
}

#[test]
fn indexes_that_mean_nothing_are_told_and_hide_no_other() {
    let report =
        look_at(flat(r#""observations":{"0:9":[1],"x:0":[2],"0:0:0":[4],"0":[8],"0:0":[16],"1:0":[32,7]}"#));
    assert_eq!((report.observations, report.sum, report.is_whole()), (2, Some(48.0), false));
    assert_eq!(report.fault_count(), 5);
    assert_eq!(refusal(flat(r#""structure":3,"observations":{"0:0":[1]}"#)), "json.structure");
    assert_eq!(refusal(flat(r#""observations":{"0:0":5}"#)), "json.observation");
}

#[test]
fn broken_documents_are_no_success() {
    let whole = flat(r#""observations":{"0:0":[1]}"#);
    assert!(look_at(&whole).is_whole());
    for end in 1..whole.len() {
        let report = look_at(&whole[..end]);
        assert!(!report.is_whole() && !report.faults.is_empty(), "{}", &whole[..end]);
    }
    for (text, code) in [
        (whole.clone() + "x", "json.syntax"),
        (whole.clone() + "{}", "json.syntax"),
        (whole.replace("[1]", "[NaN]"), "json.syntax"),
        (whole.replace("[1]", "[01]"), "json.syntax"),
        (whole.replace("[1]", "[1e999]"), "value.infinite"),
        (whole.replace("[1]", "[\"INF\"]"), "value.infinite"),
        (whole.replace("\"2001\"", "\"2001-13\""), "period.illegal"),
        (whole.replace("2.1.0", "3.0.0"), "sdmx.version"),
        (whole.replace("[1]", "[1\0]"), "encoding.nul"),
        ("[1,2]".to_owned(), "json.layout"),
        ("{}".to_owned(), "sdmx.unknown"),
        (r#"{"name":"npm","version":"1.0"}"#.to_owned(), "sdmx.unknown"),
    ] {
        assert_eq!(refusal(&text), code, "{text}");
    }
}

#[test]
fn error_messages_are_shown_and_never_data() {
    for text in [
        r#"{"meta":{},"errors":[{"code":404,"title":"No results"}]}"#,
        r#"{"errors":[{"code":"404","detail":"No results"}]}"#,
        r#"{"errors":["404 No results"]}"#,
        r#"{"errors":{"code":404,"title":"No results"}}"#,
        r#"{"errors":"404 No results"}"#,
    ] {
        let report = look_at(text);
        assert_eq!((report.kind(), report.is_whole()), (Some(Kind::Error), false), "{text}");
        assert_eq!(report.faults[0].message, "404 No results");
    }
}

/// More keys than are remembered at once; a test remembers few.
#[test]
fn equal_keys_far_from_each_other_are_found_too() {
    let values = |n: usize| (0..n).map(|i| format!("\"{i}\"")).collect::<Vec<_>>().join(",");
    let keys = |more: &str| {
        let keys = (0..2000).map(|i| format!("\"{i}\":[1]")).collect::<Vec<_>>().join(",");
        format!(
            r#"{{"data":{{"structures":[{{"dimensions":{{"observation":[{{"id":"A","values":[{}]}}]}}}}],"dataSets":[{{"observations":{{{keys}{more}}}}}]}}}}"#,
            values(2001)
        )
    };
    let report = look_at(keys(r#","2000":[1]"#));
    assert_eq!((report.observations, faults(&report)), (2001, vec![]));
    for again in [0, 10, 399, 1000, 1999] {
        let report = look_at(keys(&format!(r#","{again}":[1]"#)));
        assert!(!report.is_whole());
        assert_eq!(report.faults.last().map(|f| f.code), Some("json.duplicate"), "{again}");
    }
}

/// Attributes of the data set, of a group and of a series are of every observation below them.
#[test]
fn attributes_of_data_set_group_and_series_are_of_each_observation() {
    let text = r#"{"meta":{"schema":"2.0.0"},"data":{"structures":[{"dimensions":{"series":[{"id":"B","values":["b","c"]}],
        "observation":[{"id":"TIME_PERIOD","values":["2001","2002"]}]},
        "attributes":{"dataSet":[{"id":"UNIT","values":[{"id":"PC"}]}],"series":[{"id":"T","values":[{"id":"x"},{"id":"y"}]}],"dimensionGroup":[{"id":"G","values":["g","h"]}],
        "observation":[{"id":"C","values":["v"]}]}}],
        "dataSets":[{"action":"Replace","attributes":[0],"dimensionGroupAttributes":{"1:":[1],"0:1":[0]},"series":{"0":{"attributes":[1],"observations":{"0":[1.5,0],"1":[2]}},
        "1":{"attributes":[null],"observations":{"0":[3]}}}}]}}"#;
    let heard: Vec<String> = heard(text)
        .into_iter()
        .map(|line| line.split_once('|').map_or(line.clone(), |(_, rest)| rest.trim().to_owned()))
        .collect();
    assert_eq!(
        heard,
        ["series B=b", "1.5 | UNIT=PC T=y C=v", "2 | UNIT=PC T=y G=g", "series B=c", "3 | UNIT=PC G=h"]
    );
}

/// JSON has no order: what stands behind is as what stands before.
#[test]
fn attributes_behind_their_observations_hold_too() {
    let text = |data_set: &str| {
        format!(
            r#"{{"meta":{{"schema":"2.0.0"}},"data":{{"structures":[{{"dimensions":{{"series":[{{"id":"B","values":["b","c"]}}],
        "observation":[{{"id":"TIME_PERIOD","values":["2001","2002"]}}]}},
        "attributes":{{"dataSet":[{{"id":"UNIT"}}],"series":[{{"id":"T","values":["x","y"]}}],
        "dimensionGroup":[{{"id":"T"}},{{"id":"G"}}],"observation":[{{"id":"C","values":["v","w"]}}]}}}}],
        "dataSets":[{{{data_set}}}]}}}}"#
        )
    };
    let before = r#""attributes":["one"],"dimensionGroupAttributes":{"0:":["of group","g"],"1:":["of group","h"]},
        "series":{"0":{"attributes":[1],"observations":{"0":[1,[0,1]],"1":[2]}},"1":{"observations":{"0":[3]}}}"#;
    let behind = r#""series":{"0":{"observations":{"0":[1,[0,1]],"1":[2]},"attributes":[1]},"1":{"observations":{"0":[3]}}},
        "dimensionGroupAttributes":{"0:":["of group","g"],"1:":["of group","h"]},"attributes":["one"]"#;
    let sorted = |text: String| -> Vec<Vec<String>> {
        let words = |line: String| {
            let mut words: Vec<String> =
                line.split_once(' ').unwrap().1.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        };
        heard(text).into_iter().map(words).collect()
    };
    let (first, second) = (sorted(text(before)), sorted(text(behind)));
    assert_eq!(first, second);
    assert!(first[1].join(" ").contains("C=v C=w G=g Information T=y"), "{first:?}");
    assert_eq!(look_at(text(behind)).observations, 3);
}

#[test]
fn measures_beside_the_primary_one_are_told() {
    let two = r#"{"data":{"structures":[{"dimensions":{"observation":[{"id":"SEX","values":["F","M"]}]},
        "measures":{"observation":[{"id":"LOW"},{"id":"HIGH"}]}}],"dataSets":[{"observations":{"0":[1,2],"1":[3,4]}}]}}"#;
    let report = look_at(two);
    assert_eq!((report.observations, report.sum, report.is_whole()), (2, None, true));
    assert_eq!(report.faults[0].message, "the measures are LOW, HIGH, and none is OBS_VALUE: no sum is told");
}
