//! Signed objects in the standard's own form, for tools that know nothing of this software.

use talanoa_proto::{
    Code,
    entry::Declared,
    envelope::Envelope,
    id::{ObjectId, ReleaseRef},
};

use crate::{
    consent::find,
    node::Node,
    problem::Problem,
    store::{Store, records::Record},
};

/// DSSE JSON of a release (by reference), or of a grant or receipt given or received (by the first digits of
/// its id).
pub fn dsse(node: &Node, what: &str) -> Result<String, Problem> {
    let envelope = match what.parse::<ReleaseRef>() {
        Ok(reference) => release(node, &reference)?,
        Err(_) => by_id(node, what)?,
    };
    Ok(Envelope::parse(&envelope)?.to_dsse_json())
}

fn release(node: &Node, reference: &ReleaseRef) -> Result<bytes::Bytes, Problem> {
    let unknown =
        || Problem::new(Code::NotFound, format!("{reference} is not here")).advise("talanoa catalogue");
    let member = node.member(reference.member.as_str())?;
    let (store, dataset) = (&node.store, &reference.dataset);
    if member == node.me {
        let newest = store.view().datasets.get(dataset).map(|d| d.number);
        let number = reference.number.or(newest).ok_or_else(unknown)?;
        let index = store.index().own_number(dataset, number).ok_or_else(unknown)?;
        return Ok(store.own_entry(index).ok_or_else(unknown)?.record.envelope);
    }
    let index = match reference.number {
        Some(number) => store.index().foreign_number(&member, dataset, number),
        None => store.index().foreign_newest(&member, dataset).map(|(_, index)| index),
    };
    let held = index.and_then(|index| store.foreign_entry(&member, index)).ok_or_else(unknown)?;
    Ok(held.record.envelope)
}

fn by_id(node: &Node, digits: &str) -> Result<bytes::Bytes, Problem> {
    let mut found = match digits.len() >= find::DIGITS_MIN {
        true => matching(&node.store, digits),
        false => Vec::new(),
    };
    match (found.pop(), found.pop()) {
        (Some(envelope), None) => Ok(envelope),
        (None, _) => {
            let message = format!(
                "{digits:?} is neither a release (FJ/NAME@1) nor the first {} digits, or more, of the id of a grant \
                 or receipt",
                find::DIGITS_MIN
            );
            Err(Problem::new(Code::GrantUnknown, message).advise("talanoa grants, talanoa receipts"))
        }
        _ => Err(Problem::new(Code::GrantUnknown, format!("several begin with {digits}: give more digits"))),
    }
}

/// Grants and receipts, given and received.
fn matching(store: &Store, digits: &str) -> Vec<bytes::Bytes> {
    let begins = |id: &ObjectId| id.to_string().starts_with(digits);
    let (mut own, mut foreign, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    let mut receipts = Vec::new();
    {
        let view = store.view();
        own.extend(view.grant_entries.iter().filter(|(id, _)| begins(id)).map(|(_, index)| *index));
        for (member, peer) in &view.peers {
            let found = peer.grant_entries.iter().filter(|(id, _)| begins(id));
            foreign.extend(found.map(|(_, index)| (*member, *index)));
            receipts.extend(peer.purges.values().flat_map(|purge| purge.receipts.keys().copied()));
        }
        taken.extend(view.receipts_taken.iter().filter(|(id, _)| begins(id)).map(|(_, at)| *at));
    }
    let own = own.into_iter().filter_map(|index| Some(store.own_entry(index)?.record.envelope));
    let foreign =
        foreign.into_iter().filter_map(|(m, index)| Some(store.foreign_entry(&m, index)?.record.envelope));
    let given = receipts.into_iter().filter_map(|index| {
        let held = store.own_entry(index)?;
        matches!(&held.declared, Declared::PurgeReceipt(id, _) if begins(id)).then_some(held.record.envelope)
    });
    let taken = taken.into_iter().filter_map(|at| match store.record(at)? {
        Record::ReceiptTaken(taken) => Some(taken.envelope),
        _ => None,
    });
    own.chain(foreign).chain(given).chain(taken).collect()
}
