//! May this reader have this release now (PROTOCOL.md section 8)?
//!
//! One pure total function over a state that is folded from the ledger. The default is no; any matching
//! denial wins; a revoked grant never revives, in whatever order messages arrive; one grant must carry
//! the whole request, so no union of two grants permits what neither does.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
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
                let candidate = (generality(&grant.scope), *id, grant.not_after);
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

/// Most specific first: a grant that names the dataset, then one that names a theme, then `all`.
fn generality(scope: &Scope) -> u8 {
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

impl ConsentState {
    pub fn grant(&mut self, id: ObjectId, grant: Grant) {
        self.grants.insert(id, grant);
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
        self.grants.iter().filter(move |(id, g)| {
            let given = g.grantee == Grantee::Member(reader)
                && !self.revoked.contains_key(id)
                && !self.ended.contains(id);
            given && begins(g) <= now && now < g.not_after
        })
    }

    /// Begins and ends by time of grants that are not revoked: (moment, grant, whether it is an end).
    pub fn edges(&self) -> impl Iterator<Item = (u64, ObjectId, bool)> {
        let live = self.grants.iter().filter(|(id, _)| !self.revoked.contains_key(id));
        live.flat_map(|(id, g)| [(begins(g), *id, false), (g.not_after, *id, true)])
    }

    fn weigh(&self, id: &ObjectId, grant: &Grant, request: &Request<'_>, now: u64) -> Result<(), Refusal> {
        // Circles and all-members are issued by no node yet; an unknown grantee is nobody.
        if grant.grantee != Grantee::Member(request.reader) {
            return Err(Refusal::NoGrant);
        }
        let numbers = grant.from_number..=grant.to_number.unwrap_or(u64::MAX);
        let covered = covers(&grant.scope, request.dataset, request.themes, request.sensitivity);
        if !covered || !numbers.contains(&request.number) {
            return Err(Refusal::NotCovered);
        }
        if self.revoked.contains_key(id) {
            return Err(Refusal::Revoked);
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{grant::Obligations, id::FederationId, object::Origin};

    const READER: MemberId = MemberId([3; 32]);
    const ORIGIN: Origin = Origin { federation: FederationId([1; 32]), member: MemberId([2; 32]), epoch: 1 };

    fn grant(scope: Scope) -> Grant {
        Grant {
            origin: ORIGIN,
            grantee: Grantee::Member(READER),
            scope,
            from_number: 1,
            to_number: None,
            actions: vec![Action::Read],
            purposes: vec!["official-statistics".into()],
            not_before: 100,
            not_after: 200,
            effective_after: 0,
            obligations: Obligations::default(),
            supersedes: None,
            officers: Vec::new(),
            nonce: [0; 16],
        }
    }

    fn revocation(id: u8) -> Revocation {
        let (purge, purge_by, reason, declared_at) = (false, 0, String::new(), 0);
        Revocation { origin: ORIGIN, grants: vec![ObjectId([id; 32])], purge, purge_by, reason, declared_at }
    }

    fn denial(subject: Option<MemberId>, dataset: Option<&str>, until: Option<u64>) -> Denial {
        let dataset = dataset.map(|d| d.parse().unwrap());
        Denial { origin: ORIGIN, subject, dataset, until, declared_at: 0, nonce: [0; 16] }
    }

    fn ask(state: &ConsentState, dataset: &str, now: u64) -> Verdict {
        ask_as(state, READER, dataset, Sensitivity::Official, Action::Read, now)
    }

    fn ask_as(
        s: &ConsentState,
        reader: MemberId,
        dataset: &str,
        c: Sensitivity,
        action: Action,
        now: u64,
    ) -> Verdict {
        let dataset = dataset.parse().unwrap();
        let (number, themes, purpose) = (1, &[][..], "official-statistics");
        may(&Request { reader, dataset: &dataset, number, sensitivity: c, themes, action, purpose }, s, now)
    }

    fn state(grants: &[(u8, Grant)]) -> ConsentState {
        let mut state = ConsentState::default();
        grants.iter().for_each(|(id, g)| state.grant(ObjectId([*id; 32]), g.clone()));
        state
    }

    fn named(dataset: &str) -> Grant {
        grant(Scope::Datasets(vec![dataset.parse().unwrap()]))
    }

    #[test]
    fn the_default_is_no() {
        assert_eq!(ask(&ConsentState::default(), "A", 150), Verdict::No(Refusal::NoGrant));
    }

    #[test]
    fn a_grant_holds_between_its_edges_and_for_its_dataset_and_reader_alone() {
        let s = state(&[(1, named("A"))]);
        let yes = Verdict::Yes { grant: ObjectId([1; 32]), until: 200 };
        assert_eq!(ask(&s, "A", 99), Verdict::No(Refusal::NotYet));
        assert_eq!(ask(&s, "A", 100), yes);
        assert_eq!(ask(&s, "A", 199), yes);
        assert_eq!(ask(&s, "A", 200), Verdict::No(Refusal::Ended));
        assert_eq!(ask(&s, "B", 150), Verdict::No(Refusal::NotCovered));
        let other = ask_as(&s, MemberId([4; 32]), "A", Sensitivity::Official, Action::Read, 150);
        assert_eq!(other, Verdict::No(Refusal::NoGrant));
    }

    #[test]
    fn a_clock_set_back_does_not_revive_what_was_seen_to_end() {
        let mut s = state(&[(1, named("A"))]);
        s.end(ObjectId([1; 32]));
        assert_eq!(ask(&s, "A", 150), Verdict::No(Refusal::Ended));
    }

    #[test]
    fn read_implies_list_and_list_does_not_imply_read() {
        let list = Grant { actions: vec![Action::List], ..named("A") };
        let s = state(&[(1, list)]);
        let ask = |action| ask_as(&s, READER, "A", Sensitivity::Official, action, 150);
        assert!(matches!(ask(Action::List), Verdict::Yes { .. }));
        assert_eq!(ask(Action::Read), Verdict::No(Refusal::Action));
        let s = state(&[(1, named("A"))]);
        for action in [Action::Aggregate, Action::Relay] {
            assert_eq!(
                ask_as(&s, READER, "A", Sensitivity::Official, action, 150),
                Verdict::No(Refusal::Action)
            );
        }
    }

    #[test]
    fn all_never_reaches_what_is_restricted() {
        let s = state(&[(1, grant(Scope::All))]);
        let ask = |class| ask_as(&s, READER, "A", class, Action::Read, 150);
        assert!(matches!(ask(Sensitivity::Official), Verdict::Yes { .. }));
        assert_eq!(ask(Sensitivity::Restricted), Verdict::No(Refusal::NotCovered));
    }

    #[test]
    fn a_revoked_grant_never_revives_whatever_comes_first() {
        let mut before = ConsentState::default();
        before.revoke(ObjectId([9; 32]), &revocation(1));
        before.grant(ObjectId([1; 32]), named("A"));
        let mut after = state(&[(1, named("A"))]);
        after.revoke(ObjectId([9; 32]), &revocation(1));
        assert_eq!(before, after);
        assert_eq!(ask(&before, "A", 150), Verdict::No(Refusal::Revoked));
        before.grant(ObjectId([1; 32]), named("A"));
        assert_eq!(ask(&before, "A", 150), Verdict::No(Refusal::Revoked));
    }

    #[test]
    fn any_matching_denial_wins_until_it_ends_or_is_lifted() {
        for (d, wins) in [
            (denial(None, None, None), true),
            (denial(Some(READER), None, None), true),
            (denial(Some(READER), Some("A"), None), true),
            (denial(None, Some("A"), Some(151)), true),
            (denial(None, Some("A"), Some(150)), false),
            (denial(Some(MemberId([4; 32])), None, None), false),
            (denial(Some(READER), Some("B"), None), false),
        ] {
            let mut s = state(&[(1, named("A"))]);
            s.deny(ObjectId([5; 32]), d.clone());
            assert_eq!(ask(&s, "A", 150) == Verdict::No(Refusal::Denied), wins, "{d:?}");
            s.lift(&LiftDenial { origin: ORIGIN, denials: vec![ObjectId([5; 32])], declared_at: 0 });
            assert!(matches!(ask(&s, "A", 150), Verdict::Yes { .. }));
        }
    }

    #[test]
    fn the_most_specific_grant_carries_the_request() {
        let s = state(&[(1, grant(Scope::All)), (2, named("A")), (3, named("A"))]);
        assert_eq!(ask(&s, "A", 150), Verdict::Yes { grant: ObjectId([2; 32]), until: 200 });
    }

    #[test]
    fn two_grants_do_not_add_up_to_a_third() {
        let list_a = Grant { actions: vec![Action::List], ..named("A") };
        let s = state(&[(1, list_a), (2, named("B"))]);
        assert_eq!(ask(&s, "A", 150), Verdict::No(Refusal::Action));
    }

    proptest! {
        #[test]
        fn narrowing_never_turns_a_no_into_a_yes(revoked in 1u8..4, now in 90u64..210, denied: bool) {
            let mut s = state(&[(1, grant(Scope::All)), (2, named("A")), (3, named("B"))]);
            let before = ask(&s, "A", now);
            s.revoke(ObjectId([9; 32]), &revocation(revoked));
            if denied {
                s.deny(ObjectId([5; 32]), denial(None, Some("A"), None));
            }
            let after = ask(&s, "A", now);
            let widened = matches!(before, Verdict::No(_)) && !matches!(after, Verdict::No(_));
            prop_assert!(!widened);
        }
    }
}
