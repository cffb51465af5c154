//! Who is let in: the keys that charter and identities name now, and nobody else.

use std::time::SystemTime;

use ed25519_dalek::SigningKey;
use talanoa_client::{PeerError, session::Session, tls};
use talanoa_node::{home::Home, keys};
use talanoa_proto::{
    Code,
    id::PublicKey,
    wire::{FollowRequest, HelloRequest},
};
use talanoa_tests::{Member, charter, federation, table, wait_for};

pub fn node_key(member: &Member) -> SigningKey {
    Home::open(&member.dir).unwrap().node_key().unwrap()
}

pub fn public(key: &SigningKey) -> PublicKey {
    key.verifying_key().into()
}

/// Dials `to` as `key`, expecting `expect`, and says hello.
pub async fn call(to: &Member, key: &SigningKey, expect: PublicKey) -> Result<Session, PeerError> {
    let mut session = Session::dial(&format!("127.0.0.1:{}", to.port), key, &[expect]).await?;
    let federation = to.status()["federation"].as_str().unwrap_or_default().to_owned();
    let federation_id = hex::decode(federation).unwrap().into();
    session.hello(HelloRequest { protocol: 1, federation_id, ..HelloRequest::default() }).await?;
    Ok(session)
}

fn refused(outcome: Result<Session, PeerError>) -> String {
    match outcome {
        Err(error @ PeerError::NotAdmitted { .. }) => {
            assert_eq!(error.code(), Code::PeerNotAdmitted);
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_and_both_sides_are_told_which_key() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let fj_key = public(&node_key(&fj));
    assert!(call(&fj, &node_key(&spc), fj_key).await.is_ok(), "a member is let in");

    // A node of another charter; a key that nobody delegated.
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Member::init(elsewhere.path(), "VU", 1);
    charter(elsewhere.path(), &[&stranger]);
    for key in [node_key(&stranger), keys::generate().unwrap()] {
        let fingerprint = tls::fingerprint(&public(&key).0);
        let message = refused(call(&fj, &key, fj_key).await);
        assert!(message.contains("peer.not_admitted") && message.contains(&fingerprint), "{message}");
        wait_for("the listener logs the fingerprint", || fj.log().contains(&fingerprint).then_some(()));
    }
    // A wrong pinned key: the dialler refuses before a byte of HTTP.
    let other = public(&keys::generate().unwrap());
    refused(call(&fj, &node_key(&spc), other).await);
    fj.judge();
    spc.judge();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_federation_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let mut session =
        Session::dial(&format!("127.0.0.1:{}", fj.port), &node_key(&spc), &[public(&node_key(&fj))])
            .await
            .unwrap();
    let hello = HelloRequest { protocol: 1, federation_id: vec![7; 32].into(), ..HelloRequest::default() };
    let error = session.hello(hello).await.unwrap_err();
    assert_eq!(error.code(), Code::CharterInvalid);
    let hello = HelloRequest { protocol: 2, federation_id: vec![7; 32].into(), ..HelloRequest::default() };
    assert!(session.hello(hello).await.is_err());
    fj.judge();
    spc.judge();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_member_loses_its_open_stream_and_is_not_let_in_again() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 10);
    fj.publish(&file, "A").ok();
    fj.grant("SPC", "all");
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);

    // An open stream of our own, watched while the denial comes.
    let mut session = call(&fj, &node_key(&spc), public(&node_key(&fj))).await.unwrap();
    let request = FollowRequest {
        cursor: Some(talanoa_proto::wire::Cursor { epoch: 1, step: 0, after: 0 }),
        purpose: "official-statistics".into(),
        ..FollowRequest::default()
    };
    let mut feed = session.follow(request).await.unwrap();
    assert!(feed.message().await.unwrap().is_some(), "the stream is open");
    let denied_at = SystemTime::now();
    fj.talanoa(&["deny", "--to", "SPC"]).ok();
    let acknowledged = SystemTime::now();
    let ended = loop {
        match feed.message().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    println!(
        "denial acknowledged after {:?}, open stream ended {:?} later: {ended:?}",
        acknowledged.duration_since(denied_at).unwrap_or_default(),
        acknowledged.elapsed().unwrap_or_default()
    );
    refused(call(&fj, &node_key(&spc), public(&node_key(&fj))).await);
    wait_for("SPC says why", || {
        let peers = spc.list("peers");
        peers[0]["last_error"].as_str().is_some_and(|e| e.contains("peer.not_admitted")).then_some(())
    });
    fj.publish(&file, "A").ok();
    assert_eq!(spc.held(), ["FJ/A@1"], "what came after the denial does not arrive");
    fj.judge();
    spc.judge();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_dataset_is_as_if_it_were_not_there() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 10);
    fj.talanoa(&["deny", "--to", "SPC", "--dataset", "HIDDEN"]).ok();
    fj.grant("SPC", "all");
    fj.publish(&file, "HIDDEN").ok();
    fj.publish(&file, "SHOWN").ok();
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/SHOWN@1"]);
    assert_eq!(spc.refs("catalogue"), ["FJ/SHOWN@1"]);

    // Hidden and never there: the same answer to the letter.
    let mut session = call(&fj, &node_key(&spc), public(&node_key(&fj))).await.unwrap();
    let rows = fj.list("releases");
    let hidden =
        rows.iter().find(|r| r["ref"] == "FJ/HIDDEN@1").unwrap()["commitment"].as_str().unwrap().to_owned();
    let mut answers = Vec::new();
    for commitment in [hex::decode(hidden).unwrap(), vec![9; 32]] {
        let request = talanoa_proto::wire::FetchRequest {
            commitment: commitment.into(),
            purpose: "official-statistics".into(),
            part: Some(talanoa_proto::wire::fetch_request::Part::Pages(Default::default())),
            ..Default::default()
        };
        answers.push(session.fetch(request).await.unwrap_err().to_string());
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].contains("not available"), "{answers:?}");
    fj.judge();
    spc.judge();
}
