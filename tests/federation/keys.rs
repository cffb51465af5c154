//! Keys that are wrong, lost, stolen or replaced.

use std::{fs, path::Path};

use talanoa_node::{home::Home, keys, node::own_entry, store::Batch};
use talanoa_proto::{envelope::Envelope, grant::Grant};
use talanoa_tests::{Member, federation, free_ports, next_year, table, talanoa, wait_for};

fn words<'a>(line: &'a str, paths: &'a [&'a Path]) -> Vec<&'a str> {
    let mut paths = paths.iter().map(|p| p.to_str().unwrap());
    line.split(' ').map(|word| if word == "FILE" { paths.next().unwrap() } else { word }).collect()
}

fn of_role(member: &Member, role: &str) -> Vec<serde_json::Value> {
    member.list("keys").into_iter().filter(|k| k["role"] == role).collect()
}

/// Two members, of which SPC holds what Fiji published.
fn exchanged(root: &Path) -> [Member; 2] {
    let [mut fj, mut spc] = federation(root, ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.join("a.csv");
    table(&file, 10);
    fj.publish(&file, "A").ok();
    fj.grant("SPC", "A");
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    [fj, spc]
}

#[test]
fn a_node_with_a_key_that_is_not_its_own_does_not_serve() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, spc] = federation(root.path(), ["FJ", "SPC"]);
    let [own, foreign] = [&fj, &spc].map(|m| fs::read(m.dir.join("keys/node.key")).unwrap());
    fs::write(fj.dir.join("keys/node.key"), foreign).unwrap();
    let checked = fj.talanoa(&["config", "check"]).refused(1, "1 things to mend");
    assert!(checked.out.contains("✖ node key: the node key"), "{}", checked.out);
    assert!(!fj.try_serve(None), "it came to serve");
    let log = fj.log();
    assert!(log.contains("is not one that the identity of FJ delegates"), "{log}");
    assert!(log.contains("talanoa delegate --role node"), "{log}");

    // Its own, in a year in which it is delegated no more.
    fs::write(fj.dir.join("keys/node.key"), own).unwrap();
    fj.clock_offset_seconds = 500 * 86_400;
    assert!(!fj.try_serve(None));
    assert!(fj.log().contains("is delegated from"), "{}", fj.log());
    fj.clock_offset_seconds = 0;
    assert!(fj.talanoa(&["config", "check"]).ok().contains("✔ node key"));
    fj.serve();
    [fj, spc].iter_mut().for_each(Member::judge);
}

#[test]
fn a_lost_node_key_is_replaced_with_the_root_key_while_the_node_is_stopped() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc, mut vu] = federation(root.path(), ["FJ", "SPC", "VU"]);
    [&mut fj, &mut spc, &mut vu].into_iter().for_each(Member::serve);
    let file = root.path().join("a.csv");
    table(&file, 10);
    fj.publish(&file, "A").ok();
    fj.grant("all-members", "A");
    for reader in [&spc, &vu] {
        reader.talanoa(&["follow", "FJ"]).ok();
        reader.wait_until_held(&["FJ/A@1"]);
    }
    vu.talanoa(&["follow", "SPC"]).ok();
    fj.stop();
    let key = fj.dir.join("keys/node.key");
    fs::remove_file(&key).unwrap();
    assert!(!fj.try_serve(None));
    let line = format!("delegate --role node --key-out FILE --until {}", next_year());
    let done = fj.talanoa(&words(&line, &[&key]));
    assert!(done.err.contains("talanoa peers import"), "{}", done.err);
    done.ok();
    fj.talanoa(&["config", "check"]).ok();
    fj.serve();
    fj.publish(&file, "A").ok();

    // One member takes the card; the other hears of it from that one.
    let card = root.path().join("new.card");
    fs::write(&card, fj.talanoa(&["card"]).ok()).unwrap();
    spc.talanoa(&words("peers import FILE", &[&card])).ok();
    spc.wait_until_held(&["FJ/A@1", "FJ/A@2"]);
    vu.stop();
    vu.serve();
    vu.wait_until_held(&["FJ/A@1", "FJ/A@2"]);

    // The lost one may have been found by somebody.
    let old = of_role(&fj, "node")[0]["fingerprint"].as_str().unwrap().to_owned();
    fj.talanoa(&["keys", "revoke", &old]).ok();
    fj.publish(&file, "A").ok();
    spc.wait_until_held(&["FJ/A@1", "FJ/A@2", "FJ/A@3"]);
    assert!(fj.talanoa(&["card"]).ok().contains("reached at 127.0.0.1"));
    let own = of_role(&fj, "node")[1]["fingerprint"].as_str().unwrap().to_owned();
    fj.talanoa(&["keys", "revoke", &own]).refused(1, "without that key this node could not serve");
    [fj, spc, vu].iter_mut().for_each(Member::judge);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_consent_key_grants_nothing_here_and_nothing_at_peers() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = exchanged(root.path());
    let (stolen, fresh) = (fj.dir.join("keys/consent.key"), root.path().join("fresh.key"));
    let until = next_year();
    fj.talanoa(&words(&format!("delegate --role consent --key-out FILE --until {until}"), &[&fresh])).ok();
    let grant = format!("grant --to SPC --dataset A --until {until} --key FILE");
    fj.talanoa(&words(&grant, &[&stolen])).ok();
    let draft = root.path().join("draft.txt");
    let draft = draft.to_str().unwrap();
    fj.talanoa(&["grant", "--to", "SPC", "--dataset", "A", "--until", &until, "--draft", draft]).ok();
    fj.talanoa(&words(&format!("sign {draft} --key FILE"), &[&stolen])).ok();
    let stolen_name = of_role(&fj, "consent")[0]["fingerprint"].as_str().unwrap().to_owned();
    let told = fj.talanoa(&["keys", "revoke", &stolen_name]);
    assert!(told.err.contains("is in force still: talanoa grants"), "{}", told.err);
    told.ok();
    fj.talanoa(&["keys", "revoke", &stolen_name]).refused(1, "revoked already");
    assert!(of_role(&fj, "consent")[0]["state"].as_str().unwrap().starts_with("revoked from journal entry"));
    fj.talanoa(&words(&grant, &[&stolen])).refused(1, "is no consent key of FJ");
    fj.talanoa(&["submit", draft]).refused(1, "signature.invalid");
    fj.talanoa(&words(&grant, &[&fresh])).ok();
    fj.judge();

    // Whoever has the machine too can put it into the journal: a peer believes neither it nor what follows.
    let home = Home::open(&fj.dir).unwrap();
    let store = home.open_store().unwrap();
    let forged = {
        let view = store.view();
        let (_, given) = view.consent.grants().next().unwrap();
        Envelope::seal(&Grant { nonce: [9; 16], ..given.clone() }, &keys::load(&stolen).unwrap())
    };
    store.commit(Batch::of(own_entry(&forged).unwrap().0)).await.unwrap();
    store.close().await;
    fj.serve();
    wait_for("SPC refuses it", || {
        let told = spc.list("peers")[0]["evidence"].as_str().unwrap_or_default().to_owned();
        told.starts_with("signature.invalid").then_some(())
    });
    let forged = forged.id().to_string();
    assert!(spc.list("grants").iter().all(|g| g["id"] != *forged));
    spc.judge();
    fj.stop();
    fj.talanoa(&["fsck"]).refused(1, "damaged");
}

#[test]
fn root_keys_are_replaced_and_the_old_one_signs_nothing_more() {
    let root = tempfile::tempdir().unwrap();
    let [fj, mut spc] = exchanged(root.path());
    let old = root.path().join("old.key");
    fs::rename(fj.dir.join("keys/root.key"), &old).unwrap();
    let new = [1, 2, 3].map(|n| root.path().join(format!("root{n}.key")));
    let [one, two, three] = [&new[0], &new[1], &new[2]].map(|p| p.as_path());
    let line = "keys rotate-root --root FILE --key-out FILE --key-out FILE --key-out FILE --threshold";
    fj.talanoa(&words(&format!("{line} 4"), &[&old, one, two, three])).refused(2, "4 of 3");
    assert!(!one.exists(), "nothing is left of what was refused");
    fj.talanoa(&words(&format!("{line} 2"), &[&old, one, two, three])).ok();
    let roots = of_role(&fj, "root");
    assert_eq!((roots.len(), &roots[0]["must_sign"]), (3, &2.into()));

    let spare = root.path().join("spare.key");
    let line = format!("delegate --role consent --key-out FILE --until {} --root FILE", next_year());
    fj.talanoa(&words(&line, &[&spare, &old])).refused(1, "is no root key of FJ");
    fj.talanoa(&words(&line, &[&spare, one])).refused(1, "1 valid signatures");
    assert!(!spare.exists());
    fj.talanoa(&words(&format!("{line} --root FILE"), &[&spare, one, three])).ok();
    spc.stop();
    spc.serve();
    let file = root.path().join("a.csv");
    fj.publish(&file, "A").ok();
    spc.wait_until_held(&["FJ/A@1", "FJ/A@2"]);
    [fj, spc].iter_mut().for_each(Member::judge);
}

#[test]
fn two_officers_stay_two_until_somebody_says_otherwise() {
    let root = tempfile::tempdir().unwrap();
    let [fj, spc] = exchanged(root.path());
    let first = fj.dir.join("keys/consent.key");
    let [second, third, fourth] = ["second", "third", "fourth"].map(|n| root.path().join(format!("{n}.key")));
    let line = format!("delegate --role consent --key-out FILE --until {}", next_year());
    let told = fj.talanoa(&words(&format!("{line} --threshold 2"), &[&second]));
    assert!(told.err.contains("from now on 2 officers must sign, until now 1"), "{}", told.err);
    told.ok();
    fj.talanoa(&words(&line, &[&third])).ok();
    assert_eq!(of_role(&fj, "consent")[0]["must_sign"], 2);
    let grant = format!("grant --to SPC --dataset A --until {} --key FILE", next_year());
    fj.talanoa(&words(&grant, &[&first])).refused(1, "signature");
    fj.talanoa(&words(&format!("{grant} --key FILE"), &[&first, &third])).ok();

    fj.talanoa(&words(&format!("{line} --threshold 9"), &[&fourth])).refused(2, "there are 4 consent keys");
    fj.talanoa(&words(&format!("{line} --threshold 0"), &[&fourth])).refused(2, "at least 1");
    let past = "delegate --role consent --key-out FILE --until 2020-01-01";
    fj.talanoa(&words(past, &[&fourth])).refused(2, "past");
    assert!(!fourth.exists(), "a refused command leaves no key");
    let told = fj.talanoa(&words(&format!("{line} --threshold 1"), &[&fourth]));
    assert!(told.err.contains("from now on 1 officers must sign, until now 2"), "{}", told.err);
    told.ok();
    [fj, spc].iter_mut().for_each(Member::judge);
}

#[test]
fn a_refused_command_leaves_no_secret_key_behind() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = exchanged(root.path());
    let out = root.path().join("program.key");
    let line = "application add rates --key-out FILE --dataset all --until";
    fj.talanoa(&words(&format!("{line} 2020-01-01"), &[&out])).refused(1, "request.invalid");
    assert!(!out.exists());
    fj.talanoa(&words(&format!("{line} {}", next_year()), &[&out])).ok();
    fj.talanoa(&words(&format!("{line} {}", next_year()), &[&out])).refused(1, "exists already");

    let dir = root.path().join("ws");
    let init = |name: &str, root_out: &Path| {
        let root_out = root_out.to_str().unwrap();
        talanoa(&dir, &["init", "--member", "WS", "--name", name, "--root-out", root_out])
    };
    let no_such = root.path().join("no/such/root.key");
    let beside = dir.join("keys/consent.key");
    for (name, root_out, code) in [("Samoa", &no_such, 1), ("Samoa", &beside, 1), ("", &out, 2)] {
        assert_eq!(init(name, root_out).code, code, "{name} {}", root_out.display());
        let left = fs::read_dir(dir.join("keys")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{name} {}", root_out.display());
    }
    init("Samoa", &root.path().join("root.key")).ok();
    [&mut fj, &mut spc].into_iter().for_each(Member::judge);
}

#[test]
fn a_key_that_came_after_the_card_was_sent_and_before_the_charter_counts() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, spc] = ["FJ", "SPC"].map(|code| Member::init(root.path(), code, free_ports::<1>()[0]));
    let cards = [&fj, &spc].map(|member| {
        let card = root.path().join(&member.code);
        fs::write(&card, member.talanoa(&["card"]).ok()).unwrap();
        card
    });
    let (charter, second) = (root.path().join("charter.txt"), root.path().join("second.key"));
    fj.talanoa(&words("charter draft --out FILE FILE FILE", &[&charter, &cards[0], &cards[1]])).ok();
    let line = format!("delegate --role consent --key-out FILE --threshold 2 --until {}", next_year());
    fj.talanoa(&words(&line, &[&second])).ok();
    for member in [&fj, &spc] {
        member.talanoa(&words("charter sign FILE", &[&charter])).ok();
    }
    fj.talanoa(&words("charter adopt FILE", &[&charter])).ok();
    fj.serve();
    let first = fj.dir.join("keys/consent.key");
    let grant = format!("grant --to SPC --dataset A --until {} --key FILE", next_year());
    fj.talanoa(&words(&grant, &[&first])).refused(1, "signature.invalid");
    fj.talanoa(&words(&format!("{grant} --key FILE"), &[&first, &second])).ok();
    fj.judge();
}
