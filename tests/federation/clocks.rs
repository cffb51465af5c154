//! A machine's clock that is wrong: it revives nothing, ends nothing, and is believed again.

use talanoa_tests::{Member, day_after, federation, table, wait_for};

const YEAR: i64 = 365 * 86_400;

#[test]
fn a_clock_set_back_a_year_or_ahead_a_century_gives_nothing_until_it_is_believed() {
    for offset in [-YEAR, 100 * YEAR] {
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

        fj.stop();
        fj.clock_offset_seconds = offset;
        fj.serve();
        assert!(fj.log().contains("clock is not believed"), "{}", fj.log());
        fj.publish(&file, "A").ok();
        // SPC's clock agrees with the world and not with Fiji's: it ends no suspicion, and is given nothing.
        wait_for("SPC reached Fiji again", || fj.log().contains("published").then_some(()));
        wait_for("SPC is connected", || {
            let rows = spc.list("peers");
            rows.iter().any(|p| p["state"] == "up to date" || p["state"] == "catching up").then_some(())
        });
        assert_eq!(spc.held(), ["FJ/A@1"]);

        // The clock is put right; SPC's Hello agrees with it, and everything is there.
        fj.stop();
        fj.clock_offset_seconds = 0;
        fj.serve();
        spc.wait_until_held(&["FJ/A@1", "FJ/A@2"]);
        [fj, spc].iter_mut().for_each(Member::judge);
    }
}

#[test]
fn the_operators_word_ends_the_suspicion() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 20);
    fj.grant("SPC", "all");
    fj.publish(&file, "A").ok();
    fj.stop();
    // A month in a drawer and a clock that is a hundred days ahead, which is the truth.
    fj.clock_offset_seconds = 100 * 86_400;
    fj.serve();
    spc.talanoa(&["follow", "FJ"]).ok();
    wait_for("SPC is connected", || {
        let rows = spc.list("peers");
        rows.iter().any(|p| p["last_contact"].is_string()).then_some(())
    });
    assert!(spc.held().is_empty());
    // Nobody confirms what he was not shown: a script names the day.
    fj.talanoa(&["clock", "confirm"]).refused(2, "--date");
    for wrong in [day_after(0), day_after(99), String::new()] {
        fj.talanoa(&["clock", "confirm", "--date", &wrong]).refused(1, "nothing was confirmed");
    }
    assert_eq!(fj.status()["clock"], "suspect");
    fj.talanoa(&["clock", "confirm", "--date", &day_after(100)]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    [fj, spc].iter_mut().for_each(Member::judge);
}
