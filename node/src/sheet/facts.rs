//! What a sheet says, gathered from the node: names, releases and states, and nothing in any language.

use talanoa_proto::{
    consent::{self, ConsentState},
    grant::{Action, Grant, Grantee, Scope},
    id::{DatasetId, MemberId, ObjectId},
    identity::Role,
    release::{Release, Sensitivity},
};

use super::state::{self, Stands};
use crate::{
    consent::{
        denied::{self, Denied},
        find,
    },
    feed::carried::meet,
    listing,
    node::Node,
    relay,
    store::state::State,
};

/// Releases named on the page; of the others it gives the number.
const SHOWN_MAX: usize = 20;
/// Manifests read for one page.
const READ_MAX: usize = 5_000;

#[derive(Clone, Debug)]
pub struct Facts {
    pub grant: Grant,
    /// Absent of a draft.
    pub id: Option<ObjectId>,
    pub from: Party,
    /// Consent keys that must sign.
    pub officers: usize,
    /// This node gives it, or gave it.
    pub own: bool,
    /// Of a grant to a circle: its name and convener.
    pub circle: Option<(String, Party)>,
    /// Whom it reaches today.
    pub reached: Vec<Party>,
    /// Datasets that it names, and their class if something is published.
    pub datasets: Vec<(String, Option<Sensitivity>)>,
    /// Absent of a draft.
    pub covered: Option<Covered>,
    /// Codes of members to whom it may be carried today; `None` where this node cannot know.
    pub relay_to: Option<Vec<String>>,
    /// So long a relay may carry what it has not heard of again.
    pub relay_hours: u64,
    /// Absent of a draft.
    pub stands: Option<Stands>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    pub code: String,
    pub name: String,
    /// What denials keep from it today of what the grant covers.
    pub denied: Denied,
}

/// Releases that a grant covers today: reference, title, state.
#[derive(Clone, Debug, Default)]
pub struct Covered {
    pub shown: Vec<(String, String, Shown)>,
    pub more: usize,
    /// Not everything was read: there may be more still.
    pub at_least: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Given,
    Withdrawn,
    /// Denied to everybody whom the grant reaches.
    Denied,
}

pub fn gather(node: &Node, view: &State, grant: &Grant, id: Option<&ObjectId>) -> Facts {
    let publisher = grant.origin.member;
    let own = publisher == view.me;
    let others = view.members.keys().copied().filter(|m| *m != publisher);
    let reached: Vec<MemberId> = others.filter(|m| view.consent.reaches(&grant.grantee, *m)).collect();
    // Of another's denials a node knows nothing.
    let denied = |m| if own { denied::to(node, view, grant, m) } else { Denied::Nothing };
    let parties: Vec<Party> =
        reached.iter().map(|m| Party { denied: denied(*m), ..party(view, *m) }).collect();
    Facts {
        grant: grant.clone(),
        id: id.copied(),
        from: party(view, publisher),
        officers: view.members.get(&publisher).map_or(1, |m| m.identity.threshold(Role::Consent)),
        own,
        circle: circle(view, &grant.grantee),
        datasets: datasets(node, view, grant),
        covered: Some(covered(node, view, grant, &parties)),
        relay_to: own.then(|| relay_to(view, grant, &reached, node.now())),
        reached: parties,
        relay_hours: relay::fresh_hours(view, publisher),
        stands: id.and_then(|id| state::of(view, id, grant, node.now())),
    }
}

fn party(view: &State, member: MemberId) -> Party {
    let name = view.members.get(&member).map(|m| m.identity.name().to_owned()).unwrap_or_default();
    Party { code: find::code(view, &member), name, denied: Denied::Nothing }
}

fn circle(view: &State, grantee: &Grantee) -> Option<(String, Party)> {
    let Grantee::Circle(id) = grantee else { return None };
    let circles = view.consent.circles();
    let name = circles.stated(id).map_or_else(|| id.short(), |(_, name)| name.to_owned());
    let convener = circles.convener(id).map(|m| party(view, m)).unwrap_or_default();
    Some((name, convener))
}

fn datasets(node: &Node, view: &State, grant: &Grant) -> Vec<(String, Option<Sensitivity>)> {
    let Scope::Datasets(ids) = &grant.scope else { return Vec::new() };
    let newest = |id| listing::newest(node, view, grant.origin.member, id).map(|r| r.sensitivity);
    ids.iter().map(|id| (id.to_string(), newest(id))).collect()
}

/// Own releases by dataset, newest first; of others what they offered to this node.
fn covered(node: &Node, view: &State, grant: &Grant, reached: &[Party]) -> Covered {
    let mut covered = Covered::default();
    let code = find::code(view, &grant.origin.member);
    let mut take = |release: &Release, withdrawn| {
        if !consent::is_about(grant, release) {
            return;
        }
        if covered.shown.len() == SHOWN_MAX {
            covered.more += 1;
            return;
        }
        let name = format!("{code}/{}@{}", release.dataset, release.number);
        let denied = !reached.is_empty() && reached.iter().all(|p| p.denied.hides(&release.dataset));
        let shown = match (denied, withdrawn) {
            (true, _) => Shown::Denied,
            (false, true) => Shown::Withdrawn,
            (false, false) => Shown::Given,
        };
        covered.shown.push((name, listing::title(release).to_owned(), shown));
    };
    let indexes: Vec<u64> = if grant.origin.member == view.me {
        let named = |d: &&DatasetId| !matches!(&grant.scope, Scope::Datasets(ids) if !ids.contains(d));
        let newest_first = |d| {
            let mut numbers: Vec<u64> = node.store.index().own_numbers(d).collect();
            numbers.reverse();
            numbers
        };
        view.datasets.keys().filter(named).flat_map(newest_first).take(READ_MAX + 1).collect()
    } else {
        let peer = view.peers.get(&grant.origin.member);
        peer.into_iter().flat_map(|p| p.offered.values().map(|o| o.index)).take(READ_MAX + 1).collect()
    };
    for index in indexes.iter().take(READ_MAX) {
        if grant.origin.member == view.me {
            let Some(held) = node.store.own_entry(*index) else { continue };
            held.release().inspect(|r| take(r, view.withdrawn.contains_key(&held.commitment)));
        } else {
            let Some(held) = node.store.foreign_entry(&grant.origin.member, *index) else { continue };
            held.release().inspect(|r| take(r, view.withdrawn.contains_key(&held.commitment)));
        }
    }
    covered.at_least = indexes.len() > READ_MAX;
    covered
}

/// Whoever else may list or read something of what is carried, under a grant of its own that is live.
fn relay_to(view: &State, grant: &Grant, relays: &[MemberId], now: u64) -> Vec<String> {
    let meets =
        |g: &Grant| g.actions.iter().any(|a| *a <= Action::Read) && meet(view, &grant.scope, &g.scope);
    let holds = |state: &ConsentState, m: MemberId| state.live_grants(m, now).any(|(_, g)| meets(g));
    let other = |m: &MemberId| *m != view.me && !matches!(relays, [relay] if relay == m);
    let members = view.members.keys().copied().filter(other);
    members.filter(|m| holds(&view.consent, *m)).map(|m| find::code(view, &m)).collect()
}
