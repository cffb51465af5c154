//! A program that reads for its member with a key of its own, within what the member gave it.

use talanoa_node::{home::Home, keys};
use talanoa_tests::{Member, federation, load::LoadReader, next_year, table, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn an_application_reads_within_its_subset_and_stops_when_its_key_is_taken_back() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let until = next_year();
    for dataset in ["A", "B"] {
        let file = root.path().join(format!("{dataset}.csv"));
        table(&file, 20);
        fj.publish(&file, dataset).ok();
    }
    fj.grant("SPC", "all");
    let secret = root.path().join("dashboard.key");
    let line = format!(
        "application add Dashboard --key-out {} --dataset A --origin FJ --until {until}",
        secret.display()
    );
    let application = spc.decide(&line);

    let [home, reader] = [&fj, &spc].map(|m| Home::open(&m.dir).unwrap());
    let (key, member) = (keys::load(&secret).unwrap(), reader.card.identity.id());
    let (charter, address) = (root.path().join("charter.txt"), format!("127.0.0.1:{}", fj.port));
    let connect = || LoadReader::connect_as(&charter, &key, member, &home, &address);
    let mut reading = loop {
        // Its key is on its way from SPC to Fiji.
        match connect().await {
            Ok(reading) => break reading,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let (commitment, release) = reading.next_release().await.unwrap();
    assert_eq!(release.dataset.as_str(), "A");
    reading.fetch(commitment, &release).await.unwrap();
    let audit = wait_for("the access is on record", || {
        fj.list("audit").into_iter().find(|a| a["outcome"] == "complete")
    });
    assert_eq!(audit["reader"], "SPC");
    // Beyond the subset: what its member may read and it may not.
    let other = fj.list("releases").into_iter().find(|r| r["ref"] == "FJ/B@1").unwrap();
    let other: talanoa_proto::id::Commitment = other["commitment"].as_str().unwrap().parse().unwrap();
    let refused = reading.fetch(other, &release).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "not_found");

    spc.talanoa(&["application", "end", &application]).ok();
    loop {
        if connect().await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(reading.fetch(commitment, &release).await.is_err(), "the open connection is closed too");
    [fj, spc].iter_mut().for_each(Member::judge);
}
