//! A release handed to its own people: verified files, and everything that proves them.

use std::sync::Arc;

use talanoa_client::{
    follow::fetch_release,
    keeper::Wanted,
    provenance::{self, Blob, Proven, Provenance},
    session::Session,
};
use talanoa_proto::{
    Code,
    envelope::Envelope,
    grant::{Action, Grant, Scope},
    id::{Commitment, MemberId, ObjectId, ReleaseRef},
    release::Release,
};

use crate::{
    clock::rfc3339,
    consent::{
        find::terms_of,
        standing::{self, Standing},
    },
    listing,
    node::Node,
    peers::{self, hello, keeper::NodeKeeper},
    problem::Problem,
    store::{
        Batch,
        records::Exported,
        state::{Peer, State},
    },
};

/// A release of which every file is on the shelf.
#[derive(Debug)]
pub struct Gotten {
    pub commitment: Commitment,
    pub release: Release,
    pub provenance: Provenance,
}

/// Finds, fetches if it is offered and not held, and gathers what proves it.
pub async fn get(node: &Arc<Node>, reference: ReleaseRef) -> Result<Gotten, Problem> {
    let member = node.member(reference.member.as_str())?;
    if member == node.me { own(node, &reference) } else { foreign(node, member, &reference).await }
}

/// On record before the first byte: a purge receipt must name copies that were taken.
pub async fn record_export(node: &Node, release: Commitment) -> Result<(), Problem> {
    node.store.commit(Batch::of(Exported { release: release.to_bytes(), at: node.now() })).await?;
    Ok(())
}

fn own(node: &Node, reference: &ReleaseRef) -> Result<Gotten, Problem> {
    let unknown = || {
        Problem::new(Code::NotFound, format!("{reference} was never published here"))
            .advise("talanoa releases")
    };
    let newest = node.store.view().datasets.get(&reference.dataset).map(|d| d.number);
    let number = reference.number.or(newest).ok_or_else(unknown)?;
    let index = node.store.index().own_number(&reference.dataset, number).ok_or_else(unknown)?;
    let held = node.store.own_entry(index).ok_or_else(unknown)?;
    let release = held.release().cloned().ok_or_else(unknown)?;
    let checkpoint = node.store.checkpoint();
    let inclusion = node.store.inclusion(index, checkpoint.checkpoint().size).map_err(Problem::internal)?;
    let proven =
        Proven::new(index, &held.record.salt, &held.record.envelope, &inclusion, checkpoint.note_bytes());
    Ok(Gotten {
        commitment: held.commitment,
        provenance: gather(node, node.me, &release, proven, None, None)?,
        release,
    })
}

async fn foreign(node: &Arc<Node>, member: MemberId, reference: &ReleaseRef) -> Result<Gotten, Problem> {
    let index = match reference.number {
        Some(n) => node.store.index().foreign_number(&member, &reference.dataset, n),
        None => node.store.index().foreign_newest(&member, &reference.dataset).map(|(_, index)| index),
    };
    let held = index.and_then(|index| node.store.foreign_entry(&member, index));
    let held = held.ok_or_else(|| not_available(node, member, reference))?;
    let release = held.release().cloned().ok_or_else(|| not_available(node, member, reference))?;
    let commitment = held.commitment;
    let grant = node.store.view().peers.get(&member).and_then(|p| p.trusted.grant_for(&release, node.now()));
    if !node.store.shelf().holds(&commitment) {
        let grant = grant.ok_or_else(|| not_available(node, member, reference))?;
        let reads = {
            let view = node.store.view();
            let grant = view.peers.get(&member).and_then(|p| p.trusted.consent().get(&grant));
            grant.is_some_and(|g| g.actions.contains(&Action::Read))
        };
        if !reads {
            return Err(Problem::new(
                Code::NotFound,
                format!("{reference} is listed for us and not given to read"),
            ));
        }
        fetch_now(node, member, Wanted { commitment, release: release.clone(), grant }).await?;
    }
    let proven = |record: &crate::store::records::ForeignEntry| Proven {
        index: record.index,
        salt: Blob(record.salt.clone()),
        envelope: Blob(record.envelope.clone()),
        inclusion: record.inclusion.iter().cloned().map(Blob).collect(),
        checkpoint: Blob(record.note.clone()),
    };
    let terms = {
        let view = node.store.view();
        let given = grant.and_then(|id| view.peers.get(&member)?.trusted.consent().get(&id));
        given.and_then(|grant| terms_of(node, &view, grant))
    };
    let grant_index =
        grant.and_then(|g| node.store.view().peers.get(&member)?.grant_entries.get(&g).copied());
    let grant = grant_index
        .and_then(|index| node.store.foreign_entry(&member, index))
        .map(|held| proven(&held.record));
    let provenance = gather(node, member, &release, proven(&held.record), grant, terms)?;
    Ok(Gotten { commitment, release, provenance })
}

/// Told from our own ledger: the publisher's answer would be the same for every cause.
fn not_available(node: &Node, member: MemberId, reference: &ReleaseRef) -> Problem {
    let view = node.store.view();
    let Some(peer) = view.peers.get(&member) else {
        return Problem::new(Code::NotFound, "not available to you");
    };
    let cause = over(node, &view, peer, member, reference)
        .unwrap_or_else(|| format!("hidden, ended, or never published; ask {}", reference.member));
    Problem::new(Code::NotFound, format!("{reference} is not available to you: {cause}"))
        .advise("talanoa catalogue lists what is; talanoa follow MEMBER brings more")
}

/// Why a grant that covers this very release gives it no longer, or not yet. Of a dataset that was never shown
/// here only a grant that names it is known to cover it.
fn over(node: &Node, view: &State, peer: &Peer, member: MemberId, reference: &ReleaseRef) -> Option<String> {
    let dataset = &reference.dataset;
    let covers = |grant: &Grant| {
        let numbers = grant.from_number..=grant.to_number.unwrap_or(u64::MAX);
        let named = matches!(&grant.scope, Scope::Datasets(ids) if ids.contains(dataset));
        let shown = || listing::newest(node, view, member, dataset).is_some();
        peer.trusted.is_for_us(&grant.grantee)
            && reference.number.is_none_or(|n| numbers.contains(&n))
            && (named || shown() && listing::reaches(node, view, member, &grant.scope, dataset))
    };
    let grants = peer.trusted.consent().grants().filter(|(_, grant)| covers(grant));
    let standing = |(id, grant)| (standing::received(peer, id, grant, node.now()), grant.not_after, id);
    let found: Vec<(Standing, u64, &ObjectId)> = grants.map(standing).collect();
    if found.iter().any(|(standing, ..)| *standing == Standing::InForce) {
        return None; // not for want of a grant
    }
    let (standing, _, id) = found.into_iter().max_by_key(|(_, end, _)| *end)?;
    let id = id.short();
    Some(match standing {
        Standing::InForce | Standing::Suspended => return None,
        Standing::Revoked(_) => format!("your grant {id} was revoked"),
        Standing::Ended { at, .. } => format!("your grant {id} ended on {}", rfc3339(at)),
        Standing::NotYet { begins } => format!("your grant {id} begins on {}", rfc3339(begins)),
        Standing::Superseded { since } => format!("your grant {id} was replaced on {}", rfc3339(since)),
    })
}

async fn fetch_now(node: &Arc<Node>, member: MemberId, wanted: Wanted) -> Result<(), Problem> {
    let missing = || {
        Problem::new(Code::PeerUnreachable, "no address of the publisher is known")
            .advise("talanoa peers set")
    };
    let (target, dialled) = peers::source_of(node, member).ok_or_else(missing)?;
    let mut session = Session::dial(&target.address, &node.key, &target.keys).await?;
    session.hello(hello::request(node, Some(dialled))).await?;
    let keeper = NodeKeeper::new(Arc::clone(node));
    fetch_release(&mut session, &target, &keeper, &wanted).await?;
    Ok(())
}

fn gather(
    node: &Node,
    origin: MemberId,
    release: &Release,
    proven: Proven,
    grant: Option<Proven>,
    terms: Option<String>,
) -> Result<Provenance, Problem> {
    let view = node.store.view();
    let charter = view.charter.as_ref().ok_or_else(Problem::not_ready)?;
    let member = view.members.get(&origin).ok_or_else(Problem::not_ready)?;
    let file = |d: &talanoa_proto::release::Distribution| provenance::File {
        name: d.name.clone(),
        bytes: d.bytes,
        sha256: hex::encode(d.sha256),
    };
    Ok(Provenance {
        format: provenance::FORMAT.to_owned(),
        reference: format!("{}/{}@{}", member.identity.code(), release.dataset, release.number),
        charter: Blob(charter.to_bytes().into()),
        identity: member.chain.iter().map(Envelope::to_bytes).map(Blob).collect(),
        release: proven,
        grant,
        terms,
        files: release.distributions.iter().map(file).collect(),
    })
}
