//! Grants of every kind, what narrows them, and a key of an application.

use talanoa_proto::{
    grant::{Action, Denial, Grant, Grantee, LiftDenial, Obligations, Revocation, Scope, Term},
    id::ObjectId,
};

use super::{ACTIONS, Maker, origin};
use crate::oracle::Event;

pub fn always() -> Term {
    Term { not_before: 0, not_after: u64::MAX, effective_after: 0 }
}

impl Maker<'_> {
    pub fn grants(&mut self) {
        for _ in 0..1 + self.rng.below(5) {
            let id = self.fresh_id();
            let grant = self.grant();
            // What is named may also never have been heard of.
            if self.rng.chance(95) {
                self.world.events.push(Event::Grant(id, grant));
            }
            self.grants.push(id);
        }
    }

    fn grant(&mut self) -> Grant {
        let Term { not_before, not_after, effective_after } = self.term();
        let from_number = if self.rng.chance(80) { 1 } else { 1 + self.rng.below(4) };
        let open = self.rng.chance(60);
        Grant {
            origin: origin(self.world.publisher),
            grantee: self.grantee(),
            scope: self.scope(),
            from_number,
            to_number: if open { None } else { Some(from_number + self.rng.below(4)) },
            actions: self.rng.some(&ACTIONS, Some(&self.world.action)),
            purposes: self.rng.some(&self.names.purposes, Some(&self.world.purpose)),
            not_before,
            not_after,
            effective_after,
            obligations: Obligations::default(),
            supersedes: self.superseded(),
            officers: Vec::new(),
            nonce: [0; 16],
        }
    }

    fn grantee(&mut self) -> Grantee {
        match self.rng.below(100) {
            0..45 => Grantee::Member(self.world.reader),
            45..60 => Grantee::Member(self.world.relay),
            60..65 => Grantee::Member(*self.rng.pick(&self.names.members)),
            65..85 if !self.world.circles.is_empty() => Grantee::Circle(*self.rng.pick(&self.world.circles)),
            _ => Grantee::AllMembers,
        }
    }

    fn scope(&mut self) -> Scope {
        match self.rng.below(10) {
            0..5 => Scope::Datasets(self.rng.some(&self.names.datasets, Some(&self.world.dataset))),
            5..8 => Scope::Themes(self.rng.some(&self.names.themes, self.world.themes.first())),
            _ => Scope::All,
        }
    }

    fn term(&mut self) -> Term {
        let not_before = self.moment();
        let not_after = not_before + 1 + self.rng.below(30);
        self.edges.push(not_after);
        let effective_after = if self.rng.chance(80) { 0 } else { self.moment() };
        Term { not_before, not_after, effective_after }
    }

    /// An id is a hash, so a grant can only name what was there before it.
    fn superseded(&mut self) -> Option<ObjectId> {
        if !self.grants.is_empty() && self.rng.chance(20) {
            return Some(*self.rng.pick(&self.grants));
        }
        None
    }

    pub fn narrowings(&mut self) {
        while self.rng.chance(25) {
            let grants = self.any(self.grants.clone());
            let id = self.fresh_id();
            let revocation = Revocation {
                origin: origin(self.world.publisher),
                grants,
                purge: false,
                purge_by: 0,
                reason: String::new(),
                declared_at: 0,
            };
            self.world.events.push(Event::Revocation(id, revocation));
        }
        if self.rng.chance(20) {
            let ended = *self.rng.pick(&self.grants);
            self.world.events.push(Event::End(ended));
        }
        let mut denials = Vec::new();
        while self.rng.chance(25) {
            denials.push(self.denial());
        }
        if self.rng.chance(25) {
            let denials = self.any(denials);
            let origin = origin(self.world.publisher);
            self.world.events.push(Event::Lift(LiftDenial { origin, denials, declared_at: 0 }));
        }
    }

    /// One or more of these and, now and then, one that nobody knows.
    fn any(&mut self, mut ids: Vec<ObjectId>) -> Vec<ObjectId> {
        if ids.is_empty() || self.rng.chance(20) {
            ids.push(self.fresh_id());
        }
        self.rng.some(&ids, None)
    }

    fn denial(&mut self) -> ObjectId {
        let id = self.fresh_id();
        let subject = match self.rng.below(4) {
            0 => None,
            1 => Some(self.world.reader),
            _ => Some(*self.rng.pick(&self.names.members)),
        };
        let somewhere = self.rng.chance(70);
        let denial = Denial {
            origin: origin(self.world.publisher),
            subject,
            dataset: somewhere.then(|| self.rng.pick(&self.names.datasets).clone()),
            until: if self.rng.chance(40) { None } else { Some(self.moment()) },
            declared_at: 0,
            nonce: [0; 16],
        };
        self.world.events.push(Event::Denial(id, denial));
        id
    }

    pub fn application(&mut self) {
        let term = self.term();
        let scope = self.scope();
        let (publisher, everywhere) = (self.world.publisher, self.rng.chance(50));
        let application = &mut self.world.application;
        // Nobody reads with the key of another member's application.
        if self.rng.chance(10) {
            application.origin = origin(*self.rng.pick(&self.names.members));
        }
        application.term = term;
        application.scope = scope;
        application.actions = self.rng.some(&[Action::List, Action::Read], Some(&self.world.action));
        application.purposes = self.rng.some(&self.names.purposes, Some(&self.world.purpose));
        if !everywhere {
            application.origins = self.rng.some(&self.names.members, Some(&publisher));
        }
    }
}
