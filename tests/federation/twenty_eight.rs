//! 28 countries and SPC, as real processes, by command line alone, on the real tables.
//!
//! Runs where `TALANOA_CORPUS` names the folder with the tables and their independent counts.

use std::{fs, path::Path, time::SystemTime};

use serde_json::Value;
use talanoa_tests::{Member, charter, free_ports, next_year, talanoa, wait_for};

#[test]
fn twenty_eight_countries_publish_and_one_body_holds_it_all() {
    let Ok(corpus) = std::env::var("TALANOA_CORPUS") else {
        println!("skipped: TALANOA_CORPUS is not set");
        return;
    };
    let corpus = Path::new(&corpus);
    let oracle: Value = serde_json::from_slice(&fs::read(corpus.join("oracle.json")).unwrap()).unwrap();
    let mut codes: Vec<String> = fs::read_dir(corpus.join("by_country"))
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    codes.sort();
    assert_eq!(codes.len(), 28);
    let started = SystemTime::now();
    let root = tempfile::tempdir().unwrap();
    let ports = free_ports::<29>();
    let mut countries: Vec<Member> =
        codes.iter().zip(ports).map(|(code, port)| Member::init(root.path(), code, port)).collect();
    let mut spc = Member::init(root.path(), "SPC", ports[28]);
    let all: Vec<&Member> = countries.iter().chain([&spc]).collect();
    let federation = charter(root.path(), &all);
    countries.iter_mut().chain([&mut spc]).for_each(Member::serve);
    println!("29 nodes founded and serving after {:?}", started.elapsed().unwrap());

    let mut published = Vec::new();
    for country in &countries {
        for file in fs::read_dir(corpus.join("by_country").join(&country.code)).unwrap() {
            let file = file.unwrap().path();
            let flow = file.file_stem().unwrap().to_string_lossy().into_owned();
            let reference = country.publish(&file, &flow).id();
            assert_eq!(reference, format!("{}/{flow}@1", country.code));
            published.push((reference, file, flow, country.code.clone()));
        }
        country.talanoa(&["grant", "--to", "SPC", "--dataset", "all", "--until", &next_year()]).ok();
        spc.talanoa(&["follow", &country.code]).ok();
    }
    assert_eq!(published.len(), 219);
    println!("219 tables published, granted and followed after {:?}", started.elapsed().unwrap());
    wait_for("SPC holds all", || (spc.held().len() == 219).then_some(()));
    println!("all held by SPC after {:?}", started.elapsed().unwrap());

    let rows = spc.list("catalogue");
    for (reference, file, flow, code) in &published {
        let out = root.path().join("out").join(reference.replace('/', "-"));
        let folder = out.to_str().unwrap();
        spc.talanoa(&["get", reference, "--out", folder]).ok();
        talanoa(root.path(), &["verify", folder, "--federation", &federation]).ok();
        let copy = fs::read(out.join(file.file_name().unwrap())).unwrap();
        assert_eq!(copy, fs::read(file).unwrap(), "{reference} is byte-identical");
        let row = rows.iter().find(|r| r["ref"] == reference.as_str()).unwrap();
        assert_eq!(row["observations"], oracle["by_country"][flow][code]["n"], "{reference}");
    }
    println!("219 fetched, verified and counted after {:?}", started.elapsed().unwrap());

    let memory = |member: &Member| resident_kib(member.pid());
    let mut of_countries: Vec<u64> = countries.iter().map(memory).collect();
    of_countries.sort_unstable();
    println!(
        "idle memory: a country {} KiB (median), {} KiB (most); SPC, following 28, {} KiB",
        of_countries[14],
        of_countries[27],
        memory(&spc)
    );
    countries.iter_mut().chain([&mut spc]).for_each(Member::judge);
    println!("29 nodes judged sound after {:?}", started.elapsed().unwrap());
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_default()
}
