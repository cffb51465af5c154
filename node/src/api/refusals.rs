//! Who was turned away at the door, and why: said at once, then once a minute with a count.
//!
//! An attacker must not be able to fill the disk with our own log.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;
use tracing::warn;

const QUIET: Duration = Duration::from_secs(60);
/// Different ones that are told apart; beyond these nothing new is said until some are forgotten.
const REMEMBERED_MAX: usize = 256;

#[derive(Debug, Default)]
pub struct Refusals {
    said: Mutex<HashMap<(String, &'static str), Said>>,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    since: u64,
}

impl Refusals {
    pub fn note(&self, who: String, why: &'static str) {
        let now = Instant::now();
        let mut said = self.lock();
        if said.len() >= REMEMBERED_MAX {
            said.retain(|_, s| now - s.at < QUIET);
        }
        let full = said.len() >= REMEMBERED_MAX;
        let Some(known) = said.get_mut(&(who.clone(), why)) else {
            if !full {
                warn!(from = %who, "{why}");
                said.insert((who, why), Said { at: now, since: 0 });
            }
            return;
        };
        known.since += 1;
        if now - known.at >= QUIET {
            warn!(from = %who, times = known.since, "{why}");
            *known = Said { at: now, since: 0 };
        }
    }

    #[cfg(test)]
    pub fn knows(&self, why: &str) -> bool {
        self.lock().keys().any(|(_, known)| *known == why)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, &'static str), Said>> {
        self.said.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_cause_is_said_once_a_minute_and_strangers_do_not_fill_the_memory() {
        let refusals = Refusals::default();
        for _ in 0..10_000 {
            refusals.note("203.0.113.7".into(), "garbage");
        }
        assert_eq!(refusals.lock()[&("203.0.113.7".to_owned(), "garbage")].since, 9_999);
        tokio::time::advance(QUIET).await;
        refusals.note("203.0.113.7".into(), "garbage");
        assert_eq!(refusals.lock()[&("203.0.113.7".to_owned(), "garbage")].since, 0);
        for n in 0..10_000 {
            refusals.note(format!("stranger {n}"), "garbage");
        }
        assert!(refusals.lock().len() <= REMEMBERED_MAX);
    }
}
