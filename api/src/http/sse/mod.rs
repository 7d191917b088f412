//! GraphQL over Server-Sent Events, in the "distinct connections mode" of
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>: a response is the event stream of one operation.
//!
//! Invariant: `complete` says that nothing more will come. A stream that ends otherwise, because the server stops or an item
//! cannot be read in this moment, is resumed by its client behind the last id. Events are made only as the connection takes
//! them, so a client that does not read holds back its own stream and nothing else.

#[cfg(test)]
mod tests;

use std::{convert::Infallible, pin::pin, time::Duration};

use async_graphql::{Executor, Request, Response, parser::types::OperationType};
use axum::{
    body::Body,
    response::{IntoResponse, Response as HttpResponse},
};
use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, VARY},
    request::Parts,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Admission, GraphqlEdge,
    live::{Arrived, CatchingUp, Taken, Told, json},
};
use crate::{graphql::Viewer, rate};

/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);

/// The id of `complete`. A browser connects again even then, and learns from the answer to this id that it need not.
const COMPLETED: &str = "complete";

/// How long after the server's stop a client may take to read what was sent.
const GOODBYE: Duration = Duration::from_secs(1);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Asks nginx, and proxies that follow it, to pass on each event at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Cuts off the connection by which a request came: for a response that its client does not read to the end.
///
/// An extension of the request, set by whoever serves the connection.
#[derive(Debug, Clone)]
pub struct Hangup(pub CancellationToken);

/// What a stream must know of its HTTP request.
pub(super) struct Caller {
    last_event_id: Option<String>,
    hangup: Option<Hangup>,
}

impl Caller {
    pub(super) fn of(parts: &Parts) -> Self {
        let id = parts.headers.get(LAST_EVENT_ID);
        Self {
            // What is not text is no cursor, and the answer will say so.
            last_event_id: id
                .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned())
                .filter(|id| !id.is_empty()),
            hangup: parts.extensions.get().cloned(),
        }
    }

    /// Whether it comes again after everything was said.
    pub(super) fn is_done(&self) -> bool {
        self.last_event_id.as_deref() == Some(COMPLETED)
    }
}

/// The answer to a client that is done: it stays away.
pub(super) fn done() -> HttpResponse {
    StatusCode::NO_CONTENT.into_response()
}

/// Streams one operation, whose document was read.
pub(super) fn answer<E: Executor>(
    edge: &GraphqlEdge<E>,
    admission: Admission,
    counted: rate::Open,
    request: Request,
    kind: OperationType,
    caller: Caller,
) -> HttpResponse {
    let Admission {
        viewer,
        validity,
        budget,
    } = admission;
    let request = request.data(budget);
    let goodbye = caller
        .hangup
        .map(|hangup| hang_up_after_stop(hangup, edge.shutdown.clone()));
    let events = if kind == OperationType::Subscription {
        follow(edge, viewer, request, caller.last_event_id.as_deref()).left_stream()
    } else {
        let edge = edge.clone();
        let request = (edge.prepare)(request, viewer);
        let run = async move { edge.execute(request).await };
        run.into_stream()
            .flat_map(|response| last(&response))
            .right_stream()
    };
    let open = Open::count();
    let events = events
        // Without `complete`: the client comes again, to the server that is started next.
        .take_until(edge.shutdown.clone().cancelled_owned())
        // It comes again as well, and is told then that it may not.
        .take_until(Box::pin(validity.over()))
        .map(move |event| {
            let _ = (&open, &counted, &goodbye);
            event
        });
    stream(edge, events)
}

/// Streams the errors of an operation that is not executed. As a status a browser would not show them to its page.
pub(super) fn refuse<E>(edge: &GraphqlEdge<E>, response: &Response) -> HttpResponse {
    stream(edge, last(response))
}

fn stream<E>(
    edge: &GraphqlEdge<E>,
    events: impl Stream<Item = Bytes> + Send + 'static,
) -> HttpResponse {
    let events = kept_alive(events, edge.limits.ping_every);
    let mut http = HttpResponse::new(Body::from_stream(events.map(Ok::<_, Infallible>)));
    let headers = http.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    http
}

/// The events behind a first word that opens the stream, and a comment after each silence, by which both sides and whatever
/// is between them know that the other is there.
fn kept_alive(
    events: impl Stream<Item = Bytes> + Send + 'static,
    silence: Duration,
) -> impl Stream<Item = Bytes> + Send + 'static {
    async_stream::stream! {
        let mut events = pin!(events);
        yield format!("retry: {}\n\n", RETRY.as_millis()).into();
        loop {
            match timeout(silence, events.next()).await {
                Ok(Some(event)) => yield event,
                Ok(None) => break,
                Err(_) => yield Bytes::from_static(b":\n\n"),
            }
        }
    }
}

fn follow<E: Executor>(
    edge: &GraphqlEdge<E>,
    viewer: Viewer,
    request: Request,
    after: Option<&str>,
) -> impl Stream<Item = Bytes> + Send + use<E> {
    let edge = edge.clone();
    let mut catching_up = CatchingUp::begin(&edge, viewer, request, after);
    async_stream::stream! {
        let mut all = Vec::new();
        loop {
            while let Some(told) = catching_up.next().await {
                // Sent with its cursor this item would be lost.
                let Some(events) = events(&told) else { return };
                yield events;
            }
            let mut member = match catching_up.arrive(&edge) {
                Arrived::Live(member) => member,
                Arrived::Behind(again) => {
                    catching_up = again;
                    continue;
                }
                Arrived::Over => return,
            };
            while member.take(&mut all).await == Taken::Some {
                for told in all.drain(..) {
                    let is_last = !matches!(told, Told::Next(_));
                    let Some(events) = events(&told) else { return };
                    yield events;
                    if is_last {
                        return;
                    }
                }
            }
            catching_up = member.catch_up(&edge);
        }
    }
}

/// The events by which a client is told. None: it is cut off, and will resume.
fn events(told: &Told) -> Option<Bytes> {
    match told {
        Told::Next(written) => Some(next(&written.json, written.cursor.as_deref()).into()),
        Told::Failed(response) => Some((next(&json(response), None) + &complete()).into()),
        Told::Complete => Some(complete().into()),
        Told::Interrupted => None,
    }
}

/// The only result of an operation, and that it was the only one.
fn last(response: &Response) -> impl Stream<Item = Bytes> + Send + use<> {
    futures_util::stream::iter([next(&json(response), None).into(), complete().into()])
}

fn next(json: &str, id: Option<&str>) -> String {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    format!("event: next\n{id}data: {json}\n\n")
}

/// With an empty line of data, without which a browser would not tell its page.
fn complete() -> String {
    format!("event: complete\nid: {COMPLETED}\ndata: \n\n")
}

/// Hangs up a while after the server's stop, unless the response has ended before that, which dropping the guard tells.
/// Only hanging up ends the connection of a client that does not read, and an orderly stop waits for every connection.
fn hang_up_after_stop(hangup: Hangup, stop: CancellationToken) -> DropGuard {
    let ended = CancellationToken::new();
    let guard = ended.clone().drop_guard();
    tokio::spawn(async move {
        tokio::select! {
            biased;
            // Also for a response whose end was made and is not read.
            () = stop.cancelled() => {}
            () = ended.cancelled() => return,
        }
        sleep(GOODBYE).await;
        hangup.0.cancel();
    });
    guard
}

/// Counts an open stream until it is dropped.
struct Open;

impl Open {
    fn count() -> Self {
        metrics::gauge!("hookgraph_event_streams").increment(1);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("hookgraph_event_streams").decrement(1);
    }
}
