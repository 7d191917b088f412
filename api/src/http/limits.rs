//! What the edge bounds, and the defaults.
//!
//! Invariant: every buffer and every wait that a client can cause has a bound here or a constant beside its use.

use std::time::Duration;

/// The bounds of the GraphQL edge. Depth and cost of a query are the schema's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLimits {
    /// Bytes of an HTTP body.
    pub body_bytes: usize,
    /// Requests in one HTTP batch.
    pub batch: usize,
    /// How long one query may run, over HTTP and over a socket. A subscription has no such end.
    pub execution: Duration,
    /// Tokens of a document.
    pub tokens: usize,
    /// Brackets of any kind open at once in a document. The parser recurses for each and would overflow its stack.
    pub nesting: usize,
    /// Fields of a document with every fragment written out where it is spread. A few fragments that spread each
    /// other twice grow as powers of two, and validation walks them all.
    pub fields: usize,
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
            body_bytes: 1024 * 1024,
            batch: 10,
            execution: Duration::from_secs(30),
            tokens: 10_000,
            nesting: 128,
            fields: 20_000,
            init_within: Duration::from_secs(3),
            ping_every: Duration::from_secs(12),
            pong_within: Duration::from_secs(12),
            operations: 100,
            message_bytes: 1024 * 1024,
        }
    }
}
