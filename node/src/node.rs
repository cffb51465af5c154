//! What every room of a running node shares.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use ed25519_dalek::SigningKey;
use talanoa_proto::{
    consent::{self, Refusal, Request, Verdict},
    entry::Salt,
    envelope::Envelope,
    id::{DatasetId, MemberCode, MemberId},
    identity::Role,
    object::Origin,
};

use crate::{
    api::accept::Connections,
    clock::{HighWater, Trust},
    config::Settings,
    keys,
    metrics::Metrics,
    problem::Problem,
    store::{Store, records::OwnEntry, state::State},
};

#[derive(Debug)]
pub struct Node {
    pub store: Store,
    pub settings: Settings,
    pub me: MemberId,
    pub code: MemberCode,
    pub key: SigningKey,
    pub clock: Arc<HighWater>,
    pub connections: Arc<Connections>,
    pub started_at: u64,
    /// What officers signed is judged and journaled one at a time: else a grant could pass by a key that is revoked
    /// meanwhile, and stand in the journal behind the end of that key.
    pub submitting: tokio::sync::Mutex<()>,
    turns: Mutex<BTreeMap<DatasetId, Arc<tokio::sync::Mutex<()>>>>,
    /// Feed entries looked at on behalf of readers: work is proportional to what they may see.
    pub feed_visited: std::sync::atomic::AtomicU64,
    /// What became of each followed peer, for people.
    pub links: Mutex<BTreeMap<MemberId, Link>>,
    pub metrics: Metrics,
}

/// A followed peer, as this process has it.
#[derive(Clone, Debug, Default)]
pub struct Link {
    pub connected: bool,
    pub caught_up: bool,
    pub last_error: Option<String>,
    pub last_contact: Option<u64>,
    /// To the publisher itself, whoever else carries its releases.
    pub origin_connected: bool,
    pub origin_contact: Option<u64>,
}

impl Node {
    pub fn new(
        store: Store,
        settings: Settings,
        code: MemberCode,
        key: SigningKey,
        clock: Arc<HighWater>,
    ) -> Self {
        let (me, started_at) = (store.view().me, clock.now());
        Self {
            store,
            settings,
            me,
            code,
            key,
            clock,
            connections: Arc::default(),
            started_at,
            submitting: tokio::sync::Mutex::default(),
            turns: Mutex::default(),
            feed_visited: std::sync::atomic::AtomicU64::new(0),
            links: Mutex::default(),
            metrics: Metrics::default(),
        }
    }

    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// When the keys of a role end. Of the node's own it is the one in use that counts: a longer one that was
    /// replaced helps nobody.
    pub fn key_ends_at(&self, view: &State, role: Role) -> Option<u64> {
        let identity = &view.members.get(&self.me)?.identity;
        match role {
            Role::Node => identity.key_ends_at(role, &self.key.verifying_key().into()),
            other => identity.role_ends_at(other),
        }
    }

    /// The rule, where time is known. While this machine's clock is suspect nobody can say what has ended:
    /// nothing is given.
    pub fn may(&self, request: &Request<'_>, view: &State) -> Verdict {
        match self.clock.trust() {
            Trust::Accepted => consent::may(request, &view.consent, self.now()),
            Trust::Suspect => Verdict::No(Refusal::NotYet),
        }
    }

    /// Where our objects belong; nothing is signed before there is a charter.
    pub fn origin(&self) -> Result<Origin, Problem> {
        self.store.view().origin().ok_or_else(Problem::not_ready)
    }

    pub fn member(&self, code: &str) -> Result<MemberId, Problem> {
        let code: MemberCode = code.parse()?;
        let found = self.store.view().by_code(&code);
        found.ok_or_else(|| {
            Problem::bad_request(format!("{code} is not a member of this federation")).advise("talanoa peers")
        })
    }

    /// One publication of a dataset at a time: its number and predecessor are taken in turn.
    pub async fn turn(&self, dataset: &DatasetId) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            Arc::clone(turns.entry(dataset.clone()).or_default())
        };
        turn.lock_owned().await
    }

    pub fn link(&self, member: MemberId, change: impl FnOnce(&mut Link)) {
        let mut links = self.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        change(links.entry(member).or_default());
    }
}

/// An entry for our own journal, with a fresh salt: without it a small number could be guessed from its leaf.
pub fn own_entry(envelope: &Envelope) -> Result<(OwnEntry, Salt), Problem> {
    let salt: Salt = keys::random()?;
    let entry = OwnEntry { salt: salt.to_vec().into(), envelope: envelope.to_bytes() };
    Ok((entry, salt))
}
