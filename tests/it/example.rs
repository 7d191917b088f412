//! The six published examples: every value of theirs is found through GraphQL, under the catalogue's own field names.

use chrono::{DateTime, NaiveDateTime};
use sample::catalogue::{EXAMPLES, Example};
use serde_json::{Value, json};
use tests::Server;

/// The selection that asks for every field of `value`, under its own name.
fn selection(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| match name.as_str() {
                    "transcript" => format!("transcript {{ lines {} }}", selection(value)),
                    name => format!("{name} {}", selection(value)),
                })
                .collect();
            format!("{{ {} }}", fields.join(" "))
        }
        Value::Array(elements) => elements.first().map(selection).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Microseconds since 1970; a time without a zone is in UTC.
fn micros(text: &str) -> Option<i64> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let time = zoned.or_else(|_| text.parse().map(|time: NaiveDateTime| time.and_utc()));
    Some(time.ok()?.timestamp_micros())
}

/// Checks that `answered` has every value of `sent`, and returns how many there are.
fn assert_has(answered: &Value, sent: &Value, place: &str) -> usize {
    match sent {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let answered = match name.as_str() {
                    "transcript" => &answered[name]["lines"],
                    _ => &answered[name],
                };
                assert_has(answered, value, &format!("{place}.{name}"))
            })
            .sum(),
        Value::Array(elements) => {
            let answered = answered
                .as_array()
                .unwrap_or_else(|| panic!("{place} is no list"));
            assert_eq!(answered.len(), elements.len(), "{place}");
            let pairs = answered.iter().zip(elements);
            pairs
                .map(|(answered, value)| assert_has(answered, value, place))
                .sum()
        }
        Value::String(text) => {
            let answered = answered
                .as_str()
                .unwrap_or_else(|| panic!("{place}: {answered}"));
            match micros(text) {
                Some(time) => {
                    assert_eq!(micros(answered), Some(time), "{place}: {answered}");
                    let zoned = DateTime::parse_from_rfc3339(answered);
                    assert!(zoned.is_ok(), "{place} names its zone: {answered}");
                }
                None => assert_eq!(answered, text, "{place}"),
            }
            1
        }
        number => {
            assert_eq!(answered.as_f64(), number.as_f64(), "{place}");
            1
        }
    }
}

/// The subject's kind (`call`, `user`, `org`), and the subject as sent.
fn subject(body: &str) -> (String, Value) {
    let envelope: Value = serde_json::from_str(body).expect("JSON");
    let payload = envelope["payload"].as_object().expect("an object").clone();
    payload.into_iter().next().expect("one subject")
}

/// What is answered for the subject, with every field that was sent, and what every object tells of itself beside them.
async fn answered(server: &Server, kind: &str, sent: &Value) -> Value {
    let fields = selection(sent);
    let life = if kind == "call" {
        ""
    } else {
        "deleted deletedAt"
    };
    let query = format!(
        "query ($id: ID!) {{ object: {kind}(id: $id) {{ ...Sent isExample {life} lastEvent {{ messageId }} }} }}
        fragment Sent on {} {fields}",
        match kind {
            "call" => "Call",
            "user" => "User",
            _ => "Org",
        }
    );
    server.graphql(&query, json!({ "id": sent["id"] })).await["object"].take()
}

/// Sends the examples, each with the body that `body` gives it, and checks all that is answered. `is_deleted` says of which
/// the subject is deleted afterwards.
async fn check(body: impl Fn(&Example) -> String, is_deleted: impl Fn(&Example) -> bool) {
    let server = Server::start().await;
    for example in &EXAMPLES {
        let sent = server
            .sender()
            .send(example.event_type, body(example))
            .await;
        assert_eq!(sent.status, 204);
    }
    server.settled().await;
    for example in &EXAMPLES {
        let (kind, sent) = subject(example.body);
        let object = answered(&server, &kind, &sent).await;
        let values = assert_has(&object, &sent, &kind);
        let published = match kind.as_str() {
            "call" => 63,
            "user" => 13,
            _ => 5,
        };
        assert_eq!(values, published, "the catalogue's {}", example.event_type);
        assert_eq!(object["isExample"], true);
        assert_eq!(object["lastEvent"]["messageId"], example.event_type);
        if kind != "call" {
            let envelope: Value = serde_json::from_str(example.body).expect("JSON");
            let timestamp = envelope["timestamp"].as_str().and_then(micros);
            let deleted_at = object["deletedAt"].as_str().and_then(micros);
            let deleted = is_deleted(example);
            assert_eq!(object["deleted"], deleted, "{}", example.event_type);
            assert_eq!(
                deleted_at,
                timestamp.filter(|_| deleted),
                "{}",
                example.event_type
            );
        }
        assert_raw(&server, example, &body(example)).await;
    }
}

/// Checks the raw event of an example.
async fn assert_raw(server: &Server, example: &Example, body: &str) {
    let query = "query ($id: String!) { event(messageId: $id) {
        type declaredType eventId occurredAt outcome isExample body payload size
    } }";
    let data = server
        .graphql(query, json!({ "id": example.event_type }))
        .await;
    let event = &data["event"];
    let envelope: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(event["body"], body);
    assert_eq!(event["payload"], envelope);
    assert_eq!(event["size"], body.len());
    assert_eq!(event["eventId"], envelope["id"]);
    assert_eq!(event["declaredType"], envelope["type"]);
    assert_has(&event["occurredAt"], &envelope["timestamp"], "timestamp");
    assert_eq!(event["outcome"], "PROJECTED");
    assert_eq!(event["isExample"], true);
    let subject = example.event_type.split_once('.').expect("a type").0;
    let understood = event["type"].as_str().expect("a type");
    assert!(understood.starts_with(subject), "{understood}");
    if envelope["type"] == example.event_type {
        assert_eq!(understood, example.event_type);
    }
}

#[tokio::test]
async fn every_value_of_the_examples_as_published_is_found() {
    // As published, user.deleted does not say what it is.
    check(
        |example| example.body.to_owned(),
        |example| example.event_type == "org.deleted",
    )
    .await;
}

#[tokio::test]
async fn every_value_of_the_examples_with_their_true_types_is_found() {
    check(Example::with_true_type, |example| {
        example.event_type.ends_with(".deleted")
    })
    .await;
}

#[tokio::test]
async fn the_type_in_the_url_tells_what_an_example_is() {
    let server = Server::start().await;
    for example in &EXAMPLES {
        let sender = server.sender().hint(example.event_type);
        assert_eq!(
            sender.send(example.event_type, example.body).await.status,
            204
        );
    }
    server.settled().await;
    for example in &EXAMPLES {
        let query = "query ($id: String!) { event(messageId: $id) { type typeHint } }";
        let data = server
            .graphql(query, json!({ "id": example.event_type }))
            .await;
        assert_eq!(data["event"]["type"], example.event_type);
        assert_eq!(data["event"]["typeHint"], example.event_type);
        let (kind, sent) = subject(example.body);
        if kind != "call" {
            let deleted = answered(&server, &kind, &sent).await["deleted"].take();
            assert_eq!(deleted, example.event_type.ends_with(".deleted"));
        }
    }
}
