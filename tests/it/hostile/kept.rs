//! What is remembered of requests, and kept for what is open, is bounded however long they are.

use serde_json::{Value, json};
use tests::{Server, within};

use super::table::BAD;
use super::{MEMORY, post};
use crate::stalled::memory;

/// Requests of each kind: more than the server may take memory for, if it kept them.
const REQUESTS: usize = 400;

/// Subscriptions on a socket, each with this much of its own.
const SUBSCRIPTIONS: usize = 80;
const LONG: usize = 1_000_000;

#[tokio::test]
async fn long_variables_are_not_remembered() {
    let server = Server::start().await;
    let before = memory(server.process(), "VmRSS");
    for number in 0..REQUESTS {
        let long = format!("{number}{}", "x".repeat(LONG));
        // Whether they are declared or not, and each of several documents.
        let space = " ".repeat(number % 5);
        let query = if number % 2 == 0 {
            "{ __typename }"
        } else {
            "query ($x: String!) { calls(filter: { analysisType: [$x] }) { totalCount } }"
        };
        let query = format!("{space}{query}");
        let body = json!({ "query": query, "variables": { "x": long } }).to_string();
        let (status, answer) = post(&server, None, "a long variable", body).await;
        assert_eq!(status, 200, "{answer}");
    }
    let after = memory(server.process(), "VmRSS");
    assert!(after < before + MEMORY, "{before} {after}");
}

#[tokio::test]
async fn open_subscriptions_keep_no_long_variables() {
    let server = Server::start().await;
    let before = memory(server.process(), "VmRSS");
    let query = "subscription { eventFeed(after: \"0\", checkpoints: true) { caughtUp } }";
    let mut open = Vec::new();
    for number in 0..SUBSCRIPTIONS {
        let long = format!("{number}{}", "x".repeat(LONG));
        let mut feed = server.subscribe(query, json!({ "x": long })).await;
        assert_eq!(feed.item().await["caughtUp"], true);
        open.push(feed);
    }
    let after = memory(server.process(), "VmRSS");
    assert!(after < before + MEMORY / 2, "{before} {after}");
    // Those that it declares count.
    let query = "subscription ($id: [ID!]) { callCompleted(filter: { id: $id }) { cursor } }";
    let ids = |length| json!({ "id": vec!["x".repeat(length); 100] });
    let mut refused = server.subscribe(query, ids(1_000)).await;
    let answer: Value = within("an answer", refused.answer()).await;
    assert_eq!(answer["type"], "error", "{answer}");
    assert_eq!(answer["payload"][0]["extensions"]["code"], BAD, "{answer}");
    let message = answer["payload"][0]["message"].as_str().expect("a message");
    assert!(message.contains("65536 are allowed"), "{message}");
    server.subscribe(query, ids(100)).await;
}
