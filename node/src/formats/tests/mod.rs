use std::io::Cursor;

use super::{
    model::{Action, DataSet, Message, Observation, Pairs},
    *,
};

mod bounds;
mod corpus;
mod csv;
mod json;
mod mutations;
mod structures;
mod xml;

fn look_at(bytes: impl AsRef<[u8]>) -> Report {
    look_with(bytes, None)
}

fn look_with(bytes: impl AsRef<[u8]>, definitions: Option<&Catalogue>) -> Report {
    let (mut found, mut tally) = (Catalogue::default(), Tally::new(definitions));
    pour(bytes.as_ref(), definitions, &mut found, &mut tally);
    tally.end().unwrap();
    Report::of(tally, &found)
}

fn pour(bytes: &[u8], definitions: Option<&Catalogue>, found: &mut Catalogue, sink: &mut dyn Sink) {
    let guide = Guide { structure: definitions, mapping: None };
    if let Err(stop) = read_message(&mut Cursor::new(bytes), guide, found, &mut *sink) {
        stop.tell(sink);
    }
}

fn definitions(structure: &str) -> Catalogue {
    let (mut found, mut tally) = (Catalogue::keeping_codes(), Tally::new(None));
    pour(structure.as_bytes(), None, &mut found, &mut tally);
    assert_eq!(tally.faults.lines(), [], "{structure}");
    found
}

/// What the second sink hears: everything, as text.
#[derive(Default)]
struct Heard(Vec<String>);

fn heard(bytes: impl AsRef<[u8]>) -> Vec<String> {
    let mut heard = Heard::default();
    pour(bytes.as_ref(), None, &mut Catalogue::default(), &mut heard);
    heard.0
}

fn joined(pairs: &Pairs) -> String {
    pairs.iter().map(|(id, value)| format!("{id}={value}")).collect::<Vec<_>>().join(" ")
}

impl Sink for Heard {
    fn message(&mut self, _: Message) {}
    fn data_set(&mut self, _: &DataSet<'_>) {}

    fn series(&mut self, key: &Pairs, _: Action) {
        self.0.push(format!("series {}", joined(key)));
    }

    fn observation(&mut self, o: &Observation<'_>) {
        let value = o.value.unwrap_or("-");
        let text = format!("{} {:?} {} | {value} | {}", o.row, o.action, joined(o.key), joined(o.attributes));
        self.0.push(text.trim_end().to_owned());
    }

    fn fault(&mut self, fault: Fault) {
        self.0.push(fault.to_string());
    }
}

/// Code and row of each line.
fn faults(report: &Report) -> Vec<(&'static str, u64)> {
    report.faults.iter().map(|f| (f.code, f.row.unwrap_or_default())).collect()
}

/// The only fault; the file was not read as a whole.
fn refusal(bytes: impl AsRef<[u8]>) -> &'static str {
    let report = look_at(bytes);
    assert!(!report.is_whole(), "{report:?}");
    match report.faults.as_slice() {
        [only] => only.code,
        many => panic!("one fault, not {many:?}"),
    }
}

#[test]
fn the_report_has_the_fields_that_scripts_rely_on() {
    let report =
        look_at("DATAFLOW,FREQ,TIME_PERIOD,OBS_VALUE\nA:B(1.0),A,2001,1.5\nA:B(1.0),A,2002-Q9,INF\n");
    let expected = serde_json::json!({
        "format": "SDMX-CSV", "version": "1.0", "kind": "data", "observations": 2, "series": 0,
        "dimensions": ["FREQ", "TIME_PERIOD"], "period": {"first": "2001", "last": "2001"}, "sum": 1.5, "codes": 0,
        "faults": [
            {"row": 3, "code": "period.illegal", "message": "\"2002-Q9\" is no SDMX time period"},
            {"row": 3, "code": "value.infinite", "message": "\"INF\" is no number that can be published"},
        ],
    });
    assert_eq!(report.json(), expected);
    assert!(!report.is_whole());
    let page = report.page();
    assert!(
        page.contains("  dimensions    FREQ, TIME_PERIOD (presumed: --structure would tell)\n"),
        "{page}"
    );
}

#[test]
fn what_is_no_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let code = |path: &Path| inspect(path, None, None).faults.first().map(|f| f.code);
    assert_eq!(code(dir.path()), Some("file.kind"));
    assert_eq!(code(&dir.path().join("absent")), Some("file.io"));
    let empty = dir.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    assert_eq!(code(&empty), Some("file.empty"));
    let data = dir.path().join("data.csv");
    std::fs::write(&data, "DATAFLOW,FREQ,OBS_VALUE\nA:B(1.0),A,1\n").unwrap();
    let report = inspect(&data, Some(&data), None);
    assert_eq!((report.is_whole(), faults(&report)), (false, vec![("structure.unreadable", 0)]));
}

#[test]
fn one_wrapping_is_taken_off_and_no_more() {
    use std::io::Write;
    let dir = tempfile::tempdir().unwrap();
    let text = b"DATAFLOW,FREQ,OBS_VALUE\nA:B(1.0),A,1\n";
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let look = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        inspect(&path, None, None)
    };
    assert_eq!((look("a.gz", &packed(text)).observations, look("b", text).observations), (1, 1));
    for (bytes, word) in [
        (packed(&packed(text)), "archive inside an archive"),
        (packed(&vec![b' '; 64 << 20]), "bomb"),
        (packed(text)[..30].to_vec(), ""),
    ] {
        let report = look("c.gz", &bytes);
        let [fault] = report.faults.as_slice() else { panic!("{:?}", report.faults) };
        assert!(!report.is_whole() && fault.message.contains(word), "{fault:?}");
    }
}

/// The same three observations in every format are the same three observations.
#[test]
fn formats_agree() {
    let csv = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,SEX,TIME_PERIOD,OBS_VALUE\n\
        dataflow,A:B(1.0),I,A,F,2001,1.5\ndataflow,A:B(1.0),I,A,F,2002,-0\ndataflow,A:B(1.0),I,A,M,2003-05,1e2\n";
    let flat = r#"<GenericData xmlns="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"><Header/><DataSet>
        <Obs><ObsKey><Value id="FREQ" value="A"/><Value id="SEX" value="F"/><Value id="TIME_PERIOD" value="2001"/></ObsKey><ObsValue value="1.5"/></Obs>
        <Obs><ObsKey><Value id="FREQ" value="A"/><Value id="SEX" value="F"/><Value id="TIME_PERIOD" value="2002"/></ObsKey><ObsValue value="-0"/></Obs>
        <Obs><ObsKey><Value id="FREQ" value="A"/><Value id="SEX" value="M"/><Value id="TIME_PERIOD" value="2003-05"/></ObsKey><ObsValue value="1e2"/></Obs>
        </DataSet></GenericData>"#;
    let specific = r#"<m:StructureSpecificData xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v3_0/message">
        <m:DataSet><Series FREQ="A" SEX="F"><Obs TIME_PERIOD="2001" OBS_VALUE="1.5"/><Obs TIME_PERIOD="2002" OBS_VALUE="-0"/></Series>
        <Series FREQ="A" SEX="M"><Obs TIME_PERIOD="2003-05" OBS_VALUE="1e2"/></Series></m:DataSet></m:StructureSpecificData>"#;
    let json = r#"{"data":{"dataSets":[{"structure":0,"observations":{"0:0":[1.5],"0:1":[-0],"1:2":[1e2]}}],
        "structures":[{"dimensions":{"dataSet":[{"id":"FREQ","keyPosition":0,"values":[{"id":"A"}]}],
        "observation":[{"id":"SEX","keyPosition":1,"values":[{"id":"F"},{"id":"M"}]},
        {"id":"TIME_PERIOD","keyPosition":2,"values":[{"id":"2001"},{"value":"2002"},"2003-05"]}]}}]}}"#;
    for text in [csv, flat, specific, json] {
        let report = look_at(text);
        assert_eq!(faults(&report), [], "{text}");
        let seen = (report.observations, report.sum, report.first.as_deref(), report.last.as_deref());
        assert_eq!(seen, (3, Some(101.5), Some("2001"), Some("2003-05")), "{text}");
        assert_eq!(report.dimensions, ["FREQ", "SEX", "TIME_PERIOD"], "{text}");
        assert!(report.is_whole());
    }
}
