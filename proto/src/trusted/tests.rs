use ed25519_dalek::SigningKey;

use super::*;
use crate::{
    checkpoint::Checkpoint,
    grant::{Action, Denial, Grant, Obligations, Revocation, Scope},
    identity::{Delegation, Endpoint, Genesis, IdentityBody, IdentityEvent, KeySet, MemberKind},
    merkle::Frontier,
    object::{Object, Origin},
    release::{Description, Distribution, ReleaseKind, Sensitivity},
};

const READER: MemberId = MemberId([9; 32]);
const FEDERATION: FederationId = FederationId([8; 32]);

/// A publisher whose journal the tests write as they like.
struct Publisher {
    identity: Identity,
    chain: Vec<Envelope>,
    root: SigningKey,
    consent: SigningKey,
    node: SigningKey,
    leaves: Vec<Hash>,
    entries: Vec<(Salt, Bytes)>,
}

fn public(key: &SigningKey) -> PublicKey {
    key.verifying_key().into()
}

impl Publisher {
    fn new(seed: u8) -> Self {
        let [root, consent, node] = [1, 2, 3].map(|n| SigningKey::from_bytes(&[seed + n; 32]));
        let genesis = Genesis {
            code: "FJ".parse().unwrap(),
            name: "Fiji".into(),
            kind: MemberKind::Country,
            root: KeySet { keys: vec![public(&root)], threshold: 1 },
            created_at: 0,
        };
        let mut chain = vec![Envelope::seal(&IdentityEvent::genesis(genesis), &root)];
        let mut identity = Identity::found(&chain[0]).unwrap();
        for (role, key) in [(Role::Node, &node), (Role::Consent, &consent)] {
            let body = IdentityBody::Delegate(Delegation::new(role, public(key), 0, 1000));
            chain.push(Envelope::seal(&IdentityEvent::next(&identity, body), &root));
            identity.extend(&chain[chain.len() - 1]).unwrap();
        }
        Self { identity, chain, root, consent, node, leaves: Vec::new(), entries: Vec::new() }
    }

    fn origin(&self) -> Origin {
        Origin { federation: FEDERATION, member: self.identity.id(), epoch: 1 }
    }

    fn journal(&mut self, envelope: &Envelope) -> u64 {
        let index = self.entries.len() as u64;
        let salt = [index as u8; 32];
        let bytes = envelope.to_bytes();
        self.leaves.push(merkle::leaf_hash(&entry::commitment(&salt, &bytes).0));
        self.entries.push((salt, bytes));
        index
    }

    fn commitment(&self, index: u64) -> Commitment {
        let (salt, envelope) = &self.entries[index as usize];
        entry::commitment(salt, envelope)
    }

    fn stored(&self, size: u64) -> (Vec<Hash>, Hash) {
        let mut frontier = Frontier::default();
        let stored = self.leaves[..size as usize].iter().flat_map(|l| frontier.append(*l)).collect();
        (stored, frontier.root())
    }

    fn head(&self, from_size: u64) -> wire::Head {
        self.head_at(from_size, self.entries.len() as u64)
    }

    fn head_at(&self, from_size: u64, size: u64) -> wire::Head {
        let (stored, root) = self.stored(size);
        let proof =
            merkle::consistency_proof(from_size, size, &mut |p| Ok::<_, ()>(stored[p as usize])).unwrap();
        let origin = journal_origin(&self.identity.id(), 1);
        let signed = SignedCheckpoint::issue(Checkpoint { origin, size, root }, &self.node);
        wire::Head {
            checkpoint: signed.note_bytes().to_vec().into(),
            from_size,
            consistency: proof.iter().map(|h| h.to_vec().into()).collect(),
        }
    }

    fn entry(&self, index: u64) -> wire::Entry {
        let size = self.entries.len() as u64;
        let (stored, _) = self.stored(size);
        let proof = merkle::inclusion_proof(index, size, &mut |p| Ok::<_, ()>(stored[p as usize])).unwrap();
        let (salt, envelope) = &self.entries[index as usize];
        wire::Entry {
            index,
            salt: salt.to_vec().into(),
            envelope: envelope.clone(),
            inclusion: proof.iter().map(|h| h.to_vec().into()).collect(),
        }
    }

    fn release(&self, number: u64, previous: Option<Commitment>) -> Release {
        Release {
            origin: self.origin(),
            dataset: "A".parse().unwrap(),
            number,
            kind: ReleaseKind::Table,
            previous,
            published_at: 0,
            description: Description::default(),
            distributions: vec![Distribution {
                name: "a.csv".into(),
                media_type: "text/csv".into(),
                bytes: 1,
                sha256: [0; 32],
                chunking: "fastcdc2020/16k".into(),
                chunk_root: [0; 32],
                rows: 1,
                columns: 1,
                observations: 1,
            }],
            quality: Vec::new(),
            sensitivity: Sensitivity::Official,
            relations: Vec::new(),
            structure: String::new(),
        }
    }

    fn grant(&self) -> Grant {
        Grant {
            origin: self.origin(),
            grantee: Grantee::Member(READER),
            scope: Scope::All,
            from_number: 1,
            to_number: None,
            actions: vec![Action::Read],
            purposes: vec!["official-statistics".into()],
            not_before: 0,
            not_after: 100,
            effective_after: 0,
            obligations: Obligations::default(),
            supersedes: None,
            officers: Vec::new(),
            nonce: [0; 16],
        }
    }

    fn reader(&self) -> TrustedPeer {
        TrustedPeer::new(READER, FEDERATION, 1, self.identity.clone())
    }

    /// A journal that opens with a grant, and a reader that has taken it.
    fn granted() -> (Self, TrustedPeer) {
        let mut fj = Self::new(10);
        let grant = Envelope::seal(&fj.grant(), &fj.consent);
        let index = fj.journal(&grant);
        let mut reader = fj.reader();
        reader.advance(&fj.head(0)).unwrap();
        fj.give(&mut reader, index).unwrap();
        (fj, reader)
    }

    fn give(&self, reader: &mut TrustedPeer, index: u64) -> Result<Finding, EntryError> {
        let verified = reader.verify(&self.entry(index))?;
        reader.accept(&verified)
    }

    /// Journals an envelope and lets the reader judge it.
    fn judge(&mut self, reader: &mut TrustedPeer, envelope: &Envelope) -> Result<Finding, EntryError> {
        let index = self.journal(envelope);
        reader.advance(&self.head(reader.known_size()))?;
        self.give(reader, index)
    }
}

#[test]
fn a_granted_release_is_taken_and_the_next_continues_it() {
    let (mut fj, mut reader) = Publisher::granted();
    let first = Envelope::seal(&fj.release(1, None), &fj.node);
    assert_eq!(fj.judge(&mut reader, &first), Ok(Finding::Sound));
    let second = Envelope::seal(&fj.release(2, Some(fj.commitment(1))), &fj.node);
    assert_eq!(fj.judge(&mut reader, &second), Ok(Finding::Sound));
    assert_eq!(fj.give(&mut reader, 1), Ok(Finding::Sound), "received again");
}

#[test]
fn a_release_without_a_grant_held_here_is_an_offence() {
    let mut fj = Publisher::new(10);
    let mut reader = fj.reader();
    let release = Envelope::seal(&fj.release(1, None), &fj.node);
    assert_eq!(fj.judge(&mut reader, &release), Err(EntryError::NotGranted));
    let (mut fj, mut reader) = Publisher::granted();
    let id = Envelope::unsigned(&fj.grant()).id();
    let revocation = Revocation {
        origin: fj.origin(),
        grants: vec![id],
        purge: false,
        purge_by: 0,
        reason: String::new(),
        declared_at: 0,
    };
    let revocation = Envelope::seal(&revocation, &fj.node);
    fj.judge(&mut reader, &revocation).unwrap();
    let release = Envelope::seal(&fj.release(1, None), &fj.node);
    assert_eq!(fj.judge(&mut reader, &release), Err(EntryError::NotGranted));
}

#[test]
fn a_gap_is_found_and_what_is_valid_is_still_accepted() {
    let (mut fj, mut reader) = Publisher::granted();
    let first = Envelope::seal(&fj.release(1, None), &fj.node);
    fj.judge(&mut reader, &first).unwrap();
    let third = Envelope::seal(&fj.release(3, Some(Commitment([5; 32]))), &fj.node);
    let withheld = Finding::Withheld { dataset: "A".parse().unwrap(), missing_from: 2, seen: 3 };
    assert_eq!(fj.judge(&mut reader, &third), Ok(withheld));
}

#[test]
fn a_release_that_contradicts_the_one_before_is_refused() {
    let (mut fj, mut reader) = Publisher::granted();
    let first = Envelope::seal(&fj.release(1, None), &fj.node);
    fj.judge(&mut reader, &first).unwrap();
    let other_first = Envelope::seal(&Release { published_at: 1, ..fj.release(1, None) }, &fj.node);
    assert!(matches!(fj.judge(&mut reader, &other_first), Err(EntryError::Contradiction { number: 1, .. })));
    let wrong_previous = Envelope::seal(&fj.release(2, Some(Commitment([5; 32]))), &fj.node);
    assert!(matches!(
        fj.judge(&mut reader, &wrong_previous),
        Err(EntryError::Contradiction { number: 2, .. })
    ));
}

/// Every kind of object, signed by every kind of key: accepted exactly where the table of section 3 says so.
#[test]
fn each_object_counts_with_the_signatures_of_its_role_alone() {
    let (fj, reader) = Publisher::granted();
    let denial = Denial {
        origin: fj.origin(),
        subject: None,
        dataset: None,
        until: None,
        declared_at: 0,
        nonce: [0; 16],
    };
    let endpoint = Endpoint { member: fj.identity.id(), addresses: Vec::new(), seq: 1 };
    let keys = [("root", &fj.root), ("consent", &fj.consent), ("node", &fj.node)];
    let check = |what: &str, by: &[&str], seal: &dyn Fn(&SigningKey) -> Envelope| {
        for (name, key) in keys {
            let envelope = seal(key).to_bytes();
            let wire = wire::Entry { index: 0, salt: vec![0; 32].into(), envelope, inclusion: Vec::new() };
            assert_eq!(reader.verify_object(&wire).is_ok(), by.contains(&name), "{what} by {name}");
        }
    };
    check("release", &["node"], &|k| Envelope::seal(&fj.release(1, None), k));
    check("grant", &["consent"], &|k| Envelope::seal(&fj.grant(), k));
    check("denial", &["node", "consent"], &|k| Envelope::seal(&denial, k));
    check("endpoint", &["node"], &|k| Envelope::seal(&endpoint, k));
    let body = || IdentityBody::Delegate(Delegation::new(Role::Node, public(&fj.node), 0, 2000));
    check("identity", &["root"], &|k| Envelope::seal(&IdentityEvent::next(&fj.identity, body()), k));
}

#[test]
fn objects_of_another_member_federation_or_epoch_are_refused() {
    let (mut fj, mut reader) = Publisher::granted();
    let own = fj.origin();
    for origin in [
        Origin { federation: FederationId([7; 32]), ..own },
        Origin { member: READER, ..own },
        Origin { epoch: 2, ..own },
    ] {
        let release = Envelope::seal(&Release { origin, ..fj.release(1, None) }, &fj.node);
        assert_eq!(fj.judge(&mut reader, &release), Err(EntryError::Origin));
    }
    // Another member's whole journal, shown as this one's.
    let mut vu = Publisher::new(60);
    let envelope = Envelope::seal(&vu.release(1, None), &vu.node);
    vu.journal(&envelope);
    assert!(matches!(fj.reader().advance(&vu.head(0)), Err(EntryError::Note(_))));
}

#[test]
fn a_rolled_back_or_forked_journal_is_refused_with_both_heads() {
    let (mut fj, mut reader) = Publisher::granted();
    let release = Envelope::seal(&fj.release(1, None), &fj.node);
    fj.judge(&mut reader, &release).unwrap();
    assert!(matches!(reader.advance(&fj.head_at(2, 1)), Err(EntryError::Rollback { held: 2, shown: 1 })));

    let mut other = Publisher::new(10);
    for number in 1..=3 {
        let envelope =
            Envelope::seal(&other.release(number, (number > 1).then_some(Commitment([1; 32]))), &other.node);
        other.journal(&envelope);
    }
    let forked = reader.advance(&other.head_at(2, 2));
    assert!(matches!(forked, Err(EntryError::Fork { size: 2, .. })), "{forked:?}");
    assert_eq!(forked.unwrap_err().code(), Code::JournalFork);
    assert!(
        matches!(reader.advance(&other.head_at(2, 3)), Err(EntryError::Proof(_))),
        "does not extend ours"
    );
    assert_eq!(reader.known_size(), 2, "nothing of it is taken");
}

#[test]
fn an_entry_that_is_not_where_it_says_is_refused() {
    let (mut fj, mut reader) = Publisher::granted();
    let release = Envelope::seal(&fj.release(1, None), &fj.node);
    fj.journal(&release);
    reader.advance(&fj.head(1)).unwrap();
    let sound = fj.entry(1);
    assert!(reader.verify(&sound).is_ok());
    let altered = [
        wire::Entry { index: 0, ..sound.clone() },
        wire::Entry { salt: vec![7; 32].into(), ..sound.clone() },
        wire::Entry { salt: vec![7; 31].into(), ..sound.clone() },
        wire::Entry { inclusion: Vec::new(), ..sound.clone() },
        wire::Entry { inclusion: vec![vec![0; 31].into()], ..sound.clone() },
        wire::Entry { envelope: fj.entry(0).envelope, ..sound.clone() },
    ];
    for entry in altered {
        assert!(reader.verify(&entry).is_err(), "{entry:?}");
    }
    assert!(matches!(fj.reader().verify(&sound), Err(EntryError::NoHead)));
    let mut too_long = fj.head(2);
    too_long.consistency = vec![vec![0; 32].into(); limits::PROOF_HASHES_MAX + 1];
    too_long.from_size = 1;
    assert!(fj.reader().advance(&too_long).is_ok(), "a first head needs no proof");
}

#[test]
fn an_unknown_kind_of_entry_is_a_valid_leaf_that_is_skipped() {
    struct Future;
    impl Object for Future {
        const TYPE: &'static str = "application/vnd.talanoa.future.v1+protobuf";
        type Wire = wire::Text;
        fn extensions(_: &wire::Text) -> &[wire::Extension] {
            &[]
        }
        fn from_wire(_: wire::Text) -> Result<Self, crate::object::Invalid> {
            Ok(Self)
        }
        fn to_wire(&self) -> wire::Text {
            wire::Text { lang: "en".into(), text: "later".into() }
        }
    }
    let (mut fj, mut reader) = Publisher::granted();
    let envelope = Envelope::seal(&Future, &fj.node);
    assert_eq!(fj.judge(&mut reader, &envelope), Ok(Finding::Sound));
}

#[test]
fn a_rotated_node_key_signs_on_and_a_revoked_one_counts_for_what_came_before() {
    let (mut fj, mut reader) = Publisher::granted();
    let first = Envelope::seal(&fj.release(1, None), &fj.node);
    fj.judge(&mut reader, &first).unwrap();
    let fresh = SigningKey::from_bytes(&[77; 32]);
    let mut identity = fj.identity.clone();
    for body in [
        IdentityBody::Delegate(Delegation::new(Role::Node, public(&fresh), 0, 1000)),
        IdentityBody::RevokeKey { key: public(&fj.node), cutoff: (1, 4) },
    ] {
        let event = Envelope::seal(&IdentityEvent::next(&identity, body), &fj.root);
        identity.extend(&event).unwrap();
        fj.chain.push(event.clone());
        fj.judge(&mut reader, &event).unwrap();
    }
    let stolen = Envelope::seal(&fj.release(2, Some(fj.commitment(1))), &fj.node);
    let index = fj.journal(&stolen);
    fj.node = fresh;
    reader.advance(&fj.head(reader.known_size())).unwrap();
    assert!(matches!(fj.give(&mut reader, index), Err(EntryError::Envelope(_))), "signed after the cutoff");
    assert_eq!(fj.give(&mut reader, 1), Ok(Finding::Sound), "signed before it");
    let second = Envelope::seal(&fj.release(2, Some(fj.commitment(1))), &fj.node);
    assert_eq!(fj.judge(&mut reader, &second), Ok(Finding::Sound));
}

/// Which grant a copy is under, and which grants let it stay.
#[test]
fn a_grant_to_read_that_is_in_force_comes_before_others_and_only_it_lets_a_copy_stay() {
    let (fj, _) = Publisher::granted();
    let release = fj.release(1, None);
    let named = Scope::Datasets(vec!["A".parse().unwrap()]);
    let base = fj.grant();
    let grants = [
        ("all", base.clone()),
        ("named", Grant { scope: named.clone(), ..base.clone() }),
        ("list", Grant { scope: named.clone(), actions: vec![Action::List], ..base.clone() }),
        ("later", Grant { scope: named.clone(), not_before: 60, ..base.clone() }),
        ("over", Grant { scope: named.clone(), not_after: 40, ..base.clone() }),
        ("other number", Grant { scope: named, from_number: 2, ..base.clone() }),
        ("to another", Grant { grantee: Grantee::Member(MemberId([1; 32])), ..base }),
    ];
    let id = |n: usize| ObjectId([n as u8; 32]);
    let with = |names: &[&str]| {
        let mut reader = fj.reader();
        for (n, (_, grant)) in grants.iter().enumerate().filter(|(_, (name, _))| names.contains(name)) {
            reader.consent.grant(id(n), grant.clone());
        }
        let under = reader.grant_for(&release, 50).map(|id| grants[id.0[0] as usize].0);
        (under, reader.lets_hold(&release, 50))
    };
    assert_eq!(with(&["list", "named", "all"]), (Some("named"), true));
    assert_eq!(with(&["list", "all"]), (Some("all"), true));
    assert_eq!(with(&["later", "over", "all"]), (Some("all"), true));
    assert_eq!(with(&["list"]), (Some("list"), false));
    assert_eq!(with(&["later", "over"]), (Some("later"), false));
    assert_eq!(with(&["other number", "to another"]), (None, false));

    let mut reader = fj.reader();
    reader.consent.grant(id(0), grants[0].1.clone());
    reader.consent.grant(id(9), Grant { supersedes: Some(id(0)), ..grants[2].1.clone() });
    assert!(!reader.lets_hold(&release, 50), "another took its place");
    assert!(reader.was_given(&release, &[id(0)]) && !reader.was_given(&release, &[id(5)]));
}
