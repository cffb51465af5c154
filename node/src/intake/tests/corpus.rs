use super::*;

/// The real tables and their independent counts, where they are at hand.
#[test]
fn the_corpus_is_counted_as_its_oracle_counts_it() {
    let Ok(corpus) = std::env::var("TALANOA_CORPUS") else {
        println!("skipped: TALANOA_CORPUS is not set");
        return;
    };
    let corpus = Path::new(&corpus);
    let oracle: serde_json::Value =
        serde_json::from_slice(&std::fs::read(corpus.join("oracle.json")).unwrap()).unwrap();
    let (mut files, mut doubts) = (0, Vec::new());
    for (flow, countries) in oracle["by_country"].as_object().unwrap() {
        for (country, expected) in countries.as_object().unwrap() {
            let path = corpus.join(format!("by_country/{country}/{flow}.csv"));
            let file = std::fs::File::open(&path).unwrap();
            let checked = check(file, "x.csv", Claim::Table, false).unwrap();
            let table = checked.table().unwrap();
            assert_eq!(table.observations, expected["n"].as_u64().unwrap(), "{}", path.display());
            assert_eq!(table.period_first.as_deref(), expected["first"].as_str(), "{}", path.display());
            assert_eq!(table.period_last.as_deref(), expected["last"].as_str(), "{}", path.display());
            doubts.extend(checked.warnings().kept().iter().map(|f| (format!("{country}/{flow}"), f.clone())));
            files += 1;
        }
    }
    let on_disk = std::fs::read_dir(corpus.join("by_country")).unwrap();
    let on_disk: usize = on_disk.map(|c| std::fs::read_dir(c.unwrap().path()).unwrap().count()).sum();
    assert_eq!(files, on_disk);

    let [(place, doubt)] = doubts.as_slice() else { panic!("one true duplicate is known, not {doubts:?}") };
    assert_eq!((place.as_str(), doubt.code), ("BD/NUTRITION_EQUITY", "key.duplicate"));
    let text = std::fs::read_to_string(corpus.join(format!("by_country/{place}.csv"))).unwrap();
    let line = text.lines().nth(doubt.row.unwrap() as usize - 1).unwrap();
    assert!(line.contains(",Y0T4,2006,45."), "{line}");
}
