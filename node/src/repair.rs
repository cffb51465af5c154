//! Rot is mended from members that hold the same bytes: what they give back must be what was hashed here.
//!
//! ```text
//!   own entry        Recover from a holder ─▶ the payload that the record's hash names ─▶ written in place
//!   foreign entry    erased here, and received again from its origin
//!   file on a shelf  back among the partial ones ─▶ only the damaged chunks are fetched again
//! ```
//!
//! Works on a directory whose node is stopped; a crash anywhere leaves what another run finishes. What
//! nobody else can know (own denials, access records, tombstones) only a backup brings back, and that is said.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use talanoa_client::{
    session::Session,
    transfer::{Order, transfer},
};
use talanoa_proto::{
    id::{Commitment, MemberId},
    limits,
    release::Release,
    wire::RecoverRequest,
};

use crate::{
    clock::HighWater,
    home::Home,
    node::Node,
    peers::{self, hello},
    store::{
        Batch, Store,
        disk::Disk,
        ledger::{Position, mend},
        records::{Erase, Followed, OwnEntry, Record},
        scrub::{Rotten, rotten_records},
    },
};

/// One damaged thing and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub what: String,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it was, with the bytes that this member gave back.
    Mended {
        by: String,
    },
    /// Received again from this member when the node runs.
    Awaited {
        from: String,
    },
    /// No member that was reached holds it.
    Unavailable,
    OnlyBackup,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mended { by } => write!(f, "mended with what {by} gave back"),
            Self::Awaited { from } => write!(f, "comes again from {from} when the node runs"),
            Self::Unavailable => {
                f.write_str("no member that was reached holds it: try again, or restore a backup")
            }
            Self::OnlyBackup => f.write_str("known to nobody else: only a backup can restore it"),
        }
    }
}

impl Outcome {
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Mended { .. } | Self::Awaited { .. })
    }
}

/// Looks at everything and mends what it can.
pub async fn repair(home: &Home) -> anyhow::Result<Vec<Finding>> {
    let store = home.open_store()?;
    let code = home.card.identity.code().clone();
    let clock = Arc::new(HighWater::system(store.view().time_mark));
    let node = Node::new(store, home.settings.clone(), code, home.node_key()?, clock);
    let work = Work { home, node: Arc::new(node), peers: BTreeMap::new(), findings: Vec::new() };
    let work = work.ledger().await?.shelf().await?;
    work.node.store.close().await;
    if work.findings.iter().any(|f| f.outcome.is_done()) {
        // It may point at what was damaged; the next start builds it anew.
        Disk::from_env().remove_dir(&home.layout().index())?;
    }
    Ok(work.findings)
}

struct Work<'a> {
    home: &'a Home,
    node: Arc<Node>,
    /// Members that were asked: a connection, or none.
    peers: BTreeMap<MemberId, Option<Session>>,
    findings: Vec<Finding>,
}

impl Work<'_> {
    async fn ledger(mut self) -> anyhow::Result<Self> {
        let rotten = rotten_records(&self.home.layout().ledger())?;
        let own: Vec<(u64, Rotten)> =
            rotten.iter().filter_map(|r| Some((r.journal_index?, r.clone()))).collect();
        for (index, record) in own {
            let what = format!("journal entry {index} (ledger record {})", record.number);
            let outcome = self.own_entry(index, record.at).await?;
            self.findings.push(Finding { what, outcome });
        }
        let mut again = Batch { narrowing: true, ..Batch::default() };
        for record in rotten.iter().filter(|r| r.journal_index.is_none()) {
            let outcome = if is_told_again(record.kind) {
                let position = Bytes::copy_from_slice(&record.at.to_bytes());
                again.records.push(Erase { position, reason: "damaged".into() }.into());
                again.erase.push(record.at);
                Outcome::Awaited { from: "its origin".into() }
            } else {
                Outcome::OnlyBackup
            };
            let what = format!("ledger record {} ({})", record.number, Record::name(record.kind));
            self.findings.push(Finding { what, outcome });
        }
        if !again.records.is_empty() {
            // Asked for from the beginning: the feeds bring everything again, and what is held is known.
            again.records.extend(self.follow_again());
            self.node.store.commit(again).await?;
        }
        Ok(self)
    }

    fn follow_again(&self) -> Vec<Record> {
        let view = self.node.store.view();
        let followed = |(member, peer): (&MemberId, &crate::store::state::Peer)| {
            let follow = peer.follow.as_ref()?;
            let datasets = follow.datasets.iter().map(ToString::to_string).collect();
            let via = follow.via.map(|m| m.to_bytes()).unwrap_or_default();
            let (offers_only, purpose) = (follow.offers_only, follow.purpose().to_owned());
            Some(Followed { member: member.to_bytes(), datasets, offers_only, via, purpose }.into())
        };
        view.peers.iter().filter_map(followed).collect()
    }

    /// The hash in the record's header is under the anchored chain: bytes that have it are the ones lost.
    async fn own_entry(&mut self, index: u64, at: Position) -> anyhow::Result<Outcome> {
        for member in self.members() {
            let Some(session) = self.session(member).await else { continue };
            let Ok(entries) = session.recover(RecoverRequest { indexes: vec![index] }).await else {
                continue;
            };
            for entry in entries.into_iter().filter(|e| e.index == index) {
                let payload = Record::from(OwnEntry { salt: entry.salt, envelope: entry.envelope }).encode();
                if mend(&Disk::from_env(), &self.home.layout().ledger(), at, &payload)? {
                    return Ok(Outcome::Mended { by: self.code(member) });
                }
            }
        }
        Ok(Outcome::Unavailable)
    }

    async fn shelf(mut self) -> anyhow::Result<Self> {
        for (origin, commitment, release) in named_releases(&self.node.store) {
            let own = origin == self.node.me;
            let store = self.node.store.clone();
            // What was never fetched is not damaged.
            if !own && !store.shelf().holds(&commitment) || is_sound(&store, &commitment, &release) {
                continue;
            }
            let what = format!("files of {}/{}@{}", self.code(origin), release.dataset, release.number);
            store.shelf().back_to_partial(&commitment)?;
            let holders = if own { self.members() } else { vec![origin] };
            let mut outcome = match own {
                true => Outcome::Unavailable,
                false => Outcome::Awaited { from: self.code(origin) },
            };
            for member in holders {
                if self.files(member, &commitment, &release).await {
                    outcome = Outcome::Mended { by: self.code(member) };
                    break;
                }
            }
            self.findings.push(Finding { what, outcome });
        }
        Ok(self)
    }

    /// Hashes what lies in the partial folder and fetches the rest.
    async fn files(&mut self, member: MemberId, commitment: &Commitment, release: &Release) -> bool {
        let shelf = self.node.store.shelf().clone();
        let follow = self.node.store.view().peers.get(&member).and_then(|p| p.follow.clone());
        let purpose = follow.unwrap_or_default().purpose().to_owned();
        let Some(session) = self.session(member).await else { return false };
        for (n, file) in release.distributions.iter().enumerate() {
            let order =
                Order { release: *commitment, distribution: n as u32, purpose: purpose.clone(), zstd: true };
            let Ok(partial) = shelf.partial(commitment, n as u32) else { return false };
            if transfer(session, &order, file, partial).await.is_err() {
                return false;
            }
        }
        shelf.keep(commitment).is_ok()
    }

    fn members(&self) -> Vec<MemberId> {
        self.node.store.view().peers.keys().copied().collect()
    }

    fn code(&self, member: MemberId) -> String {
        self.node.store.view().code_of(&member).map_or_else(|| member.short(), ToString::to_string)
    }

    async fn session(&mut self, member: MemberId) -> Option<&mut Session> {
        if !self.peers.contains_key(&member) {
            let dialled = dial(&self.node, member).await;
            self.peers.insert(member, dialled);
        }
        self.peers.get_mut(&member)?.as_mut()
    }
}

async fn dial(node: &Node, member: MemberId) -> Option<Session> {
    let target = peers::target_of(node, member)?;
    let mut session = Session::dial(&target.address, &node.key, &target.keys).await.ok()?;
    session.hello(hello::request(node, Some(member))).await.ok()?;
    Some(session)
}

/// Kinds that peers say again when they are asked from the beginning.
fn is_told_again(kind: u8) -> bool {
    ["ForeignEntry", "PeerHead", "PeerCursor", "IdentityLearnt", "EndpointLearnt"]
        .contains(&Record::name(kind))
}

/// Every release whose files may be here: own ones, and those offered.
fn named_releases(store: &Store) -> Vec<(MemberId, Commitment, Release)> {
    let me = store.view().me;
    let size = store.view().size;
    let own = (0..size).filter_map(|index| {
        let held = store.own_entry(index)?;
        Some((me, held.commitment, held.release()?.clone()))
    });
    let offered: Vec<Commitment> =
        store.view().peers.values().flat_map(|p| p.offered.keys().copied()).collect();
    let foreign = offered.iter().filter_map(|commitment| {
        let (member, held) = store.foreign_release(commitment)?;
        Some((member, *commitment, held.release()?.clone()))
    });
    own.chain(foreign).collect()
}

fn is_sound(store: &Store, commitment: &Commitment, release: &Release) -> bool {
    release.distributions.iter().enumerate().all(|(n, file)| {
        let reading = store.shelf().read(commitment, n as u32, &file.chunk_root);
        reading.is_ok_and(|r| r.bytes().is_ok_and(|b| b == file.bytes) && r.for_each(|_| Ok(())).is_ok())
    })
}

/// What we hold of a caller's own journal, for its asking.
pub fn give_back(node: &Node, caller: MemberId, indexes: &[u64]) -> Vec<talanoa_proto::wire::Entry> {
    let held = indexes.iter().take(limits::INDEXES_PER_RECOVER_MAX).filter_map(|index| {
        let held = node.store.foreign_entry(&caller, *index)?;
        Some(talanoa_proto::wire::Entry {
            index: *index,
            salt: held.record.salt,
            envelope: held.record.envelope,
            inclusion: Vec::new(),
        })
    });
    held.collect()
}
