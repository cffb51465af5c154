//! May this reader have this release now (PROTOCOL.md section 8)?
//!
//! One pure total function over a state that is folded from the ledger. The default is no; any matching
//! denial wins; a revoked grant never revives, in whatever order messages arrive; one grant must carry
//! the whole request, so no union of two grants permits what neither does.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    circle::{Circle, Circles, LeaveCircle},
    grant::{Action, Denial, Grant, Grantee, LiftDenial, Revocation, Scope},
    id::{DatasetId, MemberId, ObjectId},
    release::{Release, Sensitivity},
};

/// What one member declared about who may read. Merging is set union: arrival order does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsentState {
    grants: BTreeMap<ObjectId, Grant>,
    revoked: BTreeMap<ObjectId, ObjectId>,
    denials: BTreeMap<ObjectId, Denial>,
    lifted: BTreeSet<ObjectId>,
    ended: BTreeSet<ObjectId>,
    circles: Circles,
    /// Grant → the earliest moment at which another one takes its place.
    superseded: BTreeMap<ObjectId, u64>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    pub reader: MemberId,
    pub dataset: &'a DatasetId,
    pub number: u64,
    pub sensitivity: Sensitivity,
    pub themes: &'a [String],
    pub action: Action,
    pub purpose: &'a str,
}

impl<'a> Request<'a> {
    pub fn new(reader: MemberId, release: &'a Release, action: Action, purpose: &'a str) -> Self {
        Self {
            reader,
            dataset: &release.dataset,
            number: release.number,
            sensitivity: release.sensitivity,
            themes: &release.description.themes,
            action,
            purpose,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Under this grant, until that moment at the latest.
    Yes {
        grant: ObjectId,
        until: u64,
    },
    No(Refusal),
}

/// For the owner's eyes only: on the wire every no looks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    Denied,
    NoGrant,
    NotCovered,
    Revoked,
    Superseded,
    NotYet,
    Ended,
    Purpose,
    Action,
}

pub fn may(request: &Request<'_>, state: &ConsentState, now: u64) -> Verdict {
    if state.is_denied(request.reader, Some(request.dataset), now) {
        return Verdict::No(Refusal::Denied);
    }
    let mut best: Option<(u8, ObjectId, u64)> = None;
    // The refusal shown is that of the grant which came furthest.
    let mut refusal = Refusal::NoGrant;
    for (id, grant) in &state.grants {
        match state.weigh(id, grant, request, now) {
            Ok(()) => {
                let until = state.superseded_at(id).unwrap_or(u64::MAX).min(grant.not_after);
                let candidate = (generality(&grant.scope), *id, until);
                best = Some(best.map_or(candidate, |b| b.min(candidate)));
            }
            Err(found) => refusal = refusal.max(found),
        }
    }
    match best {
        Some((_, grant, until)) => Verdict::Yes { grant, until },
        None => Verdict::No(refusal),
    }
}

/// Whether `relay` may hand a release to the reader who asks: both hold their own grant of the origin, the
/// reader to list or read, the relay to carry. Class sensitive is never carried.
pub fn may_relay(request: &Request<'_>, relay: MemberId, state: &ConsentState, now: u64) -> Verdict {
    if !matches!(request.action, Action::List | Action::Read) {
        return Verdict::No(Refusal::Action);
    }
    let carry = Request { reader: relay, action: Action::Relay, ..request.clone() };
    match (may(request, state, now), may(&carry, state, now)) {
        (Verdict::Yes { grant, until }, Verdict::Yes { until: carried, .. }) => {
            Verdict::Yes { grant, until: until.min(carried) }
        }
        (Verdict::No(refusal), _) | (_, Verdict::No(refusal)) => Verdict::No(refusal),
    }
}

/// Most specific first: a grant that names the dataset, then one that names a theme, then `all`.
pub fn generality(scope: &Scope) -> u8 {
    match scope {
        Scope::Datasets(_) => 0,
        Scope::Themes(_) => 1,
        Scope::All => 2,
    }
}

/// Whether a scope reaches a dataset. `All` never reaches what is restricted or sensitive.
pub fn covers(scope: &Scope, dataset: &DatasetId, themes: &[String], sensitivity: Sensitivity) -> bool {
    match scope {
        Scope::Datasets(ids) => ids.binary_search(dataset).is_ok(),
        Scope::Themes(wanted) => {
            sensitivity < Sensitivity::Restricted && wanted.iter().any(|t| themes.contains(t))
        }
        Scope::All => sensitivity < Sensitivity::Restricted,
    }
}

/// Whether a grant is about a release, whoever it is given to and whenever it is in force.
pub fn is_about(grant: &Grant, release: &Release) -> bool {
    (grant.from_number..=grant.to_number.unwrap_or(u64::MAX)).contains(&release.number)
        && covers(&grant.scope, &release.dataset, &release.description.themes, release.sensitivity)
        && suits(&grant.grantee, false, release.sensitivity)
}

/// What is sensitive goes to members named one by one, and is never carried by others.
pub fn suits(grantee: &Grantee, carried: bool, sensitivity: Sensitivity) -> bool {
    sensitivity < Sensitivity::Sensitive || matches!(grantee, Grantee::Member(_)) && !carried
}

impl ConsentState {
    pub fn grant(&mut self, id: ObjectId, grant: Grant) {
        if let Some(earlier) = grant.supersedes {
            let at = self.superseded.entry(earlier).or_insert(u64::MAX);
            *at = (*at).min(begins(&grant));
        }
        self.grants.insert(id, grant);
    }

    /// A statement of a circle, of whichever convener; `id` is its own.
    pub fn circle(&mut self, id: ObjectId, circle: &Circle) {
        self.circles.state(id, circle);
    }

    pub fn leave(&mut self, leave: &LeaveCircle) {
        self.circles.leave(leave);
    }

    /// For whoever judges over a state that it holds of another member: circles come from other journals.
    pub fn set_circles(&mut self, circles: Circles) {
        self.circles = circles;
    }

    pub fn circles(&self) -> &Circles {
        &self.circles
    }

    /// Whether a grant to this grantee is one to that reader.
    pub fn reaches(&self, grantee: &Grantee, reader: MemberId) -> bool {
        match grantee {
            Grantee::Member(member) => *member == reader,
            Grantee::Circle(circle) => self.circles.contains(circle, reader),
            Grantee::AllMembers => true,
        }
    }

    /// From then on another grant has taken its place, also when that one was revoked since.
    pub fn superseded_at(&self, grant: &ObjectId) -> Option<u64> {
        self.superseded.get(grant).copied()
    }

    fn is_superseded(&self, grant: &ObjectId, now: u64) -> bool {
        self.superseded_at(grant).is_some_and(|at| at <= now)
    }

    /// Also before the grant itself arrives: a revoked id never becomes valid.
    pub fn revoke(&mut self, id: ObjectId, revocation: &Revocation) {
        for grant in &revocation.grants {
            // The lowest revocation id is kept, so that every order of arrival ends in the same state.
            let kept = self.revoked.entry(*grant).or_insert(id);
            *kept = (*kept).min(id);
        }
    }

    pub fn deny(&mut self, id: ObjectId, denial: Denial) {
        self.denials.insert(id, denial);
    }

    pub fn lift(&mut self, lift: &LiftDenial) {
        self.lifted.extend(lift.denials.iter().copied());
    }

    /// A grant that was seen to end by time stays ended, also when the clock is set back.
    pub fn end(&mut self, grant: ObjectId) {
        self.ended.insert(grant);
    }

    pub fn is_ended(&self, grant: &ObjectId) -> bool {
        self.ended.contains(grant)
    }

    pub fn grants(&self) -> impl Iterator<Item = (&ObjectId, &Grant)> {
        self.grants.iter()
    }

    pub fn get(&self, id: &ObjectId) -> Option<&Grant> {
        self.grants.get(id)
    }

    pub fn revocation_of(&self, grant: &ObjectId) -> Option<ObjectId> {
        self.revoked.get(grant).copied()
    }

    pub fn denials(&self) -> impl Iterator<Item = (&ObjectId, &Denial)> {
        self.denials.iter().filter(|(id, _)| !self.lifted.contains(id))
    }

    /// A denial by its id, lifted or not.
    pub fn denial(&self, id: &ObjectId) -> Option<&Denial> {
        self.denials.get(id)
    }

    /// With `dataset` absent: whether the member is denied altogether, connection included.
    pub fn is_denied(&self, reader: MemberId, dataset: Option<&DatasetId>, now: u64) -> bool {
        self.denials().any(|(_, d)| {
            d.subject.is_none_or(|s| s == reader)
                && d.until.is_none_or(|until| now < until)
                && d.dataset.as_ref().is_none_or(|d| Some(d) == dataset)
        })
    }

    /// Grants to a member that are alive now, most useful for finding what it may see.
    pub fn live_grants(&self, reader: MemberId, now: u64) -> impl Iterator<Item = (&ObjectId, &Grant)> {
        let live = self.grants.iter().filter(move |(id, g)| self.is_in_force(id, g, now));
        live.filter(move |(_, g)| self.reaches(&g.grantee, reader))
    }

    pub fn is_in_force(&self, id: &ObjectId, grant: &Grant, now: u64) -> bool {
        let is_over = self.revoked.contains_key(id) || self.ended.contains(id) || self.is_superseded(id, now);
        !is_over && begins(grant) <= now && now < grant.not_after
    }

    /// Whether a copy may be kept now: under a grant to read that is in force, whatever its purpose. `given` says
    /// which grants are the holder's. Denials are not asked: a holder is not told of them.
    pub fn lets_hold(&self, release: &Release, now: u64, given: impl Fn(&ObjectId, &Grant) -> bool) -> bool {
        let reads = |g: &Grant| g.actions.contains(&Action::Read);
        let mut grants =
            self.grants.iter().filter(|(id, g)| reads(g) && is_about(g, release) && given(id, g));
        grants.any(|(id, g)| self.is_in_force(id, g, now))
    }

    /// Begins and ends by time of grants that are not revoked: (moment, grant, whether it is an end).
    pub fn edges(&self) -> impl Iterator<Item = (u64, ObjectId, bool)> {
        let live = self.grants.iter().filter(|(id, _)| !self.revoked.contains_key(id));
        live.flat_map(|(id, g)| [(begins(g), *id, false), (g.not_after, *id, true)])
    }

    fn weigh(&self, id: &ObjectId, grant: &Grant, request: &Request<'_>, now: u64) -> Result<(), Refusal> {
        if !self.reaches(&grant.grantee, request.reader) {
            return Err(Refusal::NoGrant);
        }
        let numbers = grant.from_number..=grant.to_number.unwrap_or(u64::MAX);
        let covered = covers(&grant.scope, request.dataset, request.themes, request.sensitivity);
        let carried = request.action == Action::Relay;
        if !covered
            || !numbers.contains(&request.number)
            || !suits(&grant.grantee, carried, request.sensitivity)
        {
            return Err(Refusal::NotCovered);
        }
        if self.revoked.contains_key(id) {
            return Err(Refusal::Revoked);
        }
        if self.is_superseded(id, now) {
            return Err(Refusal::Superseded);
        }
        if now < begins(grant) {
            return Err(Refusal::NotYet);
        }
        if now >= grant.not_after || self.ended.contains(id) {
            return Err(Refusal::Ended);
        }
        if !grant.purposes.iter().any(|p| p == request.purpose) {
            return Err(Refusal::Purpose);
        }
        let given = |action| grant.actions.contains(&action);
        if !(given(request.action) || request.action == Action::List && given(Action::Read)) {
            return Err(Refusal::Action);
        }
        Ok(())
    }
}

/// First moment at which a grant is in force.
pub fn begins(grant: &Grant) -> u64 {
    grant.not_before.max(grant.effective_after)
}

#[cfg(test)]
mod tests;
