//! What the edge bounds, and the defaults.
//!
//! Invariant: every buffer and every wait that a client can cause has a bound here or a constant beside its use.
//! `docs/graphql-limits.md` has a row for each.

use std::time::Duration;

use crate::graphql::QueryLimits;

/// The bounds of everything that comes by GraphQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLimits {
    /// Depth and cost of a query: the schema keeps these itself.
    pub query: QueryLimits,
    /// Bytes of an HTTP body.
    pub body_bytes: usize,
    /// How long an HTTP body may take to arrive.
    pub body_within: Duration,
    /// Requests in one HTTP batch.
    pub batch: usize,
    /// How long one query may run, over HTTP and over a socket. A subscription has no such end.
    pub execution: Duration,
    /// Tokens of a document.
    pub tokens: usize,
    /// Brackets of any kind open at once in a document. The parser recurses for each and would overflow its stack.
    pub nesting: usize,
    /// Selections within each other, with every fragment written out where it is spread. Validation recurses for each.
    pub levels: usize,
    /// Fields of a document with every fragment written out where it is spread. A few fragments that spread each
    /// other twice grow as powers of two, and validation walks them all.
    pub fields: usize,
    /// Fields under another name than their own, counted likewise.
    pub aliases: usize,
    /// Directives, counted likewise.
    pub directives: usize,
    /// Directives in one place.
    pub directives_in_place: usize,
    /// What introspection may bring, estimated: its lists have no pages, and what is asked below one multiplies.
    pub introspection: usize,
    /// Documents that are kept under their hash.
    pub kept_documents: usize,
    /// Bytes of these documents, all together.
    pub kept_bytes: usize,
    /// Documents that are remembered as they were read.
    pub known_documents: usize,
    /// Bytes of their texts, all together.
    pub known_bytes: usize,
    /// Bytes of answers that are kept, to be given again while the read model stands still; 0: none are.
    pub answer_bytes: usize,
    /// How long a new socket may wait with `connection_init`.
    pub init_within: Duration,
    /// How often the server pings an open socket.
    pub ping_every: Duration,
    /// How long the answer to a ping may take before the socket is taken for dead.
    pub pong_within: Duration,
    /// Operations that run at once on one socket.
    pub operations: usize,
    /// Bytes of one message from a socket's client.
    pub message_bytes: usize,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            query: QueryLimits::default(),
            body_bytes: 1024 * 1024,
            body_within: Duration::from_secs(15),
            batch: 10,
            execution: Duration::from_secs(30),
            tokens: 10_000,
            nesting: 128,
            levels: 64,
            fields: 20_000,
            aliases: 100,
            directives: 500,
            directives_in_place: 10,
            introspection: 200_000,
            kept_documents: 1_000,
            kept_bytes: 8 * 1024 * 1024,
            known_documents: 1_000,
            known_bytes: 1024 * 1024,
            answer_bytes: 64 * 1024 * 1024,
            init_within: Duration::from_secs(3),
            ping_every: Duration::from_secs(12),
            pong_within: Duration::from_secs(12),
            operations: 100,
            message_bytes: 1024 * 1024,
        }
    }
}
