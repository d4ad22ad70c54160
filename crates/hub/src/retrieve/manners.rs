//! When an archive is asked, and how often: its window, its pauses, its studies per hour.

use crate::config::Source;
use crate::context::{Hub, HubError};
use platform::clock::Timestamp;
use platform::jobs::Outcome;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
/// How soon it is looked whether a pause is over.
const PAUSE: Duration = Duration::from_secs(300);

/// Why an archive is not asked for a trust's studies now, and when it is looked at again; `None`: it is asked.
pub(super) async fn put_off(
    hub: &Hub,
    source: &Source,
    trust: &str,
    now: Timestamp,
) -> Result<Option<Outcome>, HubError> {
    if source.paused
        || source.pause_file.exists()
        || hub.store.paused(&source.name).await?
        || hub.store.paused(trust).await?
    {
        return Ok(Some(Outcome::RetryLater { at: Some(now.plus(PAUSE)), code: "paused" }));
    }
    let opens = Timestamp::from(source.query_window.next_open(now.to_utc()));
    Ok((opens > now).then_some(Outcome::RetryLater { at: Some(opens), code: "outside-window" }))
}

/// How many studies an archive was asked for within the last hour.
pub struct Rate {
    studies_per_hour: usize,
    taken: Mutex<VecDeque<Timestamp>>,
}

impl Rate {
    /// So many studies within any hour.
    pub fn new(studies_per_hour: u32) -> Self {
        Self {
            studies_per_hour: usize::try_from(studies_per_hour.max(1)).unwrap_or(usize::MAX),
            taken: Mutex::default(),
        }
    }

    /// Takes a place in this hour; the error is when one comes free.
    pub fn take(&self, now: Timestamp) -> Result<(), Timestamp> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.front().is_some_and(|at| at.plus(HOUR) <= now) {
            taken.pop_front();
        }
        match taken.front() {
            Some(first) if taken.len() >= self.studies_per_hour => Err(first.plus(HOUR)),
            _ => {
                taken.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_gives_so_many_studies_an_hour_and_no_more() {
        let rate = Rate::new(2);
        let at = |s: u64| Timestamp::from_micros(0).plus(Duration::from_secs(s));
        assert!(rate.take(at(0)).is_ok() && rate.take(at(10)).is_ok());
        assert_eq!(rate.take(at(20)), Err(at(3600)));
        assert_eq!(rate.take(at(3599)), Err(at(3600)));
        assert!(rate.take(at(3600)).is_ok());
        assert_eq!(rate.take(at(3601)), Err(at(3610)));
    }
}
