//! Signed objects in the standard's own form, for tools that know nothing of this software.

use talanoa_proto::{Code, envelope::Envelope, id::ReleaseRef};

use crate::{node::Node, problem::Problem, store::Store};

/// DSSE JSON of a release (by reference) or of a grant given or received (by the first digits of its id).
pub fn dsse(node: &Node, what: &str) -> Result<String, Problem> {
    let envelope = match what.parse::<ReleaseRef>() {
        Ok(reference) => release(node, &reference)?,
        Err(_) => grant(node, what)?,
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

fn grant(node: &Node, digits: &str) -> Result<bytes::Bytes, Problem> {
    let mut found = matching(&node.store, digits);
    match (found.pop(), found.pop()) {
        (Some(envelope), None) => Ok(envelope),
        (None, _) => {
            let message =
                format!("{digits:?} is neither a release (FJ/NAME@1) nor the beginning of a grant's id");
            Err(Problem::new(Code::GrantUnknown, message).advise("talanoa grants"))
        }
        _ => Err(Problem::new(
            Code::GrantUnknown,
            format!("several grants begin with {digits}: give more digits"),
        )),
    }
}

fn matching(store: &Store, digits: &str) -> Vec<bytes::Bytes> {
    let begins = |id: &talanoa_proto::id::ObjectId| digits.len() >= 4 && id.to_string().starts_with(digits);
    let own: Vec<u64> = {
        let view = store.view();
        view.grant_entries.iter().filter(|(id, _)| begins(id)).map(|(_, index)| *index).collect()
    };
    let foreign: Vec<_> = {
        let view = store.view();
        let of = |(member, peer): (&talanoa_proto::id::MemberId, &crate::store::state::Peer)| {
            let member = *member;
            let found = peer.grant_entries.iter().filter(|(id, _)| begins(id));
            found.map(|(_, index)| (member, *index)).collect::<Vec<_>>()
        };
        view.peers.iter().flat_map(of).collect()
    };
    let own = own.into_iter().filter_map(|index| Some(store.own_entry(index)?.record.envelope));
    let foreign =
        foreign.into_iter().filter_map(|(m, index)| Some(store.foreign_entry(&m, index)?.record.envelope));
    own.chain(foreign).collect()
}
