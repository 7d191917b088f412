//! What was asked for most recently, as much of it as there is room for.
//!
//! Invariant: bounded in number and in bytes; what was not asked for the longest time gives way. What could never find room drives nothing out.

use std::{
    borrow::Borrow,
    hash::Hash,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;

/// Values by their keys.
pub(super) struct Recent<K: Hash + Eq, V> {
    most_bytes: usize,
    inner: Mutex<Inner<K, V>>,
}

struct Inner<K: Hash + Eq, V> {
    /// Each with the bytes that it takes.
    values: LruCache<K, (V, usize)>,
    bytes: usize,
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    /// Nothing yet, and at most so many values of so many bytes in all.
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        let most = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        Self {
            most_bytes,
            inner: Mutex::new(Inner {
                values: LruCache::new(most),
                bytes: 0,
            }),
        }
    }

    /// The value of a key, which was asked for now.
    pub(super) fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut inner = self.lock();
        inner.values.get(key).map(|(value, _)| value.clone())
    }

    /// Keeps a value that takes so many bytes, in the place of an earlier one of this key.
    pub(super) fn keep(&self, key: K, value: V, bytes: usize) {
        if bytes > self.most_bytes {
            return;
        }
        let mut inner = self.lock();
        inner.bytes += bytes;
        // What it gives back is the one that had to go for it.
        if let Some((_, (_, gone))) = inner.values.push(key, (value, bytes)) {
            inner.bytes -= gone;
        }
        while inner.bytes > self.most_bytes {
            let Some((_, (_, gone))) = inner.values.pop_lru() else {
                break;
            };
            inner.bytes -= gone;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K, V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(recent: &Recent<String, ()>, texts: &[&str]) {
        for text in texts {
            recent.keep((*text).to_owned(), (), text.len());
        }
    }

    fn has(recent: &Recent<String, ()>, text: &str) -> bool {
        recent.find(text).is_some()
    }

    #[test]
    fn the_one_that_was_not_asked_for_the_longest_time_gives_way() {
        let recent = Recent::new(3, 1_000);
        keep(&recent, &["a", "b", "c"]);
        assert!(has(&recent, "a"));
        keep(&recent, &["c", "d"]);
        assert_eq!(
            ["a", "b", "c", "d"].map(|text| has(&recent, text)),
            [true, false, true, true]
        );
        assert_eq!(recent.lock().bytes, 3);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let recent = Recent::new(100, 10);
        keep(&recent, &["aaaa", "bbbb", "aaaa", "cccc"]);
        assert_eq!(
            ["aaaa", "bbbb", "cccc"].map(|text| has(&recent, text)),
            [true, false, true]
        );
        assert_eq!(recent.lock().bytes, 8);
        keep(&recent, &["ddddddddddd"]);
        assert!(!has(&recent, "ddddddddddd"));
        assert_eq!(recent.lock().bytes, 8);
        for n in 0..1_000 {
            keep(&recent, &[&n.to_string()]);
            let inner = recent.lock();
            assert!(inner.bytes <= 10);
            let bytes: usize = inner.values.iter().map(|(_, ((), bytes))| bytes).sum();
            assert_eq!(bytes, inner.bytes);
        }
    }

    #[test]
    fn a_later_value_takes_the_place_of_an_earlier_one() {
        let recent = Recent::new(2, 10);
        recent.keep("a", 1, 4);
        recent.keep("a", 2, 7);
        assert_eq!(recent.find("a"), Some(2));
        assert_eq!(recent.lock().bytes, 7);
    }
}
