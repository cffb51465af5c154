//! Small mutations of tables and mappings: any outcome will do, except a panic or an unbounded one.

use proptest::{collection::vec, prelude::*};

use super::*;

const TABLES: [&str; 4] = [
    "geo,year,sex,v\nFJI,2001,M,1.5\nVUT,2002-Q1,F,..\nFJI,2003,M,-0\n",
    "land;2001;2002\nFiji;1.234,5;-\n\"Va;nu\"\"atu\";+7;1e2\n",
    "Title\n\ncode\tvalue_2000\tvalue_2001\n242\t1\t\n548\t2\tx\n",
    "\u{feff}geo,year,v\r\nFJ,2001,=1\r\n,,\r\n",
];

const MAPPINGS: [&str; 3] = [
    "dimension = [{ id = \"REF_AREA\", column = \"geo\", area = \"alpha-3\" }, { id = \"SEX\", column = \"sex\" }]\n\
     period = { column = \"year\" }\nmeasure = [{ column = \"v\" }]\nmissing = [\"..\"]\n",
    "delimiter = \";\"\ndecimal = \",\"\nthousands = \".\"\nmissing = [\"\", \"-\"]\n\
     dimension = [{ id = \"REF_AREA\", column = \"land\", area = \"name\" }]\nperiod = { wide = \"*\" }\n",
    "delimiter = \"\\t\"\nskip_lines = 2\nencoding = \"latin1\"\nperiod = { wide = \"value_*\" }\n\
     dimension = [{ id = \"REF_AREA\", column = \"code\", codes = { \"242\" = \"FJ\" } }]\n",
];

/// (place, byte, kind): overwrite, insert, delete, or cut.
fn mutated(text: &str, changes: &[(usize, u8, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, byte, kind) in changes {
        let place = place % (bytes.len() + 1);
        match kind {
            0 if place < bytes.len() => bytes[place] = *byte,
            1 if place < bytes.len() => drop(bytes.remove(place)),
            2 => bytes.truncate(place),
            _ => bytes.insert(place, *byte),
        }
    }
    bytes
}

fn likely_byte() -> impl Strategy<Value = u8> {
    let telling = b"\",;\t\r\n.-+=0e\0\xff\xfe\xc3*{}[]";
    prop_oneof![proptest::sample::select(telling.to_vec()), any::<u8>()]
}

proptest! {
    #[test]
    fn mutated_tables_never_panic(
        table in 0..TABLES.len(), rules in 0..MAPPINGS.len(),
        changes in vec((any::<usize>(), likely_byte(), 0u8..5), 0..6),
    ) {
        let bytes = mutated(TABLES[table], &changes);
        let mut seen = 0;
        if let Ok(summary) = read(bytes.as_slice(), &mapping(MAPPINGS[rules]), &mut |_| seen += 1) {
            prop_assert_eq!(seen, summary.observations + summary.missing);
        }
    }

    #[test]
    fn mutated_mappings_never_panic(
        rules in 0..MAPPINGS.len(), changes in vec((any::<usize>(), likely_byte(), 0u8..5), 0..4),
    ) {
        let text = String::from_utf8_lossy(&mutated(MAPPINGS[rules], &changes)).into_owned();
        if let Ok(mapping) = Mapping::parse(&text) {
            for table in TABLES {
                let _ = read(table.as_bytes(), &mapping, &mut |_| {});
            }
        }
    }

    /// Whatever a file holds, what is proposed for it is a mapping, and the file can be read with it.
    #[test]
    fn proposals_are_mappings(
        table in 0..TABLES.len(), changes in vec((any::<usize>(), likely_byte(), 0u8..5), 0..6),
    ) {
        let bytes = mutated(TABLES[table], &changes);
        if let Ok(text) = proposed(&bytes, "table-2018.csv") {
            let mapping = Mapping::parse(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            let read = read(bytes.as_slice(), &mapping, &mut |_| {});
            prop_assert!(read.is_ok(), "{:?}\n{}", read, text);
        }
    }

    #[test]
    fn headers_of_any_text_are_quoted(name in "\\PC{0,8}", control in "[\u{0}-\u{1f}\"\\\\#]{0,3}") {
        let header = format!("{name}{control}").replace('"', "\"\"");
        let table = format!("geo,year,\"{header}\"\nFJI,2001,1\nVUT,2002,2\n");
        if let Ok(text) = proposed(&table, "") {
            prop_assert!(Mapping::parse(&text).is_ok(), "{}", text);
        }
    }
}
