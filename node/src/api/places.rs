//! So many calls of one kind that one member has open: one that opens more and never reads is refused,
//! and costs nobody else anything.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use talanoa_proto::{Code, id::MemberId};

use crate::{api::refusals::Refusals, problem::Problem};

#[derive(Debug)]
pub struct Places {
    what: &'static str,
    max: usize,
    taken: Mutex<BTreeMap<MemberId, usize>>,
    refusals: Refusals,
}

/// One open call. Dropping it makes room.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    member: MemberId,
}

impl Places {
    pub fn new(what: &'static str, max: usize) -> Arc<Self> {
        Arc::new(Self { what, max, taken: Mutex::default(), refusals: Refusals::default() })
    }

    pub fn take(self: &Arc<Self>, member: MemberId) -> Result<Place, Problem> {
        let mut taken = self.lock();
        let count = taken.entry(member).or_default();
        if *count >= self.max {
            self.refusals.note(member.short(), "too many open calls of one member: refused");
            let message = format!("{} {} are open already, which is the most", self.max, self.what);
            return Err(Problem::new(Code::LimitExceeded, message));
        }
        *count += 1;
        Ok(Place { places: Arc::clone(self), member })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MemberId, usize>> {
        self.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.get_mut(&self.member) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.member);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_so_many_places_and_a_dropped_one_makes_room() {
        let places = Places::new("feeds", 2);
        let (one, other) = (MemberId([1; 32]), MemberId([2; 32]));
        let mut held = vec![places.take(one).unwrap(), places.take(one).unwrap()];
        assert_eq!(places.take(one).unwrap_err().code, Code::LimitExceeded);
        assert!(places.take(other).is_ok());
        held.pop();
        assert!(places.take(one).is_ok());
    }
}
