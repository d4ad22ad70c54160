//! Several workers, one queue that is filled from disk by the batch.

use anyhow::{Result, anyhow};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Does a task, whose panic is its own: others go on. `None` where it panicked, which the log tells without a value.
pub(super) fn sheltered<T>(task: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(task)).ok()
}

/// A queue of tasks. Whatever fails ends it for all workers.
pub(super) struct Feed<'a, T> {
    inner: Mutex<Inner<'a, T>>,
}

struct Inner<'a, T> {
    waiting: VecDeque<T>,
    fetch: Box<dyn FnMut() -> Result<Vec<T>> + Send + 'a>,
    is_over: bool,
}

impl<'a, T: Send> Feed<'a, T> {
    /// A queue that `fetch` fills until it brings nothing.
    pub(super) fn new(fetch: impl FnMut() -> Result<Vec<T>> + Send + 'a) -> Self {
        Self { inner: Mutex::new(Inner { waiting: VecDeque::new(), fetch: Box::new(fetch), is_over: false }) }
    }

    /// The next task.
    pub(super) fn next(&self) -> Result<Option<T>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.waiting.is_empty() && !inner.is_over {
            inner.waiting = (inner.fetch)()?.into();
        }
        let task = if inner.is_over { None } else { inner.waiting.pop_front() };
        inner.is_over = task.is_none();
        Ok(task)
    }

    /// Ends the queue.
    fn end(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
    }

    /// Lets this many workers take from it, each with its number, until it is over or one fails.
    pub(super) fn share(&self, workers: usize, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
        let one = |number: usize| work(number).inspect_err(|_| self.end());
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|number| scope.spawn(move || one(number))).collect();
            let ended: Vec<Result<()>> = threads
                .into_iter()
                .map(|thread| {
                    thread.join().unwrap_or_else(|_| Err(anyhow!("a worker failed; please report this")))
                })
                .collect();
            ended.into_iter().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn feed<'a>() -> Feed<'a, u32> {
        let mut next = 0;
        Feed::new(move || {
            next += 10;
            Ok(if next > 100 { Vec::new() } else { (next - 10..next).collect() })
        })
    }

    #[test]
    fn every_task_is_taken_once() {
        let (feed, sum) = (feed(), AtomicU32::new(0));
        let work = |_| {
            while let Some(task) = feed.next()? {
                sum.fetch_add(task, Ordering::Relaxed);
            }
            Ok(())
        };
        feed.share(4, work).unwrap();
        assert_eq!(sum.into_inner(), (0..100).sum::<u32>());
    }

    #[test]
    fn a_task_that_panics_ends_nothing_else() {
        let (feed, done) = (feed(), AtomicU32::new(0));
        let work = |_| {
            while let Some(task) = feed.next()? {
                let sheltered = sheltered(|| assert_ne!(task, 42, "a bug"));
                done.fetch_add(u32::from(sheltered.is_some()), Ordering::Relaxed);
            }
            Ok(())
        };
        feed.share(2, work).unwrap();
        assert_eq!(done.into_inner(), 99);
    }

    #[test]
    fn one_failure_ends_it_for_all() {
        let feed = feed();
        let work = |number| {
            while let Some(task) = feed.next()? {
                if number == 0 || task > 50 {
                    return Err(anyhow!("the disk is full"));
                }
            }
            Ok(())
        };
        assert!(feed.share(3, work).is_err());
        assert_eq!(feed.next().unwrap(), None);
    }
}
