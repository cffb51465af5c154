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
        self.convert_with(from, format, None)
    }

    fn convert_with(
        &self,
        from: &Path,
        format: Format,
        structure: Option<&str>,
    ) -> Result<(PathBuf, u64), TableError> {
        let to = self.0.path().join(format!("out.{}", format.extension()));
        let origin = [("talanoa.release", "FJ/A@1".to_owned())];
        let found = structure.map(|text| formats::read_structure(&mut io::Cursor::new(text)).unwrap().0);
        let guide = Guide { structure: found.as_ref(), mapping: None };
        convert(from, &to, format, guide, &origin).map(|written| (to, written.rows))
    }

    fn text_with(&self, text: &str, format: Format, structure: &str) -> String {
        let from = self.write("from", text);
        fs::read_to_string(self.convert_with(&from, format, Some(structure)).unwrap().0).unwrap()
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
    assert!(text.contains("datastructure,A:C(1.0),R,FJ,2002,2"), "{text}");
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

const DSD: &str = r#"<m:Structure xmlns:s="s" xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v3_0/message"><m:Header/><m:Structures>
<s:DataStructures><s:DataStructure id="B" agencyID="A" version="1.2"><s:DataStructureComponents>
<s:DimensionList><s:Dimension id="SEX"/><s:Dimension id="REF_AREA"/><s:TimeDimension/></s:DimensionList>
<s:AttributeList><s:Attribute id="OBS_STATUS"/></s:AttributeList>
<s:MeasureList><s:Measure id="BIRTHS"/><s:Measure id="DEATHS"/></s:MeasureList></s:DataStructureComponents></s:DataStructure></s:DataStructures>
</m:Structures></m:Structure>"#;

/// The table was checked by its structure, so it is read by it: semicolons, decimal commas and all.
#[test]
fn a_plain_table_with_a_structure_is_read_as_it_was_published() {
    let scene = Scene::new();
    let dsd =
        DSD.replace("<s:Measure id=\"BIRTHS\"/><s:Measure id=\"DEATHS\"/>", "<s:Measure id=\"OBS_VALUE\"/>");
    let text = "REF_AREA;SEX;TIME_PERIOD;OBS_VALUE;OBS_STATUS\nFJ;F;2018;1,5;A\nFJ;F;2019;2,5;A\n";
    let json: serde_json::Value = serde_json::from_str(&scene.text_with(text, Format::Json, &dsd)).unwrap();
    assert_eq!((json[0]["OBS_VALUE"].as_f64(), json[1]["TIME_PERIOD"].as_str()), (Some(1.5), Some("2019")));
    // In the order of the key, and named as the structure is.
    assert_eq!(
        scene.text_with(text, Format::SdmxCsv, &dsd),
        "STRUCTURE,STRUCTURE_ID,ACTION,SEX,REF_AREA,TIME_PERIOD,OBS_VALUE,OBS_STATUS\n\
         datastructure,A:B(1.2),I,F,FJ,2018,1.5,A\ndatastructure,A:B(1.2),I,F,FJ,2019,2.5,A\n"
    );
    let from = scene.write("a.csv", "REF_AREA,TIME_PERIOD,OBS_VALUE\nFJ,2018,1\n");
    let refused = scene.convert(&from, Format::SdmxCsv).unwrap_err();
    assert!(refused.to_string().contains("--format csv"), "{refused}");
    let ragged = scene.write("a.csv", "geo,year\nFJ,2018\nFJ,2018,1\n");
    let refused = scene.convert(&ragged, Format::Csv).unwrap_err();
    assert!(refused.to_string().contains("csv.columns in row 3: 3 cells, the header has 2"), "{refused}");
}

#[test]
fn a_message_that_names_no_structure_is_no_sdmx_csv_without_one() {
    let scene = Scene::new();
    let message = |links: &str| {
        format!(
            r#"{{"data":{{"structures":[{{{links}"dimensions":{{"observation":[{{"id":"TIME_PERIOD","keyPosition":2,"values":["2001"]}},{{"id":"REF_AREA","keyPosition":1,"values":["FJ"]}},{{"id":"SEX","keyPosition":0,"values":["F"]}}]}}}}],
            "dataSets":[{{"action":"Append","observations":{{"0:0:0":[1]}}}}]}}}}"#
        )
    };
    let file = scene.write("a.json", &message(""));
    let refused = scene.convert(&file, Format::SdmxCsv).unwrap_err();
    assert!(refused.to_string().contains("--structure"), "{refused}");
    assert_eq!(scene.text(&file, Format::Csv), "SEX,REF_AREA,TIME_PERIOD,OBS_VALUE\nF,FJ,2001,1\n");
    let link = r#""links":[{"rel":"datastructure","urn":"urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure=A:B(1.2.3)"}],"#;
    let named = scene.text(&scene.write("a.json", &message(link)), Format::SdmxCsv);
    assert!(named.ends_with("\ndatastructure,A:B(1.2.3),A,F,FJ,2001,1\n"), "{named}");
}

#[test]
fn every_measure_is_a_column_of_its_own() {
    let scene = Scene::new();
    let text = "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,SEX,TIME_PERIOD,BIRTHS,DEATHS,OBS_STATSU\n\
        datastructure,A:B(1.2),I,FJ,F,2018,5,7.5,A\n";
    let json = scene.text_with(text, Format::Json, DSD);
    let row = &serde_json::from_str::<serde_json::Value>(&json).unwrap()[0];
    assert_eq!((&row["BIRTHS"], &row["DEATHS"], &row["OBS_STATSU"]), (&5.into(), &7.5.into(), &"A".into()));
    assert!(row.get("OBS_VALUE").is_none(), "{json}");
}

const SEVERAL: &str = "STRUCTURE[|],STRUCTURE_ID,ACTION,D,OBS_VALUE,SOURCE[]\n\
    dataflow,A:B(1.0),M,x,1,CENSUS|SURVEY;2\ndataflow,A:B(1.0),M,y,2,CENSUS\n";

#[test]
fn several_values_of_a_component_are_several_in_every_form() {
    let scene = Scene::new();
    let file = scene.write("a.csv", SEVERAL);
    assert!(scene.text(&file, Format::Csv).contains("x,1,CENSUS; SURVEY;2\n"));
    let json: serde_json::Value = serde_json::from_str(&scene.text(&file, Format::Json)).unwrap();
    assert_eq!(json[0]["SOURCE"], serde_json::json!(["CENSUS", "SURVEY;2"]));
    assert_eq!(json[1]["SOURCE"], "CENSUS");
    let sdmx = scene.text(&file, Format::SdmxCsv);
    assert_eq!(
        sdmx,
        "STRUCTURE[;],STRUCTURE_ID,ACTION,D,OBS_VALUE,SOURCE[]\n\
         dataflow,A:B(1.0),M,x,1,\"CENSUS;\"\"SURVEY;2\"\"\"\ndataflow,A:B(1.0),M,y,2,CENSUS\n"
    );
    let again = scene.write("b.csv", &sdmx);
    assert_eq!(scene.text(&again, Format::SdmxCsv), sdmx);
    let (path, _) = scene.convert(&file, Format::Parquet).unwrap();
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let first = reader.get_row_iter(None).unwrap().next().unwrap().unwrap().to_string();
    assert!(first.contains("SOURCE: \"CENSUS; SURVEY;2\""), "{first}");
}

#[test]
fn names_of_columns_are_unique_and_empty_ones_of_the_structure_are_left_out() {
    let scene = Scene::new();
    let text = "DATAFLOW,D,OBS_VALUE,REPEATED_KEY\nA:B(1.0),x,,y\nA:B(1.0),x,,y\n";
    let csv = scene.text(&scene.write("a.csv", text), Format::Csv);
    assert!(csv.starts_with("STRUCTURE,STRUCTURE_ID,D,OBS_VALUE,REPEATED_KEY,REPEATED_KEY_2\n"), "{csv}");
    let (path, _) = scene.convert(&scene.write("a.csv", text), Format::Parquet).unwrap();
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let schema = reader.metadata().file_metadata().schema_descr();
    assert_eq!(schema.column(3).physical_type(), ::parquet::basic::Type::DOUBLE, "a measure, all missing");
    let unnamed = scene.text(&scene.write("a.csv", "D,TIME_PERIOD,OBS_VALUE\nx,2001,1\n"), Format::Csv);
    assert_eq!(unnamed, "D,TIME_PERIOD,OBS_VALUE\nx,2001,1\n");
}

/// Texts of 30 KB and thousands of columns: what is held at once is bounded by its bytes.
#[test]
fn a_parquet_file_of_wide_or_long_rows_has_several_row_groups() {
    let scene = Scene::new();
    let text = |n: u32| {
        (0..20)
            .map(|m| blake3::hash(&[n.to_be_bytes(), (m as u32).to_be_bytes()].concat()).to_hex().to_string())
            .collect::<String>()
    };
    let long: String = (0..2000).map(|n| format!("{n},{}\n", text(n))).collect();
    let file = scene.write("a.csv", &format!("a,b\n{long}"));
    let (path, rows) = scene.convert(&file, Format::Parquet).unwrap();
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    assert_eq!(rows, 2000);
    assert!(reader.metadata().num_row_groups() > 1, "{}", reader.metadata().num_row_groups());
}
