//! The consent evaluator against an oracle that was written from PROTOCOL.md section 8 alone.
//!
//! A world is a handful of journals and one question. Both are asked; they must give the same grant
//! until the same moment, or the same refusal.

#![allow(clippy::unwrap_used, reason = "a name that cannot be made is the failure")]

mod oracle;
mod orders;
mod worlds;

use std::{env, panic, thread};

use talanoa_proto::consent::{self, ConsentState, Refusal, Verdict};

use oracle::{Event, OracleVerdict, circles, steps};
use worlds::{Names, World};

const REFUSALS: [Refusal; 9] = [
    Refusal::Denied,
    Refusal::NoGrant,
    Refusal::NotCovered,
    Refusal::Revoked,
    Refusal::Superseded,
    Refusal::NotYet,
    Refusal::Ended,
    Refusal::Purpose,
    Refusal::Action,
];

/// How often each verdict was given, by name.
#[derive(Clone, Debug, Default)]
struct Tally {
    yes: u64,
    /// In the order of `REFUSALS`.
    no: [u64; 9],
    relayed: u64,
    by_application: u64,
}

#[test]
fn the_evaluator_agrees_with_the_oracle() {
    let worlds = env::var("TALANOA_WORLDS").map_or(1_000_000, |n| n.parse().unwrap());
    let tally = thread::scope(|scope| {
        let halves = [0, 1].map(|half| scope.spawn(move || compare(half, worlds)));
        let [mut tally, other] = halves.map(|half| half.join().unwrap_or_else(|e| panic::resume_unwind(e)));
        tally.add(&other);
        tally
    });
    tally.print(worlds);
    assert!(tally.yes * 5 >= worlds, "a yes is too rare for the comparison to mean much");
    let least = 1_000.min(worlds / 1_000);
    for (refusal, count) in REFUSALS.iter().zip(tally.no) {
        assert!(count >= least, "{refusal:?} was hardly ever reached");
    }
    assert!(tally.relayed >= least, "hardly anything was carried");
    assert!(tally.by_application >= least, "hardly any application read");
}

/// Every second world.
fn compare(first: u64, worlds: u64) -> Tally {
    let names = Names::new();
    let mut tally = Tally::default();
    for seed in (first..worlds).step_by(2) {
        let world = worlds::world(seed, &names);
        tally.count(seed, &world);
    }
    tally
}

impl Tally {
    fn count(&mut self, seed: u64, world: &World) {
        let state = fold(&world.events);
        if seed.is_multiple_of(8) {
            let backwards = fold(world.events.iter().rev());
            agree(seed, world, "the state by order", &state, &backwards);
        }
        let (request, now) = (world.request(), world.now);
        let of_oracle = oracle::verdict(&world.events, &request, now);
        let relayed_of_oracle = oracle::relay_verdict(&world.events, &request, world.relay, now);

        let verdict = plain(consent::may(&request, &state, now));
        agree(seed, world, "may", of_oracle, verdict);
        let relayed = plain(consent::may_relay(&request, world.relay, &state, now));
        agree(seed, world, "may_relay", relayed_of_oracle, relayed);
        let application = &world.application;
        let admitted = oracle::application_admitted(application, world.publisher, now);
        agree(seed, world, "admits", admitted, application.admits(world.publisher, now));
        let covered = oracle::application_covers(application, &request);
        agree(seed, world, "covers", covered, application.covers(&request));
        let shut_out = steps::denied(&world.events, world.reader, None, now);
        agree(seed, world, "is_denied", shut_out, state.is_denied(world.reader, None, now));
        for circle in &world.circles {
            let is_of = circles::is_of(&world.events, *circle, world.relay);
            agree(seed, world, "contains", is_of, state.circles().contains(circle, world.relay));
        }
        self.add_verdict(of_oracle);
        let yes = |verdict| matches!(verdict, OracleVerdict::Yes { .. });
        self.relayed += u64::from(yes(relayed_of_oracle));
        self.by_application += u64::from(yes(of_oracle) && admitted && covered);
    }

    fn add_verdict(&mut self, verdict: OracleVerdict) {
        match verdict {
            OracleVerdict::Yes { .. } => self.yes += 1,
            OracleVerdict::No(refusal) => {
                let row = REFUSALS.iter().position(|known| *known == refusal).unwrap();
                self.no[row] += 1;
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.yes += other.yes;
        for (row, count) in self.no.iter_mut().zip(other.no) {
            *row += count;
        }
        self.relayed += other.relayed;
        self.by_application += other.by_application;
    }

    fn print(&self, worlds: u64) {
        let row = |name: &str, count: u64| {
            println!("{name:<18} | {count:>9} | {:>5.1} %", count as f64 * 100.0 / worlds as f64);
        };
        println!("verdict            |     count |   share");
        row("yes", self.yes);
        for (refusal, count) in REFUSALS.iter().zip(self.no) {
            row(&format!("{refusal:?}"), count);
        }
        row("yes, relayed", self.relayed);
        row("yes, application", self.by_application);
        println!("{worlds} worlds, no difference");
    }
}

fn agree<T: PartialEq + std::fmt::Debug>(seed: u64, world: &World, what: &str, oracle: T, evaluator: T) {
    assert!(
        oracle == evaluator,
        "{what} differs, seed {seed}: oracle {oracle:?}, evaluator {evaluator:?} in {world:#?}"
    );
}

fn plain(verdict: Verdict) -> OracleVerdict {
    match verdict {
        Verdict::Yes { grant, until } => OracleVerdict::Yes { grant, until },
        Verdict::No(refusal) => OracleVerdict::No(refusal),
    }
}

/// What the node does with what it hears.
fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> ConsentState {
    let mut state = ConsentState::default();
    for event in events {
        match event {
            Event::Grant(id, grant) => state.grant(*id, grant.clone()),
            Event::Revocation(id, revocation) => state.revoke(*id, revocation),
            Event::Denial(id, denial) => state.deny(*id, denial.clone()),
            Event::Lift(lift) => state.lift(lift),
            Event::End(grant) => state.end(*grant),
            Event::Circle(id, circle) => state.circle(*id, circle),
            Event::Leave(leave) => state.leave(leave),
        }
    }
    state
}
