//! What OPERATING.md tells an operator to do, done: a configuration before `init`, a charter with an island, a node
//! that moves.

use std::fs;

use talanoa_tests::{Member, federation, free_ports, next_year, table, talanoa, wait_for};

#[test]
fn a_configuration_that_is_there_before_init_is_kept_and_goes_into_the_card() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("fj");
    fs::create_dir(&dir).unwrap();
    let config = "addresses = [\"talanoa.stats.example:7640\"]\nmetrics_listen = \"127.0.0.1:7641\"\n";
    fs::write(dir.join("config.toml"), config).unwrap();
    let init = |listen| talanoa(&dir, &["init", "--member", "FJ", "--name", "Fiji", "--listen", listen]);
    init("foo").refused(2, "--listen");
    talanoa(&dir, &["init", "--member", "FJ", "--name", ""]).refused(2, "--name");
    init("0.0.0.0:7640").ok();
    let card = talanoa(&dir, &["card"]).ok();
    assert!(card.contains("reached at talanoa.stats.example:7640"), "{card}");
    let written = fs::read_to_string(dir.join("config.toml")).unwrap();
    assert_eq!(written, format!("listen = \"0.0.0.0:7640\"\n{config}"));
    talanoa(&dir, &["config", "check"]).ok();
    fs::write(dir.join("config.toml"), format!("{config}log = \"[[\"\n")).unwrap();
    let checked = talanoa(&dir, &["config", "check"]);
    assert!(checked.code == 1 && checked.out.contains("log ="), "{}", checked.out);
}

#[test]
fn a_charter_has_islands_and_words_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = ["FJ", "SPC"].map(|code| Member::init(root.path(), code, free_ports::<1>()[0]));
    let [a, b, file] = ["a.card", "b.card", "charter.txt"].map(|f| root.path().join(f).display().to_string());
    fs::write(&a, fj.talanoa(&["card"]).ok()).unwrap();
    fs::write(&b, spc.talanoa(&["card"]).ok()).unwrap();
    let words = ["charter", "draft", "--out", &file, "--purpose", "audit", "--theme", "oceans", &a, &b];
    fj.talanoa(&[&words[..], &["--island", "VU"]].concat()).refused(2, "VU");
    fj.talanoa(&[&words[..], &["--island", "FJ"]].concat()).ok();
    let shown = fj.talanoa(&["charter", "show", &file]).ok();
    for word in ["FJ     island", "audit", "official-statistics", "oceans"] {
        assert!(shown.contains(word), "{word} is not in {shown}");
    }
    for step in ["sign", "adopt"] {
        for member in [&fj, &spc] {
            member.talanoa(&["charter", step, &file]).ok();
        }
    }
    fj.serve();
    let until = next_year();
    let id =
        fj.decide(&format!("grant --to SPC --theme oceans --action relay --purpose audit --until {until}"));
    assert!(fj.talanoa(&["grants", "show", &id]).ok().contains("168 hours"));
    [&mut fj, &mut spc].into_iter().for_each(Member::judge);
}

#[test]
fn a_node_that_moves_is_found_again() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 20);
    fj.grant("SPC", "all");
    fj.publish(&file, "A").ok();
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    let entries = fj.status()["journal"].as_u64().unwrap();

    fj.stop();
    let [port] = free_ports::<1>();
    let address = format!("localhost:{port}");
    let config = format!("listen = \"127.0.0.1:{port}\"\naddresses = [\"{address}\"]\n");
    fs::write(fj.dir.join("config.toml"), &config).unwrap();
    fj.serve();
    wait_for("SPC knows the new address", || {
        spc.list("peers").iter().any(|p| p["address"] == address.as_str()).then_some(())
    });
    fj.publish(&file, "A").ok();
    spc.wait_until_held(&["FJ/A@1", "FJ/A@2"]);
    wait_for("the card says so too", || fj.talanoa(&["card"]).out.contains(&address).then_some(()));
    assert_eq!(fj.status()["journal"], entries + 2, "one statement, one release");

    // Said once: the next start has nothing new to say.
    fj.stop();
    fj.serve();
    fj.publish(&file, "A").ok();
    assert_eq!(fj.status()["journal"], entries + 3);
    [&mut fj, &mut spc].into_iter().for_each(Member::judge);
}
