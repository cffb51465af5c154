//! What time it is: an argument to every rule, taken from here.
//!
//! Consent ends by time, so time must not go back, across restarts too, and a clock that jumps must not
//! decide (PROTOCOL.md section 8, "Time"). The highest time that the ledger names is the record.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use talanoa_proto::limits;

/// The machine's two clocks. Two tenants: the real ones, and one that a test sets.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// Unix seconds; whoever may set the machine's clock may change it.
    fn now(&self) -> u64;
    /// Seconds since some moment; nobody can set it.
    fn monotonic(&self) -> u64;
}

#[derive(Debug)]
pub struct SystemClock {
    /// Added to the machine's clock, for scenarios in which it was set wrong.
    offset_seconds: i64,
}

impl SystemClock {
    pub fn new() -> Self {
        #[cfg(feature = "fault")]
        let offset = std::env::var("TALANOA_CLOCK_OFFSET_SECONDS").ok().and_then(|s| s.parse().ok());
        #[cfg(feature = "fault")]
        let offset_seconds = offset.unwrap_or(0);
        #[cfg(not(feature = "fault"))]
        let offset_seconds = 0;
        Self { offset_seconds }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        now.saturating_add_signed(self.offset_seconds)
    }

    fn monotonic(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        u64::try_from(now.tv_sec).unwrap_or_default()
    }
}

/// Both clocks are the one number.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    pub fn at(now: u64) -> Self {
        Self(Arc::new(AtomicU64::new(now)))
    }

    pub fn set(&self, now: u64) {
        self.0.store(now, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> u64 {
        self.now()
    }
}

/// Whether the machine's clock is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    Accepted,
    /// Behind the record at the start, or too far ahead of it: nothing is given under any grant.
    Suspect,
}

/// Time that never goes back.
#[derive(Debug)]
pub struct HighWater {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    trust: Trust,
    /// What was accepted last, and the monotonic clock then.
    accepted: u64,
    at: u64,
    drifting: bool,
}

impl HighWater {
    /// `mark` is the highest time on record; 0 where there is none.
    pub fn new(clock: Arc<dyn Clock>, mark: u64) -> Self {
        let (wall, at) = (clock.now(), clock.monotonic());
        let gap_max = limits::CLOCK_GAP_DAYS_MAX * 86_400;
        let plausible = mark == 0 || (mark <= wall && wall - mark <= gap_max);
        let (trust, accepted) = if plausible { (Trust::Accepted, wall) } else { (Trust::Suspect, mark) };
        Self { clock, inner: Mutex::new(Inner { trust, accepted, at, drifting: false }) }
    }

    /// The machine's own clocks.
    pub fn system(mark: u64) -> Self {
        Self::new(Arc::new(SystemClock::new()), mark)
    }

    pub fn now(&self) -> u64 {
        let (wall, monotonic) = (self.clock.now(), self.clock.monotonic());
        let mut inner = self.lock();
        let expected = inner.accepted + monotonic.saturating_sub(inner.at);
        if inner.trust == Trust::Suspect {
            return expected;
        }
        let agree = wall.abs_diff(expected) <= limits::CLOCK_DRIFT_SECONDS_MAX;
        if inner.drifting == agree {
            inner.drifting = !agree;
            if !agree {
                tracing::warn!(wall, expected, "the machine's clock jumped: the monotonic one counts");
            }
        }
        if !agree {
            return expected;
        }
        inner.accepted = inner.accepted.max(wall);
        inner.at = monotonic;
        inner.accepted
    }

    /// Where this machine says it is, believed or not.
    pub fn wall(&self) -> u64 {
        self.clock.now()
    }

    pub fn trust(&self) -> Trust {
        self.lock().trust
    }

    /// The operator's word, or a member's. Time still does not go back.
    pub fn confirm(&self) {
        let (wall, monotonic) = (self.clock.now(), self.clock.monotonic());
        let mut inner = self.lock();
        let expected = inner.accepted + monotonic.saturating_sub(inner.at);
        *inner =
            Inner { trust: Trust::Accepted, accepted: expected.max(wall), at: monotonic, drifting: false };
    }

    /// What another member's clock shows. True when it ends our suspicion.
    pub fn compare(&self, shown: u64) -> bool {
        let agrees = shown != 0 && shown.abs_diff(self.wall()) <= limits::CLOCK_DRIFT_SECONDS_MAX;
        let ends = agrees && self.trust() == Trust::Suspect;
        if ends {
            self.confirm();
        }
        ends
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// `2026-11-24T12:33:00Z`, for people.
pub fn rfc3339(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
    time.and_then(|t| t.format(&time::format_description::well_known::Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;
    const MARK: u64 = 20_000 * DAY;

    /// A machine whose two clocks are set apart.
    #[derive(Clone, Debug, Default)]
    struct Two(ManualClock, ManualClock);

    impl Clock for Two {
        fn now(&self) -> u64 {
            self.0.now()
        }

        fn monotonic(&self) -> u64 {
            self.1.now()
        }
    }

    fn started(wall: u64) -> (Two, HighWater) {
        let two = Two(ManualClock::at(wall), ManualClock::at(1000));
        (two.clone(), HighWater::new(Arc::new(two), MARK))
    }

    #[test]
    fn a_start_is_believed_within_its_bounds_alone() {
        for (wall, trust) in [
            (MARK, Trust::Accepted),
            (MARK + 90 * DAY, Trust::Accepted),
            (MARK - 1, Trust::Suspect),
            (MARK - 365 * DAY, Trust::Suspect),
            (MARK + 90 * DAY + 1, Trust::Suspect),
            (MARK + 36_500 * DAY, Trust::Suspect),
        ] {
            assert_eq!(started(wall).1.trust(), trust, "{wall}");
        }
        let first = HighWater::new(Arc::new(ManualClock::at(7)), 0);
        assert_eq!((first.trust(), first.now()), (Trust::Accepted, 7));
    }

    #[test]
    fn while_it_runs_a_jump_changes_nothing_and_time_goes_on() {
        for jump in [MARK - 365 * DAY, MARK + 36_500 * DAY] {
            let (two, clock) = started(MARK + 10);
            two.0.set(jump);
            two.1.set(1005);
            assert_eq!((clock.now(), clock.trust()), (MARK + 15, Trust::Accepted));
        }
        let (two, clock) = started(MARK + 10);
        two.0.set(MARK + 5); // set back by less than clocks differ
        assert_eq!(clock.now(), MARK + 10);
    }

    #[test]
    fn suspicion_ends_by_a_word_or_an_agreeing_member_and_time_does_not_go_back() {
        let (_, behind) = started(MARK - 365 * DAY);
        assert_eq!(behind.now(), MARK);
        assert!(!behind.compare(MARK) && !behind.compare(0));
        assert!(behind.compare(MARK - 365 * DAY + 300));
        assert_eq!((behind.trust(), behind.now()), (Trust::Accepted, MARK));
        let (_, ahead) = started(MARK + 200 * DAY);
        ahead.confirm();
        assert_eq!(ahead.now(), MARK + 200 * DAY);
    }
}
