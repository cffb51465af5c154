use super::*;

const GENERIC: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<m:GenericData xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
 xmlns:g="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/generic"
 xmlns:c="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common">
<m:Header><m:ID>x</m:ID><m:Test>false</m:Test><m:Prepared>2026-01-01T00:00:00</m:Prepared><m:Sender id="FJ"/>
<m:Structure structureID="S" dimensionAtObservation="TIME_PERIOD"><c:Structure><Ref agencyID="AP28" id="DEATHS" version="1.0"/></c:Structure></m:Structure></m:Header>
<m:DataSet structureRef="S" action="Replace"><g:Series><g:SeriesKey><g:Value id="REF_AREA" value="FJ"/><g:Value id="SEX" value="F"/></g:SeriesKey>
<g:Obs><g:ObsDimension value="2001"/><g:ObsValue value="1.5"/></g:Obs>
<g:Obs><g:ObsDimension value="2002"/><g:ObsValue value="NaN"/></g:Obs>
<g:Obs><g:ObsDimension value="2001"/><g:ObsValue value="2"/></g:Obs></g:Series></m:DataSet></m:GenericData>"#;

const JSON: &str = r#"{"meta":{"schema":"https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/data-message/tools/schemas/2.0.0/sdmx-json-data-schema.json","id":"x","prepared":"2026-01-01T00:00:00Z","test":false,"sender":{"id":"FJ"}},
"data":{"structures":[{"dataSets":[0],"dimensions":{"observation":[{"id":"REF_AREA","keyPosition":0,"values":[{"id":"FJ"},{"id":"VU"}]},
{"id":"TIME_PERIOD","keyPosition":1,"values":[{"id":"2001"},{"id":"2002"}]}]},"measures":{"observation":[{"id":"OBS_VALUE"}]},"attributes":{"observation":[]}}],
"dataSets":[{"structure":0,"action":"Replace","observations":{"0:0":[1.5],"1:1":[7]}}]}}"#;

#[test]
fn a_message_in_xml_is_a_table() {
    let checked = table(GENERIC).unwrap();
    let found = checked.table().unwrap();
    assert_eq!(checked.media_type(), "application/vnd.sdmx.genericdata+xml;version=2.1");
    assert_eq!((found.rows, found.observations, found.columns), (3, 3, 4));
    assert_eq!((found.period_first.as_deref(), found.period_last.as_deref()), (Some("2001"), Some("2002")));
    assert_eq!(
        (found.areas.as_slice(), found.structure.as_str()),
        (&["FJ".to_owned()][..], "datastructure AP28:DEATHS(1.0)")
    );
    assert_eq!(checked.warnings().by_code().iter().map(|w| w.0).collect::<Vec<_>>(), ["key.duplicate"]);
}

#[test]
fn a_message_in_json_is_a_table() {
    let checked = table(JSON).unwrap();
    let found = checked.table().unwrap();
    assert_eq!(checked.media_type(), "application/vnd.sdmx.data+json;version=2.0.0");
    assert_eq!((found.rows, found.observations, found.columns), (2, 2, 3));
    assert_eq!(found.areas, ["FJ", "VU"]);
    assert!(checked.warnings().is_empty());
}

#[test]
fn sdmx_csv_of_other_shapes_is_a_table_too() {
    for (text, note) in [
        (
            "STRUCTURE[|];STRUCTURE_ID;ACTION;REF_AREA: Area;TIME_PERIOD;OBS_VALUE\ndataflow;A:B(1.0);I;FJ: Fiji;2001;1,5\n",
            "semicolons",
        ),
        (
            "STRUCTURE[;],STRUCTURE_ID,ACTION,REF_AREA,TIME_PERIOD,OBS_VALUE,NOTE[]\ndataflow,A:B(1.0),I,FJ,2001,1.5,a;b\n",
            "several values",
        ),
        (
            "STRUCTURE,STRUCTURE_ID,STRUCTURE_NAME,ACTION,REF_AREA,Area,TIME_PERIOD,Time,OBS_VALUE,Value\ndataflow,A:B(1.0),Deaths,I,FJ,Fiji,2001,2001,1.5,\n",
            "names",
        ),
    ] {
        let checked = table(text).unwrap_or_else(|faults| panic!("{note}: {:?}", faults.lines()));
        let found = checked.table().unwrap();
        assert_eq!((found.rows, found.observations, checked.format()), (1, 1, Format::SdmxCsv2), "{note}");
        assert_eq!(
            (found.areas.as_slice(), found.structure.as_str()),
            (&["FJ".to_owned()][..], "dataflow A:B(1.0)"),
            "{note}"
        );
    }
}

#[test]
fn what_is_no_data_is_refused_by_name() {
    let codes =
        |text: &str| places(&table(text).unwrap_err()).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    let doctype = GENERIC.replacen("?>", "?><!DOCTYPE x SYSTEM \"file:///etc/passwd\">", 1);
    assert_eq!(codes(&doctype), ["xml.doctype"]);
    assert_eq!(codes(&GENERIC.replace("v2_1", "v2_0")), ["sdmx.version"]);
    assert_eq!(codes(&GENERIC.replace("\"1.5\"", "\"INF\"")), ["value.infinite", "key.duplicate"]);
    let deletes = GENERIC.replace("\"Replace\"", "\"Delete\"");
    let faults = table(deletes).unwrap_err();
    assert!(
        faults.lines()[0].contains("table.empty: the message deletes 3 observations"),
        "{:?}",
        faults.lines()
    );
    assert!(!table(&GENERIC[..GENERIC.len() / 2]).unwrap_err().is_empty());
    assert!(!table("{\"data\":").unwrap_err().is_empty());
    let structure = "<m:Structure xmlns:m=\"http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message\"><m:Header/></m:Structure>";
    assert!(codes(structure).contains(&"sdmx.kind"));
}
