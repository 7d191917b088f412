//! The running server, sent what chance makes of good requests: over HTTP and over sockets.
//!
//! Invariants: whatever is sent is answered, in GraphQL's shape; no answer is the server's own fault, and none tells what is behind
//! the API; and afterwards it answers as before.

mod answer;
mod filters;
mod requests;
mod schema;
mod sockets;

use std::time::Duration;

use sample::catalogue::EXAMPLES;
use serde_json::json;
use tests::Server;

/// How long each target goes on in the suite.
const TIME: Duration = Duration::from_secs(5);

/// A server that can answer all of the published examples.
async fn server() -> Server {
    let server = Server::start().await;
    let sender = server.sender();
    for example in &EXAMPLES {
        let sent = sender.send(example.event_type, example.body).await;
        assert_eq!(sent.status, 204);
    }
    server.settled().await;
    server
}

/// Checks that nothing went wrong that no answer told.
async fn check_server(server: &Server) {
    let answer = server.graphql("{ __typename }", json!({})).await;
    assert_eq!(answer["__typename"], "Query");
    let output = server.output();
    for word in ["panicked", " ERROR "] {
        assert!(!output.contains(word), "{output}");
    }
}
