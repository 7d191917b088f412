//! GraphQL over WebSocket: the handshake and the socket's loop.
//!
//! Invariant: what waits to be sent is bounded. Results are taken from the operations only when everything before them
//! is written, messages of the client only while there is room for their answers; so a client that does not read holds
//! back its own streams, and is gone when it misses a ping.

mod operation;
mod protocol;
mod session;
#[cfg(test)]
mod tests;

use std::{future::poll_fn, pin::pin, time::Duration};

use async_graphql::Executor;
use axum::{
    extract::{
        FromRequestParts,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt, future::pending};
use http::{Method, header::UPGRADE};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval_at, sleep_until, timeout},
};

use self::{
    protocol::Close,
    session::{Outbox, Session},
};
use super::{Credentials, GraphqlEdge, Refusal, graphql::refuse};

/// Bytes of a socket's messages that are read at once. Every open socket holds so many.
const READ_BYTES: usize = 2 << 10;

/// Bytes of messages that are written at once. A socket that has written so many holds them from then on.
const WRITE_BYTES: usize = 4 << 10;

/// How long a client may take to answer the server's close.
const GOODBYE: Duration = Duration::from_secs(1);

/// GET with `Upgrade: websocket`; over HTTP/2, CONNECT with a `:protocol`.
pub(super) fn is_handshake(request: &axum::extract::Request) -> bool {
    request.method() == Method::CONNECT
        || request.method() == Method::GET
            && request
                .headers()
                .get_all(UPGRADE)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|name| name.trim().eq_ignore_ascii_case("websocket"))
}

/// Answers a handshake and serves the socket.
pub(super) async fn open<E: Executor>(
    edge: GraphqlEdge<E>,
    request: axum::extract::Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.protocols([protocol::NAME]),
        Err(rejection) => {
            return refuse(&Refusal::malformed(format!(
                "This is not a WebSocket handshake: {}.",
                rejection.body_text()
            )));
        }
    };
    let agreed = upgrade.selected_protocol().is_some();
    let open = Open::count(edge.open_sockets.clone());
    upgrade
        .max_message_size(edge.limits.message_bytes)
        .max_frame_size(edge.limits.message_bytes)
        .read_buffer_size(READ_BYTES)
        // What is said in one go leaves in one go.
        .write_buffer_size(WRITE_BYTES)
        .on_upgrade(move |mut socket| async move {
            let close = if agreed {
                let credentials = Credentials::of(parts.headers, &parts.extensions);
                serve(&mut socket, Session::new(edge, credentials)).await
            } else {
                Some(Close::subprotocol())
            };
            let _ = timeout(GOODBYE, leave(socket, close)).await;
            drop(open);
        })
}

/// Runs the socket until one side is done with it. `None`: the client closed it, or is gone.
async fn serve<E: Executor>(socket: &mut WebSocket, mut session: Session<E>) -> Option<Close> {
    let limits = session.limits();
    let (ping_every, message_bytes) = (limits.ping_every, limits.message_bytes);
    let mut shutdown = pin!(session.shutdown().cancelled_owned());
    let mut alarm = pin!(sleep_until(tokio::time::Instant::now()));
    let (mut sink, mut stream) = socket.split();
    let mut outbox = Outbox::default();
    let mut over = pending().boxed();
    let mut pings = interval_at(tokio::time::Instant::now() + ping_every, ping_every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let deadline = session.deadline();
        if let Some(deadline) = deadline.filter(|deadline| *deadline != alarm.deadline()) {
            alarm.as_mut().reset(deadline);
        }
        if let Some(validity) = session.take_validity() {
            over = validity.over().boxed();
        }
        tokio::select! {
            () = &mut shutdown => return Some(Close::restart()),
            () = &mut over => return Some(Close::no_longer_valid()),
            () = &mut alarm, if deadline.is_some() => return Some(session.overdue()),
            _ = pings.tick() => session.ping(&mut outbox),
            written = write(&mut sink, &mut outbox), if outbox.has_work() => {
                if written.is_err() {
                    return None;
                }
            }
            news = session.news(), if !outbox.has_work() => {
                if let Err(close) = session.forward(news, &mut outbox) {
                    return Some(close);
                }
            }
            heard = stream.next(), if outbox.has_room() => match heard {
                None | Some(Ok(Message::Close(_))) => return None,
                Some(Ok(message)) => {
                    if let Err(close) = session.hear(message, &mut outbox).await {
                        return Some(close);
                    }
                }
                Some(Err(error)) => return Some(fault(&error, message_bytes)),
            }
        }
    }
}

/// Writes what the outbox has and flushes it. May be dropped at any point: what is not written stays in the outbox.
async fn write<S>(sink: &mut S, outbox: &mut Outbox) -> Result<(), axum::Error>
where
    S: Sink<Message, Error = axum::Error> + Unpin,
{
    loop {
        poll_fn(|context| sink.poll_ready_unpin(context)).await?;
        let Some(message) = outbox.take() else { break };
        sink.start_send_unpin(message)?;
    }
    poll_fn(|context| sink.poll_flush_unpin(context)).await?;
    outbox.flushed();
    Ok(())
}

/// Says goodbye, and waits for the client to do the same.
async fn leave<S>(mut socket: S, close: Option<Close>)
where
    S: Sink<Message> + Stream<Item = Result<Message, axum::Error>> + Unpin,
{
    if let Some(close) = close
        && socket.send(close.into_message()).await.is_err()
    {
        return;
    }
    // Also sends the answer to a close of the client.
    let _ = socket.flush().await;
    while let Some(Ok(_)) = socket.next().await {}
}

/// The close code for a frame that could not be read. axum does not expose the error's type, only its words.
fn fault(error: &axum::Error, most: usize) -> Close {
    if error.to_string().contains("too long") {
        Close::too_big(most)
    } else {
        Close::broken()
    }
}

/// Counts an open socket until it is dropped.
struct Open(watch::Sender<usize>);

impl Open {
    fn count(open: watch::Sender<usize>) -> Self {
        open.send_modify(|open| *open += 1);
        metrics::gauge!("hookgraph_sockets").increment(1);
        Self(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
        metrics::gauge!("hookgraph_sockets").decrement(1);
    }
}
