//! Union, tried out: eight statements in every order in which the net could bring them.

use talanoa_proto::{
    circle::{Circle, LeaveCircle},
    consent::{self, ConsentState, Refusal, Request, Verdict},
    grant::{Action, Denial, Grant, Grantee, LiftDenial, Obligations, Revocation, Scope},
    id::{DatasetId, FederationId, MemberId, ObjectId},
    object::Origin,
    release::Sensitivity,
};

use crate::{fold, oracle, oracle::Event, plain};

const GRANT: ObjectId = ObjectId([1; 32]);
const SUCCESSOR: ObjectId = ObjectId([2; 32]);
const DENIAL: ObjectId = ObjectId([3; 32]);
const CIRCLE: ObjectId = ObjectId([4; 32]);

fn member(n: u8) -> MemberId {
    MemberId([n; 32])
}

fn origin(n: u8) -> Origin {
    Origin { federation: FederationId([0; 32]), member: member(n), epoch: 0 }
}

fn grant(grantee: Grantee, not_before: u64, supersedes: Option<ObjectId>) -> Event {
    let grant = Grant {
        origin: origin(1),
        grantee,
        scope: Scope::All,
        from_number: 1,
        to_number: None,
        actions: vec![Action::Read],
        purposes: vec!["statistics".into()],
        not_before,
        not_after: 100,
        effective_after: 0,
        obligations: Obligations::default(),
        supersedes,
        officers: Vec::new(),
        nonce: [0; 16],
    };
    Event::Grant(if supersedes.is_some() { SUCCESSOR } else { GRANT }, grant)
}

fn circle(id: ObjectId, first: Option<ObjectId>, seq: u64, members: &[u8]) -> Event {
    let members = members.iter().copied().map(member).collect();
    let name = format!("circle {seq}");
    let statement =
        Circle { origin: origin(5), circle: first, seq, name, members, declared_at: 0, nonce: [0; 16] };
    Event::Circle(id, statement)
}

/// The circle shrinks to 2, 3 and 4, and 3 leaves it; its successor takes the first grant's place at 50,
/// and is revoked.
fn events() -> [Event; 8] {
    let revocation = Revocation {
        origin: origin(1),
        grants: vec![SUCCESSOR],
        purge: false,
        purge_by: 0,
        reason: String::new(),
        declared_at: 0,
    };
    let denial = Denial {
        origin: origin(1),
        subject: Some(member(2)),
        dataset: None,
        until: None,
        declared_at: 0,
        nonce: [0; 16],
    };
    [
        grant(Grantee::Circle(CIRCLE), 10, None),
        grant(Grantee::AllMembers, 50, Some(GRANT)),
        Event::Revocation(ObjectId([6; 32]), revocation),
        Event::Denial(DENIAL, denial),
        Event::Lift(LiftDenial { origin: origin(1), denials: vec![DENIAL], declared_at: 0 }),
        circle(CIRCLE, None, 0, &[2, 3, 4, 6]),
        circle(ObjectId([7; 32]), Some(CIRCLE), 1, &[2, 3, 4]),
        Event::Leave(LeaveCircle { origin: origin(3), circle: CIRCLE, seq: 1, declared_at: 0 }),
    ]
}

/// Of members 2 to 6, before, within and after what was granted.
fn verdicts(state: &ConsentState, dataset: &DatasetId) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for reader in 2..=6 {
        for now in [9, 10, 49, 50, 99, 100] {
            verdicts.push(consent::may(&request(reader, dataset), state, now));
        }
    }
    verdicts
}

fn request(reader: u8, dataset: &DatasetId) -> Request<'_> {
    Request {
        reader: member(reader),
        dataset,
        number: 1,
        sensitivity: Sensitivity::Official,
        themes: &[],
        action: Action::List,
        purpose: "statistics",
    }
}

/// Each of those left takes the next place once.
fn for_every_order(events: &mut [Event], placed: usize, seen: &mut impl FnMut(&[Event])) {
    if placed == events.len() {
        return seen(events);
    }
    for next in placed..events.len() {
        events.swap(placed, next);
        for_every_order(events, placed + 1, seen);
        events.swap(placed, next);
    }
}

#[test]
fn every_delivery_order_ends_in_the_same_state() {
    let dataset: DatasetId = "BIRTHS".parse().unwrap();
    let mut events = events();
    let state = fold(&events);
    let expected = verdicts(&state, &dataset);
    assert_eq!(
        consent::may(&request(2, &dataset), &state, 49),
        Verdict::Yes { grant: GRANT, until: 50 },
        "the denial is lifted, the circle is heard, the successor not yet in place"
    );
    for (reader, now, refusal) in
        [(3, 49, Refusal::Revoked), (6, 49, Refusal::Revoked), (4, 50, Refusal::Superseded)]
    {
        let verdict = consent::may(&request(reader, &dataset), &state, now);
        assert_eq!(verdict, Verdict::No(refusal));
        assert_eq!(plain(verdict), oracle::verdict(&events, &request(reader, &dataset), now));
    }
    let mut orders = 0;
    for_every_order(&mut events, 0, &mut |order| {
        let other = fold(order);
        assert_eq!(other, state, "{order:#?}");
        assert_eq!(verdicts(&other, &dataset), expected, "{order:#?}");
        orders += 1;
    });
    assert_eq!(orders, 40_320);
}
