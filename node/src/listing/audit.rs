//! Who read what of ours, under which grant; and what we carried for others.

use serde_json::{Value, json};
use talanoa_proto::{
    id::{Commitment, DatasetId, MemberId, ObjectId},
    release::Release,
};

use super::{Filter, application_name, code, reference};
use crate::{
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
    /// Bytes and outcome; absent where the end was lost, or has not come.
    pub end: Option<(u64, String)>,
}

/// All of them in order of time.
pub fn reads(node: &Node) -> impl Iterator<Item = Read> + '_ {
    node.store
        .index()
        .accesses_by_time()
        .filter_map(|at| node.store.access(at))
        .filter_map(|a| read(node, &a))
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
        end: match end {
            Some(Record::AccessEnded(end)) => Some((end.bytes, end.outcome)),
            _ => None,
        },
    })
}

pub fn list(node: &Node, filter: &Filter) -> Vec<Value> {
    let wanted = reads(node).filter(|read| {
        let members = [Some(read.reader), read.origin];
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
