//! Documents that were read before: clients send the same few again and again, and reading one takes longer than finding it.
//!
//! Invariant: what is known passed the limits, and is what its text parses to.

use std::sync::Arc;

use super::super::{EdgeLimits, recent::Recent};
use crate::graphql::Document;

/// The longest text that is remembered, in bytes: a parsed document takes many times that.
const LONGEST: usize = 16 * 1024;

/// Documents by their text. Cheap to clone.
#[derive(Clone)]
pub(in crate::http) struct Known(Arc<Recent<String, Arc<Document>>>);

impl Known {
    /// None yet.
    pub(in crate::http) fn new(limits: &EdgeLimits) -> Self {
        let recent = Recent::new(limits.known_documents, limits.known_bytes);
        Self(Arc::new(recent))
    }

    pub(super) fn find(&self, text: &str) -> Option<Arc<Document>> {
        self.0.find(text)
    }

    pub(super) fn remember(&self, text: &str, document: &Arc<Document>) {
        if text.len() <= LONGEST {
            self.0
                .keep(text.to_owned(), Arc::clone(document), text.len());
        }
    }
}
