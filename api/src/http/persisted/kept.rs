//! The documents that clients have sent with their hash, as many as there is room for.
//!
//! Invariant: bounded in number and in bytes; the one that was not asked for the longest time gives way. Whoever can send queries can
//! fill it, and the worst that comes of it is that clients send their documents again.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;

use super::{super::EdgeLimits, Hash};

/// Documents by their hash.
pub struct Kept {
    most_bytes: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    texts: LruCache<Hash, Arc<str>>,
    bytes: usize,
}

impl Kept {
    pub(super) fn new(limits: &EdgeLimits) -> Self {
        let most = NonZeroUsize::new(limits.kept_documents).unwrap_or(NonZeroUsize::MIN);
        Self {
            most_bytes: limits.kept_bytes,
            inner: Mutex::new(Inner {
                texts: LruCache::new(most),
                bytes: 0,
            }),
        }
    }

    pub(super) fn find(&self, hash: &Hash) -> Option<Arc<str>> {
        self.lock().texts.get(hash).cloned()
    }

    /// Keeps a text; `hash` is its SHA-256.
    pub(super) fn keep(&self, hash: Hash, text: &str) {
        if text.len() > self.most_bytes {
            return;
        }
        let mut inner = self.lock();
        if inner.texts.get(&hash).is_some() {
            return;
        }
        inner.bytes += text.len();
        // What it gives back is the one that had to go for it.
        if let Some((_, gone)) = inner.texts.push(hash, text.into()) {
            inner.bytes -= gone.len();
        }
        while inner.bytes > self.most_bytes {
            let Some((_, gone)) = inner.texts.pop_lru() else {
                break;
            };
            inner.bytes -= gone.len();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::hash_of, *};

    fn kept(kept_documents: usize, kept_bytes: usize) -> Kept {
        Kept::new(&EdgeLimits {
            kept_documents,
            kept_bytes,
            ..EdgeLimits::default()
        })
    }

    fn keep(kept: &Kept, texts: &[&str]) {
        for text in texts {
            kept.keep(hash_of(text), text);
        }
    }

    fn has(kept: &Kept, text: &str) -> bool {
        kept.find(&hash_of(text))
            .is_some_and(|found| *found == *text)
    }

    #[test]
    fn the_one_that_was_not_asked_for_the_longest_time_gives_way() {
        let kept = kept(3, 1_000);
        keep(&kept, &["a", "b", "c"]);
        assert!(has(&kept, "a"));
        keep(&kept, &["c", "d"]);
        assert_eq!(
            ["a", "b", "c", "d"].map(|text| has(&kept, text)),
            [true, false, true, true]
        );
        assert_eq!(kept.lock().bytes, 3);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let kept = kept(100, 10);
        keep(&kept, &["aaaa", "bbbb", "aaaa", "cccc"]);
        assert_eq!(
            ["aaaa", "bbbb", "cccc"].map(|text| has(&kept, text)),
            [true, false, true]
        );
        assert_eq!(kept.lock().bytes, 8);
        // One that could never find room drives nobody out.
        keep(&kept, &["ddddddddddd"]);
        assert!(!has(&kept, "ddddddddddd"));
        assert_eq!(kept.lock().bytes, 8);
        for n in 0..1_000 {
            keep(&kept, &[&n.to_string()]);
            let inner = kept.lock();
            assert!(inner.bytes <= 10);
            let bytes: usize = inner.texts.iter().map(|(_, text)| text.len()).sum();
            assert_eq!(bytes, inner.bytes);
        }
    }
}
