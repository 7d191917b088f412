//! The GraphQL edge: one path, `/graphql`, over HTTP, over Server-Sent Events and over WebSocket.
//!
//! Invariant: nothing reaches the schema before its document was read within the limits (`document`) and its
//! sender became a `Viewer` through `GraphqlEdge::admission`, the one place where that happens; and whatever goes
//! wrong on the way is answered in GraphQL's own shape, with `extensions.code` and a message that says what to do.
//!
//! ```text
//! client   where a request comes from
//! door     who may come in without a token
//!   graphql   HTTP: accept (media type) → request (parameters) → persisted → document → execute → respond
//!   sse       what accepts text/event-stream, from there on: live or execute
//!   socket    graphql-transport-ws: protocol (messages) → session → operation → persisted → document → live or execute
//!   live      subscriptions: each catches up by itself, then those that ask for the same share one execution
//! ```

mod admission;
mod answers;
pub mod client;
mod document;
pub mod door;
mod execute;
mod graphql;
mod limits;
mod live;
mod persisted;
pub mod playground;
mod recent;
mod refusal;
mod socket;
mod sse;
#[cfg(test)]
mod toy;

use std::net::IpAddr;
use std::sync::Arc;

use async_graphql::Executor;
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    response::Response,
    routing::any,
};
use futures_util::future::{BoxFuture, FutureExt};
use http::{Extensions, HeaderMap};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::{
    admission::{Admission, Validity},
    answers::Answers,
    client::{Client, Peer, TrustedProxies},
    graphql::{RATE_LIMIT, RATE_LIMIT_POLICY, refuse},
    limits::EdgeLimits,
    persisted::{Documents, Trusted, TrustedError},
    refusal::{Code, Refusal},
    sse::Hangup,
};
use crate::graphql::Viewer;

/// Makes a request ready for one viewer: attaches the viewer and everything that lives as long as the request.
pub type Prepare =
    Arc<dyn Fn(async_graphql::Request, Viewer) -> async_graphql::Request + Send + Sync>;

/// Decides who the sender is.
pub type Admit =
    Arc<dyn Fn(Credentials) -> BoxFuture<'static, Result<Admission, Refusal>> + Send + Sync>;

/// What a sender says about itself.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The headers of the request, on a socket those of its handshake.
    pub headers: HeaderMap,
    /// On a socket, the payload of `connection_init`: always an object.
    pub connection_params: Option<serde_json::Value>,
    /// The ticket in the address of an event stream.
    pub ticket: Option<String>,
    /// The client's address, where it is known.
    pub address: Option<IpAddr>,
}

impl Credentials {
    /// What a request says by its headers, and by where it comes from.
    pub fn of(headers: HeaderMap, extensions: &Extensions) -> Self {
        Self {
            headers,
            connection_params: None,
            ticket: None,
            address: extensions.get().map(|Client(address)| *address),
        }
    }
}

/// The GraphQL edge around a schema. Cheap to clone.
pub struct GraphqlEdge<E> {
    executor: E,
    prepare: Prepare,
    admit: Admit,
    documents: Documents,
    answers: Option<Answers>,
    limits: EdgeLimits,
    shutdown: CancellationToken,
    open_sockets: watch::Sender<usize>,
    rooms: live::Rooms,
}

impl<E: Clone> Clone for GraphqlEdge<E> {
    fn clone(&self) -> Self {
        Self {
            executor: self.executor.clone(),
            prepare: Arc::clone(&self.prepare),
            admit: Arc::clone(&self.admit),
            documents: self.documents.clone(),
            answers: self.answers.clone(),
            limits: self.limits.clone(),
            shutdown: self.shutdown.clone(),
            open_sockets: self.open_sockets.clone(),
            rooms: self.rooms.clone(),
        }
    }
}

impl<E: Executor> GraphqlEdge<E> {
    /// An edge that admits everyone as the viewer of everything: whoever may reach it is for [`door`] to decide.
    ///
    /// When `shutdown` is cancelled, every socket closes with 1012, and every event stream ends.
    pub fn new(
        executor: E,
        prepare: impl Fn(async_graphql::Request, Viewer) -> async_graphql::Request
        + Send
        + Sync
        + 'static,
        limits: EdgeLimits,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            executor,
            prepare: Arc::new(prepare),
            admit: Arc::new(|_| {
                let everyone = Admission::forever(Viewer::everything());
                std::future::ready(Ok(everyone)).boxed()
            }),
            documents: Documents::automatic(&limits),
            answers: None,
            limits,
            shutdown,
            open_sockets: watch::Sender::new(0),
            rooms: live::Rooms::default(),
        }
    }

    /// Asks `admit` who each sender is, once for an HTTP request and once for a socket.
    #[must_use]
    pub fn admitting(
        self,
        admit: impl Fn(Credentials) -> BoxFuture<'static, Result<Admission, Refusal>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            admit: Arc::new(admit),
            ..self
        }
    }

    /// Executes these documents and no others.
    #[must_use]
    pub fn trusting(self, trusted: Trusted) -> Self {
        Self {
            documents: Documents::trusted(trusted, &self.limits),
            ..self
        }
    }

    /// Gives answers again that were kept: those of a schema over one read model.
    #[must_use]
    pub fn keeping(self, answers: Answers) -> Self {
        Self {
            answers: Some(answers),
            ..self
        }
    }

    /// Whether it executes trusted documents alone.
    pub fn trusts_documents(&self) -> bool {
        self.documents.are_trusted()
    }

    /// Waits until no socket is open, so that a process that stops has said goodbye to each of them.
    ///
    /// A socket takes about a second at most to close after `shutdown`, whatever its client does.
    pub async fn sockets_closed(&self) {
        // The sender is a field of `self`, so the wait cannot fail for want of one.
        let _ = self
            .open_sockets
            .subscribe()
            .wait_for(|open| *open == 0)
            .await;
    }

    async fn admission(&self, credentials: Credentials) -> Result<Admission, Refusal> {
        (self.admit)(credentials).await
    }
}

/// `/graphql`: GET and POST, and GET with `Upgrade: websocket` (over HTTP/2, extended CONNECT).
pub fn routes<E: Executor>(edge: GraphqlEdge<E>) -> Router {
    let body = DefaultBodyLimit::max(edge.limits.body_bytes);
    Router::new()
        .route("/graphql", any(answer::<E>))
        .layer(body)
        .with_state(edge)
}

async fn answer<E: Executor>(
    State(edge): State<GraphqlEdge<E>>,
    request: axum::extract::Request,
) -> Response {
    if socket::is_handshake(&request) {
        socket::open(edge, request).await
    } else {
        graphql::answer(&edge, request).await
    }
}
