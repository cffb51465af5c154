//! Feeds fail at the cursor elsewhere: here one that is not known is named, and the catalogue mends it.

use talanoa_proto::{
    Code,
    wire::{CatalogueRequest, Cursor, FollowRequest, feed_item::Item},
};
use talanoa_tests::{federation, table};

use crate::admission::{call, node_key, public};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_cursor_is_refused_by_name_and_the_catalogue_gives_a_good_one() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let file = root.path().join("a.csv");
    table(&file, 10);
    fj.publish(&file, "A").ok();
    fj.grant("SPC", "all");
    let mut session = call(&fj, &node_key(&spc), public(&node_key(&fj))).await.unwrap();
    let follow = |cursor: Cursor, known_size: u64| FollowRequest {
        cursor: Some(cursor),
        purpose: "official-statistics".into(),
        known_size,
        ..FollowRequest::default()
    };
    for cursor in [Cursor { epoch: 1, step: 1_000_000, after: 0 }, Cursor { epoch: 2, step: 0, after: 0 }] {
        let error = session.follow(follow(cursor, 0)).await.unwrap_err();
        assert_eq!(error.code(), Code::CursorOutOfRange);
        assert!(error.to_string().contains("take the Catalogue"), "{error}");
    }
    // A head that we never signed: the reader holds another history.
    let error = session.follow(follow(Cursor { epoch: 1, step: 0, after: 0 }, 1_000_000)).await.unwrap_err();
    assert_eq!(error.code(), Code::JournalFork);

    let request = CatalogueRequest { purpose: "official-statistics".into(), ..CatalogueRequest::default() };
    let mut catalogue = session.catalogue(request).await.unwrap();
    let (mut heads, mut entries, mut cursor) = (0, 0, None);
    while let Some(item) = catalogue.message().await.unwrap() {
        match item.item.unwrap() {
            Item::Head(_) => heads += 1,
            Item::Entry(_) => entries += 1,
            Item::StepDone(done) => cursor = Some(done),
        }
    }
    // Three identity events, endpoint, grant, release; then it ends.
    assert_eq!((heads, entries), (1, 6));
    let mut feed = session.follow(follow(cursor.expect("it ends with a cursor"), 6)).await.unwrap();
    fj.publish(&file, "A").ok();
    let mut fresh = 0;
    while let Some(item) = feed.message().await.unwrap() {
        match item.item.unwrap() {
            Item::Entry(_) => fresh += 1,
            Item::StepDone(_) if fresh > 0 => break,
            _ => {}
        }
    }
    assert_eq!(fresh, 1, "only what is new comes after the catalogue's cursor");
    fj.judge();
    spc.judge();
}
