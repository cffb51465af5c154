//! A release that reaches a member through another one, while its publisher is away.

use talanoa_client::session::Session;
use talanoa_node::home::Home;
use talanoa_proto::{
    charter::PURPOSE_DEFAULT,
    entry::Declared,
    id::PublicKey,
    wire::{self, feed_item::Item},
};
use talanoa_tests::{Member, federation, next_year, scan, table, wait_for};

#[test]
fn a_relay_carries_what_it_may_to_whom_it_may_and_stops() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc, mut vu, mut ws] = federation(root.path(), ["FJ", "SPC", "VU", "WS"]);
    for member in [&mut fj, &mut spc, &mut vu, &mut ws] {
        member.serve();
    }
    let file = root.path().join("a.csv");
    let plaintext = table(&file, 400);
    let until = next_year();
    fj.publish(&file, "A").ok();
    spc.talanoa(&["follow", "FJ"]).ok();
    // Vanuatu may read; SPC may read and carry; Samoa has nothing.
    fj.decide(&format!("grant --to SPC --dataset A --action read --action relay --until {until}"));
    let to_vu = fj.decide(&format!("grant --to VU --dataset A --until {until}"));
    spc.wait_until_held(&["FJ/A@1"]);
    wait_for("SPC is shown Vanuatu's grant", || {
        let rows = spc.list("grants");
        rows.iter().any(|g| g["id"] == to_vu.as_str() && g["to"] == "VU").then_some(())
    });

    fj.stop();
    for member in [&vu, &ws] {
        member.talanoa(&["follow", "FJ", "--via", "SPC"]).ok();
    }
    vu.wait_until_held(&["FJ/A@1"]);
    let out = root.path().join("out");
    let out = out.to_str().unwrap();
    vu.talanoa(&["get", "FJ/A@1", "--out", out]).ok();
    vu.talanoa(&["verify", out]).ok();
    wait_for("Samoa hears from SPC", || {
        let rows = ws.list("peers");
        rows.iter().any(|p| p["member"] == "FJ" && p["state"] == "up to date").then_some(())
    });
    assert!(ws.list("catalogue").is_empty(), "no grant of its own, not a name");
    ws.talanoa(&["get", "FJ/A@1", "--out", out]).refused(1, "not available to you");
    let carried = spc.list("audit");
    assert!(carried.iter().any(|a| a["reader"] == "VU"), "{carried:?}");

    // Fiji returns, and hears from SPC who holds its release; then it takes back what it gave to both; SPC stops, and both say what they erased.
    fj.serve();
    wait_for("SPC's statement reaches Fiji", || {
        let rows = fj.list("audit");
        rows.iter().any(|a| a["reader"] == "VU" && a["via"] == "SPC").then_some(())
    });
    let holders = fj.list("holders");
    let of_vu = holders.iter().find(|h| h["member"] == "VU").expect("Vanuatu is a holder");
    assert!(of_vu["state"] == "held" && of_vu["grant"] == to_vu.as_str(), "{of_vu}");
    fj.talanoa(&["revoke", &to_vu, "--purge"]).ok();
    wait_for("Vanuatu's receipt reaches Fiji", || {
        let rows = fj.list("receipts");
        rows.iter().any(|r| r["direction"] == "received" && r["member"] == "VU").then_some(())
    });
    let holders = fj.list("holders");
    let of_vu = holders.iter().find(|h| h["member"] == "VU").unwrap();
    assert!(of_vu["state"].as_str().unwrap().starts_with("purged, receipt of 20"), "{of_vu}");
    assert!(vu.held().is_empty());
    assert!(scan(&vu.dir, &plaintext).is_empty());
    assert_eq!(spc.held(), ["FJ/A@1"], "its own grant stands");
    let relays =
        fj.list("grants").iter().find(|g| g["to"] == "SPC").unwrap()["id"].as_str().unwrap().to_owned();
    fj.talanoa(&["revoke", &relays, "--purge"]).ok();
    wait_for("SPC's receipt", || {
        let rows = fj.list("receipts");
        rows.iter().any(|r| r["direction"] == "received" && r["member"] == "SPC").then_some(())
    });
    assert!(scan(&spc.dir, &plaintext).is_empty());
    [fj, spc, vu, ws].iter_mut().for_each(Member::judge);
}

/// Releases of `origin` that a member is shown by a relay, by a call that ends when everything was said.
async fn carried(relay: &Member, reader: &Member, origin: &Member) -> usize {
    let [relay_home, reader, origin] = [relay, reader, origin].map(|m| Home::open(&m.dir).unwrap());
    let keys = [PublicKey(relay_home.node_key().unwrap().verifying_key().to_bytes())];
    let address = format!("127.0.0.1:{}", relay.port);
    let mut session = Session::dial(&address, &reader.node_key().unwrap(), &keys).await.unwrap();
    let request = wire::CatalogueRequest {
        purpose: PURPOSE_DEFAULT.into(),
        origin: origin.card.identity.id().to_bytes(),
        ..wire::CatalogueRequest::default()
    };
    let mut items = session.catalogue(request).await.unwrap();
    let mut releases = 0;
    while let Some(item) = items.message().await.unwrap() {
        if let Some(Item::Entry(entry)) = item.item
            && matches!(Declared::parse(&entry.envelope), Ok(Declared::Release(_)))
        {
            releases += 1;
        }
    }
    releases
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_has_not_heard_from_the_publisher_for_a_day_carries_nothing() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc, ws] = federation(root.path(), ["FJ", "SPC", "WS"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 50);
    let until = next_year();
    fj.publish(&file, "A").ok();
    fj.decide(&format!("grant --to SPC --dataset A --action read --action relay --until {until}"));
    fj.decide(&format!("grant --to WS --dataset A --until {until}"));
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    wait_for("SPC is shown both grants", || (spc.list("grants").len() == 2).then_some(()));
    fj.stop();
    assert_eq!(carried(&spc, &ws, &fj).await, 1);
    assert_eq!(carried(&spc, &fj, &fj).await, 0, "what is Fiji's own is not carried to Fiji");

    // Two days later, by SPC's clock, with the publisher still away.
    spc.stop();
    spc.clock_offset_seconds = 2 * 86_400;
    spc.serve();
    assert_eq!(carried(&spc, &ws, &fj).await, 0);
    // The publisher returns: what it allowed is fresh again.
    fj.serve();
    let again = async {
        while carried(&spc, &ws, &fj).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), again).await.expect("SPC hears from Fiji");
    [fj, spc].iter_mut().for_each(Member::judge);
}

/// Whoever was carried something under a grant hears from the relay that it is taken back, wherever it is now.
#[test]
fn a_reader_that_left_the_circle_hears_of_the_revocation_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc, mut vu] = federation(root.path(), ["FJ", "SPC", "VU"]);
    for member in [&mut fj, &mut spc, &mut vu] {
        member.serve();
    }
    let file = root.path().join("a.csv");
    table(&file, 50);
    let until = next_year();
    fj.publish(&file, "A").ok();
    fj.talanoa(&["circle", "new", "Melanesia", "--member", "SPC", "--member", "VU"]).ok();
    fj.decide(&format!("grant --to SPC --dataset A --action read --action relay --until {until}"));
    let to_circle = fj.decide(&format!("grant --to Melanesia --dataset A --until {until}"));
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    let knows = |state: &str| {
        let rows = spc.list("grants");
        rows.iter().any(|g| g["id"] == to_circle.as_str() && g["state"].as_str().unwrap().contains(state))
    };
    wait_for("SPC is shown the circle's grant", || knows("").then_some(()));
    vu.talanoa(&["follow", "FJ", "--via", "SPC"]).ok();
    vu.wait_until_held(&["FJ/A@1"]);

    fj.talanoa(&["circle", "set", "Melanesia", "--member", "SPC"]).ok();
    fj.talanoa(&["revoke", &to_circle, "--purge"]).ok();
    wait_for("SPC hears of the revocation", || knows("revoked").then_some(()));
    wait_for("Vanuatu has erased it", || vu.held().is_empty().then_some(()));
    wait_for("Vanuatu's receipt reaches Fiji", || {
        let rows = fj.list("receipts");
        rows.iter().any(|r| r["direction"] == "received" && r["member"] == "VU").then_some(())
    });
    [fj, spc, vu].iter_mut().for_each(Member::judge);
}
