//! An event beside what was made of it: what was understood, what was passed over, and whether it is still what queries answer.

use sample::catalogue::EXAMPLES;
use serde_json::{Value, json};
use tests::Server;

const QUERY: &str = "query ($id: String!) { event(messageId: $id) { outcome ignored projected { kind id values isCurrent subject {
    ... on Call { title } ... on User { name } ... on Org { name } ... on Prospect { name } } } } }";

async fn event(server: &Server, message_id: &str) -> Value {
    let mut data = server.graphql(QUERY, json!({ "id": message_id })).await;
    data["event"].take()
}

async fn send(server: &Server, message_id: &str, body: &Value) {
    let answer = server.sender().send(message_id, body.to_string()).await;
    assert_eq!(answer.status, 204);
    server.settled().await;
}

fn call(event_id: &str, timestamp: &str, title: &str, user: &Value, prospects: &Value) -> Value {
    json!({"id": event_id, "type": "call.completed", "timestamp": timestamp, "payload": {"call": {
        "id": "c", "orgId": "o", "title": title, "user": user, "prospects": prospects, "mood": "good",
        "stats": {"duration": 12, "pauses": [{"at": 1}]},
    }}})
}

/// Kind, id, the value of a field, whether it is current, and what its subject is called now.
fn told(event: &Value, field: &str) -> Vec<[Value; 5]> {
    let projected = event["projected"].as_array().expect("projections");
    projected
        .iter()
        .map(|one| {
            let subject = one["subject"].as_object().expect("a subject");
            let called = subject.values().next().cloned().unwrap_or_default();
            let kind = one["kind"].as_str().expect("a kind");
            let field = if kind == "CALL" { "title" } else { field };
            [
                one["kind"].clone(),
                one["id"].clone(),
                one["values"][field].clone(),
                one["isCurrent"].clone(),
                called,
            ]
        })
        .collect()
}

#[tokio::test]
async fn what_an_event_wrote_is_current_until_it_is_described_again() {
    let server = Server::start().await;
    let ada = json!({"id": "u", "name": "Ada", "orgId": 7});
    let both =
        json!([{"id": "p", "name": "Pat"}, {"id": "q", "name": "Quinn"}, {"name": "Nobody"}]);
    send(
        &server,
        "first",
        &call("1", "2025-01-14T00:00:00Z", "Hello", &ada, &both),
    )
    .await;
    let first = event(&server, "first").await;
    assert_eq!(first["outcome"], "PROJECTED");
    let row = |kind: &str, id: &str, value: &str, current: bool, now: &str| {
        [
            json!(kind),
            json!(id),
            json!(value),
            json!(current),
            json!(now),
        ]
    };
    assert_eq!(
        told(&first, "name"),
        [
            row("CALL", "c", "Hello", true, "Hello"),
            row("USER", "u", "Ada", true, "Ada"),
            row("PROSPECT", "p", "Pat", true, "Pat"),
            row("PROSPECT", "q", "Quinn", true, "Quinn"),
        ]
    );
    // Ids are texts, and what was not sent is null.
    let user = &first["projected"][1]["values"];
    assert_eq!(
        (&user["orgId"], &user["email"]),
        (&json!("7"), &Value::Null)
    );
    assert_eq!(
        first["projected"][0]["values"]["stats"],
        json!({"duration": 12.0})
    );
    assert_eq!(
        first["ignored"],
        json!([
            "payload.call.mood",
            "payload.call.stats.pauses",
            "payload.call.stats.pauses[].at"
        ])
    );

    // Another call of an earlier time has the user and one of the prospects; a later one replaces the call.
    let pat = json!([{"id": "p", "name": "Pat B."}]);
    let other = call(
        "0",
        "2025-01-13T00:00:00Z",
        "Earlier",
        &json!({"id": "u", "name": "Earlier"}),
        &pat,
    );
    send(&server, "earlier", &other).await;
    send(
        &server,
        "later",
        &call("2", "2025-01-15T00:00:00Z", "Again", &Value::Null, &pat),
    )
    .await;
    assert_eq!(
        told(&event(&server, "first").await, "name"),
        [
            row("CALL", "c", "Hello", false, "Again"),
            row("USER", "u", "Ada", true, "Ada"),
            row("PROSPECT", "p", "Pat", false, "Pat B."),
            row("PROSPECT", "q", "Quinn", true, "Quinn"),
        ]
    );
    assert_eq!(
        told(&event(&server, "earlier").await, "name"),
        [
            row("CALL", "c", "Earlier", false, "Again"),
            row("USER", "u", "Earlier", false, "Ada"),
            row("PROSPECT", "p", "Pat B.", false, "Pat B."),
        ]
    );
    assert_eq!(
        told(&event(&server, "later").await, "name"),
        [
            row("CALL", "c", "Again", true, "Again"),
            row("PROSPECT", "p", "Pat B.", true, "Pat B.")
        ]
    );
    // The same body under another message id has written nothing that was not there.
    send(
        &server,
        "twice",
        &call("2", "2025-01-15T00:00:00Z", "Again", &Value::Null, &pat),
    )
    .await;
    let twice = event(&server, "twice").await;
    assert!(
        told(&twice, "name").iter().all(|row| row[3] == false),
        "{twice}"
    );
}

#[tokio::test]
async fn what_is_not_projected_has_written_nothing() {
    let server = Server::start().await;
    let unknown = json!({"type": "call.paused", "payload": {"call": {"id": "c"}}});
    send(&server, "unknown", &unknown).await;
    let dead = json!({"type": "user.updated", "payload": {"user": {"id": "u", "streak": "many", "new": 1}}});
    send(&server, "dead", &dead).await;
    assert_eq!(server.sender().send("broken", "{").await.status, 204);
    server.settled().await;
    for (id, outcome, ignored) in [
        (
            "unknown",
            "UNRECOGNIZED",
            json!(["payload.call", "payload.call.id"]),
        ),
        ("dead", "DEAD", json!(["payload.user.new"])),
        ("broken", "DEAD", json!([])),
    ] {
        let event = event(&server, id).await;
        assert_eq!(
            event,
            json!({"outcome": outcome, "ignored": ignored, "projected": []}),
            "{id}"
        );
    }
}

/// Every value that `sent` has is in `understood`: the same text or number, and the same moment to the microsecond.
fn assert_has(understood: &Value, sent: &Value, place: &str) {
    match sent {
        Value::Object(fields) => {
            for (name, value) in fields {
                assert_has(&understood[name], value, &format!("{place}.{name}"));
            }
        }
        Value::Array(elements) => {
            for (at, value) in elements.iter().enumerate() {
                assert_has(&understood[at], value, &format!("{place}[{at}]"));
            }
        }
        Value::Number(number) => assert_eq!(understood.as_f64(), number.as_f64(), "{place}"),
        Value::String(text) => {
            let understood = understood
                .as_str()
                .unwrap_or_else(|| panic!("{place} is missing"));
            let time = ingest::payload::Instant::parse;
            match time(text) {
                Some(sent) => assert_eq!(
                    time(understood).map(ingest::payload::Instant::micros),
                    Some(sent.micros()),
                    "{place}: {understood}"
                ),
                None => assert_eq!(understood, text, "{place}"),
            }
        }
        other => panic!("{place} is {other}"),
    }
}

#[tokio::test]
async fn the_examples_are_understood_in_full() {
    let server = Server::start().await;
    for example in &EXAMPLES {
        let sent: Value = serde_json::from_str(&example.with_true_type()).expect("JSON");
        send(&server, example.event_type, &sent).await;
        let event = event(&server, example.event_type).await;
        assert_eq!(event["ignored"], json!([]), "{}", example.event_type);
        let payload = sent["payload"].as_object().expect("a payload");
        let (kind, subject) = payload.iter().next().expect("a subject");
        let projected = &event["projected"][0];
        assert_eq!(projected["kind"], kind.to_uppercase());
        assert_has(&projected["values"], subject, kind);
        let count = if kind == "call" { 3 } else { 1 };
        assert_eq!(event["projected"].as_array().map(Vec::len), Some(count));
    }
}
