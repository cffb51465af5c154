//! The shape of the house, as tests: who may use what, and where names may appear.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above")
}

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn dependencies(metadata: &Value, package: &str) -> BTreeSet<String> {
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|p| p["name"] == package).unwrap();
    let normal = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
    let needed = normal.filter(|d| d["optional"] == false);
    needed.map(|d| d["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn crates_stand_in_one_straight_line() {
    let metadata = metadata();
    let line = ["talanoa-proto", "talanoa-client", "talanoa-node", "talanoa-tests"];
    for (n, package) in line.iter().enumerate() {
        let used = dependencies(&metadata, package);
        for later in &line[n..] {
            assert!(!used.contains(*later), "{package} uses {later}");
        }
    }
}

#[test]
fn the_treaty_needs_no_network_no_disk_and_no_clock() {
    let used = dependencies(&metadata(), "talanoa-proto");
    for forbidden in ["tokio", "tonic", "sled", "rustls", "getrandom", "rand", "time", "axum"] {
        assert!(!used.contains(forbidden), "talanoa-proto uses {forbidden}");
    }
    for (file, text) in sources("proto/src") {
        for forbidden in ["std::fs", "std::net", "SystemTime", "Instant::now", "std::thread"] {
            assert!(!text.contains(forbidden), "{file} names {forbidden}");
        }
    }
}

#[test]
fn only_the_node_knows_sled_and_only_one_file_of_it() {
    let metadata = metadata();
    assert!(!dependencies(&metadata, "talanoa-client").contains("sled"));
    for (file, text) in sources("node/src") {
        assert!(!text.contains("sled::") || file.ends_with("store/index.rs"), "{file} names sled");
    }
}

#[test]
fn durable_writes_go_through_one_file() {
    for (file, text) in sources("node/src/store") {
        if file.ends_with("disk.rs") || file.ends_with("tests.rs") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for forbidden in ["fs::write(", "File::create(", "fs::rename(", "sync_all(", "sync_data("] {
            assert!(!code.contains(forbidden), "{file} calls {forbidden}");
        }
    }
}

#[test]
fn error_codes_and_their_paragraphs_agree() {
    let text = fs::read_to_string(workspace().join("proto/PROTOCOL.md")).unwrap();
    let section = text.split("\n## 10").nth(1).unwrap().split("\n## 11").next().unwrap();
    let listed: BTreeSet<&str> =
        section.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect();
    let known: BTreeSet<&str> = talanoa_proto::Code::ALL.iter().map(|c| c.as_str()).collect();
    assert_eq!(listed, known);
}

#[test]
fn limits_and_their_table_agree() {
    let text = fs::read_to_string(workspace().join("proto/PROTOCOL.md")).unwrap();
    let section = text.split("\n## 11").nth(1).unwrap().split("\n## 12").next().unwrap();
    let listed: BTreeSet<String> = section
        .lines()
        .filter_map(|l| Some(l.strip_prefix("| `")?.split('`').next()?.to_uppercase()))
        .collect();
    let source = fs::read_to_string(workspace().join("proto/src/limits.rs")).unwrap();
    let known: BTreeSet<String> = source
        .lines()
        .filter_map(|l| Some(l.strip_prefix("pub const ")?.split(':').next()?.to_owned()))
        .collect();
    assert_eq!(listed, known);
}

/// (path, text) of every Rust file below a folder.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![workspace().join(folder)];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// Who is sent to a page of the manual finds it.
#[test]
fn sections_of_the_manual_that_the_program_names_are_there() {
    let manual = fs::read_to_string(workspace().join("deploy/OPERATING.md")).unwrap();
    let mut named = 0;
    for (file, text) in sources("node/src") {
        for rest in text.split("OPERATING.md, \\\"").skip(1) {
            let section = rest.split("\\\"").next().unwrap();
            assert!(manual.contains(&format!("\n## {section}\n")), "{file} names {section:?}");
            named += 1;
        }
    }
    assert!(named >= 2, "{named}");
}
