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
    entry::Declared,
    envelope::Envelope,
    grant::Action,
    id::{Commitment, MemberId, ObjectId, ReleaseRef},
    release::Release,
};

use crate::{
    node::Node,
    peers::{self, hello, keeper::NodeKeeper},
    problem::Problem,
    store::{Batch, records::Exported},
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
    let terms = grant.and_then(|id| terms_of(node, member, &id));
    let grant_index =
        grant.and_then(|g| node.store.view().peers.get(&member)?.grant_entries.get(&g).copied());
    let grant = grant_index
        .and_then(|index| node.store.foreign_entry(&member, index))
        .map(|held| proven(&held.record));
    let provenance = gather(node, member, &release, proven(&held.record), grant, terms)?;
    Ok(Gotten { commitment, release, provenance })
}

/// The text that a grant given to us asks for.
fn terms_of(node: &Node, member: MemberId, grant: &ObjectId) -> Option<String> {
    let index = {
        let view = node.store.view();
        let peer = view.peers.get(&member)?;
        let hash = peer.trusted.consent().get(grant)?.obligations.terms_sha256?;
        *peer.terms.get(&hash)?
    };
    match node.store.foreign_entry(&member, index)?.declared {
        Declared::Terms(terms) => Some(terms.text),
        _ => None,
    }
}

/// Told from our own ledger: the publisher's answer would be the same for every cause.
fn not_available(node: &Node, member: MemberId, reference: &ReleaseRef) -> Problem {
    let view = node.store.view();
    let Some(peer) = view.peers.get(&member) else {
        return Problem::new(Code::NotFound, "not available to you");
    };
    let now = node.now();
    let ended = peer.trusted.consent().grants().find_map(|(id, grant)| {
        if peer.trusted.consent().revocation_of(id).is_some() {
            Some(format!("your grant {} was revoked", id.short()))
        } else if grant.not_after <= now {
            Some(format!("your grant {} ended on {}", id.short(), crate::clock::rfc3339(grant.not_after)))
        } else {
            None
        }
    });
    let cause =
        ended.unwrap_or_else(|| format!("hidden, ended, or never published; ask {}", reference.member));
    Problem::new(Code::NotFound, format!("{reference} is not available to you: {cause}"))
        .advise("talanoa catalogue lists what is; talanoa follow MEMBER brings more")
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
