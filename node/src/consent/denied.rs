//! What denials take away today of a grant that this node gave. For people: the rule is `proto::consent::may`.

use std::collections::BTreeSet;

use talanoa_proto::{
    grant::{Grant, Scope},
    id::{DatasetId, MemberId},
};

use crate::{listing, node::Node, store::state::State};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Denied {
    #[default]
    Nothing,
    Datasets(BTreeSet<DatasetId>),
    Everything,
}

impl Denied {
    pub fn hides(&self, dataset: &DatasetId) -> bool {
        match self {
            Self::Nothing => false,
            Self::Datasets(denied) => denied.contains(dataset),
            Self::Everything => true,
        }
    }
}

/// Of one member whom the grant reaches.
pub fn to(node: &Node, view: &State, grant: &Grant, member: MemberId) -> Denied {
    let now = node.now();
    if view.consent.is_denied(member, None, now) {
        return Denied::Everything;
    }
    let named = view.consent.denials().filter_map(|(_, denial)| denial.dataset.clone());
    let denied: BTreeSet<DatasetId> = named
        .filter(|d| view.consent.is_denied(member, Some(d), now))
        .filter(|d| listing::reaches(node, view, grant.origin.member, &grant.scope, d))
        .collect();
    match &grant.scope {
        _ if denied.is_empty() => Denied::Nothing,
        Scope::Datasets(ids) if ids.iter().all(|d| denied.contains(d)) => Denied::Everything,
        _ => Denied::Datasets(denied),
    }
}

/// What a listing adds to "in force", so that nobody takes it for more than it is.
pub fn remark(node: &Node, view: &State, grant: &Grant) -> Option<&'static str> {
    let reached = view.members.keys().filter(|m| **m != view.me && view.consent.reaches(&grant.grantee, **m));
    let denied: Vec<Denied> = reached.map(|m| to(node, view, grant, *m)).collect();
    match denied.as_slice() {
        all if all.iter().all(|d| *d == Denied::Nothing) => None,
        all if all.iter().all(|d| *d == Denied::Everything) => Some("denied: it gives nothing"),
        _ => Some("denied in part"),
    }
}
