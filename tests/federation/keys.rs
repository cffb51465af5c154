//! Keys that are wrong, lost, stolen or replaced.

use std::fs;

use talanoa_tests::{Member, federation};

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
