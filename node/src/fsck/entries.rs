//! Every entry, own and foreign, verified from its stored bytes alone: signatures, origin, place, chain.

use std::collections::BTreeMap;

use talanoa_proto::{
    entry::Declared,
    id::{Commitment, DatasetId, MemberId},
    identity::Identity,
    release::Continuity,
    trusted::TrustedPeer,
    wire,
};

use super::Report;
use crate::store::{
    Layout,
    anchor::Anchored,
    ledger::{self, Payload},
    records::{ForeignEntry, OwnEntry, Record},
    state::{EPOCH, State},
};

/// A second walk: by now the state holds every identity as it is known at the end. What came from others counts
/// also as it was known then: a head that was taken under a key that is revoked since is no damage.
pub fn check(layout: &Layout, anchored: &Anchored, state: &State, report: &mut Report) {
    let Some(federation) = state.federation() else {
        if state.size > 0 {
            report.fault("journal: entries without a charter");
        }
        return;
    };
    if let Some(Err(error)) = state.charter.as_ref().map(|c| c.verify()) {
        report.fault(format!("charter: {error}"));
    }
    let judge = |state: &State, member: MemberId| {
        let identity: Identity = state.members.get(&member)?.identity.clone();
        Some(TrustedPeer::new(state.me, federation, EPOCH, identity))
    };
    let mut then = State::new(state.me);
    let Some(own) = judge(state, state.me) else {
        report.fault("charter: it does not list this node's member");
        return;
    };
    let mut index = 0;
    let mut chains: BTreeMap<DatasetId, (u64, Commitment)> = BTreeMap::new();
    let own_kind = Record::OwnEntry(OwnEntry::default()).kind();
    let walked = ledger::open::walk(&layout.ledger(), anchored, &mut |visit| {
        // One that cannot be read has its place all the same: those behind it are judged at theirs.
        let at = index;
        index += u64::from(visit.kind == own_kind);
        let Payload::Intact(payload) = visit.payload else { return Ok(()) };
        let Ok(record) = Record::decode(visit.kind, payload) else { return Ok(()) };
        then.fold(&record, visit.at, record.declared().as_ref());
        if let Record::OwnEntry(entry) = &record {
            check_own(&own, at, entry, &mut chains, report);
        } else if let Some(entry) = record.proven() {
            check_foreign(&entry, &|member| [judge(state, member), judge(&then, member)], report);
        }
        Ok(())
    });
    match walked {
        Err(error) => report.fault(format!("ledger: {error}")),
        Ok(walk) if walk.records != report.records => report.fault(format!(
            "ledger: of {} records the signatures of {} were checked: run talanoa fsck again",
            report.records, walk.records
        )),
        Ok(_) => {}
    }
}

fn check_own(
    own: &TrustedPeer,
    index: u64,
    entry: &OwnEntry,
    chains: &mut BTreeMap<DatasetId, (u64, Commitment)>,
    report: &mut Report,
) {
    let wire = wire::Entry {
        index,
        salt: entry.salt.clone(),
        envelope: entry.envelope.clone(),
        inclusion: Vec::new(),
    };
    match own.verify_object(&wire) {
        Err(error) => report.fault(format!("journal: entry {index}: {error}")),
        Ok((Declared::Release(release), commitment)) => {
            let continuity = release.continuity(commitment, chains.get(&release.dataset).copied());
            let first = release.number == 1 || chains.contains_key(&release.dataset);
            if continuity != Continuity::Continues || !first {
                report.fault(format!(
                    "journal: entry {index}: {}@{} does not continue its dataset",
                    release.dataset, release.number
                ));
            }
            chains.insert(release.dataset.clone(), (release.number, commitment));
        }
        Ok(_) => {}
    }
}

fn check_foreign(
    entry: &ForeignEntry,
    judges: &impl Fn(MemberId) -> [Option<TrustedPeer>; 2],
    report: &mut Report,
) {
    let member = MemberId::from_slice(&entry.member).ok();
    let Some((member, [Some(now), then])) = member.map(|m| (m, judges(m))) else {
        report.fault(format!("foreign entry {}: of no member", entry.index));
        return;
    };
    let head = wire::Head { checkpoint: entry.note.clone(), from_size: 0, consistency: Vec::new() };
    let wire = wire::Entry {
        index: entry.index,
        salt: entry.salt.clone(),
        envelope: entry.envelope.clone(),
        inclusion: entry.inclusion.clone(),
    };
    let verify = |mut trusted: TrustedPeer| trusted.advance(&head).and_then(|()| trusted.verify(&wire));
    let as_then = || then.is_some_and(|then| verify(then).is_ok());
    if let Err(error) = verify(now)
        && !as_then()
    {
        report.fault(format!("foreign entry {} of {}: {error}", entry.index, member.short()));
    }
}
