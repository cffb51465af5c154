//! The loops of `crash.rs` over what officers decide: denials, circles, keys of applications.

use talanoa_tests::{Done, Member, next_year, wait_for};

use crate::crash::{Stage, acknowledged, every_point};

/// SPC has an offer and fetches nothing by itself: whether it may read shows when it asks.
fn offered(circle: bool) -> Stage {
    Stage::new(|fj, spc, root| {
        fj.serve();
        spc.serve();
        fj.publish(&root.join("one.csv"), "A").ok();
        if circle {
            fj.decide("circle new Pacific --member SPC");
        }
        fj.grant(if circle { "Pacific" } else { "SPC" }, "A");
        spc.talanoa(&["follow", "FJ", "--offers-only"]).ok();
        fj.talanoa(&["follow", "SPC"]).ok();
        wait_for("the offer", || (spc.refs("catalogue") == ["FJ/A@1"]).then_some(()));
    })
}

fn get(spc: &Member) -> Done {
    let out = spc.dir.join("../out");
    let _ = std::fs::remove_dir_all(&out);
    spc.talanoa(&["get", "FJ/A@1", "--out", out.to_str().unwrap()])
}

fn cannot_read(spc: &Member) {
    wait_for("SPC is told no", || {
        let told = get(spc);
        assert_ne!(told.code, 0, "SPC reads what it may not: {}", told.out);
        told.err.contains("not_found").then_some(())
    });
}

fn can_read(spc: &Member) {
    wait_for("SPC reads", || (get(spc).code == 0).then_some(()));
}

fn consent_key(member: &Member) -> String {
    member.dir.join("keys/consent.key").display().to_string()
}

fn deny(fj: &Member) -> Option<String> {
    acknowledged(fj.talanoa(&["deny", "--to", "SPC", "--dataset", "A", "--key", &consent_key(fj)]))
}

#[test]
fn a_denial_survives_a_kill_at_every_point() {
    every_point(
        "deny",
        &offered(false),
        0,
        |[fj, _]| deny(fj),
        |[fj, spc], told| {
            if told.is_none() {
                deny(fj).unwrap();
            }
            cannot_read(spc);
        },
    );
}

#[test]
fn a_lifted_denial_survives_a_kill_at_every_point() {
    every_point(
        "lift",
        &offered(false),
        0,
        |[fj, _]| deny(fj).map(|denial| (acknowledged(fj.talanoa(&["lift", &denial])), denial)),
        |[fj, spc], told| {
            let Some((lifted, denial)) = told else { return };
            let again = fj.talanoa(&["lift", denial]);
            // What was acknowledged is effective once; what was not may be or not.
            if lifted.is_some() || again.code != 0 {
                again.refused(1, "no denial");
            }
            can_read(spc);
        },
    );
}

#[test]
fn a_new_circle_and_its_grant_survive_a_kill_at_every_point() {
    let stage = Stage::new(|fj, spc, root| {
        fj.serve();
        fj.publish(&root.join("one.csv"), "A").ok();
        spc.serve();
        spc.talanoa(&["follow", "FJ"]).ok();
    });
    let until = next_year();
    let grant = |fj: &Member| fj.talanoa(&["grant", "--to", "Pacific", "--dataset", "A", "--until", &until]);
    every_point(
        "circle",
        &stage,
        0,
        |[fj, _]| {
            let circle = acknowledged(fj.talanoa(&["circle", "new", "Pacific", "--member", "SPC"]));
            (circle, acknowledged(grant(fj)))
        },
        |[fj, spc], (circle, granted)| {
            let known = fj.list("circles").len();
            assert!(circle.is_none() || known == 1, "the circle was acknowledged; known: {known}");
            if known == 0 {
                fj.decide("circle new Pacific --member SPC");
            }
            if granted.is_none() {
                grant(fj).ok();
            }
            spc.wait_until_held(&["FJ/A@1"]);
        },
    );
}

#[test]
fn a_smaller_circle_survives_a_kill_at_every_point() {
    let shrink = |fj: &Member| fj.talanoa(&["circle", "set", "Pacific", "--member", "FJ"]);
    every_point(
        "circle set",
        &offered(true),
        0,
        |[fj, _]| acknowledged(shrink(fj)),
        |[fj, spc], told| {
            if told.is_none() {
                shrink(fj).ok();
            }
            cannot_read(spc);
        },
    );
}

#[test]
fn leaving_a_circle_survives_a_kill_of_who_leaves_at_every_point() {
    let leave = |spc: &Member| spc.talanoa(&["circle", "leave", "Pacific"]);
    every_point(
        "circle leave",
        &offered(true),
        1,
        |[_, spc]| acknowledged(leave(spc)),
        |[fj, spc], told| {
            let again = leave(spc);
            if told.is_some() || again.code != 0 {
                again.refused(1, "not in that circle");
            }
            wait_for("Fiji hears of it", || {
                (!fj.list("circles")[0]["members"].as_str()?.contains("SPC")).then_some(())
            });
            cannot_read(spc);
        },
    );
}

/// State of SPC's key at a member.
fn known(member: &Member) -> Option<String> {
    Some(member.list("applications").first()?["state"].as_str()?.to_owned())
}

fn add(spc: &Member) -> Option<String> {
    // The secret stays with the program; here nobody uses it.
    let key = ed25519_dalek::SigningKey::from_bytes(&[77; 32]).verifying_key();
    let (key, until) = (hex::encode(key.as_bytes()), next_year());
    let words = ["application", "add", "Board", "--public-key", &key, "--dataset", "A", "--until", &until];
    acknowledged(spc.talanoa(&words))
}

/// Given and taken back; each goes from SPC to Fiji by itself. Victim: 0 the publisher, 1 the member.
fn application_keys(name: &str, victim: usize) {
    let stage = offered(false);
    let disturbed = |members: &mut [Member; 2]| members[victim].is_disturbed();
    let reaches = |members: &mut [Member; 2], state: &str| {
        wait_for(&format!("the key is {state} at Fiji, or the fault came"), || {
            let there = members[0].talanoa(&["applications", "--json"]).out.contains(state);
            (there || disturbed(members)).then_some(())
        });
    };
    every_point(
        name,
        &stage,
        victim,
        |members| {
            let added = add(&members[1]);
            let Some(id) = added.clone() else { return (added, None) };
            reaches(members, "in force");
            let ended = acknowledged(members[1].talanoa(&["application", "end", &id]));
            if ended.is_some() {
                reaches(members, "taken back");
            }
            (added, ended)
        },
        |[fj, spc], (added, ended)| {
            let Some(id) = added else { return };
            if ended.is_none() {
                // It may have been taken back without a word of it.
                let _ = spc.talanoa(&["application", "end", id]);
            }
            assert_eq!(known(spc).as_deref(), Some("taken back"), "{added:?} {ended:?}");
            wait_for("Fiji knows", || (known(fj).as_deref() == Some("taken back")).then_some(()));
        },
    );
}

#[test]
fn keys_of_applications_survive_a_kill_of_their_member_at_every_point() {
    application_keys("application key, member", 1);
}

#[test]
fn keys_of_applications_survive_a_kill_of_the_publisher_at_every_point() {
    application_keys("application key, publisher", 0);
}
