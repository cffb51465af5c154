//! Who read what of ours, under which grant, also through relays; and what we carried for others.

use serde_json::{Value, json};
use talanoa_proto::{
    id::{Commitment, DatasetId, MemberId, ObjectId},
    release::Release,
};

use super::{Filter, application_name, code, reference};
use crate::{
    carriage,
    clock::rfc3339,
    node::Node,
    store::records::{Access, Record},
};

/// One access record, read.
#[derive(Clone, Debug)]
pub struct Read {
    pub reader: MemberId,
    pub application: Option<ObjectId>,
    pub release: Commitment,
    pub grant: ObjectId,
    pub purpose: String,
    pub started: u64,
    /// Whose release it is, where this node carried it.
    pub origin: Option<MemberId>,
    /// Who carried it, where a relay stated that it did.
    pub via: Option<MemberId>,
    /// Bytes and outcome; absent where the end was lost, or has not come.
    pub end: Option<(u64, String)>,
}

/// All of them in order of time: what this node handed out, and what relays say that they did for it.
pub fn reads(node: &Node) -> impl Iterator<Item = Read> + '_ {
    let mut stated = stated(node).into_iter().peekable();
    let accesses = node.store.index().accesses_by_time().filter_map(|at| node.store.access(at));
    let own = accesses.filter_map(|a| read(node, &a)).map(Some).chain([None]);
    own.flat_map(move |own| {
        let until = own.as_ref().map_or(u64::MAX, |read| read.started);
        let before: Vec<Read> = std::iter::from_fn(|| stated.next_if(|s| s.started <= until)).collect();
        before.into_iter().chain(own)
    })
}

fn stated(node: &Node) -> Vec<Read> {
    let mut reads: Vec<Read> = carriage::stated(node)
        .flat_map(|(relay, _, carriage)| {
            carriage.carried.into_iter().map(move |c| Read {
                reader: c.reader,
                application: c.application,
                release: c.release,
                grant: c.grant,
                purpose: c.purpose,
                started: c.started,
                origin: None,
                via: Some(relay),
                end: None,
            })
        })
        .collect();
    reads.sort_by_key(|read| read.started);
    reads
}

fn read(node: &Node, access: &Access) -> Option<Read> {
    let end = node.store.index().access_end(&access.transfer).and_then(|at| node.store.record(at));
    Some(Read {
        reader: MemberId::from_slice(&access.reader).ok()?,
        application: ObjectId::from_slice(&access.application).ok(),
        release: Commitment::from_slice(&access.release).ok()?,
        grant: ObjectId::from_slice(&access.grant).ok()?,
        purpose: access.purpose.clone(),
        started: access.started,
        origin: MemberId::from_slice(&access.origin).ok(),
        via: None,
        end: match end {
            Some(Record::AccessEnded(end)) => Some((end.bytes, end.outcome)),
            _ => None,
        },
    })
}

pub fn list(node: &Node, filter: &Filter) -> Vec<Value> {
    let wanted = reads(node).filter(|read| {
        let members = [Some(read.reader), read.origin, read.via];
        filter.wants_member(&members.into_iter().flatten().collect::<Vec<_>>())
            && filter.wants_time(read.started)
    });
    wanted.filter_map(|read| row(node, filter, &read)).collect()
}

/// A release that was purged here, or cannot be read, has no name; its access is on record all the same.
fn row(node: &Node, filter: &Filter, read: &Read) -> Option<Value> {
    let release = release_of(node, read);
    let dataset: Option<&DatasetId> = release.as_ref().map(|r| &r.dataset);
    if !filter.wants_dataset(dataset) {
        return None;
    }
    let view = node.store.view();
    let publisher = read.origin.map_or_else(|| node.code.to_string(), |m| code(&view, &m));
    let (bytes, outcome) = match &read.end {
        Some((bytes, outcome)) => (json!(bytes), outcome.clone()),
        // Said as what it is.
        None => (Value::Null, "at most all of it".to_owned()),
    };
    Some(json!({
        "ref": release.map(|r| reference(&publisher, &r)),
        "reader": code(&view, &read.reader),
        "application": read.application.map(|id| application_name(&view, &id)),
        "origin": read.origin.map(|m| code(&view, &m)),
        "via": read.via.map(|m| code(&view, &m)),
        "started": rfc3339(read.started),
        "bytes": bytes,
        "outcome": outcome,
        "purpose": read.purpose,
        "grant": read.grant.to_string(),
    }))
}

fn release_of(node: &Node, read: &Read) -> Option<Release> {
    match read.origin {
        None => node.store.own_release(&read.release)?.release().cloned(),
        Some(_) => node.store.foreign_release(&read.release)?.1.release().cloned(),
    }
}
