//! Consent that is not given and receipts that are not taken: each refused with its code, and nothing changes.

use std::sync::Arc;

use bytes::Bytes;
use talanoa_client::{PeerError, session::Session};
use talanoa_node::{
    app::App,
    clock::SystemClock,
    consent,
    home::Home,
    keys,
    node::{Node, own_entry},
    store::{Batch, records::Access},
};
use talanoa_proto::{
    Code,
    carriage::{Carriage, Carried},
    charter::PURPOSE_DEFAULT,
    checkpoint::{Checkpoint, SignedCheckpoint},
    envelope::Envelope,
    grant::{Action, Grant, Grantee, PurgeReceipt},
    id::{Commitment, FederationId, MemberId, ObjectId, PublicKey},
    identity::MemberKind,
    merkle,
    object::{Object, Origin},
    release::Sensitivity,
    wire,
};
use talanoa_tests::free_ports;

use crate::feed_work::{charter, found, grant, release};

/// Members in one process, so that what no command would make can be signed and brought all the same.
struct Scene {
    homes: Vec<Home>,
    apps: Vec<App>,
    /// To the first member, from each: a member may have only so many connections.
    sessions: Vec<Session>,
    root: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let [a, b, c] = free_ports::<3>();
        let homes = vec![
            found(root.path(), "FJ", MemberKind::Country, a),
            found(root.path(), "SPC", MemberKind::Body, b),
            found(root.path(), "VU", MemberKind::Country, c),
        ];
        let charter = charter(&homes);
        let (mut apps, mut sessions) = (Vec::new(), Vec::new());
        for home in &homes {
            home.adopt(&charter).await.unwrap();
            apps.push(App::start(home, Arc::new(SystemClock::new())).await.unwrap());
        }
        let fj = PublicKey(apps[0].node.key.verifying_key().to_bytes());
        for app in &apps[1..] {
            let address = apps[0].listen.to_string();
            sessions.push(Session::dial(&address, &app.node.key, &[fj]).await.unwrap());
        }
        Self { homes, apps, sessions, root }
    }

    fn node(&self, n: usize) -> &Arc<Node> {
        &self.apps[n].node
    }

    fn id(&self, n: usize) -> MemberId {
        self.homes[n].card.identity.id()
    }

    async fn publish(&self, dataset: &str, sensitivity: Sensitivity) -> Commitment {
        let fj = self.node(0);
        let release =
            talanoa_proto::release::Release { sensitivity, ..release(fj.origin().unwrap(), dataset) };
        let (entry, salt) = own_entry(&Envelope::seal(&release, &fj.key)).unwrap();
        let commitment = talanoa_proto::entry::commitment(&salt, &entry.envelope);
        fj.store.commit(Batch::of(entry)).await.unwrap();
        commitment
    }

    fn grant_of(&self, to: usize, dataset: &str) -> Grant {
        let fj = self.node(0);
        Grant {
            scope: talanoa_proto::grant::Scope::Datasets(vec![dataset.parse().unwrap()]),
            nonce: keys::random().unwrap(),
            ..grant(fj.origin().unwrap(), self.id(to), fj.now())
        }
    }

    async fn submit<T: Object>(
        &self,
        object: &T,
        signer: usize,
        key: &str,
    ) -> Result<ObjectId, (Code, String)> {
        let key = keys::load(&self.homes[signer].key_path(key)).unwrap();
        let taken = consent::submit(self.node(0), Envelope::seal(object, &key), String::new()).await;
        taken.map(|(id, _)| id).map_err(|p| (p.code, p.public))
    }

    async fn end(self) {
        drop(self.sessions);
        for app in self.apps {
            app.stop().await;
        }
        for home in &self.homes {
            let report = talanoa_node::fsck::fsck(home);
            // The entries name files that were never made: only the shelf has something to say.
            assert!(report.faults.iter().all(|f| f.starts_with("shelf/")), "{:?}", report.faults.first());
        }
        drop(self.root);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_of_strangers_and_beyond_the_charter_are_refused() {
    let scene = Scene::new().await;
    scene.publish("SECRET", Sensitivity::Sensitive).await;
    let base = scene.grant_of(1, "A");
    let refused = async |what: &str, grant: Grant, signer: usize, key: &str, code: Code, word: &str| {
        let (said, text) = scene.submit(&grant, signer, key).await.expect_err(what);
        println!("{what}: {said}: {text}");
        assert!(said == code && text.contains(word), "{what}: {said}: {text}");
        assert_eq!(scene.node(0).store.view().consent.grants().count(), 0, "{what}");
    };
    let sealed = |change: &dyn Fn(&mut Grant)| {
        let mut grant = base.clone();
        change(&mut grant);
        grant
    };
    let invalid = Code::SignatureInvalid;
    refused("signed by the node key", base.clone(), 0, "node", invalid, "").await;
    refused("signed by another member's consent key", base.clone(), 1, "consent", invalid, "").await;
    let origin = base.origin;
    let other = Origin { federation: FederationId::of(b"another"), ..origin };
    let strange = sealed(&|g| g.origin = other);
    refused("for another federation", strange, 0, "consent", Code::OriginMismatch, "federation").await;
    let strange = sealed(&|g| g.origin = Origin { member: scene.id(1), ..origin });
    refused("in another member's name", strange, 0, "consent", Code::OriginMismatch, "member").await;
    let strange = sealed(&|g| g.origin = Origin { epoch: origin.epoch + 1, ..origin });
    refused("of another epoch", strange, 0, "consent", Code::OriginMismatch, "epoch").await;
    let strange = sealed(&|g| g.purposes = vec!["marketing".into()]);
    refused("unknown purpose", strange, 0, "consent", Code::GrantUnsupported, "marketing").await;
    let strange = sealed(&|g| g.not_after = g.not_before + 732 * 86_400);
    refused("lifetime too long", strange, 0, "consent", Code::ObjectInvalid, "731 days").await;
    let strange = sealed(&|g| {
        g.grantee = Grantee::AllMembers;
        g.scope = talanoa_proto::grant::Scope::Datasets(vec!["SECRET".parse().unwrap()]);
    });
    refused("all members on a sensitive dataset", strange, 0, "consent", Code::BadRequest, "sensitive").await;
    let strange = sealed(&|g| {
        g.actions = vec![Action::Read, Action::Relay];
        g.scope = talanoa_proto::grant::Scope::Datasets(vec!["SECRET".parse().unwrap()]);
    });
    refused("relay of a sensitive dataset", strange, 0, "consent", Code::BadRequest, "sensitive").await;
    let strange = sealed(&|g| g.supersedes = Some(ObjectId::of(b"none of ours")));
    refused("replaces a grant that is none of ours", strange, 0, "consent", Code::GrantUnknown, "").await;

    let unknown =
        consent::revoke(scene.node(0), &ObjectId::of(b"x").to_string(), true, 0, String::new()).await;
    assert_eq!(unknown.unwrap_err().code, Code::GrantUnknown);
    scene.end().await;
}

/// Attack: a copy of the signed grant is submitted again after it was taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_was_revoked_does_not_live_again() {
    let scene = Scene::new().await;
    let fj = scene.node(0);
    let grant = scene.grant_of(1, "A");
    let id = scene.submit(&grant, 0, "consent").await.unwrap();
    consent::revoke(fj, &id.to_string(), false, 0, String::new()).await.unwrap();
    let (code, text) = scene.submit(&grant, 0, "consent").await.unwrap_err();
    assert!(code == Code::BadRequest && text.contains("submitted already"), "{code}: {text}");
    assert!(fj.store.view().consent.revocation_of(&id).is_some());
    // In the journal itself, past every check: the rule does not depend on the door.
    let consent_key = keys::load(&scene.homes[0].key_path("consent")).unwrap();
    let entry = own_entry(&Envelope::seal(&grant, &consent_key)).unwrap().0;
    fj.store.commit(Batch::of(entry)).await.unwrap();
    assert!(fj.store.view().consent.revocation_of(&id).is_some());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_do_not_fit_are_refused_and_the_right_one_counts_once() {
    let scene = Scene::new().await;
    let fj = scene.node(0);
    let [held, other] =
        [scene.publish("A", Sensitivity::Official).await, scene.publish("B", Sensitivity::Official).await];
    let mut orders = Vec::new();
    for (dataset, release) in [("A", Some(held)), ("B", None)] {
        let id = scene.submit(&scene.grant_of(1, dataset), 0, "consent").await.unwrap();
        if let Some(release) = release {
            let access = Access {
                reader: scene.id(1).to_bytes(),
                release: release.to_bytes(),
                grant: id.to_bytes(),
                purpose: PURPOSE_DEFAULT.into(),
                started: fj.now(),
                transfer: vec![7; 16].into(),
                ..Access::default()
            };
            fj.store.commit(Batch::of(access)).await.unwrap();
        }
        let revoked = consent::revoke(fj, &id.to_string(), true, 0, String::new()).await.unwrap();
        orders.push((id, revoked.revocation));
    }
    let right = PurgeReceipt {
        origin: scene.node(1).origin().unwrap(),
        grantor: fj.me,
        revocation: orders[0].1,
        grants: vec![orders[0].0],
        releases: vec![(held, 1)],
        exceptions: Vec::new(),
        completed_at: fj.now(),
        more: false,
    };
    let answered = || fj.store.view().orders[&orders[0].1].is_answered_by(&scene.id(1));
    let named = |releases: Vec<(Commitment, u64)>| {
        let mut releases = releases;
        releases.sort();
        PurgeReceipt { releases, ..right.clone() }
    };
    let wrong = [
        ("too little", named(vec![]), "leaves out"),
        (
            "what was never published",
            named(vec![(held, 1), (Commitment::from_slice(&[9; 32]).unwrap(), 1)]),
            "never published",
        ),
        ("what was never delivered", named(vec![(held, 1), (other, 1)]), "never delivered"),
        (
            "another revocation's grants",
            PurgeReceipt { grants: vec![orders[1].0], ..right.clone() },
            "other grants",
        ),
        ("another grantor", PurgeReceipt { grantor: scene.id(2), ..right.clone() }, "other grants"),
        (
            "an unknown revocation",
            PurgeReceipt { revocation: ObjectId::of(b"x"), ..right.clone() },
            "no such revocation",
        ),
    ];
    for (what, receipt, word) in wrong {
        let (code, text) = bring(&scene, 1, &receipt).await.expect_err(what);
        println!("{what}: {code}: {text}");
        assert!(code == Code::ReceiptInvalid && text.contains(word), "{what}: {code}: {text}");
        assert!(!answered(), "{what}");
    }
    // Another member's word for it: in its own journal, and out of the holder's.
    let strange = PurgeReceipt { origin: scene.node(2).origin().unwrap(), ..right.clone() };
    let (code, text) = bring(&scene, 2, &strange).await.unwrap_err();
    assert!(code == Code::ReceiptInvalid && text.contains("not given to this member"), "{code}: {text}");
    let request = journaled(scene.node(1), &right).await;
    let (code, text) = deliver(&scene, 2, request.clone()).await.unwrap_err();
    assert_eq!(code, Code::SignatureInvalid, "{text}");
    let mut forged = request.clone();
    if let Some(entry) = &mut forged.entry {
        entry.inclusion = vec![Bytes::from_static(&[1; 32]); entry.inclusion.len().max(1)];
    }
    let (code, text) = deliver(&scene, 1, forged).await.unwrap_err();
    assert_eq!(code, Code::JournalProof, "{text}");
    assert!(!answered());

    deliver_many(&scene, 1, &request).await;
    assert!(answered());
    let taken = fj.store.view().orders[&orders[0].1].receipts[&scene.id(1)].len();
    assert_eq!(taken, 1, "delivered again, counted once");
    scene.end().await;
}

/// A relay's word is taken for what it was given to carry, and counts once.
#[tokio::test(flavor = "multi_thread")]
async fn statements_of_carriage_that_do_not_fit_are_refused() {
    let scene = Scene::new().await;
    let fj = scene.node(0);
    let [given, other] =
        [scene.publish("A", Sensitivity::Official).await, scene.publish("B", Sensitivity::Official).await];
    let relays = Grant { actions: vec![Action::Read, Action::Relay], ..scene.grant_of(1, "A") };
    scene.submit(&relays, 0, "consent").await.unwrap();
    let grant = scene.submit(&scene.grant_of(2, "A"), 0, "consent").await.unwrap();
    let carried = Carried {
        started: fj.now(),
        reader: scene.id(2),
        release: given,
        grant,
        purpose: PURPOSE_DEFAULT.into(),
        application: None,
    };
    let said = |relay: usize, publisher: usize, carried: Carried| Carriage {
        origin: scene.node(relay).origin().unwrap(),
        publisher: scene.id(publisher),
        carried: vec![carried],
        declared_at: fj.now(),
    };
    let unknown = Commitment::from_slice(&[9; 32]).unwrap();
    for (what, relay, statement, word) in [
        ("of another publisher", 1, said(1, 2, carried.clone()), "another publisher"),
        (
            "never published",
            1,
            said(1, 0, Carried { release: unknown, ..carried.clone() }),
            "never published",
        ),
        (
            "not to be carried",
            1,
            said(1, 0, Carried { release: other, ..carried.clone() }),
            "never given to carry",
        ),
        ("by one that carries nothing", 2, said(2, 0, carried.clone()), "never given to carry"),
        (
            "under a grant of nobody",
            1,
            said(1, 0, Carried { grant: ObjectId::of(b"x"), ..carried.clone() }),
            "none of ours",
        ),
    ] {
        let (code, text) = bring(&scene, relay, &statement).await.expect_err(what);
        assert!(code == Code::ReceiptInvalid && text.contains(word), "{what}: {code}: {text}");
    }
    assert!(fj.store.view().carriages_taken.is_empty());
    let request = journaled(scene.node(1), &said(1, 0, carried)).await;
    deliver_many(&scene, 1, &request).await;
    let holders = talanoa_node::listing::named(fj, "holders").unwrap();
    assert_eq!(holders.len(), 1, "{holders:?}");
    assert_eq!((holders[0]["member"].as_str(), holders[0]["state"].as_str()), (Some("VU"), Some("held")));
    assert_eq!(fj.store.view().carriages_taken.len(), 1, "delivered again, counted once");

    // Signed by the same key under another history of the same size: refused, and kept as evidence once.
    let forked = under_another_history(scene.node(1), request);
    for _ in 0..2 {
        let (code, text) = deliver(&scene, 1, forked.clone()).await.unwrap_err();
        assert_eq!(code, Code::JournalFork, "{text}");
    }
    assert_eq!(fj.store.view().peers[&scene.id(1)].evidence.len(), 1);
    scene.end().await;
}

/// The same entry at the same place of a journal that is otherwise another one.
fn under_another_history(node: &Node, mut request: wire::DeliverRequest) -> wire::DeliverRequest {
    let size = node.store.view().size;
    let (entry, head) = (request.entry.as_mut().unwrap(), request.head.as_mut().unwrap());
    let salt = entry.salt.as_ref().try_into().unwrap();
    let own = merkle::leaf_hash(&talanoa_proto::entry::commitment(&salt, &entry.envelope).0);
    let mut frontier = merkle::Frontier::default();
    let leaf = |n| if n == entry.index { own } else { [9; 32] };
    let stored: Vec<merkle::Hash> = (0..size).flat_map(|n| frontier.append(leaf(n))).collect();
    let proof = merkle::inclusion_proof(entry.index, size, &mut |p| Ok::<_, ()>(stored[p as usize])).unwrap();
    entry.inclusion = proof.iter().map(|hash| Bytes::copy_from_slice(hash)).collect();
    let origin = node.store.checkpoint().checkpoint().origin.clone();
    let checkpoint = Checkpoint { origin, size, root: frontier.root() };
    head.checkpoint = Bytes::copy_from_slice(SignedCheckpoint::issue(checkpoint, &node.key).note_bytes());
    request
}

async fn bring<T: Object>(scene: &Scene, from: usize, receipt: &T) -> Result<(), (Code, String)> {
    deliver(scene, from, journaled(scene.node(from), receipt).await).await
}

/// In the holder's journal, with head and proof.
async fn journaled<T: Object>(node: &Node, receipt: &T) -> wire::DeliverRequest {
    let index = node.store.view().size;
    let entry = own_entry(&Envelope::seal(receipt, &node.key)).unwrap().0;
    node.store.commit(Batch::of(entry)).await.unwrap();
    talanoa_node::peers::deliver::request(node, index).unwrap()
}

/// At the same moment: each is new when it is looked at.
async fn deliver_many(scene: &Scene, from: usize, request: &wire::DeliverRequest) {
    let mut at_once: tokio::task::JoinSet<_> = (0..16)
        .map(|_| {
            let (mut session, request) = (scene.sessions[from - 1].clone(), request.clone());
            async move { session.deliver(request).await }
        })
        .collect();
    while let Some(outcome) = at_once.join_next().await {
        outcome.unwrap().unwrap();
    }
}

async fn deliver(scene: &Scene, from: usize, request: wire::DeliverRequest) -> Result<(), (Code, String)> {
    match scene.sessions[from - 1].clone().deliver(request).await {
        Ok(()) => Ok(()),
        Err(PeerError::Refused { code, message }) => Err((code, message)),
        Err(other) => panic!("{other}"),
    }
}
