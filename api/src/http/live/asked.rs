//! What a subscription asks for, apart from where it begins.
//!
//! Invariant: subscriptions that are equal here get the same items. Two that are not equal may still ask for the same, by other words.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_graphql::{Executor, Name, Request, Value, Variables};

use super::super::GraphqlEdge;
use super::begin::variables_of_beginning;
use crate::graphql::{Leg, Viewer};

/// What is asked for, and of which viewer.
pub(super) struct Asked {
    key: Key,
    /// All of them. Those that say where the first one with this key began are passed over by whoever goes on from elsewhere.
    variables: Variables,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    text: String,
    operation: Option<String>,
    /// As JSON.
    variables: String,
    viewer: Viewer,
}

impl Asked {
    /// What a request asks for that was read.
    pub(super) fn of(request: &mut Request, viewer: Viewer) -> Self {
        let beginning = variables_of_beginning(request);
        let variables = request.variables.iter();
        let variables: BTreeMap<&Name, &Value> = variables
            .filter(|(name, _)| !beginning.contains(*name))
            .collect();
        Self {
            key: Key {
                text: request.query.clone(),
                operation: request.operation_name.clone(),
                // What was read from JSON can be written as such.
                variables: serde_json::to_string(&variables).unwrap_or_default(),
                viewer,
            },
            variables: request.variables.clone(),
        }
    }

    /// The same request once more, read again.
    pub(super) fn again<E>(&self, edge: &GraphqlEdge<E>) -> Request {
        let mut request = Request::new(&self.key.text).variables(self.variables.clone());
        request.operation_name.clone_from(&self.key.operation);
        // It could be read before; otherwise executing it says so.
        let _ = edge.documents.read_again(&mut request, &edge.limits);
        request
    }

    /// The request made ready to run along `leg`.
    pub(super) fn along<E: Executor>(
        &self,
        edge: &GraphqlEdge<E>,
        request: Request,
        leg: &Arc<Leg>,
    ) -> Request {
        (edge.prepare)(request.data(Arc::clone(leg)), self.key.viewer.clone())
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Asked {}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}
