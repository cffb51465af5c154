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
        assert_eq!(ask_as(&s, READER, "A", Sensitivity::Official, action, 150), Verdict::No(Refusal::Action));
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

const CIRCLE: ObjectId = ObjectId([7; 32]);
const OTHER: MemberId = MemberId([4; 32]);

fn circle(members: &[MemberId]) -> Circle {
    Circle {
        origin: Origin { member: OTHER, ..ORIGIN },
        circle: None,
        seq: 0,
        name: "Melanesia".into(),
        members: members.to_vec(),
        declared_at: 0,
        nonce: [0; 16],
    }
}

#[test]
fn a_grant_to_a_circle_is_one_to_whoever_is_in_it_now() {
    let mut s = state(&[(1, Grant { grantee: Grantee::Circle(CIRCLE), ..named("A") })]);
    assert_eq!(ask(&s, "A", 150), Verdict::No(Refusal::NoGrant));
    s.circle(CIRCLE, &circle(&[READER]));
    assert!(matches!(ask(&s, "A", 150), Verdict::Yes { .. }));
    let origin = Origin { member: READER, ..ORIGIN };
    s.leave(&LeaveCircle { origin, circle: CIRCLE, seq: 0, declared_at: 0 });
    assert_eq!(ask(&s, "A", 150), Verdict::No(Refusal::NoGrant));
}

#[test]
fn what_is_sensitive_goes_to_named_members_and_is_never_carried() {
    let both = vec![Action::Read, Action::Relay];
    for (grantee, action, class, yes) in [
        (Grantee::AllMembers, Action::Read, Sensitivity::Restricted, true),
        (Grantee::AllMembers, Action::Read, Sensitivity::Sensitive, false),
        (Grantee::Circle(CIRCLE), Action::Read, Sensitivity::Sensitive, false),
        (Grantee::Member(READER), Action::Read, Sensitivity::Sensitive, true),
        (Grantee::Member(READER), Action::Relay, Sensitivity::Restricted, true),
        (Grantee::Member(READER), Action::Relay, Sensitivity::Sensitive, false),
    ] {
        let mut s = state(&[(1, Grant { grantee: grantee.clone(), actions: both.clone(), ..named("A") })]);
        s.circle(CIRCLE, &circle(&[READER]));
        let verdict = ask_as(&s, READER, "A", class, action, 150);
        assert_eq!(matches!(verdict, Verdict::Yes { .. }), yes, "{grantee:?} {action:?} {class:?}");
    }
}

#[test]
fn a_grant_ends_when_another_takes_its_place_also_if_that_one_is_revoked() {
    let next = Grant { supersedes: Some(ObjectId([1; 32])), not_before: 150, ..named("B") };
    let mut s = state(&[(1, named("A")), (2, next.clone())]);
    assert_eq!(ask(&s, "A", 149), Verdict::Yes { grant: ObjectId([1; 32]), until: 150 });
    assert_eq!(ask(&s, "A", 150), Verdict::No(Refusal::Superseded));
    s.revoke(ObjectId([9; 32]), &revocation(2));
    assert_eq!(ask(&s, "A", 150), Verdict::No(Refusal::Superseded));
    let mut other_way = ConsentState::default();
    other_way.grant(ObjectId([2; 32]), next);
    other_way.revoke(ObjectId([9; 32]), &revocation(2));
    other_way.grant(ObjectId([1; 32]), named("A"));
    assert_eq!(other_way, s);
}

#[test]
fn ranges_themes_and_delays_hold() {
    let ranged = Grant { from_number: 2, to_number: Some(3), ..named("A") };
    let s = state(&[(1, ranged)]);
    let (dataset, themes, purpose) = ("A".parse().unwrap(), [], "official-statistics");
    for (number, yes) in [(1, false), (2, true), (3, true), (4, false)] {
        let (sensitivity, action) = (Sensitivity::Official, Action::Read);
        let request = Request {
            reader: READER,
            dataset: &dataset,
            number,
            sensitivity,
            themes: &themes,
            action,
            purpose,
        };
        assert_eq!(matches!(may(&request, &s, 150), Verdict::Yes { .. }), yes, "{number}");
    }
    let s = state(&[(1, Grant { effective_after: 120, ..named("A") })]);
    assert_eq!(ask(&s, "A", 119), Verdict::No(Refusal::NotYet));
    assert!(matches!(ask(&s, "A", 120), Verdict::Yes { .. }));
}

#[test]
fn a_relay_needs_both_its_own_grant_and_the_readers() {
    let relay = Grant { grantee: Grantee::Member(OTHER), actions: vec![Action::Relay], ..named("A") };
    let (dataset, purpose) = ("A".parse().unwrap(), "official-statistics");
    let ask = |s: &ConsentState, sensitivity| {
        let (reader, number, themes, action) = (READER, 1, &[][..], Action::Read);
        let request = Request { reader, dataset: &dataset, number, sensitivity, themes, action, purpose };
        matches!(may_relay(&request, OTHER, s, 150), Verdict::Yes { .. })
    };
    assert!(!ask(&state(&[(1, named("A"))]), Sensitivity::Official));
    assert!(!ask(&state(&[(2, relay.clone())]), Sensitivity::Official));
    let both = state(&[(1, named("A")), (2, relay)]);
    assert!(ask(&both, Sensitivity::Official));
    assert!(!ask(&both, Sensitivity::Sensitive));
}
