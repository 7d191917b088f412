//! Whatever is said on a socket is answered, or closes it.

use std::collections::HashSet;

use futures_util::future::join;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tests::fuzz::Corpus;
use tests::{Server, within};
use tokio_tungstenite::tungstenite::Message;

use crate::{TIME, answer, check_server, server};

/// The codes with which a socket closes for what its client said.
const CODES: [u16; 6] = [4400, 4401, 4403, 4408, 4409, 4429];

/// What is told apart from all that was said before.
const END: &str = r#"{"type":"ping","payload":{"this":"is the end"}}"#;

/// The ids of operations that must have an answer: queries that their client does not give up. A subscription may have nothing to tell.
fn asked(messages: &[&str]) -> HashSet<String> {
    let (mut asked, mut others) = (HashSet::new(), HashSet::new());
    for message in messages {
        let message: Value = serde_json::from_str(message).unwrap_or_default();
        let query = message["payload"]["query"].as_str();
        let is_query = query.is_some_and(|query| !query.contains("subscription"));
        let id = message["id"].as_str().unwrap_or_default().to_owned();
        match message["type"].as_str() {
            Some("subscribe") if is_query => asked.insert(id),
            _ => others.insert(id),
        };
    }
    asked.difference(&others).cloned().collect()
}

/// Says all of it, and hears until everything is answered or the socket is closed.
async fn converse(server: &Server, sent: &[u8]) {
    let text = String::from_utf8_lossy(sent);
    let messages: Vec<&str> = text.lines().collect();
    let mut asked = asked(&messages);
    let end: Value = serde_json::from_str(END).expect("JSON");
    let socket = server.handshake(&[]).await.expect("a socket");
    let (mut sink, mut stream) = socket.split();
    let say = async {
        for message in messages.into_iter().chain([END]) {
            // The server hangs up on what is no message.
            if sink.send(Message::text(message)).await.is_err() {
                break;
            }
        }
    };
    let hear = async {
        let mut is_over = false;
        while !is_over || !asked.is_empty() {
            match stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).expect("JSON");
                    check(&message);
                    asked.remove(message["id"].as_str().unwrap_or_default());
                    is_over |= message == json!({ "type": "pong", "payload": end["payload"] });
                }
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map(|frame| u16::from(frame.code));
                    let is_known = code.is_some_and(|code| CODES.contains(&code));
                    assert!(is_known, "closed with {code:?}");
                    return;
                }
                Some(Ok(_)) => {}
                end => panic!("the socket ended without a close frame: {end:?}"),
            }
        }
    };
    within("the answers", join(say, hear)).await;
}

/// Checks a message of the server.
fn check(message: &Value) {
    let payload = &message["payload"];
    match message["type"].as_str() {
        Some("connection_ack" | "pong" | "complete") => {}
        Some("next") => answer::check_one(payload),
        Some("error") => answer::check_errors(payload),
        _ => panic!("not a message: {message}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_said_on_a_socket_is_answered_or_closes_it() {
    let server = server().await;
    let corpus = Corpus::of("socket").lasting(TIME);
    corpus
        .fuzz_async(async |messages: &[u8]| converse(&server, messages).await)
        .await;
    check_server(&server).await;
}
