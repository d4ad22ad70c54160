//! The last few things that were made, to be used again: objects come by the series.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How many are remembered.
const REMEMBERED_MAX: usize = 8;

/// What was made last, each with what it was made of.
pub(crate) struct Recent<K, V> {
    made: Mutex<VecDeque<(K, Arc<V>)>>,
}

impl<K: PartialEq, V> Recent<K, V> {
    /// Nothing has been made yet.
    pub(crate) const fn new() -> Self {
        Self { made: Mutex::new(VecDeque::new()) }
    }

    /// What is made of this key; made now if it is not remembered.
    pub(crate) fn get(&self, key: K, make: impl FnOnce(&K) -> V) -> Arc<V> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, value)) = made.iter().find(|(known, _)| *known == key) {
            return Arc::clone(value);
        }
        let value = Arc::new(make(&key));
        made.truncate(REMEMBERED_MAX - 1);
        made.push_front((key, Arc::clone(&value)));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_used_again_until_others_push_it_out() {
        let recent = Recent::new();
        let first = recent.get(0, |n| n * 10);
        assert!(Arc::ptr_eq(&first, &recent.get(0, |_| 7)));
        for n in 1..=REMEMBERED_MAX {
            assert_eq!(*recent.get(n, |n| n * 10), n * 10);
        }
        assert_eq!(*recent.get(0, |_| 7), 7);
    }
}
