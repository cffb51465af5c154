//! One look at the state at a time.

use std::{
    cell::Cell,
    ops::Deref,
    sync::{RwLock, RwLockReadGuard},
};

use super::state::State;

thread_local! {
    static LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// One consistent position; hold it briefly and never across an await.
///
/// A second one on the same thread could wait behind a commit that waits for the first, and then everything
/// stands still: debug builds, and so every test, refuse it.
#[derive(Debug)]
pub struct View<'a>(RwLockReadGuard<'a, State>);

impl<'a> View<'a> {
    pub(super) fn of(state: &'a RwLock<State>) -> Self {
        debug_assert!(!LOOKING.replace(true), "a second view on one thread, while the first is held");
        Self(state.read().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

impl Deref for View<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        LOOKING.set(false);
    }
}

#[cfg(test)]
mod tests {
    use talanoa_proto::id::MemberId;

    use super::*;

    #[test]
    fn one_view_after_another_is_fine() {
        let state = RwLock::new(State::new(MemberId([1; 32])));
        (0..2).for_each(|_| drop(View::of(&state)));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a second view")]
    fn two_at_once_are_refused() {
        let state = RwLock::new(State::new(MemberId([1; 32])));
        let _held = View::of(&state);
        let _second = View::of(&state);
    }
}
