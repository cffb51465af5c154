use serde_json::Value;

use super::*;

type Seen = (&'static str, Option<f64>, Option<&'static str>, Option<&'static str>);

/// What the oracle leaves out, looked up in the files by eye: it asks for a period at the observation alone,
/// and for a measure whose header has no label.
const BY_EYE: [Seen; 4] = [
    ("sdmx/csv10/csv_labels_both.csv", Some(1.0), None, None),
    ("sdmx/csv20/csv_labels_both.csv", Some(1.0), None, None),
    ("sdmx/estat/demography-xs.xml", None, Some("2007"), Some("2009")),
    ("sdmx/v3/csv/example-04.csv", Some(23.2), None, None),
];

/// Real files and their independent counts, where they are at hand. Every difference must have a reason in
/// the oracle itself; all are printed.
#[test]
fn the_corpus_is_read_as_its_oracle_read_it() {
    let Ok(corpus) = std::env::var("TALANOA_CORPUS") else {
        println!("skipped: TALANOA_CORPUS is not set");
        return;
    };
    let corpus = Path::new(&corpus);
    let oracle: Value = serde_json::from_slice(&std::fs::read(corpus.join("oracle.json")).unwrap()).unwrap();
    let (mut unexplained, mut explained) = (Vec::new(), Vec::new());
    let files = oracle["sdmx"].as_object().unwrap();
    for (name, expected) in files {
        let structure = expected["structure_file"].as_str().map(|s| corpus.join(s));
        let report = inspect(&corpus.join(name), structure.as_deref(), None);
        print_row(name, &report);
        let mut found = differences(&report, expected);
        if structure.is_some() {
            // All but the order and number of dimensions is the same without the definition.
            let alone = inspect(&corpus.join(name), None, None);
            let more = differences(&alone, expected).into_iter();
            found.extend(more.filter(|d| !matches!(d, Difference::Dimensions(..))));
        }
        for difference in found {
            match reason(name, &difference, &report, expected) {
                Some(reason) => explained.push(format!("{name}: {difference:?}: {reason}")),
                None => unexplained.push(format!("{name}: {difference:?}: {:?}", report.faults)),
            }
        }
    }
    println!("{} files; differences with a reason:", files.len());
    explained.iter().for_each(|line| println!("  {line}"));
    assert_eq!(unexplained, [] as [String; 0]);
}

fn print_row(name: &str, report: &Report) {
    let state = if report.is_whole() { "whole" } else { "fault" };
    let period = |p: &Option<String>| p.clone().unwrap_or_else(|| "–".to_owned());
    let sum = report.sum.map_or_else(|| "–".to_owned(), |sum| format!("{sum:.6}"));
    println!(
        "{state} {name:<50} {:<42} {:>5} obs {:>5} series {:>10}–{:<10} sum {sum:<18} {:>4} codes {:>2} dims",
        format!("{} {}", report.format(), report.version()),
        report.observations,
        report.series,
        period(&report.first),
        period(&report.last),
        report.codes,
        report.dimensions.len(),
    );
}

#[derive(Debug, PartialEq)]
enum Difference {
    Kind(Option<&'static str>, String),
    Observations(u64, u64),
    Series(u64, u64),
    Period(Option<String>, Value),
    Sum(Option<f64>, Value),
    Codes(u64, u64),
    Dimensions(Vec<String>, Vec<String>),
    NotWhole,
}

fn differences(report: &Report, expected: &Value) -> Vec<Difference> {
    let mut all = Vec::new();
    let kind = expected["kind"].as_str().unwrap();
    if report.kind().map(Kind::name) != Some(kind) {
        all.push(Difference::Kind(report.kind().map(Kind::name), kind.to_owned()));
    }
    let count = |name: &str| expected[name].as_u64();
    if let Some(n) = count("n_observations").filter(|n| *n != report.observations) {
        all.push(Difference::Observations(report.observations, n));
    }
    if let Some(n) = count("n_series").filter(|n| *n != report.series) {
        all.push(Difference::Series(report.series, n));
    }
    if let Some(n) = count("n_codes").filter(|n| *n != report.codes) {
        all.push(Difference::Codes(report.codes, n));
    }
    for (ours, name) in [(&report.first, "first_period"), (&report.last, "last_period")] {
        let theirs = expected.get(name).unwrap_or(&Value::Null);
        if theirs.as_str() != ours.as_deref() && kind == "data" {
            all.push(Difference::Period(ours.clone(), theirs.clone()));
        }
    }
    let sum = expected.get("sum_obs_value").unwrap_or(&Value::Null);
    if !is_near(report.sum, sum.as_f64()) {
        all.push(Difference::Sum(report.sum, sum.clone()));
    }
    let dimensions = dimensions(expected);
    // In which order a message lists them is not the order of the key: only the definition tells.
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    if !dimensions.is_empty() && sorted(&dimensions) != sorted(&report.dimensions) {
        all.push(Difference::Dimensions(report.dimensions.clone(), dimensions));
    }
    if !report.is_whole() {
        all.push(Difference::NotWhole);
    }
    all
}

/// The oracle's sums are rounded to six places.
fn is_near(ours: Option<f64>, theirs: Option<f64>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() <= (1e-9 * theirs.abs()).max(5.1e-7),
        (ours, theirs) => ours == theirs,
    }
}

fn dimensions(expected: &Value) -> Vec<String> {
    let strings = |list: &Value| {
        let list = list.as_array().cloned().unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let of_dsds = expected["dsd_dimensions"].as_object();
    match of_dsds {
        Some(dsds) => dsds.values().flat_map(strings).collect(),
        None => strings(&expected["dimensions"]),
    }
}

/// What the oracle's own entry says about a difference.
fn reason(name: &str, difference: &Difference, report: &Report, expected: &Value) -> Option<&'static str> {
    let by_eye = BY_EYE.iter().find(|(file, ..)| *file == name);
    let has_labels = |text: &Value| text.as_str().is_some_and(|t| t.contains(": "));
    let actions = expected["actions"].as_array().cloned().unwrap_or_default();
    let columns = expected["columns"].as_array().cloned().unwrap_or_default();
    match difference {
        Difference::Observations(ours, theirs) if ours + report.deleted == *theirs => {
            let by_readers = ["sdmx1", "pysdmx"].iter().any(|r| expected[r]["n_observations"] == *ours);
            let is_told = actions.iter().any(|a| a == "Delete");
            (is_told || by_readers).then_some("deletions are counted there, and are no data here")
        }
        Difference::Period(Some(ours), theirs) if has_labels(theirs) => {
            let id = theirs.as_str().and_then(|t| t.split(": ").next());
            (id == Some(ours)).then_some("the oracle kept the label behind the id")
        }
        Difference::Period(ours, Value::Null) => {
            let is_right = |(_, _, first, last): &&(_, _, Option<&str>, Option<&str>)| {
                [*first, *last].contains(&ours.as_deref()) && ours.is_some()
            };
            by_eye.filter(is_right).map(|_| "the oracle left it out; looked up by eye")
        }
        Difference::Sum(ours, Value::Null) => {
            let is_right = |(_, sum, ..): &&(_, Option<f64>, _, _)| sum.is_some() && is_near(*ours, *sum);
            by_eye.filter(is_right).map(|_| "the oracle left it out; looked up by eye")
        }
        Difference::NotWhole if expected["sdmx1"]["footer"].is_array() => {
            let is_shown = report.faults.iter().all(|f| f.code == "message.footer");
            is_shown.then_some("a footer in place of data, which is shown")
        }
        Difference::NotWhole => {
            // The definition beside it has a dimension that the file has not.
            let is_missing = |d: &String| {
                let place = format!("the dimension {d} is missing");
                let mut errors =
                    report.faults.iter().filter(|f| f.severity == crate::intake::Severity::Error);
                errors.all(|f| f.message.starts_with(&place)) && !columns.iter().any(|c| c == d)
            };
            report.dimensions.iter().any(is_missing).then_some("the definition is of a later file")
        }
        _ => None,
    }
}
