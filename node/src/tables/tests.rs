use std::{fs, path::PathBuf};

use ::parquet::file::reader::{FileReader, SerializedFileReader};

use super::*;
use crate::formats;

const SDMX_CSV: &str = "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,AGE,TIME_PERIOD,OBS_VALUE,NOTE\n\
    dataflow,AP28:A(1.0),I,FJ,007,2001,1.5,=cmd()\n\
    dataflow,AP28:A(1.0),I,FJ,007,2002,,late\n\
    dataflow,AP28:A(1.0),D,FJ,007,2003,9,\n\
    dataflow,AP28:A(1.0),I,VU,008,2001,-0,\"a, \"\"b\"\"\nc\"\n";

struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn convert(&self, from: &Path, format: Format) -> Result<(PathBuf, u64), TableError> {
        let to = self.0.path().join(format!("out.{}", format.extension()));
        let origin = [("talanoa.release", "FJ/A@1".to_owned())];
        convert(from, &to, format, Guide::default(), &origin).map(|written| (to, written.rows))
    }

    fn text(&self, from: &Path, format: Format) -> String {
        fs::read_to_string(self.convert(from, format).unwrap().0).unwrap()
    }
}

#[test]
fn a_table_for_people_runs_nothing_and_shows_no_deletion() {
    let scene = Scene::new();
    let text = scene.text(&scene.write("a.csv", SDMX_CSV), Format::Csv);
    assert_eq!(
        text,
        "STRUCTURE,STRUCTURE_ID,REF_AREA,AGE,TIME_PERIOD,OBS_VALUE,NOTE\n\
         dataflow,AP28:A(1.0),FJ,007,2001,1.5,'=cmd()\n\
         dataflow,AP28:A(1.0),FJ,007,2002,,late\n\
         dataflow,AP28:A(1.0),VU,008,2001,-0,\"a, \"\"b\"\"\nc\"\n"
    );
}

#[test]
fn json_keeps_digits_and_codes() {
    let scene = Scene::new();
    let file = scene.write("a.csv", SDMX_CSV);
    let read: serde_json::Value = serde_json::from_str(&scene.text(&file, Format::Json)).unwrap();
    assert_eq!(read.as_array().map(Vec::len), Some(3));
    assert_eq!((&read[0]["AGE"], &read[0]["NOTE"]), (&"007".into(), &"=cmd()".into()));
    assert_eq!((read[0]["OBS_VALUE"].to_string(), read[1]["OBS_VALUE"].is_null()), ("1.5".into(), true));
    // 2^63 + 1 is no double and no i64: as text it is what it was.
    let large = scene.write("b.csv", "DATAFLOW,D,OBS_VALUE\nA:B(1.0),x,9223372036854775809\nA:B(1.0),y,.5\n");
    let read: serde_json::Value = serde_json::from_str(&scene.text(&large, Format::Json)).unwrap();
    assert_eq!((&read[0]["OBS_VALUE"], &read[1]["OBS_VALUE"]), (&"9223372036854775809".into(), &".5".into()));
    let half = scene.write("c.csv", "DATAFLOW,D,OBS_VALUE\nA:B(1.0),x,.5\nA:B(1.0),y,+3\n");
    let read: serde_json::Value = serde_json::from_str(&scene.text(&half, Format::Json)).unwrap();
    assert_eq!((read[0]["OBS_VALUE"].as_f64(), read[1]["OBS_VALUE"].as_f64()), (Some(0.5), Some(3.0)));
}

#[test]
fn sdmx_csv_is_read_back_as_the_same_table() {
    let scene = Scene::new();
    let semicolons = "STRUCTURE[|];STRUCTURE_ID;ACTION;REF_AREA: Area;TIME_PERIOD;OBS_VALUE\n\
                      datastructure;A:B(1.0);I;FJ: Fiji;2001;1,5\ndatastructure;A:C(1.0);R;FJ: Fiji;2002;2\n";
    for text in [SDMX_CSV, semicolons] {
        let file = scene.write("a.csv", text);
        let (back, rows) = scene.convert(&file, Format::SdmxCsv).unwrap();
        let [before, after] = [&file, &back].map(|f| formats::inspect(f, None, None));
        assert!(after.is_whole(), "{:?}", after.faults);
        assert_eq!(after.observations, rows);
        assert_eq!(
            (before.observations, before.sum, before.first),
            (after.observations, after.sum, after.first)
        );
        assert_eq!(before.dimensions, after.dimensions);
        let text = fs::read_to_string(&back).unwrap();
        assert!(!text.contains('\''), "SDMX-CSV is for tools: {text}");
    }
    let text = scene.text(&scene.write("a.csv", semicolons), Format::SdmxCsv);
    assert!(text.contains("datastructure,A:C(1.0),I,FJ,2002,2"), "{text}");
}

#[test]
fn parquet_has_types_and_says_where_it_comes_from() {
    let scene = Scene::new();
    let (path, rows) = scene.convert(&scene.write("a.csv", SDMX_CSV), Format::Parquet).unwrap();
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata();
    assert_eq!((rows, metadata.num_rows()), (3, 3));
    let kinds: Vec<String> = metadata
        .schema_descr()
        .columns()
        .iter()
        .map(|c| format!("{} {}", c.name(), c.physical_type()))
        .collect();
    assert_eq!(kinds[3..6], ["AGE BYTE_ARRAY", "TIME_PERIOD BYTE_ARRAY", "OBS_VALUE DOUBLE"]);
    let origin = metadata.key_value_metadata().unwrap();
    assert!(origin.iter().any(|m| m.key == "talanoa.release" && m.value.as_deref() == Some("FJ/A@1")));
    let row = reader.get_row_iter(None).unwrap().next().unwrap().unwrap().to_string();
    assert!(row.contains("AGE: \"007\"") && row.contains("OBS_VALUE: 1.5"), "{row}");
}

#[test]
fn a_plain_table_keeps_its_columns_and_is_no_sdmx() {
    let scene = Scene::new();
    let file = scene.write("a.csv", "geo,year,deaths,code\nFJ,2001,12,007\nVU,2002,,1\n");
    assert_eq!(scene.text(&file, Format::Csv), "geo,year,deaths,code\nFJ,2001,12,007\nVU,2002,,1\n");
    let json: serde_json::Value = serde_json::from_str(&scene.text(&file, Format::Json)).unwrap();
    assert_eq!((json[0]["deaths"].as_u64(), json[0]["code"].as_str()), (Some(12), Some("007")));
    let refused = scene.convert(&file, Format::SdmxCsv).unwrap_err();
    assert!(refused.to_string().contains("--format csv"), "{refused}");
    let document = scene.write("a.pdf", "%PDF-1.7 \u{0}");
    assert!(matches!(scene.convert(&document, Format::Json), Err(TableError::NoTable(_))));
}

/// Many columns that come and go: the memory is that of the columns, and each stands in one place.
#[test]
fn attributes_that_only_some_rows_have_get_columns() {
    let scene = Scene::new();
    let text = "STRUCTURE,STRUCTURE_ID,ACTION,D,OBS_VALUE,X,Y\n\
                dataflow,A:B(1.0),I,a,1,,y\ndataflow,A:B(1.0),I,b,2,x,\n";
    let csv = scene.text(&scene.write("a.csv", text), Format::Csv);
    assert!(csv.starts_with("STRUCTURE,STRUCTURE_ID,D,OBS_VALUE,Y,X\n"), "{csv}");
    assert!(csv.ends_with("a,1,y,\ndataflow,A:B(1.0),b,2,,x\n"), "{csv}");
}

#[test]
fn rows_that_repeat_a_key_are_kept_and_marked() {
    let scene = Scene::new();
    let text = "DATAFLOW,D,TIME_PERIOD,OBS_VALUE\nA:B(1.0),x,2001,1\nA:B(1.0),y,2001,2\nA:B(1.0),x,2001,3\n";
    let file = scene.write("a.csv", text);
    let csv = scene.text(&file, Format::Csv);
    assert!(csv.starts_with("STRUCTURE,STRUCTURE_ID,D,TIME_PERIOD,OBS_VALUE,REPEATED_KEY\n"), "{csv}");
    assert!(csv.contains("x,2001,1,false\n") && csv.ends_with("x,2001,3,true\n"), "{csv}");
    let json: serde_json::Value = serde_json::from_str(&scene.text(&file, Format::Json)).unwrap();
    assert_eq!((&json[1]["REPEATED_KEY"], &json[2]["REPEATED_KEY"]), (&false.into(), &true.into()));
    let sdmx = scene.text(&file, Format::SdmxCsv);
    assert!(!sdmx.contains("REPEATED_KEY") && sdmx.ends_with("x,2001,3\n"), "a mark is no component: {sdmx}");
    let (path, _) = scene.convert(&file, Format::Parquet).unwrap();
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let last = reader.get_row_iter(None).unwrap().last().unwrap().unwrap().to_string();
    assert!(last.contains("REPEATED_KEY: true"), "{last}");
}
