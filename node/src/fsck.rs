//! The judge: reads everything from raw bytes and says what is wrong. Changes nothing.
//!
//! Operators and system tests share it. Faults make `talanoa fsck` exit 1; notes are what a crash may
//! leave and the next start finishes.

mod entries;
mod files;

use std::collections::{BTreeMap, BTreeSet};

use talanoa_proto::{
    entry::Declared,
    id::Commitment,
    merkle::{Frontier, Hash, leaf_hash, stored_count},
    release::Release,
};

use crate::{
    home::Home,
    keys,
    store::{
        Layout,
        anchor::{self, Anchored},
        ledger::{self, LedgerError, Payload, Position, open::Visit},
        records::Record,
        state::State,
    },
};

#[derive(Debug, Default)]
pub struct Report {
    pub faults: Vec<String>,
    pub notes: Vec<String>,
    pub records: u64,
    pub entries: u64,
    pub foreign: u64,
    pub files: u64,
}

impl Report {
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    fn note(&mut self, what: impl Into<String>) {
        self.notes.push(what.into());
    }
}

/// A release that the ledger names, and what the shelf must hold of it.
struct Named {
    release: Release,
    /// Own releases must be there; those of others may be under way.
    own: bool,
}

/// What one walk gathers for the checks after it.
#[derive(Default)]
struct Gathered {
    named: BTreeMap<Commitment, Named>,
    zeroed: BTreeSet<Position>,
    erased: BTreeSet<Position>,
    rotten: BTreeMap<Position, u64>,
    frontier: Frontier,
    stored: Vec<Hash>,
    root_at_anchor: Option<Hash>,
}

pub fn fsck(home: &Home) -> Report {
    let mut report = Report::default();
    check_home(home, &mut report);
    let layout = home.layout();
    let Some(anchored) = check_anchor(&layout, &mut report) else { return report };
    let mut state = State::new(home.card.identity.id());
    let mut gathered = Gathered::default();
    if !check_ledger(&layout, &anchored, &mut state, &mut gathered, &mut report) {
        return report;
    }
    entries::check(&layout, &anchored, &state, &mut report);
    check_erasures(&gathered, &mut report);
    check_tree(&layout, &anchored, &gathered, &mut report);
    files::check(&layout, &state, &gathered.named, &mut report);
    report
}

fn check_home(home: &Home, report: &mut Report) {
    match keys::load(&home.key_path("node")) {
        Err(error) => report.fault(error.to_string()),
        Ok(key) => {
            let delegated = home.card.identity.keys(talanoa_proto::identity::Role::Node, (0, 0));
            if !delegated.contains(&key.verifying_key().into()) {
                report.fault("the node key is not one that the identity delegates");
            }
        }
    }
    let identity = &home.card.identity;
    let consent = identity.keys(talanoa_proto::identity::Role::Consent, (0, 0));
    for (role, expected) in [("root", &identity.root().keys), ("consent", &consent)] {
        let path = home.key_path(role);
        match path.exists().then(|| keys::load(&path)) {
            Some(Err(error)) => report.fault(error.to_string()),
            Some(Ok(key)) if !expected.contains(&key.verifying_key().into()) => {
                report.fault(format!("the {role} key is not one that the identity names"));
            }
            _ => {}
        }
    }
}

fn check_anchor(layout: &Layout, report: &mut Report) -> Option<Anchored> {
    let slots = match anchor::read(&layout.anchor_dir) {
        Ok(slots) => slots,
        Err(error) => {
            report.fault(format!("anchor: {error}"));
            return None;
        }
    };
    let newest = anchor::newest(slots);
    match newest {
        None => report.fault("anchor: no sound slot; restore the file from a backup"),
        Some(a) if a.write > 1 && slots.iter().any(Option::is_none) => {
            report.note("anchor: one of its two slots is damaged or was torn; the other holds");
        }
        Some(_) => {}
    }
    newest
}

/// Chain, hashes and kinds of every record; false when there is nothing further to check.
fn check_ledger(
    layout: &Layout,
    anchored: &Anchored,
    state: &mut State,
    gathered: &mut Gathered,
    report: &mut Report,
) -> bool {
    let walk = ledger::open::walk(&layout.ledger(), anchored, &mut |visit| {
        if gathered.frontier.size() == anchored.journal.size {
            gathered.root_at_anchor = Some(gathered.frontier.root());
        }
        gather(visit, state, gathered, report)
    });
    if gathered.frontier.size() == anchored.journal.size {
        gathered.root_at_anchor = Some(gathered.frontier.root());
    }
    let walk = match walk {
        Ok(walk) => walk,
        Err(error) => {
            report.fault(format!("ledger: {error}"));
            return false;
        }
    };
    report.records = walk.records;
    let place = format!("{} byte {}", ledger::segment_name(walk.segment), walk.offset);
    if walk.records < anchored.records {
        let what = walk.broken.unwrap_or("acknowledged records are missing");
        report
            .fault(format!("ledger: {what} at {place}, before what was acknowledged: restore from a backup"));
        return false;
    }
    if walk.chain_at_anchor != Some(anchored.chain) {
        report.fault("ledger: its chain does not lead to the anchored value: this is not the ledger that was acknowledged");
        return false;
    }
    if let Some(what) = walk.broken {
        report
            .note(format!("ledger: {what} at {place}, behind what was acknowledged: cut at the next start"));
    } else if walk.records > anchored.records {
        report.note(format!(
            "ledger: {} whole records behind the anchor: kept at the next start",
            walk.records - anchored.records
        ));
    }
    true
}

fn gather(
    visit: Visit<'_>,
    state: &mut State,
    gathered: &mut Gathered,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let payload = match visit.payload {
        Payload::Intact(payload) => payload,
        Payload::Zeroed => {
            gathered.zeroed.insert(visit.at);
            return Ok(());
        }
        Payload::Rotten(_) => {
            gathered.rotten.insert(visit.at, visit.number);
            return Ok(());
        }
    };
    let record = match Record::decode(visit.kind, payload) {
        Ok(record) => record,
        Err(error) => {
            report.fault(format!("ledger: record {}: {error}", visit.number));
            return Ok(());
        }
    };
    let declared = record.declared();
    match &record {
        Record::OwnEntry(_) => {
            report.entries += 1;
            let leaf = record.commitment().map_or([0; 32], |c| leaf_hash(&c.0));
            gathered.stored.extend(gathered.frontier.append(leaf));
        }
        Record::ForeignEntry(_) => report.foreign += 1,
        Record::Erase(erase) => gathered.erased.extend(Position::from_bytes(&erase.position)),
        Record::Tombstone(tombstone) => {
            for buried in &tombstone.releases {
                if let Ok(commitment) = Commitment::from_slice(&buried.commitment) {
                    gathered.named.remove(&commitment);
                }
            }
        }
        _ => {}
    }
    if let (Some(Declared::Release(release)), Some(commitment)) = (&declared, record.commitment()) {
        let own = matches!(record, Record::OwnEntry(_));
        gathered.named.insert(commitment, Named { release: (**release).clone(), own });
    }
    state.fold(&record, visit.at, declared.as_ref());
    Ok(())
}

fn check_erasures(gathered: &Gathered, report: &mut Report) {
    // A record that is to be erased may be half way through it.
    for (_, number) in gathered.rotten.iter().filter(|(at, _)| !gathered.erased.contains(at)) {
        report.fault(format!("ledger: record {number} is damaged"));
    }
    for at in gathered.zeroed.difference(&gathered.erased) {
        report.fault(format!(
            "ledger: {} byte {} is zeroed without an Erase record",
            ledger::segment_name(at.segment),
            at.offset
        ));
    }
    for at in gathered.erased.difference(&gathered.zeroed).filter(|at| at.bytes > 0) {
        report.note(format!(
            "ledger: {} byte {} is to be erased: finished at the next start",
            ledger::segment_name(at.segment),
            at.offset
        ));
    }
}

/// The journal recomputed from its entries must be the one that was signed; so must the derived file.
fn check_tree(layout: &Layout, anchored: &Anchored, gathered: &Gathered, report: &mut Report) {
    if gathered.root_at_anchor != Some(anchored.journal.root) {
        report.fault("journal: its entries do not give the root that was signed");
        return;
    }
    let acknowledged = (stored_count(anchored.journal.size) * 32) as usize;
    let expected: Vec<u8> = gathered.stored.iter().flatten().copied().take(acknowledged).collect();
    match std::fs::read(layout.tree()) {
        Err(error) => report.note(format!("tree: {error}; it is written again at the next start")),
        Ok(bytes) if bytes.len() < acknowledged => {
            report.note("tree: shorter than the journal: completed at the next start")
        }
        Ok(bytes) if bytes[..acknowledged] != expected => {
            report.fault("tree: differs from the journal; start the node once, it is written again");
        }
        Ok(_) => {}
    }
}
