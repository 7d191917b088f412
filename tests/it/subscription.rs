//! Subscriptions over a real socket: from a cursor on, without gap or repeat, and never before it can be queried.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sample::Delivery;
use sample::company::{Company, Size};
use serde_json::{Value, json};
use tests::graphql::number;
use tests::{Installation, Server, Subscription};

use crate::expected::deliveries;

const CALLS: &str = "subscription ($after: Cursor, $since: DateTime, $filter: CallFilter, $checkpoints: Boolean! = false) {
    callCompleted(after: $after, since: $since, filter: $filter, checkpoints: $checkpoints) {
        cursor caughtUp call { id user { id } } event { messageId position }
    }
}";

/// Calls of a company, in the order in which they are made.
fn calls(count: usize) -> Vec<Delivery> {
    let size = Size {
        calls: count,
        ..Size::default()
    };
    Company::new(size)
        .deliveries()
        .filter(|delivery| delivery.event_type == "call.completed")
        .collect()
}

fn call_id(delivery: &Delivery) -> Value {
    let body: Value = serde_json::from_str(&delivery.body).expect("JSON");
    body["payload"]["call"]["id"].clone()
}

/// Checks that the next items are these deliveries, in this order, and returns the last one's cursor.
async fn assert_next(subscription: &mut Subscription, deliveries: &[Delivery]) -> Value {
    let mut cursor = Value::Null;
    for delivery in deliveries {
        let item = subscription.item().await;
        assert_eq!(item["event"]["messageId"], delivery.message_id, "{item:#}");
        if delivery.event_type == "call.completed" {
            assert_eq!(item["call"]["id"], call_id(delivery), "{item:#}");
        }
        cursor = item["cursor"].clone();
    }
    cursor
}

#[tokio::test]
async fn whoever_waits_for_nothing_that_was_sent_is_told_so_at_once() {
    let server = Server::start().await;
    server.sender().deliver(&calls(3)).await;
    server.settled().await;
    let nobody = json!({ "after": "0", "checkpoints": true, "filter": { "userId": ["nobody"] } });
    let mut subscription = server.subscribe(CALLS, nobody).await;
    // Long before the next checkpoint that only says that the connection is alive.
    let told = tokio::time::timeout(Duration::from_secs(10), async {
        let begun = subscription.item().await;
        assert_eq!(
            (&begun["caughtUp"], &begun["call"]),
            (&json!(false), &Value::Null)
        );
        let done = subscription.item().await;
        assert_eq!(
            (&done["caughtUp"], &done["call"]),
            (&json!(true), &Value::Null)
        );
        assert_ne!(begun["cursor"], done["cursor"]);
        // No cursor tells of the body of an event that its owner may not see.
        let query = "{ events(first: 10) { nodes { sha256 } } }";
        let events = server.graphql(query, Value::Null).await["events"]["nodes"].take();
        for event in events.as_array().expect("events") {
            let hash = event["sha256"].as_str().expect("a hash");
            assert!(!done["cursor"].to_string().contains(&hash[..8]));
        }
    });
    assert!(told.await.is_ok(), "it is told late");
}

#[tokio::test]
async fn a_call_arrives_when_it_can_be_queried() {
    let server = Server::start().await;
    let mut subscription = server
        .subscribe(CALLS, json!({ "checkpoints": true }))
        .await;
    let checkpoint = subscription.item().await;
    assert_eq!(checkpoint["call"], Value::Null);
    assert_eq!(checkpoint["event"], Value::Null);
    assert_eq!(checkpoint["caughtUp"], true);
    assert!(checkpoint["cursor"].is_string());
    for delivery in calls(5) {
        server.sender().deliver([&delivery]).await;
        let item = subscription.item().await;
        assert_eq!(item["call"]["id"], call_id(&delivery));
        assert_eq!(item["event"]["messageId"], delivery.message_id);
        assert_eq!(item["caughtUp"], true);
        let query = "query ($id: ID!) { call(id: $id) { id transcript { lineCount } } }";
        let data = server
            .graphql(query, json!({ "id": call_id(&delivery) }))
            .await;
        assert!(
            data["call"]["transcript"]["lineCount"].as_i64() > Some(0),
            "{data}"
        );
    }
}

#[tokio::test]
async fn who_was_away_gets_exactly_what_was_missed() {
    let mut server = Server::start().await;
    let calls = calls(20);
    let (seen, missed) = calls.split_at(8);
    let (missed, live) = missed.split_at(8);
    let mut subscription = server
        .subscribe(CALLS, json!({ "checkpoints": true }))
        .await;
    let before_the_first = subscription.item().await["cursor"].take();
    server.sender().deliver(seen).await;
    let cursor = assert_next(&mut subscription, seen).await;
    drop(subscription);
    server.sender().deliver(missed).await;
    // A cursor outlives the connection, and the server too.
    server.kill().await;
    server.start_again().await;

    let mut subscription = server.subscribe(CALLS, json!({ "after": cursor })).await;
    assert_next(&mut subscription, missed).await;
    server.sender().deliver(live).await;
    assert_next(&mut subscription, live).await;

    for beginning in [json!("0"), before_the_first] {
        let mut subscription = server.subscribe(CALLS, json!({ "after": beginning })).await;
        assert_next(&mut subscription, &calls).await;
    }
    let status = server.graphql("{ status { cursor } }", json!({})).await;
    let now = json!({ "after": status["status"]["cursor"], "checkpoints": true });
    let mut subscription = server.subscribe(CALLS, now).await;
    assert_eq!(
        subscription.item().await["call"],
        Value::Null,
        "nothing was missed"
    );
}

#[tokio::test]
async fn without_a_cursor_it_begins_now() {
    let server = Server::start().await;
    let calls = calls(6);
    server.sender().deliver(&calls[..3]).await;
    server.settled().await;
    let mut subscription = server
        .subscribe(CALLS, json!({ "checkpoints": true }))
        .await;
    assert_eq!(subscription.item().await["call"], Value::Null);
    server.sender().deliver(&calls[3..]).await;
    assert_next(&mut subscription, &calls[3..]).await;
}

#[tokio::test]
async fn it_can_begin_at_a_time() {
    let server = Server::start().await;
    let calls = calls(6);
    server.sender().deliver(&calls).await;
    server.settled().await;
    let query = "query ($id: String!) { event(messageId: $id) { receivedAt } }";
    let data = server
        .graphql(query, json!({ "id": calls[3].message_id }))
        .await;
    let since = data["event"]["receivedAt"].clone();
    let mut subscription = server.subscribe(CALLS, json!({ "since": since })).await;
    assert_next(&mut subscription, &calls[3..]).await;
    let mut subscription = server
        .subscribe(CALLS, json!({ "since": "1999-01-01T00:00:00Z" }))
        .await;
    assert_next(&mut subscription, &calls).await;
}

#[tokio::test]
async fn a_cursor_that_cannot_be_resumed_is_bad_user_input() {
    let server = Server::start().await;
    server.sender().deliver(&calls(1)).await;
    server.settled().await;
    let other = Server::start().await;
    let cursor = async |server: &Server| {
        let data = server.graphql("{ status { cursor } }", json!({})).await;
        data["status"]["cursor"]
            .as_str()
            .expect("a cursor")
            .to_owned()
    };
    let ours = cursor(&server).await;
    let mut parts = ours.split('-');
    let identity = parts.next().expect("the log");
    assert_eq!(parts.next(), Some("1"), "the position");
    let mark = parts.next().expect("a mark of the event");
    for after in [
        cursor(&other).await,
        format!("{identity}-1-{}", "0".repeat(mark.len())),
        format!("{identity}-1-"),
        format!("{ours}-"),
        format!("{identity}-2"),
        "2".to_owned(),
        format!("{identity}-9223372036854775808"),
        format!("{identity}--1"),
        "nonsense".to_owned(),
        String::new(),
    ] {
        let mut subscription = server.subscribe(CALLS, json!({ "after": after })).await;
        assert_eq!(
            subscription.error_code().await,
            "BAD_USER_INPUT",
            "{after:?}"
        );
    }
    let both = json!({ "after": ours, "since": "2025-01-01T00:00:00Z" });
    let mut subscription = server.subscribe(CALLS, both).await;
    assert_eq!(subscription.error_code().await, "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_repeat_is_announced_once_and_fed_with_what_it_repeats() {
    let server = Server::start().await;
    let feed =
        "subscription { eventFeed { cursor event { messageId position duplicateOf outcome } } }";
    let mut feed = server.subscribe(feed, json!({})).await;
    let mut announced = server
        .subscribe(CALLS, json!({ "checkpoints": true }))
        .await;
    announced.item().await;
    let [first, next] = &calls(2)[..] else {
        panic!("two calls");
    };
    let repeat = Delivery {
        message_id: "msg_again".to_owned(),
        ..first.clone()
    };
    let sent = [first.clone(), repeat, next.clone()];
    // The same message id is no event at all.
    server.sender().deliver([first, first]).await;
    server.sender().deliver(&sent).await;
    assert_next(&mut announced, &[first.clone(), next.clone()]).await;
    for (position, delivery) in (1..).zip(&sent) {
        let event = feed.item().await["event"].take();
        let expected = json!({
            "messageId": delivery.message_id,
            "position": event["position"],
            "duplicateOf": if position == 2 { json!(position_of(&event) - 1) } else { Value::Null },
            "outcome": "PROJECTED",
        });
        assert_eq!(tests::graphql::number(&event["position"]), position);
        assert_eq!(normal(&event), expected);
    }
}

fn position_of(event: &Value) -> i64 {
    tests::graphql::number(&event["position"])
}

/// The event with `duplicateOf` as a number.
fn normal(event: &Value) -> Value {
    let mut event = event.clone();
    if !event["duplicateOf"].is_null() {
        event["duplicateOf"] = tests::graphql::number(&event["duplicateOf"]).into();
    }
    event
}

#[tokio::test]
async fn examples_are_announced_each_time() {
    let server = Server::start().await;
    let mut subscription = server.subscribe(CALLS, json!({ "after": "0" })).await;
    for seed in [1, 2] {
        let examples: Vec<_> = sample::catalogue::deliveries(seed).collect();
        server.sender().deliver(&examples).await;
        assert_next(&mut subscription, &examples[3..4]).await;
    }
}

#[tokio::test]
async fn each_subscription_tells_of_its_own_subject() {
    let server = Server::start().await;
    let deliveries = deliveries();
    let mut stored: Vec<Delivery> = Vec::new();
    for delivery in &deliveries {
        if stored
            .iter()
            .all(|other| other.message_id != delivery.message_id)
        {
            stored.push(delivery.clone());
        }
    }
    let mut announced: Vec<Delivery> = Vec::new();
    for delivery in &stored {
        if announced.iter().all(|other| other.body != delivery.body) {
            announced.push(delivery.clone());
        }
    }
    let mut subscriptions = Vec::new();
    for (field, node) in [
        ("userChanged", "user { id }"),
        ("orgChanged", "org { id }"),
        ("callCompleted", "call { id }"),
        ("eventFeed", ""),
    ] {
        let query = format!(
            "subscription {{ {field}(after: \"0\") {{ cursor caughtUp {node} event {{ messageId }} }} }}"
        );
        subscriptions.push(server.subscribe(&query, json!({})).await);
    }
    server.sender().deliver(&deliveries).await;
    for (subscription, subject) in subscriptions.iter_mut().zip(["user", "org", "call", ""]) {
        let of_subject = |delivery: &&Delivery| delivery.event_type.starts_with(subject);
        let expected: Vec<_> = match subject {
            "" => stored.clone(),
            _ => announced.iter().filter(of_subject).cloned().collect(),
        };
        let expected: Vec<_> = expected
            .into_iter()
            .filter(|delivery| subject.is_empty() || !delivery.event_type.is_empty())
            .collect();
        assert!(!expected.is_empty());
        for delivery in &expected {
            let item = subscription.item().await;
            assert_eq!(
                item["event"]["messageId"], delivery.message_id,
                "{subject}: {item:#}"
            );
            if !subject.is_empty() {
                let body: Value = serde_json::from_str(&delivery.body).expect("JSON");
                assert_eq!(item[subject]["id"], body["payload"][subject]["id"]);
            }
        }
    }
}

#[tokio::test]
async fn a_filter_lets_pass_what_it_says() {
    let server = Server::start().await;
    let calls = calls(20);
    let user = |delivery: &Delivery| {
        let body: Value = serde_json::from_str(&delivery.body).expect("JSON");
        body["payload"]["call"]["user"]["id"].clone()
    };
    let wanted = user(&calls[19]);
    let filter = json!({ "after": "0", "filter": { "userId": [wanted] } });
    let mut subscription = server.subscribe(CALLS, filter).await;
    let feed = "subscription { eventFeed(after: \"0\", filter: { outcome: [DEAD, UNRECOGNIZED] }) { event { messageId outcome } } }";
    let mut feed = server.subscribe(feed, json!({})).await;
    server.sender().deliver(&calls).await;
    assert_eq!(
        server.sender().send("msg_dead", "not JSON").await.status,
        204
    );
    assert_eq!(
        server
            .sender()
            .send("msg_new", r#"{"type":"team.created"}"#)
            .await
            .status,
        204
    );
    let passing: Vec<_> = calls
        .iter()
        .filter(|call| user(call) == wanted)
        .cloned()
        .collect();
    assert!(passing.len() < calls.len());
    assert_next(&mut subscription, &passing).await;
    let item = feed.item().await;
    assert_eq!(
        item["event"],
        json!({ "messageId": "msg_dead", "outcome": "DEAD" })
    );
    let item = feed.item().await;
    assert_eq!(
        item["event"],
        json!({ "messageId": "msg_new", "outcome": "UNRECOGNIZED" })
    );
}

#[tokio::test]
async fn a_server_that_stops_closes_with_1012() {
    let mut server = Server::start().await;
    let mut idle = server
        .subscribe(CALLS, json!({ "checkpoints": true }))
        .await;
    idle.item().await;
    server.terminate().await;
    assert_eq!(idle.close_code().await, Some(1012));
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn only_the_last_of_the_old_items_is_caught_up() {
    let server = Server::start().await;
    for number in 0..64 {
        let body = format!(
            r#"{{"id":"e{number}","type":"user.created","payload":{{"user":{{"id":"u{number}","orgId":"o"}}}}}}"#
        );
        let answer = server.sender().send(&format!("msg_{number}"), body).await;
        assert_eq!(answer.status, 204);
    }
    // What follows the last user is read, and is no item.
    let org = r#"{"id":"e","type":"org.updated","payload":{"org":{"id":"o"}}}"#;
    assert_eq!(server.sender().send("msg_org", org).await.status, 204);
    server.settled().await;
    let query = "subscription { userChanged(after: \"0\") { caughtUp user { id } } }";
    let mut subscription = server.subscribe(query, json!({})).await;
    for number in 0..64 {
        let item = subscription.item().await;
        let expected = json!({ "caughtUp": number == 63, "user": { "id": format!("u{number}") } });
        assert_eq!(item, expected);
    }
}

/// Copies the log of a server that has stopped to the data folder of another installation.
fn restore(from: &Server, to: &Installation) {
    fs::create_dir(to.data_dir()).expect("a folder");
    let log = |folder: PathBuf| folder.join("log.db");
    fs::copy(log(from.installation.data_dir()), log(to.data_dir())).expect("a copy");
}

#[tokio::test]
async fn after_an_older_backup_a_cursor_never_skips_what_came_since() {
    let mut server = Installation::new().on_sqlite().serve().await;
    server.sender().deliver(&calls(1)).await;
    server.stop().await;
    let [same, other] = [0, 1].map(|_| {
        let installation = Installation::new().on_sqlite();
        restore(&server, &installation);
        installation
    });
    let lost = r#"{"id":"e-lost","type":"call.completed","payload":{"call":{"id":"lost"}}}"#;
    let new = r#"{"id":"e-new","type":"call.completed","payload":{"call":{"id":"new"}}}"#;
    server.start_again().await;
    let mut subscription = server.subscribe(CALLS, json!({ "after": "0" })).await;
    subscription.item().await;
    assert_eq!(server.sender().send("msg_2", lost).await.status, 204);
    let cursor = subscription.item().await["cursor"].take();

    let restored = same.serve().await;
    assert_eq!(restored.sender().send("msg_2", lost).await.status, 204);
    assert_eq!(restored.sender().send("msg_3", new).await.status, 204);
    let mut resumed = restored.subscribe(CALLS, json!({ "after": cursor })).await;
    assert_eq!(
        resumed.item().await["call"]["id"],
        "new",
        "it was sent again"
    );

    let restored = other.serve().await;
    assert_eq!(restored.sender().send("msg_3", new).await.status, 204);
    let mut resumed = restored.subscribe(CALLS, json!({ "after": cursor })).await;
    assert_eq!(resumed.error_code().await, "BAD_USER_INPUT");
}

/// Six who ask for the same, four in other words, and one for something else: each gets each call once, wherever it began.
#[tokio::test]
async fn who_asks_for_the_same_gets_the_same_wherever_it_began() {
    let server = Server::start().await;
    let calls = calls(40);
    let (before, after) = calls.split_at(20);
    server.sender().deliver(before).await;
    server.settled().await;
    let item = "cursor caughtUp call { id title } event { position }";
    let text = format!("subscription ($a: Cursor) {{ callCompleted(after: $a) {{ {item} }} }}");
    let mut subscribers = Vec::new();
    for begin in [0, 0, 7, 20, 13, 0] {
        let variables = json!({ "a": begin.to_string() });
        subscribers.push((begin, server.subscribe(&text, variables).await));
    }
    for begin in [0, 11, 20] {
        let text = text
            .replace("$a)", &format!("\"{begin}\")"))
            .replace(" ($a: Cursor)", "");
        subscribers.push((begin, server.subscribe(&text, json!({})).await));
    }
    let other = format!("subscription {{ callCompleted(after: \"20\") {{ {item} }} }}");
    subscribers.push((20, server.subscribe(&other, json!({})).await));
    server.sender().deliver(after).await;
    for (begin, subscriber) in &mut subscribers {
        for position in *begin + 1..=40 {
            let item = subscriber.item().await;
            assert_eq!(
                number(&item["event"]["position"]),
                position,
                "from {begin}: {item}"
            );
        }
    }
    // Who comes later, and goes on from the middle.
    let mut late = server.subscribe(&text, json!({ "a": "38" })).await;
    for position in [39, 40] {
        assert_eq!(number(&late.item().await["event"]["position"]), position);
    }
}
