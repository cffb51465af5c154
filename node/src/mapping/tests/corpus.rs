use std::{fs::File, path::Path};

use serde_json::Value;

use super::*;
use crate::{containers, intake::Severity, mapping::areas::Scheme};

fn corpus() -> Option<(std::path::PathBuf, Value)> {
    let Ok(corpus) = std::env::var("TALANOA_CORPUS") else {
        println!("skipped: TALANOA_CORPUS is not set");
        return None;
    };
    let corpus = Path::new(&corpus).to_owned();
    let oracle = serde_json::from_slice(&std::fs::read(corpus.join("oracle.json")).unwrap()).unwrap();
    Some((corpus, oracle))
}

fn opened(path: &Path) -> io::Result<Box<dyn Read>> {
    let opened = containers::open(path, &containers::Limits::default()).map_err(io::Error::other)?;
    Ok(Box::new(opened))
}

/// Every real table is read by the mapping that `map` proposes for it, and counted as its oracle counts it.
#[test]
fn the_corpus_is_mapped_as_proposed() {
    let Some((corpus, oracle)) = corpus() else { return };
    let mut problems = Vec::new();
    println!("rows = oracle | observations missing | first–last | sum | faults | file");
    for (name, expected) in oracle["csv"].as_object().unwrap() {
        let path = corpus.join(name);
        let text = propose::propose(&mut || opened(&path), name).unwrap();
        let mapping = Mapping::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
        let mut seen = 0;
        let summary = read(File::open(&path).unwrap(), &mapping, &mut |_| seen += 1).unwrap();
        let Summary { data_rows, observations, missing, sum, faults, .. } = &summary;
        let period = |p: &Option<String>| p.clone().unwrap_or("–".into());
        let (first, last) = (period(&summary.period_first), period(&summary.period_last));
        let counts: Vec<String> = faults.by_code().iter().map(|(code, n, _)| format!("{code}×{n}")).collect();
        let expected_rows = expected["data_rows"].as_u64().unwrap();
        let mark = if *data_rows == expected_rows { "=" } else { "≠" };
        println!(
            "{data_rows:>6} {mark} {expected_rows:<6} | {observations:>6} {missing:>6} | {first}–{last} | {sum} | {} | {name}",
            counts.join(" ")
        );
        let mut check = |is: bool, what: String| {
            if !is {
                problems.push(format!("{name}: {what}"))
            }
        };
        check(*data_rows == expected_rows, format!("{data_rows} rows"));
        check(seen == observations + missing, format!("{seen} handed on"));
        let errors = faults.kept().iter().find(|f| f.severity == Severity::Error);
        check(errors.is_none(), format!("{:#?}\n{text}", faults.lines()));
        let covered = (summary.period_first.clone(), summary.period_last.clone());
        check(covered == periods(name, expected), format!("{covered:?}"));
        if let Some(expected) = expected["sum_last_column"].as_f64() {
            let sum: f64 = sum.parse().unwrap();
            check((sum - expected).abs() <= 1e-9 * expected.abs(), format!("{sum} {expected}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Of long tables the oracle tells them; four others were looked at by hand.
fn periods(name: &str, expected: &Value) -> (Option<String>, Option<String>) {
    let told = |key: &str| expected[key].as_str().map(str::to_owned);
    let both = |first: &str, last: &str| (Some(first.to_owned()), Some(last.to_owned()));
    match name.rsplit('/').next().unwrap_or_default() {
        "INFORM-2016.csv" => both("2016", "2016"),
        "INFORM_Mid2018_v034.csv" => both("2018", "2018"),
        "child_marriage_sdg531_w_18.csv" => both("2005", "2020"),
        "stunting_NT_ANT_HAZ_NE2_BD_IN_NP_PK.csv" => both("1986", "2022"),
        _ => (told("first_period"), told("last_period")),
    }
}

/// Another list of countries, made by other people, names the same codes.
#[test]
fn the_table_of_areas_agrees_with_another_one() {
    let Some((corpus, _)) = corpus() else { return };
    let mut reader =
        csv::Reader::from_path(corpus.join("csv/gapminder_sg/ddf--entities--geo--country.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|h| h == name).unwrap();
    let places = ["iso3166_1_alpha2", "iso3166_1_alpha3", "iso3166_1_numeric"].map(place);
    let mut seen = 0;
    for row in reader.records().map(Result::unwrap) {
        let [alpha2, alpha3, m49] = places.map(|n| row[n].to_owned());
        if let Some(area) = areas::find(Scheme::Alpha3, &alpha3) {
            assert_eq!((area.alpha2, area.alpha3), (alpha2.as_str(), alpha3.as_str()));
            assert_eq!(areas::find(Scheme::M49, &m49), Some(area), "{m49}");
            seen += 1;
        }
        assert!(alpha3.is_empty() || areas::find(Scheme::Alpha3, &alpha3).is_some(), "{alpha3}");
    }
    println!("{seen} of {} areas compared", areas::all().len());
    assert!(seen > 240);
}
