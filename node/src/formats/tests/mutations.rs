use proptest::prelude::*;

use super::*;

const SEEDS: [&str; 6] = [
    "STRUCTURE[;],STRUCTURE_ID,ACTION,SEX,TIME_PERIOD,OBS_VALUE,A[]\ndataflow,A:B(1.0),I,F,2001,1.5,x;y\ndataflow,A:B(1.0),D,\"F\",2002-Q1,-0,\n",
    "DATAFLOW;SEX: Sex;TIME_PERIOD;OBS_VALUE\nA:B(1.0);F: Women;2001-05;1,5\n",
    "<m:GenericData xmlns:m='http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message'><m:Header><m:Structure structureID='S' dimensionAtObservation='SEX'><Ref id='a' agencyID='b'/></m:Structure></m:Header><m:DataSet structureRef='S' action='Append'><Series><SeriesKey><Value id='F' value='&lt;A'/></SeriesKey><Obs><ObsDimension value='2001'/><ObsValue value='1'/></Obs></Series></m:DataSet><Footer><Message code='1'><Text>t</Text></Message></Footer></m:GenericData>",
    "<?xml version='1.0'?><StructureSpecificData xmlns='http://www.sdmx.org/resources/sdmxml/schemas/v3_0/message' xmlns:x='x' xmlns:xsi='y'><DataSet><Series A='1' x:action='Delete'><Obs TIME_PERIOD='2001' OBS_VALUE='1'><Comp id='x'><Value>1</Value></Comp></Obs></Series><Obs A='1' xsi:type='a:b'/></DataSet></StructureSpecificData>",
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

/// A generator that repeats itself: what fails once fails again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(6) {
        let at = dice.below(bytes.len());
        let end = (at + dice.below(40)).min(bytes.len());
        match dice.below(5) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.insert(at, TELLING[dice.below(TELLING.len())]),
            2 => bytes[at..end].fill(TELLING[dice.below(TELLING.len())]),
            3 => {
                let (again, to) = (bytes[at..end].to_vec(), dice.below(bytes.len()));
                drop(bytes.splice(to..to, again));
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
}

/// Real files, altered: whatever becomes of them is read as a whole or has a fault, by inspection and intake.
#[test]
fn altered_files_of_the_corpus_are_read_or_refused() {
    let Ok(corpus) = std::env::var("TALANOA_CORPUS") else {
        println!("skipped: TALANOA_CORPUS is not set");
        return;
    };
    let oracle: serde_json::Value =
        serde_json::from_slice(&std::fs::read(Path::new(&corpus).join("oracle.json")).unwrap()).unwrap();
    let (mut dice, mut read, mut refused) = (Dice(0x7a1a_0a11_5eed_0001), 0, 0);
    for name in oracle["sdmx"].as_object().unwrap().keys() {
        let file = std::fs::read(Path::new(&corpus).join(name)).unwrap();
        // Large files differ from small ones by their length.
        let file = &file[..file.len().min(60_000)];
        for _ in 0..30 {
            let mut bytes = file.to_vec();
            mutate(&mut bytes, &mut dice);
            let report = look_at(&bytes);
            assert!(report.is_whole() || !report.faults.is_empty(), "{name}");
            *(if report.is_whole() { &mut read } else { &mut refused }) += 1;
            let taken = crate::intake::check(Cursor::new(&bytes), "x", crate::intake::Claim::Table, false);
            let is_table = taken.is_ok_and(|checked| checked.table().is_some_and(|t| t.rows > 0));
            assert!(!is_table || report.is_whole() || report.kind().is_none(), "{name}: {:?}", report.faults);
        }
    }
    println!("altered files of the corpus: {read} read as a whole, {refused} with a fault");
    assert!(read > 100 && refused > 100);
}
