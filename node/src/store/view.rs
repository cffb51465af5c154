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
