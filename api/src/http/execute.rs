//! Runs one query against the schema and tells what kind of answer came back.
//!
//! Invariant: a query ends within the limit, a panic in a resolver is an answer and not a dropped connection, and every
//! error that leaves has a code.

use std::panic::AssertUnwindSafe;

use async_graphql::{Executor, Request, Response, ServerError, Value};
use futures_util::FutureExt;
use serde::Serialize;

use super::{
    GraphqlEdge,
    refusal::{Code, code_of, error, stamp},
};

/// Errors of a document that are told.
const ERRORS: usize = 100;

/// Bytes of an error's message, but for the sign that it was cut.
const MESSAGE_BYTES: usize = 1_000;

impl<E: Executor> GraphqlEdge<E> {
    /// Executes a prepared query.
    ///
    /// The limit is kept at each `await`: work that never awaits is what the limits on documents are for.
    pub(super) async fn execute(&self, request: Request) -> Response {
        // On the heap: it is large, and is moved several times on its way.
        let run = Box::pin(self.executor.execute(request));
        let run = AssertUnwindSafe(run).catch_unwind();
        match tokio::time::timeout(self.limits.execution, run).await {
            Ok(Ok(response)) => with_codes(response),
            Ok(Err(_)) => crashed(),
            Err(_) => refused(vec![error(
                Code::Timeout,
                format!(
                    "The query took longer than {:?}: ask for fewer rows, or for a page at a time.",
                    self.limits.execution
                ),
            )]),
        }
    }
}

/// The answer to a request that was not executed.
pub(super) fn refused(errors: Vec<ServerError>) -> Response {
    with_codes(Response::from_errors(errors))
}

/// The answer after a panic: what it said goes to the log by the panic hook, never to the client.
pub(super) fn crashed() -> Response {
    refused(vec![error(
        Code::Internal,
        "The server failed on this request; its log says more. The same request may succeed later.",
    )])
}

/// Our own errors come with a code, so one without is async-graphql's: about a document, or an argument's value.
///
/// What is wrong with a document is told a hundred times at most, and never at length, whatever names stand in it.
pub(super) fn with_codes(mut response: Response) -> Response {
    if is_request_error(&response) {
        response.errors.truncate(ERRORS);
    }
    for error in &mut response.errors {
        if error.message.len() > MESSAGE_BYTES {
            let end = error.message.floor_char_boundary(MESSAGE_BYTES);
            error.message.truncate(end);
            error.message.push('…');
        }
        stamp(error, Code::BadUserInput);
    }
    response
}

/// Whether the server is at fault, so that the same may succeed later.
pub(super) fn passes(error: &ServerError) -> bool {
    let code = code_of(error);
    code == Some(Code::Internal.as_str()) || code == Some(Code::Timeout.as_str())
}

/// Whether nothing was executed: a *request error*, whose answer has no `data`.
///
/// async-graphql marks it by what is absent: `data` is null, as it is when a field error has climbed to the root, but
/// errors of execution always carry the path of their field and those of parsing and validation never do.
pub(super) fn is_request_error(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// A response as it is sent. async-graphql's own serialisation always writes `data`.
#[derive(Serialize)]
pub(super) struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    extensions: &'a std::collections::BTreeMap<String, Value>,
}

impl<'a> From<&'a Response> for Wire<'a> {
    fn from(response: &'a Response) -> Self {
        Self {
            data: (!is_request_error(response)).then_some(&response.data),
            errors: &response.errors,
            extensions: &response.extensions,
        }
    }
}
