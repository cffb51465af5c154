//! What one reader may see, in order (PROTOCOL.md section 9): steps, entries, cursors.
//!
//! Work is proportional to what the reader may see, not to the journal: steps are found through the
//! audiences that the reader belongs to, and each entry found is read again and asked for anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

use bytes::Bytes;
use talanoa_proto::{
    consent::{self, Request, Verdict, may},
    entry::Declared,
    grant::{Action, Grant, Grantee, Scope},
    id::{Commitment, DatasetId, MemberId, ObjectId},
    wire::{self, Cursor, FeedItem, feed_item::Item},
};

use crate::{
    node::Node,
    store::{
        Held,
        index::{Audience, Shows},
        records::OwnEntry,
        state::{EPOCH, State},
    },
};

/// Items after which the reader is given a cursor, so that its next start loses little.
const ENTRIES_PER_STEP_MAX: usize = 256;
const BYTES_PER_STEP_MAX: usize = 4 << 20;

/// Who reads, and what it selected.
#[derive(Clone, Debug)]
pub struct Reader {
    pub member: MemberId,
    pub datasets: Vec<DatasetId>,
    pub purpose: String,
}

/// A run of feed items that ends with a cursor.
#[derive(Debug, Default)]
pub struct Run {
    pub items: Vec<FeedItem>,
    pub cursor: Cursor,
    /// Everything up to the current step was looked at.
    pub complete: bool,
}

/// What the reader is to be sent next after `cursor`. `known_size` is the size of its newest head.
pub fn next_run(node: &Node, reader: &Reader, cursor: Cursor, known_size: &mut u64) -> std::io::Result<Run> {
    let (head_step, size) = {
        let view = node.store.view();
        (view.step, view.size)
    };
    let mut run = Run { cursor, ..Run::default() };
    let (mut bytes, mut sent) = (0, BTreeSet::new());
    for (step, shows) in steps(node, reader, cursor.step, head_step) {
        let mut indexes = visible(node, reader, &shows);
        // Resume inside the very step that was under way; what came to be visible since has a step of its own.
        if step == cursor.step + 1 && cursor.after > 0 {
            indexes.retain(|&index| index >= cursor.after);
        }
        for (n, index) in indexes.into_iter().enumerate() {
            if run.items.len() >= ENTRIES_PER_STEP_MAX || bytes >= BYTES_PER_STEP_MAX {
                // The step's own entry comes first, whatever its index: before it nothing of the step was sent.
                run.cursor = Cursor { epoch: EPOCH, step: step - 1, after: if n == 0 { 0 } else { index } };
                return with_head(node, run, known_size);
            }
            // Shown by more than one step, by a grant and by its beginning for example: once is enough.
            if !sent.insert(index) {
                continue;
            }
            if let Some(entry) = entry(node, index, size)? {
                bytes += entry.envelope.len();
                run.items.push(FeedItem { item: Some(Item::Entry(entry)) });
            }
        }
        run.cursor = Cursor { epoch: EPOCH, step, after: 0 };
    }
    run.cursor = Cursor { epoch: EPOCH, step: head_step, after: 0 };
    run.complete = true;
    with_head(node, run, known_size)
}

/// The head goes first, so that every entry can be proven when it comes.
fn with_head(node: &Node, mut run: Run, known_size: &mut u64) -> std::io::Result<Run> {
    if run.items.is_empty() {
        return Ok(run);
    }
    let checkpoint = node.store.checkpoint();
    let size = checkpoint.checkpoint().size;
    let consistency = node.store.consistency(*known_size, size)?;
    let head = wire::Head {
        checkpoint: Bytes::copy_from_slice(checkpoint.note_bytes()),
        from_size: *known_size,
        consistency: consistency.iter().map(|h| Bytes::copy_from_slice(h)).collect(),
    };
    // Proofs were made for the size of the view; entries of one run and its head must agree.
    for item in &mut run.items {
        if let Some(Item::Entry(entry)) = &mut item.item {
            let proof = node.store.inclusion(entry.index, size)?;
            entry.inclusion = proof.iter().map(|h| Bytes::copy_from_slice(h)).collect();
        }
    }
    run.items.insert(0, FeedItem { item: Some(Item::Head(head)) });
    *known_size = size;
    Ok(run)
}

/// Steps in `(after, up_to]` that may show this reader something, ascending.
fn steps(node: &Node, reader: &Reader, after: u64, up_to: u64) -> Vec<(u64, BTreeSet<Shows>)> {
    let mut found: BTreeMap<u64, BTreeSet<Shows>> = BTreeMap::new();
    let mut visited = 0;
    let mut collect = |audience: Audience<'_>| {
        for (step, shows) in node.store.index().steps(audience, after) {
            visited += 1;
            if step <= up_to {
                found.entry(step).or_default().insert(shows);
            }
        }
    };
    collect(Audience::Everyone);
    collect(Audience::Member(reader.member));
    let datasets = readable(&node.store.view(), reader, node.now());
    for dataset in &datasets {
        collect(Audience::Dataset(dataset));
    }
    node.feed_visited.fetch_add(visited, Ordering::Relaxed);
    found.into_iter().collect()
}

/// Datasets that live grants reach; each entry is asked for again by `may`.
fn readable(view: &State, reader: &Reader, now: u64) -> BTreeSet<DatasetId> {
    let mut datasets = BTreeSet::new();
    for (_, grant) in view.consent.live_grants(reader.member, now) {
        datasets.extend(datasets_of(view, grant));
    }
    if !reader.datasets.is_empty() {
        datasets.retain(|d| reader.datasets.contains(d));
    }
    datasets
}

fn datasets_of(view: &State, grant: &Grant) -> Vec<DatasetId> {
    match &grant.scope {
        Scope::Datasets(ids) => ids.clone(),
        // Themes are read from each manifest, which `may` does.
        Scope::All | Scope::Themes(_) => view.datasets.keys().cloned().collect(),
    }
}

/// Journal indexes that a step shows this reader now: the step's own entry, then what it opened in
/// journal order. A grant thus comes before what it covers, and the reader can hold each offer against it.
fn visible(node: &Node, reader: &Reader, shows: &BTreeSet<Shows>) -> Vec<u64> {
    let mut own = Vec::new();
    let mut opened = BTreeSet::new();
    for shown in shows {
        match shown {
            Shows::Entry(index) => {
                let Some(held) = node.store.own_entry(*index) else { continue };
                if sees(node, reader, &held) && !is_opened_later(node, reader, &held) {
                    own.push(*index);
                }
                if let Declared::Grant(_, grant) = &held.declared {
                    opened.extend(opened_by(node, reader, grant));
                }
            }
            Shows::Grant(id) => {
                let grant = node.store.view().consent.get(id).cloned();
                opened.extend(grant.iter().flat_map(|g| opened_by(node, reader, g)));
            }
        }
    }
    own.extend(opened);
    own
}

/// A release that no grant covered when it was published is shown by the step of the grant, not by its own.
fn is_opened_later(node: &Node, reader: &Reader, held: &Held<OwnEntry>) -> bool {
    let Some(release) = held.release() else { return false };
    let view = node.store.view();
    let before = |(id, grant): (&ObjectId, &Grant)| {
        let earlier = view.grant_entries.get(id).is_some_and(|&entry| entry < held.index);
        earlier
            && consent::covers(
                &grant.scope,
                &release.dataset,
                &release.description.themes,
                release.sensitivity,
            )
    };
    !view.consent.live_grants(reader.member, node.now()).any(before)
}

/// Every release that a grant makes visible, in datasets that the reader selected.
fn opened_by(node: &Node, reader: &Reader, grant: &Grant) -> Vec<u64> {
    if grant.grantee != Grantee::Member(reader.member) {
        return Vec::new();
    }
    let datasets = datasets_of(&node.store.view(), grant);
    let selected = |d: &DatasetId| reader.datasets.is_empty() || reader.datasets.contains(d);
    let mut opened = Vec::new();
    for dataset in datasets.iter().filter(|d| selected(d)) {
        for index in node.store.index().own_numbers(dataset) {
            node.feed_visited.fetch_add(1, Ordering::Relaxed);
            if node.store.own_entry(index).is_some_and(|held| sees(node, reader, &held)) {
                opened.push(index);
            }
        }
    }
    opened
}

/// The one question, asked of what was read and not of what pointed at it.
fn sees(node: &Node, reader: &Reader, held: &Held<OwnEntry>) -> bool {
    let view = node.store.view();
    match &held.declared {
        Declared::Identity(_) | Declared::Endpoint(_) => true,
        Declared::Release(release) => {
            let request = Request::new(reader.member, release, Action::List, &reader.purpose);
            matches!(may(&request, &view.consent, node.now()), Verdict::Yes { .. })
        }
        Declared::Grant(_, grant) => grant.grantee == Grantee::Member(reader.member),
        Declared::Revocation(_, revocation) => {
            let theirs =
                |id| view.consent.get(id).is_some_and(|g| g.grantee == Grantee::Member(reader.member));
            // A grant of another member must not show through a revocation of both.
            revocation.grants.iter().all(theirs)
        }
        Declared::Withdrawal(withdrawal) => {
            let received = node.store.index().has_access(&withdrawal.commitment, &reader.member);
            drop(view);
            received || may_list(node, reader, withdrawal.commitment)
        }
        Declared::Denial(..)
        | Declared::LiftDenial(_)
        | Declared::PurgeReceipt(..)
        | Declared::Unknown(_) => false,
    }
}

fn may_list(node: &Node, reader: &Reader, release: Commitment) -> bool {
    node.store.own_release(&release).is_some_and(|held| sees(node, reader, &held))
}

fn entry(node: &Node, index: u64, size: u64) -> std::io::Result<Option<wire::Entry>> {
    if index >= size {
        return Ok(None);
    }
    let Some(held) = node.store.own_entry(index) else { return Ok(None) };
    let (salt, envelope) = (held.record.salt, held.record.envelope);
    Ok(Some(wire::Entry { index, salt, envelope, inclusion: Vec::new() }))
}
