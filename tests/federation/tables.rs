//! What statisticians send, published as it is and given back in the forms that their tools read.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use talanoa_tests::federation;

const CSV: &str = "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,AGE,CODE,TIME_PERIOD,OBS_VALUE,NOTE\n\
    dataflow,AP28:DEATHS(1.0),I,FJ,Y0T4,007,2001,1.5,=cmd()\n\
    dataflow,AP28:DEATHS(1.0),I,FJ,Y0T4,007,2002,,\"late, \"\"they\"\" say\"\n\
    dataflow,AP28:DEATHS(1.0),D,FJ,Y0T4,007,2003,9,\n\
    dataflow,AP28:DEATHS(1.0),I,VU,Y5T9,010,2001-Q1,-0.25,é\n";

const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<m:StructureSpecificData xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
 xmlns:s="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/structurespecific"
 xmlns:c="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<m:Header><m:ID>x</m:ID><m:Test>false</m:Test><m:Prepared>2026-01-01T00:00:00</m:Prepared><m:Sender id="FJ"/>
<m:Structure structureID="S" dimensionAtObservation="TIME_PERIOD" namespace="urn:x"><c:Structure><Ref agencyID="AP28" id="DEATHS" version="1.0"/></c:Structure></m:Structure></m:Header>
<m:DataSet s:structureRef="S" s:action="Replace"><Series REF_AREA="FJ" SEX="F"><Obs TIME_PERIOD="2001" OBS_VALUE="1.5" NOTE="a"/><Obs TIME_PERIOD="2002" OBS_VALUE="2"/></Series>
<Series REF_AREA="VU" SEX="M"><Obs TIME_PERIOD="2001" OBS_VALUE="-7"/></Series></m:DataSet></m:StructureSpecificData>"#;

/// Of no structure, and in another order than the key's.
const JSON: &str = r#"{"data":{"structures":[{"dimensions":{"observation":[{"id":"REF_AREA","keyPosition":1,"values":["FJ"]},
{"id":"SEX","keyPosition":0,"values":["F"]}]},"attributes":{"observation":[{"id":"SOURCE","values":["a","b"]}]}}],
"dataSets":[{"observations":{"0:0":[1.5,[0,1]]}}]}}"#;

const PLAIN: &str = "geo,year,value,code\nFJ,2001,12,007\nVU,2002,,1\nWS,2003,3,a\n";

#[test]
fn sdmx_files_are_published_as_they_are_and_come_back_in_four_forms() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    spc.talanoa(&["follow", "FJ"]).ok();
    for (dataset, name, text) in [("A", "a.csv", CSV), ("B", "b.xml", XML), ("C", "c.csv", PLAIN)] {
        let file = root.path().join(name);
        fs::write(&file, text).unwrap();
        fj.publish(&file, dataset).ok();
    }
    fj.grant("SPC", "all");
    spc.wait_until_held(&["FJ/A@1", "FJ/B@1", "FJ/C@1"]);
    let offered = spc.list("catalogue");
    let of = |reference: &str| offered.iter().find(|r| r["ref"] == reference).unwrap();
    assert_eq!(of("FJ/B@1")["observations"], 3);

    let mut folders = Vec::new();
    for (dataset, name, text) in [("A", "a.csv", CSV), ("B", "b.xml", XML), ("C", "c.csv", PLAIN)] {
        let reference = format!("FJ/{dataset}@1");
        let gathered = root.path().join(dataset);
        fs::create_dir_all(gathered.join("derived")).unwrap();
        for format in ["csv", "sdmx-csv", "json", "parquet"] {
            let out = root.path().join(format!("{dataset}-{format}"));
            let words = ["get", &reference, "--out", out.to_str().unwrap(), "--format", format];
            if (dataset, format) == ("C", "sdmx-csv") {
                spc.talanoa(&words).refused(1, "--format csv, json or parquet");
                assert!(!out.exists(), "nothing is half written");
                continue;
            }
            spc.talanoa(&words).ok();
            spc.talanoa(&["verify", out.to_str().unwrap()]).ok();
            assert_eq!(fs::read_to_string(out.join(name)).unwrap(), text, "signed bytes never change");
            fs::copy(out.join(name), gathered.join(name)).unwrap();
            gather(&out.join("derived"), &gathered.join("derived"));
        }
        folders.push(gathered);
    }
    ask_judge("tables.py", &folders);
    let doc = root.path().join("d.pdf");
    fs::write(&doc, "%PDF-1.7").unwrap();
    let words = ["publish", doc.to_str().unwrap(), "--dataset", "D", "--title", "fr=T", "--kind", "practice"];
    let more = ["--serves", "CRC/C/FJI/CO/5-6, 12", "--status", "draft", "--contact", "statistics office"];
    fj.talanoa(&[&words[..], &more].concat()).ok();
    let rows = fj.list("releases");
    let row = rows.iter().find(|r| r["ref"] == "FJ/D@1").unwrap();
    assert_eq!((&row["serves"], &row["status"]), (&"CRC/C/FJI/CO/5-6, 12".into(), &"draft".into()));
    let out = root.path().join("D");
    fj.talanoa(&["get", "FJ/D@1", "--out", out.to_str().unwrap(), "--format", "csv"])
        .refused(1, "no table that can be read");
    // Two files of one stem.
    let (csv, json) = (root.path().join("e.csv"), root.path().join("e.json"));
    fs::write(&csv, PLAIN).unwrap();
    fs::write(&json, JSON).unwrap();
    let words = ["publish", csv.to_str().unwrap(), json.to_str().unwrap(), "--dataset", "E", "--title", "T"];
    fj.talanoa(&words).ok();
    let out = root.path().join("E");
    fj.talanoa(&["get", "FJ/E@1", "--out", out.to_str().unwrap(), "--format", "csv"]).ok();
    assert_eq!(fs::read_to_string(out.join("derived/e.csv.csv")).unwrap(), PLAIN);
    let table = fs::read_to_string(out.join("derived/e.json.csv")).unwrap();
    assert_eq!(table, "SEX,REF_AREA,OBS_VALUE,SOURCE\nF,FJ,1.5,a; b\n");
    fj.judge();
    spc.judge();
}

const MAPPING: &str = "delimiter = \";\"\ndecimal = \",\"\nmissing = [\"..\"]\n\
    dimension = [{ id = \"REF_AREA\", column = \"Country\", area = \"name\" }, { id = \"SEX\", constant = \"F\" }]\n\
    period = { column = \"Year\" }\nmeasure = [{ column = \"Rate\" }]\n";

const STRUCTURE: &str = r#"<m:Structure xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message" xmlns:s="urn:s"><m:Header/><m:Structures>
<s:Codelists><s:Codelist id="CL_AREA" agencyID="A"><s:Code id="FJ"/><s:Code id="VU"/></s:Codelist></s:Codelists>
<s:DataStructures><s:DataStructure id="DSD" agencyID="A"><s:DataStructureComponents><s:DimensionList>
<s:Dimension id="REF_AREA"><s:LocalRepresentation><s:Enumeration><Ref id="CL_AREA" agencyID="A" class="Codelist"/></s:Enumeration></s:LocalRepresentation></s:Dimension>
<s:Dimension id="SEX"/><s:TimeDimension/></s:DimensionList><s:MeasureList><s:PrimaryMeasure id="OBS_VALUE"/></s:MeasureList></s:DataStructureComponents></s:DataStructure></s:DataStructures>
</m:Structures></m:Structure>"#;

/// What says how a table is read is signed with it, and whoever receives both reads it so.
#[test]
fn a_plain_table_comes_with_its_mapping_and_its_structure() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    spc.talanoa(&["follow", "FJ"]).ok();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("rates.csv"), "Country;Year;Rate\nFiji;2001;12,5\nVanuatu;2002;..\nFiji;2003;-1,25\n")
        .unwrap();
    fs::write(path("m.toml"), MAPPING).unwrap();
    fs::write(path("dsd.xml"), STRUCTURE).unwrap();
    let publish = |file: &str, more: &[&str]| {
        let base = ["publish", file, "--dataset", "A", "--title", "T"];
        fj.talanoa(&[&base, more].concat())
    };
    let (rates, mapping, structure) = (path("rates.csv"), path("m.toml"), path("dsd.xml"));
    let whole = ["--mapping", &mapping, "--structure", &structure];
    fs::write(path("strange.csv"), "Country;Year;Rate\nFiji;2001;12,5\nSamoa;2002;1\n").unwrap();
    publish(&path("strange.csv"), &whole).refused(1, "code.unknown in row 3: \"WS\" is no code of REF_AREA");
    publish(&rates, &["--mapping", &rates]).refused(1, "same name");
    publish(&rates, &["--mapping", &structure]).refused(1, "dsd.xml");
    publish(&rates, &["--structure", &mapping, "--mapping", &structure])
        .refused(1, "m.toml: the file was refused");
    assert!(fj.list("releases").is_empty(), "nothing is half published");
    publish(&rates, &whole).ok();

    fj.grant("SPC", "A");
    spc.wait_until_held(&["FJ/A@1"]);
    let out = path("out");
    spc.talanoa(&["get", "FJ/A@1", "--out", &out, "--format", "sdmx-csv"]).ok();
    spc.talanoa(&["verify", &out]).ok();
    let table = fs::read_to_string(Path::new(&out).join("derived/rates.sdmx.csv")).unwrap();
    assert_eq!(
        table,
        "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,SEX,TIME_PERIOD,OBS_VALUE\n\
         datastructure,A:DSD(1.0),I,FJ,F,2001,12.5\ndatastructure,A:DSD(1.0),I,VU,F,2002,\n\
         datastructure,A:DSD(1.0),I,FJ,F,2003,-1.25\n"
    );
    let inspected = spc.talanoa(&["inspect", &rates, "--mapping", &mapping, "--json"]).ok();
    let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!((&inspected["observations"], &inspected["sum"]), (&3.into(), &11.25.into()));
    let inspect = ["inspect", &rates, "--mapping", &mapping, "--structure", &structure];
    assert!(spc.talanoa(&inspect).ok().contains("REF_AREA"));
    fj.judge();
    spc.judge();
}

/// A mapping says what a table is made of: that is told as a structure, marked as inferred, signed with the rest.
#[test]
fn a_mapped_table_without_a_structure_comes_with_one_that_is_inferred() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj] = federation(root.path(), ["FJ"]);
    fj.serve();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let (rates, mapping, taken) = (path("rates.csv"), path("m.toml"), path("structure.inferred.json"));
    fs::write(&rates, "Country;Year;Rate;Note\nFiji;2001;12,5;a\nVanuatu;2002;..;\n").unwrap();
    fs::write(&mapping, format!("{MAPPING}attribute = [{{ id = \"NOTE\", column = \"Note\" }}]\n")).unwrap();
    fs::write(&taken, "x,y\n1,2\n").unwrap();
    let publish = |files: &[&str]| {
        let rest = ["--mapping", &mapping, "--dataset", "RATES", "--title", "T"];
        fj.talanoa(&[&["publish"], files, &rest].concat())
    };
    publish(&[&rates, &taken]).refused(1, "rename that file, or give it as --structure");
    assert!(fj.list("releases").is_empty(), "nothing is half published");
    publish(&[&rates]).ok();

    let out = path("out");
    fj.talanoa(&["get", "FJ/RATES@1", "--out", &out, "--format", "sdmx-csv"]).ok();
    fj.talanoa(&["verify", &out]).ok();
    let table = fs::read_to_string(Path::new(&out).join("derived/rates.sdmx.csv")).unwrap();
    assert!(
        table.ends_with("\ndatastructure,FJ:RATES(1.0.0-draft),I,VU,F,2002,,\n"),
        "the table names its structure: {table}"
    );
    let inferred = Path::new(&out).join("structure.inferred.json");
    let found = fj.talanoa(&["inspect", inferred.to_str().unwrap(), "--json"]).ok();
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["dimensions"], serde_json::json!(["REF_AREA", "SEX", "TIME_PERIOD"]));
    assert!(fs::read_to_string(&inferred).unwrap().contains("INFERRED"));
    if let Some(said) = ask_judge("structure.py", &[inferred]) {
        assert_eq!(
            said,
            "FJ:RATES(1.0.0-draft)\ndimensions REF_AREA SEX TIME_PERIOD\nattributes NOTE\nmeasures OBS_VALUE\n"
        );
    }
    fj.judge();
}

fn gather(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// Other people's readers, where `.ci/run` has installed them: what they say.
fn ask_judge(script: &str, words: &[PathBuf]) -> Option<String> {
    let Some(python) = std::env::var_os("TALANOA_JUDGE") else {
        println!("skipped: the judgement by pandas, pyarrow and pysdmx, TALANOA_JUDGE is not set");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges").join(script);
    let judged = Command::new(python).arg(script).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&judged.stdout).into_owned();
    println!("{said}{}", String::from_utf8_lossy(&judged.stderr));
    assert!(judged.status.success());
    Some(said)
}
