//! Documents that were read before: clients send the same few again and again, and reading one takes longer than finding it.
//!
//! Invariant: what is known passed the limits, and is what its text parses to. Bounded in number and in bytes of text; the one that was
//! not sent for the longest time gives way.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;

use super::super::EdgeLimits;
use crate::graphql::Document;

/// The longest text that is remembered, in bytes: a parsed document takes many times that.
const LONGEST: usize = 16 * 1024;

/// Documents by their text.
#[derive(Clone)]
pub struct Known(Arc<Mutex<Inner>>);

struct Inner {
    documents: LruCache<String, Arc<Document>>,
    bytes: usize,
    most_bytes: usize,
}

impl Known {
    /// None yet.
    pub(in crate::http) fn new(limits: &EdgeLimits) -> Self {
        let most = NonZeroUsize::new(limits.known_documents).unwrap_or(NonZeroUsize::MIN);
        Self(Arc::new(Mutex::new(Inner {
            documents: LruCache::new(most),
            bytes: 0,
            most_bytes: limits.known_bytes,
        })))
    }

    pub(super) fn find(&self, text: &str) -> Option<Arc<Document>> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.documents.get(text).cloned()
    }

    pub(super) fn remember(&self, text: &str, document: &Arc<Document>) {
        if text.len() > LONGEST {
            return;
        }
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.bytes += text.len();
        if let Some((gone, _)) = inner.documents.push(text.to_owned(), Arc::clone(document)) {
            inner.bytes -= gone.len();
        }
        while inner.bytes > inner.most_bytes {
            let Some((gone, _)) = inner.documents.pop_lru() else {
                break;
            };
            inner.bytes -= gone.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn document() -> Arc<Document> {
        Arc::new(Document::new(parse_query("{ a }").unwrap()))
    }

    #[test]
    fn the_number_and_the_bytes_are_bounded() {
        let known = Known::new(&EdgeLimits {
            known_documents: 2,
            known_bytes: 10,
            ..EdgeLimits::default()
        });
        for text in ["a", "b", "c"] {
            known.remember(text, &document());
        }
        let found = |text| known.find(text).is_some();
        assert_eq!([found("a"), found("b"), found("c")], [false, true, true]);
        // Again: it is no more than it was.
        known.remember("c", &document());
        known.remember("123456789", &document());
        assert_eq!(
            [found("b"), found("c"), found("123456789")],
            [false, true, true]
        );
        known.remember("12345678901", &document());
        assert_eq!([found("c"), found("12345678901")], [false, false]);
        known.remember(&"x".repeat(LONGEST + 1), &document());
        assert!(!found(&"x".repeat(LONGEST + 1)));
    }
}
