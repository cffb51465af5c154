//! Work per follower is proportional to what it may see, not to the journal.

use std::sync::Arc;

use talanoa_node::{
    app::App,
    clock::{Clock, SystemClock},
    feed::{Reader, next_run},
    home::{Founding, Home},
    keys,
    node::own_entry,
    store::Batch,
};
use talanoa_proto::{
    charter::{Charter, CharterEvent, CharterFile, CharterMember, PURPOSE_DEFAULT, PURPOSES, THEMES},
    envelope::Envelope,
    grant::{Action, Grant, Grantee, LiftDenial, Obligations, Scope},
    identity::MemberKind,
    object::Origin,
    release::{Description, Distribution, Release, ReleaseKind, Sensitivity},
    wire::Cursor,
};
use talanoa_tests::free_ports;

const VISIBLE: u64 = 3;

/// A journal of so many releases, of which the reader may see three; returns entries visited by a catch-up.
async fn visited_with(entries: u64) -> u64 {
    let root = tempfile::tempdir().unwrap();
    let [fj, spc] = free_ports::<2>();
    let homes =
        [found(root.path(), "FJ", MemberKind::Country, fj), found(root.path(), "SPC", MemberKind::Body, spc)];
    homes[0].adopt(&charter(&homes)).await.unwrap();
    let app = App::start(&homes[0], Arc::new(SystemClock::new())).await.unwrap();
    let node = &app.node;
    let origin = node.origin().unwrap();
    let mut batch = Batch::default();
    for n in 0..entries {
        // Three of them, spread over the journal, in datasets of their own.
        let seen = n % (entries / VISIBLE) == 7 && n / (entries / VISIBLE) < VISIBLE;
        let dataset = if seen { format!("SEEN{}", n / (entries / VISIBLE)) } else { format!("HIDDEN{n}") };
        let envelope = Envelope::seal(&release(origin, &dataset), &node.key);
        batch.records.push(own_entry(&envelope).unwrap().0.into());
        if batch.records.len() == 2000 {
            node.store.commit(std::mem::take(&mut batch)).await.unwrap();
        }
    }
    let consent = keys::load(&homes[0].key_path("consent")).unwrap();
    let grant = grant(origin, homes[1].card.identity.id(), node.now());
    batch.records.push(own_entry(&Envelope::seal(&grant, &consent)).unwrap().0.into());
    node.store.commit(batch).await.unwrap();
    // The grant's beginning is a step of its own, written by the node itself.
    let mut changed = node.store.watch();
    while node.store.view().edges.is_empty() {
        changed.changed().await.unwrap();
    }

    let reader = Reader {
        member: homes[1].card.identity.id(),
        datasets: Vec::new(),
        purpose: PURPOSE_DEFAULT.into(),
        application: None,
    };
    let before = node.feed_visited.load(std::sync::atomic::Ordering::SeqCst);
    let run = next_run(node, &reader, Cursor { epoch: 1, step: 0, after: 0 }, &mut 0).unwrap();
    let visited = node.feed_visited.load(std::sync::atomic::Ordering::SeqCst) - before;
    // Head, three identity events, endpoint, grant, three releases.
    assert_eq!((run.complete, run.items.len()), (true, 9));
    app.stop().await;
    let report = talanoa_node::fsck::fsck(&homes[0]);
    // The entries name files that were never made: only the shelf has something to say.
    assert!(report.faults.iter().all(|f| f.starts_with("shelf/")), "{:?}", report.faults.first());
    visited
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catch_up_visits_what_the_reader_may_see_whatever_the_journal_holds() {
    let small = visited_with(1_000).await;
    let large = visited_with(100_000).await;
    println!(
        "entries visited by a catch-up that sees {VISIBLE} releases: {small} of 1,000, {large} of 100,000"
    );
    assert_eq!(small, large);
}

/// A lifted denial shows every grant of its subject again, all in one step: a feed gets past it.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_shows_more_than_one_run_looks_at_is_got_past() {
    let root = tempfile::tempdir().unwrap();
    let [fj, spc] = free_ports::<2>();
    let homes =
        [found(root.path(), "FJ", MemberKind::Country, fj), found(root.path(), "SPC", MemberKind::Body, spc)];
    homes[0].adopt(&charter(&homes)).await.unwrap();
    let app = App::start(&homes[0], Arc::new(SystemClock::new())).await.unwrap();
    let node = &app.node;
    let (origin, member) = (node.origin().unwrap(), homes[1].card.identity.id());
    let consent = keys::load(&homes[0].key_path("consent")).unwrap();
    let mut batch = Batch::default();
    for n in 0..600u16 {
        let mut nonce = [0; 16];
        nonce[..2].copy_from_slice(&n.to_be_bytes());
        let grant = Grant { nonce, ..grant(origin, member, node.now()) };
        batch.records.push(own_entry(&Envelope::seal(&grant, &consent)).unwrap().0.into());
    }
    node.store.commit(batch).await.unwrap();
    let (denial, _) =
        talanoa_node::consent::deny(node, Some(member), Some("SEEN0".parse().unwrap())).await.unwrap();
    let lift = LiftDenial { origin, denials: vec![denial], declared_at: node.now() };
    node.store.commit(Batch::of(own_entry(&Envelope::seal(&lift, &consent)).unwrap().0)).await.unwrap();

    let purpose = PURPOSE_DEFAULT.to_owned();
    let reader = Reader { member, datasets: Vec::new(), purpose, application: None };
    let (mut cursor, mut size) = (Cursor { epoch: 1, step: 0, after: 0 }, 0);
    let runs = (1..50).find(|_| {
        let run = next_run(node, &reader, cursor, &mut size).unwrap();
        cursor = run.cursor;
        run.complete
    });
    println!("complete after {runs:?} runs, at step {}", cursor.step);
    assert!(runs.is_some(), "stuck at {cursor:?}");
    app.stop().await;
}

pub fn found(root: &std::path::Path, code: &str, kind: MemberKind, port: u16) -> Home {
    let founding = Founding {
        code: code.parse().unwrap(),
        name: code.into(),
        kind,
        listen: Some(format!("127.0.0.1:{port}")),
        root_out: None,
        now: SystemClock::new().now(),
    };
    Home::found(&root.join(code), &founding).unwrap()
}

pub fn release(origin: Origin, dataset: &str) -> Release {
    Release {
        origin,
        dataset: dataset.parse().unwrap(),
        number: 1,
        kind: ReleaseKind::Document,
        previous: None,
        published_at: 1,
        description: Description::default(),
        distributions: vec![Distribution {
            name: "a.txt".into(),
            media_type: "text/plain".into(),
            bytes: 1,
            sha256: [1; 32],
            chunking: "fastcdc2020/16k".into(),
            chunk_root: [2; 32],
            rows: 0,
            columns: 0,
            observations: 0,
        }],
        quality: Vec::new(),
        sensitivity: Sensitivity::Official,
        relations: Vec::new(),
        structure: String::new(),
    }
}

pub fn grant(origin: Origin, to: talanoa_proto::id::MemberId, now: u64) -> Grant {
    Grant {
        origin,
        grantee: Grantee::Member(to),
        scope: Scope::Datasets((0..VISIBLE).map(|n| format!("SEEN{n}").parse().unwrap()).collect()),
        from_number: 1,
        to_number: None,
        actions: vec![Action::Read],
        purposes: vec![PURPOSE_DEFAULT.into()],
        not_before: now,
        not_after: now + 1000,
        effective_after: 0,
        obligations: Obligations::default(),
        supersedes: None,
        officers: Vec::new(),
        nonce: [0; 16],
    }
}

pub fn charter(homes: &[Home]) -> CharterFile {
    let member = |h: &Home| CharterMember {
        code: h.card.identity.code().clone(),
        id: h.card.identity.id(),
        observer: h.card.identity.code().as_str() == "SPC",
        island: false,
    };
    let charter = Charter {
        name: "test".into(),
        members: homes.iter().map(member).collect(),
        purposes: PURPOSES.iter().map(|p| (*p).to_owned()).collect(),
        themes: THEMES.iter().map(|t| (*t).to_owned()).collect(),
        founded_at: 1,
    };
    let mut genesis = Envelope::unsigned(&CharterEvent { genesis: charter });
    homes.iter().for_each(|h| genesis.add_signature(&keys::load(&h.key_path("root")).unwrap()));
    CharterFile::new(genesis, homes.iter().map(|h| h.card.clone()).collect()).unwrap()
}
