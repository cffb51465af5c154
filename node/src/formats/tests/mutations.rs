use proptest::prelude::*;

use super::*;

const SEEDS: [&str; 6] = [
    "STRUCTURE[;],STRUCTURE_ID,ACTION,SEX,TIME_PERIOD,OBS_VALUE,A[]\ndataflow,A:B(1.0),I,F,2001,1.5,x;y\ndataflow,A:B(1.0),D,\"F\",2002-Q1,-0,\n",
    "DATAFLOW;SEX: Sex;TIME_PERIOD;OBS_VALUE\nA:B(1.0);F: Women;2001-05;1,5\n",
    "<m:GenericData xmlns:m='http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message'><m:Header><m:Structure structureID='S' dimensionAtObservation='SEX'><Ref id='a' agencyID='b'/></m:Structure></m:Header><m:DataSet structureRef='S' action='Append'><Series><SeriesKey><Value id='F' value='&lt;A'/></SeriesKey><Obs><ObsDimension value='2001'/><ObsValue value='1'/></Obs></Series></m:DataSet><Footer><Message code='1'><Text>t</Text></Message></Footer></m:GenericData>",
    "<?xml version='1.0'?><StructureSpecificData xmlns='http://www.sdmx.org/resources/sdmxml/schemas/v3_0/message'><DataSet><Series A='1' x:action='Delete'><Obs TIME_PERIOD='2001' OBS_VALUE='1'><Comp id='x'><Value>1</Value></Comp></Obs></Series><Obs A='1' xsi:type='a:b'/></DataSet></StructureSpecificData>",
    r#"{"meta":{"schema":"2.0.0"},"data":{"structures":[{"links":[{"rel":"dataflow","urn":"a=b:c(1)"}],"dimensions":{"dataSet":[{"id":"A","values":[{"id":"a"}]}],"series":[{"id":"B","values":["b"]}],"observation":[{"id":"TIME_PERIOD","values":["2001"]}]},"attributes":{"observation":[{"id":"C","values":[1]}]}}],"dataSets":[{"action":"Replace","structure":0,"series":{"0":{"attributes":[0],"observations":{"0":[1.5,0]}}}}]}}"#,
    r#"{"data":{"codelists":[{"id":"A","agencyID":"B","codes":[{"id":"x"}]}],"dataStructures":[{"id":"D","agencyID":"B","dataStructureComponents":{"dimensionList":{"dimensions":[{"id":"A"}],"timeDimension":{}}}}]}}"#,
];

/// Bytes that mean something to one of the parsers.
const TELLING: &[u8] = b"\"'<>&;,:[]{}/\\=!-?\n\r\t 0e.\0\xff\xc3~#";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_files_never_make_it_panic(
        seed in 0..SEEDS.len(),
        edits in proptest::collection::vec((0.0..1.0, 0..4usize, 0..TELLING.len(), 0..12usize), 1..6),
    ) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        for (place, what, telling, length) in edits {
            let at = (place * bytes.len() as f64) as usize;
            let end = (at + length).min(bytes.len());
            match what {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.insert(at, TELLING[telling]),
                2 => bytes[at..end].fill(TELLING[telling]),
                _ => {
                    let again = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, again));
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        let report = look_at(&bytes);
        // Whatever it is, it is one or the other.
        prop_assert!(report.is_whole() || !report.faults.is_empty());
        prop_assert!(report.json().is_object());
        heard(&bytes);
        look_with(&bytes, Some(&Catalogue::keeping_codes()));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        for start in ["", "DATAFLOW,", "STRUCTURE,STRUCTURE_ID,", "<", "{"] {
            look_at(start.to_owned() + &text);
            look_at([start.as_bytes(), &bytes].concat());
        }
    }
}
