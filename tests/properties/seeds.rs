//! Where fuzzing and property tests begin: one honest example of each thing, written by the code itself.

use std::{fs, path::PathBuf};

use ed25519_dalek::SigningKey;
use prost::Message;
use talanoa_node::store::{
    anchor::JournalHead,
    disk::Disk,
    ledger::{Ledger, segment_name},
    records::{Access, GrantEdge, OwnEntry, PeerCursor, Record},
};
use talanoa_proto::{
    application::{Application, EndApplication},
    carriage::{Carriage, Carried},
    charter::Card,
    checkpoint::{Checkpoint, SignedCheckpoint},
    chunk::{ChunkEntry, PageWriter},
    circle::{Circle, LeaveCircle},
    envelope::Envelope,
    grant::{
        Action, Denial, Grant, Grantee, LiftDenial, Obligations, PurgeReceipt, Revocation, Scope, Term, Terms,
    },
    id::{Commitment, FederationId, MemberId, ObjectId, PublicKey},
    identity::{Endpoint, Genesis, Identity, IdentityEvent, KeySet, MemberKind},
    object::{Object, Origin},
    wire,
};

const ORIGIN: Origin = Origin { federation: FederationId([1; 32]), member: MemberId([2; 32]), epoch: 1 };

fn dir(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target)
}

pub fn read(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir(target)).into_iter().flatten().map(|f| f.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Writes them anew: `TALANOA_REGENERATE=1 cargo test -p talanoa-tests --test properties seed`.
pub fn write() {
    for (target, name, bytes) in all() {
        fs::create_dir_all(dir(target)).unwrap();
        fs::write(dir(target).join(name), bytes).unwrap();
    }
}

fn all() -> Vec<(&'static str, String, Vec<u8>)> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let mut all = Vec::new();
    let mut add = |target, name: &str, bytes: Vec<u8>| all.push((target, name.to_owned(), bytes));

    for (kind, payload) in objects() {
        let tagged = [&[kind][..], &payload].concat();
        add("object", &format!("kind-{kind}"), tagged);
    }
    let genesis = Envelope::seal(&genesis(&key), &key);
    let identity = Identity::found(&genesis).unwrap();
    let endpoint = Endpoint { member: identity.id(), addresses: vec!["127.0.0.1:7640".into()], seq: 1 };
    let grant = Envelope::seal(&grant(), &key);
    add("envelope", "genesis", genesis.to_bytes().to_vec());
    add("envelope", "grant", grant.to_bytes().to_vec());
    add("envelope", "unsigned", Envelope::unsigned(&endpoint).to_bytes().to_vec());
    let card = Card::new(vec![genesis.clone()], None).unwrap();
    add("charter", "card", card.to_text().into_bytes());

    let checkpoint = Checkpoint { origin: "talanoa/00ff/1".into(), size: 5, root: [3; 32] };
    add("note", "checkpoint", SignedCheckpoint::issue(checkpoint, &key).note_bytes().to_vec());
    let mut pages = PageWriter::default();
    (0..3u8).for_each(|n| drop(pages.push(ChunkEntry::of(&[n; 9]))));
    add("pages", "three", pages.finish().0.unwrap());
    for text in ["FJ/CHILD_DEATHS@3", "SPC", "CHILD_DEATHS"] {
        add("text", &text.replace(['/', '@'], "-"), text.into());
    }
    add("text", "id", hex::encode([7; 32]).into_bytes());

    for (kind, bytes) in messages(&grant) {
        add("wire", &format!("message-{kind}"), [&[kind][..], &bytes].concat());
    }
    for target in ["proofs", "identity", "feed", "consent"] {
        for n in 0..4u32 {
            add(target, &format!("script-{n}"), script(target, n));
        }
    }
    add("segment", "three", segment());
    for record in records(&grant) {
        let bytes = [&[record.kind()][..], &record.encode()].concat();
        add("record", &format!("kind-{}", record.kind()), bytes);
    }
    add(
        "table",
        "sdmx.csv",
        b"STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,TIME_PERIOD,OBS_VALUE,NOTE\n\
        dataflow,T:T(1.0.0),I,FJI,2020,1.5,\"a, \"\"b\"\"\"\ndataflow,T:T(1.0.0),I,FJI,2021-Q1,2,\n"
            .to_vec(),
    );
    add("table", "plain.csv", b"area,year,value\nFJ,2020,1\nWS,2021,2\n".to_vec());
    add("config", "example", include_bytes!("../../deploy/talanoa.example.toml").to_vec());
    all
}

/// Scripts whose targets say that they were taken: found by trying, so that a changed reading finds others.
fn script(target: &str, n: u32) -> Vec<u8> {
    let run = crate::targets().find(|(name, _)| *name == target).unwrap().1;
    let candidates = (0u32..).map(|salt| {
        let start = blake3::hash(format!("{target} {n} {salt}").as_bytes());
        let mut bytes = vec![0; 160];
        blake3::Hasher::new().update(start.as_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    });
    candidates.into_iter().find(|bytes| run(bytes)).unwrap()
}

fn genesis(key: &SigningKey) -> IdentityEvent {
    let root = KeySet { keys: vec![key.verifying_key().into()], threshold: 1 };
    let code = "FJ".parse().unwrap();
    IdentityEvent::genesis(Genesis {
        code,
        name: "Fiji".into(),
        kind: MemberKind::Country,
        root,
        created_at: 0,
    })
}

fn grant() -> Grant {
    Grant {
        origin: ORIGIN,
        grantee: Grantee::Member(MemberId([3; 32])),
        scope: Scope::Datasets(vec!["CHILD_DEATHS".parse().unwrap()]),
        from_number: 1,
        to_number: None,
        actions: vec![Action::Read],
        purposes: vec!["official-statistics".into()],
        not_before: 1_700_000_000,
        not_after: 1_731_622_400,
        effective_after: 0,
        obligations: Obligations::default(),
        supersedes: None,
        officers: Vec::new(),
        nonce: [9; 16],
    }
}

fn objects() -> Vec<(u8, Vec<u8>)> {
    let revocation = Revocation {
        origin: ORIGIN,
        grants: vec![ObjectId([4; 32])],
        purge: true,
        purge_by: 9,
        reason: "ended".into(),
        declared_at: 1,
    };
    let denial = Denial {
        origin: ORIGIN,
        subject: Some(MemberId([3; 32])),
        dataset: None,
        until: Some(9),
        declared_at: 1,
        nonce: [1; 16],
    };
    let lift = LiftDenial { origin: ORIGIN, denials: vec![ObjectId([5; 32])], declared_at: 1 };
    let receipt = PurgeReceipt {
        origin: ORIGIN,
        grantor: MemberId([2; 32]),
        revocation: ObjectId([6; 32]),
        grants: vec![ObjectId([4; 32])],
        releases: vec![(Commitment([7; 32]), 10)],
        exceptions: Vec::new(),
        completed_at: 2,
        more: false,
    };
    let circle = Circle {
        origin: ORIGIN,
        circle: None,
        seq: 0,
        name: "Melanesia".into(),
        members: vec![MemberId([2; 32]), MemberId([3; 32])],
        declared_at: 1,
        nonce: [1; 16],
    };
    let leave = LeaveCircle { origin: ORIGIN, circle: ObjectId([6; 32]), seq: 1, declared_at: 1 };
    let terms = Terms { origin: ORIGIN, text: "No onward sharing.".into() };
    let application = Application {
        origin: ORIGIN,
        name: "Dashboard".into(),
        key: PublicKey([8; 32]),
        origins: vec![MemberId([2; 32])],
        scope: Scope::All,
        actions: vec![Action::Read],
        purposes: vec!["official-statistics".into()],
        term: Term { not_before: 1, not_after: 2, effective_after: 0 },
        nonce: [1; 16],
    };
    let end = EndApplication { origin: ORIGIN, applications: vec![ObjectId([6; 32])], declared_at: 1 };
    let carried = Carried {
        started: 1,
        reader: MemberId([3; 32]),
        release: Commitment([7; 32]),
        grant: ObjectId([4; 32]),
        purpose: "official-statistics".into(),
        application: None,
    };
    let (publisher, carried) = (MemberId([9; 32]), vec![carried]);
    let carriage = Carriage { origin: ORIGIN, publisher, carried, declared_at: 1 };
    let endpoint = Endpoint { member: MemberId([2; 32]), addresses: vec!["127.0.0.1:7640".into()], seq: 1 };
    [
        (0, grant().encode()),
        (1, revocation.encode()),
        (2, denial.encode()),
        (3, lift.encode()),
        (4, receipt.encode()),
        (7, genesis(&SigningKey::from_bytes(&[7; 32])).encode()),
        (8, endpoint.encode()),
        (9, circle.encode()),
        (10, leave.encode()),
        (11, terms.encode()),
        (12, application.encode()),
        (13, end.encode()),
        (14, carriage.encode()),
    ]
    .map(|(kind, payload)| (kind, payload.to_vec()))
    .to_vec()
}

fn messages(grant: &Envelope) -> Vec<(u8, Vec<u8>)> {
    let hello = wire::HelloRequest { protocol: 1, software: "talanoa".into(), ..Default::default() };
    let follow = wire::FollowRequest { known_size: 5, purpose: "p".into(), ..Default::default() };
    let entry = wire::Entry {
        index: 3,
        salt: vec![1; 32].into(),
        envelope: grant.to_bytes(),
        inclusion: vec![vec![2; 32].into()],
    };
    let item = wire::FeedItem { item: Some(wire::feed_item::Item::Entry(entry.clone())) };
    let deliver = wire::DeliverRequest { head: Some(wire::Head::default()), entry: Some(entry) };
    vec![
        (0, hello.encode_to_vec()),
        (3, follow.encode_to_vec()),
        (4, item.encode_to_vec()),
        (7, deliver.encode_to_vec()),
    ]
}

fn records(grant: &Envelope) -> Vec<Record> {
    vec![
        OwnEntry { salt: vec![1; 32].into(), envelope: grant.to_bytes() }.into(),
        PeerCursor { member: vec![2; 32].into(), epoch: 1, step: 4, after: 2 }.into(),
        Access { reader: vec![2; 32].into(), purpose: "p".into(), started: 5, ..Default::default() }.into(),
        GrantEdge { grant: vec![3; 32].into(), ended: true, at: 7 }.into(),
    ]
}

fn segment() -> Vec<u8> {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("ledger");
    let mut ledger = Ledger::create(Disk::default(), &dir, home.path()).unwrap();
    ledger.append(&[(1, b"one".to_vec()), (4, b"two".to_vec()), (9, Vec::new())]).unwrap();
    ledger.anchor(JournalHead { epoch: 1, size: 0, root: [0; 32] }).unwrap();
    fs::read(dir.join(segment_name(0))).unwrap()
}
