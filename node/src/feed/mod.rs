//! What one reader may see, in order (PROTOCOL.md section 9): steps, entries, cursors.
//!
//! Work is proportional to what the reader may see, not to the journal: steps are found through the
//! audiences that the reader belongs to, and each entry found is read again and asked for anew.

pub mod carried;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

use bytes::Bytes;
use talanoa_proto::{
    application::Application,
    consent::{self, Request, Verdict},
    entry::Declared,
    grant::{Action, Grant, Scope},
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
const ENTRIES_PER_RUN_MAX: usize = 256;
const BYTES_PER_RUN_MAX: usize = 1 << 20;
/// Steps of one audience that one run looks at.
const STEPS_PER_RUN_MAX: usize = 512;

/// Who reads, and what it selected.
#[derive(Clone, Debug)]
pub struct Reader {
    pub member: MemberId,
    pub datasets: Vec<DatasetId>,
    pub purpose: String,
    /// The application that reads for the member, if one does.
    pub application: Option<Application>,
}

impl Reader {
    /// What an application may not ask for, though its member may.
    fn covers(&self, request: &Request<'_>) -> bool {
        self.application.as_ref().is_none_or(|a| a.covers(request))
    }
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
    let found = steps(node, reader, cursor.step, head_step);
    for (step, shows) in found.steps {
        let (own, opened) = candidates(node, reader, &shows);
        let first_opened = own.len();
        for (n, index) in own.into_iter().chain(opened).enumerate() {
            // Resume inside the very step that was under way; what came to be visible since has a step of its own.
            if step == cursor.step + 1 && index < cursor.after {
                continue;
            }
            if run.items.len() >= ENTRIES_PER_RUN_MAX || bytes >= BYTES_PER_RUN_MAX {
                // The step's own entries come first, whatever their index: as long as one is left, `after` would
                // pass over what the step opened below it.
                let after = if n < first_opened { 0 } else { index };
                run.cursor = Cursor { epoch: EPOCH, step: step - 1, after };
                return with_head(node, run, known_size);
            }
            // Shown by more than one step, by a grant and by its beginning for example: once is enough.
            if index >= size || sent.contains(&index) {
                continue;
            }
            node.feed_visited.fetch_add(1, Ordering::Relaxed);
            // Read once: what is asked about is what is sent.
            let Some(held) = node.store.own_entry(index) else { continue };
            let opened_later = shows.contains(&Shows::Entry(index)) && is_opened_later(node, reader, &held);
            if opened_later || !sees(node, reader, &held) {
                continue;
            }
            sent.insert(index);
            bytes += held.record.envelope.len();
            let (salt, envelope) = (held.record.salt, held.record.envelope);
            let entry = wire::Entry { index, salt, envelope, inclusion: Vec::new() };
            run.items.push(FeedItem { item: Some(Item::Entry(entry)) });
        }
        run.cursor = Cursor { epoch: EPOCH, step, after: 0 };
    }
    run.cursor = Cursor { epoch: EPOCH, step: found.up_to, after: 0 };
    run.complete = found.up_to == head_step;
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

/// Steps that may show a reader something, and up to which step they were looked for.
struct Found {
    steps: BTreeMap<u64, BTreeSet<Shows>>,
    up_to: u64,
}

/// Steps in `(after, head]`, ascending; only the first so many: a run ends somewhere, and a reader that begins
/// again and again must not make this node walk its whole journal each time.
fn steps(node: &Node, reader: &Reader, after: u64, head: u64) -> Found {
    let mut found = Found { steps: BTreeMap::new(), up_to: head };
    let mut collect = |audience: Audience<'_>| {
        let (mut last, mut count) = (after, 0);
        for (step, shows) in node.store.index().steps(audience, after) {
            node.feed_visited.fetch_add(1, Ordering::Relaxed);
            if step > found.up_to {
                break;
            }
            // Counted by steps, not by what they show: a step is taken whole, or a run would never get past it.
            if step != last {
                if count == STEPS_PER_RUN_MAX {
                    found.up_to = last;
                    break;
                }
                (last, count) = (step, count + 1);
            }
            found.steps.entry(step).or_default().insert(shows);
        }
    };
    collect(Audience::Everyone);
    collect(Audience::Member(reader.member));
    let (circles, datasets, carries) = reach(node, reader);
    circles.into_iter().for_each(|circle| collect(Audience::Circle(circle)));
    datasets.iter().for_each(|dataset| collect(Audience::Dataset(dataset)));
    if carries {
        collect(Audience::Relays);
    }
    let up_to = found.up_to;
    found.steps.retain(|step, _| *step <= up_to);
    found
}

/// Circles that the reader is of, datasets that its live grants reach, and whether it carries for us. Each
/// entry is asked for again by `may`.
fn reach(node: &Node, reader: &Reader) -> (Vec<ObjectId>, BTreeSet<DatasetId>, bool) {
    let view = node.store.view();
    let circles = view.consent.circles();
    let of = circles.ids().filter(|c| circles.contains(c, reader.member)).copied().collect();
    let mut datasets = BTreeSet::new();
    let mut carries = false;
    for (_, grant) in view.consent.live_grants(reader.member, node.now()) {
        datasets.extend(datasets_of(&view, grant));
        carries |= grant.actions.contains(&Action::Relay);
    }
    if !reader.datasets.is_empty() {
        datasets.retain(|d| reader.datasets.contains(d));
    }
    (of, datasets, carries)
}

fn datasets_of(view: &State, grant: &Grant) -> Vec<DatasetId> {
    match &grant.scope {
        Scope::Datasets(ids) => ids.clone(),
        // Themes are read from each manifest, which `may` does.
        Scope::All | Scope::Themes(_) => view.datasets.keys().cloned().collect(),
    }
}

/// Journal indexes that a step may show this reader: the step's own entries, and what it opened in journal
/// order, which comes after them. A grant thus comes before what it covers, and the reader can hold each offer against it.
fn candidates(node: &Node, reader: &Reader, shows: &BTreeSet<Shows>) -> (Vec<u64>, BTreeSet<u64>) {
    let mut own = Vec::new();
    let mut opened = BTreeSet::new();
    let mut open = |id: &ObjectId, own: &mut Vec<u64>| {
        let view = node.store.view();
        let Some(grant) = view.consent.get(id) else { return };
        // A text that the grant asks for is read before it.
        let terms = grant.obligations.terms_sha256.and_then(|hash| view.terms.get(&hash).copied());
        own.splice(0..0, terms);
        if view.consent.reaches(&grant.grantee, reader.member) {
            opened.extend(opened_by(node, &view, reader, grant));
        }
    };
    for shown in shows {
        match shown {
            Shows::Entry(index) => {
                own.push(*index);
                // Not inside the `if`: the view would be held while it is taken again.
                let grant = node.store.view().grant_at(*index);
                grant.iter().for_each(|id| open(id, &mut own));
            }
            Shows::Grant(id) => open(id, &mut own),
        }
    }
    (own, opened)
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

/// Every release that a grant may make visible, in datasets that the reader selected; for a relay also what
/// was said before of others' consent.
fn opened_by(node: &Node, view: &State, reader: &Reader, grant: &Grant) -> Vec<u64> {
    let datasets = datasets_of(view, grant);
    let selected = |d: &&DatasetId| reader.datasets.is_empty() || reader.datasets.contains(d);
    let numbers = datasets.iter().filter(selected).flat_map(|d| node.store.index().own_numbers(d));
    let mut opened: Vec<u64> = numbers.collect();
    if grant.actions.contains(&Action::Relay) {
        opened.extend(view.grant_entries.values());
        opened.extend(&view.narrowings);
    }
    opened
}

/// The one question, asked of what was read and not of what pointed at it.
fn sees(node: &Node, reader: &Reader, held: &Held<OwnEntry>) -> bool {
    let view = node.store.view();
    let reached = |g: &Grant| view.consent.reaches(&g.grantee, reader.member);
    match &held.declared {
        Declared::Identity(_) | Declared::Endpoint(_) | Declared::Circle(..) | Declared::LeaveCircle(_) => {
            true
        }
        Declared::Release(release) => {
            let request = Request::new(reader.member, release, Action::List, &reader.purpose);
            reader.covers(&request) && matches!(node.may(&request, &view), Verdict::Yes { .. })
        }
        Declared::Grant(_, grant) => reached(grant) || carried::sees_grant(node, &view, reader, grant),
        Declared::Terms(terms) => {
            let hash = Some(terms.hash());
            let mut naming = view.consent.grants().filter(|(_, g)| g.obligations.terms_sha256 == hash);
            naming.any(|(_, g)| reached(g) || carried::sees_grant(node, &view, reader, g))
        }
        Declared::Revocation(_, revocation) => {
            // A grant of another member must not show through a revocation of both.
            revocation.grants.iter().all(|id| view.is_or_was_for(id, reader.member))
                || carried::sees_revocation(node, &view, reader, revocation)
        }
        Declared::Denial(_, denial) => carried::sees_denial(node, &view, reader, denial),
        Declared::LiftDenial(lift) => lift
            .denials
            .iter()
            .filter_map(|id| view.consent.denial(id))
            .any(|denial| carried::sees_denial(node, &view, reader, denial)),
        Declared::Withdrawal(withdrawal) => {
            let received = node.store.index().has_access(&withdrawal.commitment, &reader.member);
            drop(view);
            received || may_list(node, reader, withdrawal.commitment)
        }
        Declared::PurgeReceipt(..)
        | Declared::Application(..)
        | Declared::EndApplication(_)
        | Declared::Carriage(_)
        | Declared::Unknown(_) => false,
    }
}

fn may_list(node: &Node, reader: &Reader, release: Commitment) -> bool {
    node.store.own_release(&release).is_some_and(|held| sees(node, reader, &held))
}
