//! Time: the one place that asks the machine what time it is. Everything else is given a [`Clock`].

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment in microseconds since 1970-01-01T00:00:00 UTC: the form in which every table keeps time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment; "never yet" in comparisons.
    pub const MIN: Self = Self(i64::MIN);

    /// A moment from microseconds since the Unix epoch.
    pub const fn from_micros(at_us: i64) -> Self {
        Self(at_us)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Midnight UTC at the start of a date.
    pub fn from_date(date: NaiveDate) -> Self {
        Self(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros())
    }

    /// The moment as a calendar date and time in UTC, for zones and calendars. Saturates at chrono's range.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// The calendar date in UTC; its `Display` is YYYY-MM-DD.
    pub fn date(self) -> NaiveDate {
        self.to_utc().date_naive()
    }

    /// This much later.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This much earlier.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_micros())
    }
}

/// ISO 8601 in UTC, to the microsecond.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A source of time. Held as `Arc<dyn Clock>`; cheap to clone.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Time that never runs backwards, since some moment before this clock was first asked: for timers and associations.
    fn elapsed(&self) -> Duration;

    /// Ends when [`Clock::now`] has reached `at`; at once if it has already. Dropping the future cancels the wait.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;

    /// Ends after this long.
    fn sleep(&self, by: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now().plus(by))
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The machine's clock, ready to hand out.
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self)
    }
}

/// A wait is looked at again this often, so that a machine whose clock was set, or that slept, wakes on time.
const WAIT_S_MAX: u64 = 60;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        Timestamp(since)
    }

    fn elapsed(&self) -> Duration {
        static EPOCH: OnceLock<Instant> = OnceLock::new();
        EPOCH.get_or_init(Instant::now).elapsed()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let clock = *self;
        async move {
            loop {
                let left = at.since(clock.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(Duration::from_secs(WAIT_S_MAX))).await;
            }
        }
        .boxed()
    }
}

/// A clock that stands still until it is told to move: tests own time. Clones share the same time.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Manual>>);

struct Manual {
    start: Timestamp,
    now: Timestamp,
    sleepers: Vec<(Timestamp, oneshot::Sender<()>)>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Manual { start, now: start, sleepers: Vec::new() })))
    }

    /// This clock as the rest of the house takes it.
    pub fn shared(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }

    /// When the next sleeper wants to wake, if any still waits.
    pub fn next_wake_up(&self) -> Option<Timestamp> {
        self.with(|m| {
            m.sleepers.retain(|(_, wake)| !wake.is_canceled());
            m.sleepers.iter().map(|(at, _)| *at).min()
        })
    }

    /// Jumps to the next wake-up and wakes whoever sleeps until then. `None`: nobody sleeps, time stands.
    pub fn advance_to_next(&self) -> Option<Timestamp> {
        let at = self.next_wake_up()?;
        self.advance_to(at);
        Some(at)
    }

    /// Moves on by this much, waking all who are due, in the order of their times.
    pub fn advance(&self, by: Duration) {
        let at = self.now().plus(by);
        self.advance_to(at);
    }

    /// Moves on to this moment (never back), waking all who are due.
    pub fn advance_to(&self, at: Timestamp) {
        let mut due = self.with(|m| {
            m.now = m.now.max(at);
            let now = m.now;
            m.sleepers.extract_if(.., |(wake_at, _)| *wake_at <= now).collect::<Vec<_>>()
        });
        due.sort_by_key(|(at, _)| *at);
        for (_, wake) in due {
            // A sleeper that has gone away needs no waking.
            let _ = wake.send(());
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Manual) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({})", self.now())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.with(|m| m.now)
    }

    fn elapsed(&self) -> Duration {
        self.with(|m| m.now.since(m.start))
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let wait = self.with(|m| {
            (at > m.now).then(|| {
                let (wake, woken) = oneshot::channel();
                m.sleepers.push((at, wake));
                woken
            })
        });
        async move {
            if let Some(woken) = wait {
                // The clock itself went away: time will never come, so the sleeper never wakes.
                if woken.await.is_err() {
                    futures::future::pending::<()>().await;
                }
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_585_699_200_000_000);

    #[test]
    fn a_timestamp_reads_as_iso_8601() {
        assert_eq!(START.to_string(), "2020-04-01T00:00:00.000000Z");
        assert_eq!(START.date().to_string(), "2020-04-01");
        assert_eq!(Timestamp::from_date(START.date()), START);
    }

    #[tokio::test]
    async fn the_manual_clock_jumps_to_the_next_wake_up_in_order() {
        let clock = ManualClock::new(START);
        let late = clock.sleep(Duration::from_secs(3600));
        let soon = clock.sleep(Duration::from_secs(60));
        drop(clock.sleep(Duration::from_secs(1)));
        assert_eq!(clock.advance_to_next(), Some(START.plus(Duration::from_secs(60))));
        soon.await;
        assert!(late.now_or_never().is_none());
        assert_eq!(clock.elapsed(), Duration::from_secs(60));
        assert_eq!(clock.advance_to_next(), None, "a dropped sleeper is forgotten");
    }

    #[tokio::test]
    async fn the_system_clock_sleeps_and_never_runs_back() {
        let clock = SystemClock::shared();
        let (before, at) = (clock.elapsed(), clock.now());
        clock.sleep(Duration::from_millis(5)).await;
        assert!(clock.elapsed() >= before + Duration::from_millis(4));
        assert!(clock.now() >= at.plus(Duration::from_millis(5)));
    }
}
