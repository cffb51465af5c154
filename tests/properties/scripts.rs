//! Bytes read as a script: who signs what, what is altered, in which order it arrives. What cannot be
//! reached by altering bytes, because a signature stands before it, is reached this way.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use prost::Message;
use talanoa_proto::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    consent::{ConsentState, Refusal, Request, Verdict, may},
    entry,
    envelope::Envelope,
    grant::{Action, Denial, Grant, Grantee, LiftDenial, Obligations, Revocation, Scope},
    id::{DatasetId, FederationId, MemberId, ObjectId, PublicKey},
    identity::{Delegation, Genesis, Identity, IdentityBody, IdentityEvent, KeySet, MemberKind, Role},
    merkle::{self, Frontier, Hash},
    object::Origin,
    release::Sensitivity,
    trusted::{TrustedPeer, journal_origin},
    wire,
};

/// A name, and what must hold of any bytes; true where they were taken.
type Target = (&'static str, fn(&[u8]) -> bool);

pub const ALL: &[Target] =
    &[("proofs", proofs), ("identity", identity), ("feed", feed), ("consent", consent)];

const FEDERATION: FederationId = FederationId([8; 32]);
const READER: MemberId = MemberId([9; 32]);

/// Takes the next number below `n` from a script; an ended script says 0.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn below(&mut self, n: usize) -> usize {
        let number = usize::from(u16::from_be_bytes([self.byte(), self.byte()]));
        number % n.max(1)
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

fn key(n: usize) -> SigningKey {
    SigningKey::from_bytes(&[n as u8 + 1; 32])
}

fn public(n: usize) -> PublicKey {
    key(n).verifying_key().into()
}

/// A tree, an honest proof, and an alteration of it: the honest one holds, an altered one never does.
pub fn proofs(bytes: &[u8]) -> bool {
    let mut script = Script(bytes);
    let new = script.below(512) as u64 + 1;
    let old = script.below(new as usize + 1) as u64;
    let mut frontier = Frontier::default();
    let (mut stored, mut roots) = (Vec::new(), vec![frontier.root()]);
    for n in 0..new {
        stored.extend(frontier.append(merkle::leaf_hash(&n.to_be_bytes())));
        roots.push(frontier.root());
    }
    let mut read = |position: u64| stored.get(position as usize).copied().ok_or(());
    let (old_root, new_root) = (roots[old as usize], roots[new as usize]);
    let index = old.min(new - 1);
    let leaf = merkle::leaf_hash(&index.to_be_bytes());
    let (Ok(included), Ok(consistent)) =
        (merkle::inclusion_proof(index, new, &mut read), merkle::consistency_proof(old, new, &mut read))
    else {
        panic!("the prover reads outside of the stored sequence");
    };
    assert_eq!(merkle::verify_inclusion(index, new, &leaf, &new_root, &included), Ok(()));
    assert_eq!(merkle::verify_consistency(old, new, &old_root, &new_root, &consistent), Ok(()));
    let altered = alter(&mut script, &included);
    assert!(altered == included || merkle::verify_inclusion(index, new, &leaf, &new_root, &altered).is_err());
    let altered = alter(&mut script, &consistent);
    assert!(
        altered == consistent
            || merkle::verify_consistency(old, new, &old_root, &new_root, &altered).is_err(),
    );
    // Any sizes at all: a verdict, never a panic.
    let wild = u64::from_be_bytes(std::array::from_fn(|_| script.byte()));
    let _ = merkle::verify_inclusion(old, wild, &leaf, &new_root, &included);
    let _ = merkle::verify_consistency(old, wild, &old_root, &new_root, &consistent);
    true
}

fn alter(script: &mut Script<'_>, proof: &[Hash]) -> Vec<Hash> {
    let mut altered = proof.to_vec();
    for _ in 0..script.below(4) {
        let at = script.below(altered.len());
        match script.below(4) {
            0 if !altered.is_empty() => altered[at][script.below(32)] ^= script.byte(),
            1 if !altered.is_empty() => drop(altered.remove(at)),
            2 => altered.insert(at, [script.byte(); 32]),
            _ if !altered.is_empty() => altered.swap(at, 0),
            _ => {}
        }
    }
    altered
}

/// Events of one identity, rightly and wrongly signed and chained. Refused: nothing changed. Taken: one longer.
pub fn identity(bytes: &[u8]) -> bool {
    let mut script = Script(bytes);
    let threshold = 1 + script.below(2);
    let root = KeySet { keys: sorted([0, 1]), threshold };
    let code = "FJ".parse().unwrap();
    let genesis = Genesis { code, name: "Fiji".into(), kind: MemberKind::Country, root, created_at: 0 };
    let mut envelope = Envelope::seal(&IdentityEvent::genesis(genesis), &key(0));
    envelope.add_signature(&key(1));
    let mut identity = Identity::found(&envelope).unwrap();
    let mut taken = 0;
    while !script.is_over() {
        let event = next_event(&mut script, &identity);
        let mut envelope = Envelope::seal(&event, &key(script.below(6)));
        for _ in 0..script.below(4) {
            envelope.add_signature(&key(script.below(6)));
        }
        let before = identity.clone();
        match identity.extend(&envelope) {
            Err(_) => assert_eq!(identity, before, "a refused event changed something"),
            Ok(()) => {
                taken += 1;
                assert_eq!((identity.seq(), identity.head()), (before.seq() + 1, envelope.id()));
                let root = before.root();
                let signed = envelope.signers().filter(|s| root.keys.contains(s)).count();
                assert!(signed >= root.threshold, "taken with {signed} of {} signatures", root.threshold);
            }
        }
        assert_eq!(identity.id(), before.id(), "the identity is the hash of its creation");
    }
    taken > 0
}

fn sorted(keys: [usize; 2]) -> Vec<PublicKey> {
    let mut keys = keys.map(public).to_vec();
    keys.sort();
    keys.dedup();
    keys
}

fn next_event(script: &mut Script<'_>, identity: &Identity) -> IdentityEvent {
    let k = public(script.below(6));
    let body = match script.below(5) {
        0 => IdentityBody::Delegate(Delegation::new(Role::Node, k, 0, 1 + script.below(9) as u64)),
        1 => IdentityBody::Delegate(Delegation::new(Role::Consent, k, 0, 1 + script.below(9) as u64)),
        2 => IdentityBody::RevokeKey { key: k, cutoff: (1, script.below(9) as u64) },
        3 => {
            let keys = sorted([script.below(6), script.below(6)]);
            let threshold = 1 + script.below(keys.len());
            IdentityBody::RotateRoot(KeySet { keys, threshold })
        }
        _ => IdentityBody::Recover,
    };
    let mut event = IdentityEvent::next(identity, body);
    match script.below(8) {
        0 => event.seq += script.below(3) as u64,
        1 => event.prev = Some(ObjectId([script.byte(); 32])),
        2 => event.member = Some(MemberId([script.byte(); 32])),
        _ => {}
    }
    event
}

/// What a publisher sends, altered in one place: refused, or what was kept is what was signed.
pub fn feed(bytes: &[u8]) -> bool {
    let mut script = Script(bytes);
    let publisher = Publisher::new(1 + script.below(20));
    let index = script.below(publisher.entries.len());
    let (mut head, mut item) = (publisher.head(), publisher.entry(index));
    let mut trusted = TrustedPeer::new(READER, FEDERATION, 1, publisher.identity.clone());
    flip(&mut script, &mut head);
    flip(&mut script, &mut item);
    if let Err(error) = trusted.advance(&head) {
        let _ = (error.code(), error.to_string());
        return false;
    }
    assert_eq!(trusted.head().map(|h| h.checkpoint().root), Some(publisher.root()));
    match trusted.verify(&item) {
        Err(error) => {
            let _ = (error.code(), error.to_string());
            false
        }
        Ok(verified) => {
            let (salt, envelope) = &publisher.entries[verified.index() as usize];
            assert_eq!(
                (verified.salt(), verified.envelope()),
                (salt, envelope),
                "taken, and never journaled"
            );
            let _ = trusted.accept(&verified);
            true
        }
    }
}

/// Alters some bytes of a message's encoding; what no longer decodes is left as it was.
fn flip<M: Message + Default>(script: &mut Script<'_>, message: &mut M) {
    let mut bytes = message.encode_to_vec();
    for _ in 0..script.below(3) {
        let at = script.below(bytes.len());
        bytes[at] ^= script.byte();
    }
    if let Ok(altered) = M::decode(bytes.as_slice()) {
        *message = altered;
    }
}

struct Publisher {
    identity: Identity,
    frontier: Frontier,
    stored: Vec<Hash>,
    entries: Vec<([u8; 32], Bytes)>,
}

impl Publisher {
    fn new(entries: usize) -> Self {
        let root = KeySet { keys: vec![public(0)], threshold: 1 };
        let code = "FJ".parse().unwrap();
        let genesis = Genesis { code, name: "Fiji".into(), kind: MemberKind::Country, root, created_at: 0 };
        let first = Envelope::seal(&IdentityEvent::genesis(genesis), &key(0));
        let mut identity = Identity::found(&first).unwrap();
        let mut publisher = Self {
            identity: identity.clone(),
            frontier: Frontier::default(),
            stored: Vec::new(),
            entries: Vec::new(),
        };
        publisher.journal(&first);
        for (n, role) in [(1, Role::Node), (2, Role::Consent)] {
            let body = IdentityBody::Delegate(Delegation::new(role, public(n), 0, u64::MAX));
            let event = Envelope::seal(&IdentityEvent::next(&identity, body), &key(0));
            identity.extend(&event).unwrap();
            publisher.journal(&event);
        }
        publisher.identity = identity;
        for n in 0..entries {
            let grant = grant_of(n, publisher.identity.id(), Scope::All, 0, 100);
            publisher.journal(&Envelope::seal(&grant, &key(2)));
        }
        publisher
    }

    fn journal(&mut self, envelope: &Envelope) {
        let salt = [self.entries.len() as u8; 32];
        let bytes = envelope.to_bytes();
        let leaf = merkle::leaf_hash(&entry::commitment(&salt, &bytes).0);
        self.stored.extend(self.frontier.append(leaf));
        self.entries.push((salt, bytes));
    }

    fn root(&self) -> Hash {
        self.frontier.root()
    }

    fn head(&self) -> wire::Head {
        let origin = journal_origin(&self.identity.id(), 1);
        let checkpoint = Checkpoint { origin, size: self.frontier.size(), root: self.root() };
        let signed = SignedCheckpoint::issue(checkpoint, &key(1));
        wire::Head { checkpoint: Bytes::copy_from_slice(signed.note_bytes()), ..wire::Head::default() }
    }

    fn entry(&self, index: usize) -> wire::Entry {
        let mut read = |position: u64| Ok::<_, ()>(self.stored[position as usize]);
        let proof = merkle::inclusion_proof(index as u64, self.frontier.size(), &mut read).unwrap();
        let (salt, envelope) = &self.entries[index];
        wire::Entry {
            index: index as u64,
            salt: salt.to_vec().into(),
            envelope: envelope.clone(),
            inclusion: proof.iter().map(|h| Bytes::copy_from_slice(h)).collect(),
        }
    }
}

fn grant_of(n: usize, member: MemberId, scope: Scope, not_before: u64, not_after: u64) -> Grant {
    Grant {
        origin: Origin { federation: FEDERATION, member, epoch: 1 },
        grantee: Grantee::Member(READER),
        scope,
        from_number: 1,
        to_number: None,
        actions: vec![Action::Read],
        purposes: vec!["official-statistics".into()],
        not_before,
        not_after,
        effective_after: 0,
        obligations: Obligations::default(),
        supersedes: None,
        officers: Vec::new(),
        nonce: [n as u8; 16],
    }
}

/// One consent event of a script.
enum Event {
    Grant(ObjectId, Grant),
    Revoke(ObjectId, Revocation),
    Deny(ObjectId, Denial),
    Lift(LiftDenial),
    End(ObjectId),
}

/// Events in the order of the script and backwards end in the same state, and no verdict is a yes that a
/// denial, a revocation or an end forbids.
pub fn consent(bytes: &[u8]) -> bool {
    let mut script = Script(bytes);
    let now = script.below(12) as u64;
    let datasets: [DatasetId; 2] = ["A".parse().unwrap(), "B".parse().unwrap()];
    let mut events = Vec::new();
    while !script.is_over() && events.len() < 64 {
        events.push(consent_event(&mut script, &datasets));
    }
    let fold = |events: &mut dyn Iterator<Item = &Event>| {
        let mut state = ConsentState::default();
        events.for_each(|event| take(&mut state, event));
        state
    };
    let state = fold(&mut events.iter());
    assert_eq!(state, fold(&mut events.iter().rev()), "order of arrival matters");
    let mut yes = false;
    for dataset in &datasets {
        let request = Request {
            reader: READER,
            dataset,
            number: 1,
            sensitivity: [Sensitivity::Official, Sensitivity::Sensitive][script.below(2)],
            themes: &[],
            action: Action::Read,
            purpose: "official-statistics",
        };
        match may(&request, &state, now) {
            Verdict::Yes { grant, until } => {
                yes = true;
                assert!(now < until && state.revocation_of(&grant).is_none());
                assert!(!state.is_denied(READER, Some(dataset), now));
                assert!(state.live_grants(READER, now).any(|(id, _)| *id == grant));
            }
            Verdict::No(refusal) => {
                assert_eq!(refusal == Refusal::Denied, state.is_denied(READER, Some(dataset), now));
            }
        }
    }
    yes
}

fn consent_event(script: &mut Script<'_>, datasets: &[DatasetId; 2]) -> Event {
    let id = |n: usize| ObjectId([n as u8; 32]);
    let n = script.below(8);
    let origin = Origin { federation: FEDERATION, member: MemberId([1; 32]), epoch: 1 };
    match script.below(8) {
        0 => Event::Revoke(
            id(100 + n),
            Revocation {
                origin,
                grants: vec![id(n)],
                purge: false,
                purge_by: 0,
                reason: String::new(),
                declared_at: 0,
            },
        ),
        1 => Event::Deny(
            id(50 + n),
            Denial {
                origin,
                subject: [None, Some(READER), Some(MemberId([7; 32]))][n % 3],
                dataset: [None, Some(datasets[0].clone())][n / 4].clone(),
                until: [None, Some(n as u64)][n % 2],
                declared_at: 0,
                nonce: [0; 16],
            },
        ),
        2 => Event::Lift(LiftDenial { origin, denials: vec![id(50 + n)], declared_at: 0 }),
        3 => Event::End(id(n)),
        kind => {
            let scope =
                if kind % 2 == 0 { Scope::All } else { Scope::Datasets(vec![datasets[n % 2].clone()]) };
            // What an id stands for is a function of the id: ids are hashes of contents.
            let grant = grant_of(n, origin.member, scope, (n % 4) as u64, 4 + n as u64);
            Event::Grant(id(n + 8 * (kind % 2)), grant)
        }
    }
}

fn take(state: &mut ConsentState, event: &Event) {
    match event {
        Event::Grant(id, grant) => state.grant(*id, grant.clone()),
        Event::Revoke(id, revocation) => state.revoke(*id, revocation),
        Event::Deny(id, denial) => state.deny(*id, denial.clone()),
        Event::Lift(lift) => state.lift(lift),
        Event::End(id) => state.end(*id),
    }
}
