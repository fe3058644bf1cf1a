use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::later;

/// Things that wait to be taken once, within a time.
pub(crate) struct Pending<K, V> {
    within: Duration,
    waiting: Mutex<PendingEntry<K, V>>,
}

struct PendingEntry<K, V> {
    by_key: HashMap<K, V>,
    /// Keys in the order in which they expire.
    expiries: VecDeque<(Timestamp, K)>,
}

impl<K: Clone + Eq + Hash, V> Pending<K, V> {
    pub(crate) fn new(within: Duration) -> Self {
        Self { within, waiting: Mutex::new(PendingEntry { by_key: HashMap::new(), expiries: VecDeque::new() }) }
    }

    pub(crate) fn insert(&self, key: K, value: V, now: Timestamp) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.expire(now);
        waiting.expiries.push_back((later(now, self.within), key.clone()));
        waiting.by_key.insert(key, value);
    }

    pub(crate) fn take<Q>(&self, key: &Q, now: Timestamp) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.expire(now);
        waiting.by_key.remove(key)
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Pending<K, V> {
    /// A copy of what waits on.
    pub(crate) fn get<Q>(&self, key: &Q, now: Timestamp) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.expire(now);
        waiting.by_key.get(key).cloned()
    }
}

impl<K: Eq + Hash, V> PendingEntry<K, V> {
    fn expire(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.expiries.pop_front_if(|(at, _)| *at <= now) {
            self.by_key.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_taken_once_and_in_time() {
        let start = Timestamp::UNIX_EPOCH;
        let at = |seconds| later(start, Duration::from_secs(seconds));
        let pending = Pending::new(Duration::from_mins(3));
        pending.insert("a".to_owned(), 1, at(0));
        pending.insert("b".to_owned(), 2, at(100));
        assert_eq!(pending.get("a", at(179)), Some(1));
        assert_eq!(pending.take("a", at(179)), Some(1));
        assert_eq!(pending.get("a", at(179)), None);
        assert_eq!(pending.take("a", at(179)), None);
        assert_eq!(pending.take("b", at(280)), None);
        assert_eq!(pending.take("c", at(0)), None);
    }
}
