//! A subscriber of the feed that loses nothing: whenever it is cut off it connects again, and resumes behind its last item.
//!
//! Invariant: each item is at the position behind the one before, from 1, whatever happened in between.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::graphql::number;
use crate::load::FEED;
use crate::{PATIENCE, Route, until};

/// How long it waits before it connects again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// A subscriber in a task of its own.
#[derive(Debug)]
pub struct Resuming {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    cursor: Option<String>,
    /// The message ids, in order: the first is that at position 1.
    ids: Vec<String>,
    connections: usize,
}

impl Drop for Resuming {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Resuming {
    /// Subscribes to the whole feed of the server that `route` leads to.
    pub fn follow(route: Route) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                loop {
                    // Without answer or cut off: either way it comes again.
                    let _ = read(&route, &seen).await;
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        });
        Self { seen, task }
    }

    /// How often it has connected.
    pub fn connections(&self) -> usize {
        locked(&self.seen).connections
    }

    /// Waits until it has seen everything up to `position`, and returns the message ids in order.
    ///
    /// # Panics
    /// When that takes too long, or an item was not the next one.
    pub async fn read_to(&self, position: i64) -> Vec<String> {
        let most = usize::try_from(position).expect("a position");
        let mut read = 0;
        loop {
            // Patience is for the next item, not for all of them.
            read = until("a further item comes", async || {
                assert!(
                    !self.task.is_finished(),
                    "the subscriber saw what it must not"
                );
                let seen = locked(&self.seen).ids.len();
                (seen > read || seen == most).then_some(seen)
            })
            .await;
            if read >= most {
                assert_eq!(read, most, "more was seen than there is");
                return locked(&self.seen).ids.clone();
            }
        }
    }
}

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads until it is cut off.
async fn read(route: &Route, seen: &Mutex<Seen>) -> Option<()> {
    let url = format!("ws://{}/graphql", route.address());
    let mut request = url.into_client_request().expect("a request");
    let protocol = HeaderValue::from_static("graphql-transport-ws");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = timeout(PATIENCE, connect_async(request)).await.ok()?.ok()?;
    let after = locked(seen).cursor.clone();
    let after = after.unwrap_or_else(|| "0".to_owned());
    let subscribe = json!({
        "type": "subscribe",
        "id": "1",
        "payload": { "query": FEED, "variables": { "after": after } },
    });
    for message in [json!({ "type": "connection_init" }), subscribe] {
        let message = Message::text(message.to_string());
        socket.send(message).await.ok()?;
    }
    locked(seen).connections += 1;
    loop {
        let Message::Text(text) = socket.next().await?.ok()? else {
            continue;
        };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        match message["type"].as_str() {
            Some("next") => note(&message["payload"], &mut locked(seen)),
            Some("connection_ack" | "ping" | "pong") => {}
            // The database is away in the moment of subscribing.
            Some("error") if message["payload"][0]["extensions"]["code"] == "INTERNAL" => {
                return None;
            }
            _ => panic!("not an item: {message:#}"),
        }
    }
}

fn note(payload: &Value, seen: &mut Seen) {
    assert!(payload["errors"].is_null(), "{payload:#}");
    let item = &payload["data"]["eventFeed"];
    let (cursor, event) = (&item["cursor"], &item["event"]);
    let expected = i64::try_from(seen.ids.len() + 1).expect("few");
    assert_eq!(
        number(&event["position"]),
        expected,
        "the next item: {item}"
    );
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    seen.ids.push(text(&event["messageId"]));
    seen.cursor = Some(text(cursor));
}
