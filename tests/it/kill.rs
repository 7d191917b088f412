//! `kill -9` under load, again and again: what was acknowledged is there, once, and whoever resumes sees all of it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tests::fault::{Chance, scale};
use tests::{Sender, Server};

use crate::processes::FEED;

/// It is killed at some moment up to this long after the load began.
const WITHIN: Duration = Duration::from_millis(150);

/// Sends one webhook after the other until the server is gone; keeps which were acknowledged.
async fn send(sender: Sender, name: String, acknowledged: Arc<Mutex<Vec<String>>>) {
    for number in 0.. {
        let id = format!("msg_{name}_{number}");
        let user = format!(
            r#"{{"id":"{id}","type":"user.created","timestamp":"2025-01-01T00:00:00Z","payload":{{"user":{{"id":"{id}"}}}}}}"#
        );
        match sender.try_send(&id, user).await {
            Some(204) => acknowledged.lock().expect("no panic").push(id),
            Some(503) => {}
            Some(other) => panic!("{id} was answered {other}"),
            None => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_kills() {
    let mut chance = Chance::of("kill");
    let kills = scale(20, 200);
    let mut server = Server::start().await;
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut seen = Vec::new();
    let mut cursor = json!("0");
    for kill in 0..kills {
        if kill > 0 {
            server.start_again().await;
        }
        let mut feed = server.subscribe(FEED, json!({ "after": cursor })).await;
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let name = format!("{kill}_{sender}");
                tokio::spawn(send(server.sender(), name, Arc::clone(&acknowledged)))
            })
            .collect();
        let killed = tokio::time::sleep(chance.moment(WITHIN));
        tokio::pin!(killed);
        loop {
            tokio::select! {
                () = &mut killed => break,
                item = feed.item() => {
                    cursor = item["cursor"].clone();
                    seen.push(item["event"].clone());
                }
            }
        }
        server.kill().await;
        for sender in senders {
            sender
                .await
                .expect("it was answered 204, 503, or not at all");
        }
    }

    server.start_again().await;
    server.settled().await;
    let head = server.head().await;
    let mut feed = server.subscribe(FEED, json!({ "after": cursor })).await;
    while seen.len() < usize::try_from(head).expect("few") {
        seen.push(feed.item().await["event"].clone());
    }
    // Gap-free, in order, each once, whatever the cuts; and every one is in the read model.
    for (event, position) in seen.iter().zip(1..) {
        assert_eq!(event["position"], position, "{event}");
        assert_eq!(event["outcome"], "PROJECTED", "{event}");
    }
    let stored: HashSet<&str> = seen
        .iter()
        .map(|event| event["messageId"].as_str().expect("an id"))
        .collect();
    assert_eq!(stored.len(), seen.len(), "a message stands twice");
    let acknowledged = acknowledged.lock().expect("no panic").clone();
    assert!(
        acknowledged.len() > 100,
        "there was load: {}",
        acknowledged.len()
    );
    for id in &acknowledged {
        assert!(
            stored.contains(id.as_str()),
            "{id} was acknowledged, and is not there"
        );
    }
    let users = server.graphql("{ users { totalCount } }", json!({})).await;
    assert_eq!(users["users"]["totalCount"], head);
}
