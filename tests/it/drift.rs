//! Drift: fields and types that the catalogue does not have, fields that never come, and the values of roles and statuses.

use std::collections::BTreeSet;

use sample::catalogue::EXAMPLES;
use sample::company::{Company, Size};
use serde_json::{Value, json};
use tests::Server;

const QUERY: &str =
    "{ schemaDrift { type isKnown events firstEvent { eventId } lastEvent { eventId } missingFields
    unknownFields { path events firstEvent { eventId } lastEvent { eventId } }
    values { path value events firstEvent { eventId } lastEvent { eventId } } } }";

/// What is told, by type.
async fn drift(server: &Server) -> Vec<Value> {
    let mut data = server.graphql(QUERY, json!({})).await;
    serde_json::from_value(data["schemaDrift"].take()).expect("a list")
}

fn of<'d>(drift: &'d [Value], event_type: &str) -> &'d Value {
    let found = drift.iter().find(|one| one["type"] == event_type);
    found.unwrap_or_else(|| panic!("no {event_type}"))
}

/// An entry as (its field `name`, how many events, the first, the last).
fn entries(of: &Value, name: &str) -> Vec<(String, i64, String, String)> {
    let entries = of.as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    entries
        .map(|entry| {
            let event = |which: &str| text(&entry[which]["eventId"]);
            let events = entry["events"].as_i64().expect("a number");
            (
                text(&entry[name]),
                events,
                event("firstEvent"),
                event("lastEvent"),
            )
        })
        .collect()
}

fn user(id: &str, event_type: &str, user: &Value) -> Value {
    json!({"id": id, "type": event_type, "timestamp": "2025-01-14T00:00:00Z", "payload": {"user": user}})
}

async fn send(server: &Server, bodies: &[Value]) {
    for (place, body) in bodies.iter().enumerate() {
        let id = format!("{place}-{}", body["id"]);
        assert_eq!(
            server.sender().send(&id, body.to_string()).await.status,
            204
        );
    }
    server.settled().await;
}

#[tokio::test]
async fn what_the_catalogue_does_not_have_is_told_with_its_first_and_last_event() {
    let server = Server::start().await;
    let updated = |id: &str, of: Value| user(id, "user.updated", &of);
    send(
        &server,
        &[
            updated("1", json!({"id": "u", "name": "Ada", "role": "rep", "status": "active"})),
            updated("2", json!({"id": "u", "role": "rep", "status": "", "nickname": "A", "tags": [{"name": "x"}, {"name": "y"}]})),
            // It does not fit, and tells of its fields all the same.
            updated("3", json!({"id": "u", "role": "coach", "streak": "many", "nickname": null})),
            // The same event once more counts once more.
            updated("1", json!({"id": "u", "name": "Ada", "role": "rep", "status": "active"})),
            json!({"id": "5", "type": "team.renamed", "payload": {"team": {"name": "T"}}}),
        ],
    )
    .await;
    let drift = drift(&server).await;
    let types: Vec<_> = drift
        .iter()
        .map(|one| one["type"].as_str().expect("a type"))
        .collect();
    assert_eq!(
        types,
        [
            "call.completed",
            "org.deleted",
            "org.updated",
            "team.renamed",
            "user.created",
            "user.deleted",
            "user.updated"
        ]
    );
    let entry = |name: &str, events: i64, first: &str, last: &str| {
        (name.to_owned(), events, first.to_owned(), last.to_owned())
    };

    let updated = of(&drift, "user.updated");
    assert_eq!(
        (&updated["isKnown"], &updated["events"]),
        (&json!(true), &json!(4))
    );
    assert_eq!(
        (
            &updated["firstEvent"]["eventId"],
            &updated["lastEvent"]["eventId"]
        ),
        (&json!("1"), &json!("1"))
    );
    assert_eq!(
        entries(&updated["unknownFields"], "path"),
        [
            entry("payload.user.nickname", 2, "2", "3"),
            entry("payload.user.tags", 1, "2", "2"),
            entry("payload.user.tags[].name", 1, "2", "2"),
        ]
    );
    assert_eq!(
        entries(&updated["values"], "value"),
        [
            entry("coach", 1, "3", "3"),
            entry("rep", 3, "1", "1"),
            entry("active", 2, "1", "1")
        ]
    );
    let missing = [
        "createdAt",
        "customerId",
        "email",
        "image",
        "longestStreak",
        "managerId",
        "orgId",
        "teamId",
    ]
    .map(|field| format!("payload.user.{field}"));
    assert_eq!(updated["missingFields"], json!(missing));

    let renamed = of(&drift, "team.renamed");
    assert_eq!(
        (&renamed["isKnown"], &renamed["events"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(
        entries(&renamed["unknownFields"], "path"),
        [
            entry("payload.team", 1, "5", "5"),
            entry("payload.team.name", 1, "5", "5")
        ]
    );
    assert_eq!(renamed["missingFields"], json!(["timestamp"]));

    let created = of(&drift, "user.created");
    assert_eq!(
        (&created["events"], &created["firstEvent"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(created["missingFields"].as_array().map(Vec::len), Some(18));
}

/// The catalogue's examples have every field that the program knows, and no other: they are what it is held against.
#[tokio::test]
async fn the_examples_have_all_fields_and_do_not_count() {
    for example in &EXAMPLES {
        let body = example.with_true_type();
        let fields = ingest::payload::read(body.as_bytes(), None).fields;
        assert_eq!(
            fields,
            ingest::payload::Fields::default(),
            "{}",
            example.event_type
        );
    }
    let server = Server::start().await;
    for example in &EXAMPLES {
        let answer = server
            .sender()
            .send(example.event_type, example.with_true_type())
            .await;
        assert_eq!(answer.status, 204);
    }
    server.settled().await;
    let drift = drift(&server).await;
    assert_eq!(drift.len(), EXAMPLES.len());
    for one in &drift {
        assert_eq!(
            (&one["events"], &one["unknownFields"], &one["values"]),
            (&json!(0), &json!([]), &json!([]))
        );
    }
}

#[tokio::test]
async fn sample_traffic_drifts_in_nothing_and_counts_every_event() {
    let server = Server::start().await;
    let deliveries: Vec<_> = Company::new(Size::default()).deliveries().collect();
    server.sender().deliver(&deliveries).await;
    server.settled().await;
    let drift = drift(&server).await;
    for one in &drift {
        let event_type = one["type"].as_str().expect("a type");
        let of_type = deliveries
            .iter()
            .filter(|delivery| delivery.event_type == event_type);
        assert_eq!(
            one["events"],
            json!(of_type.clone().count()),
            "{event_type}"
        );
        assert_eq!(one["unknownFields"], json!([]), "{event_type}");
        let missing = if one["events"] == 0 {
            ingest::payload::catalogued(event_type).count()
        } else {
            0
        };
        assert_eq!(
            one["missingFields"].as_array().map(Vec::len),
            Some(missing),
            "{one}"
        );
        let types: BTreeSet<String> = of_type
            .filter_map(|delivery| serde_json::from_str::<Value>(&delivery.body).ok())
            .flat_map(|body| {
                body["payload"]["call"]["analysis"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
            })
            .filter_map(|analysis| analysis["analysisType"].as_str().map(str::to_owned))
            .collect();
        let values = one["values"].as_array().expect("values").iter();
        let told: BTreeSet<String> = values
            .filter(|value| value["path"] == "payload.call.analysis[].analysisType")
            .map(|value| value["value"].as_str().expect("a value").to_owned())
            .collect();
        assert_eq!(told, types, "{event_type}");
    }
}

#[tokio::test]
async fn what_is_kept_of_a_type_is_bounded() {
    let server = Server::start().await;
    let wide = |id: &str, from: usize| {
        let fields = (from..from + 700).map(|field| (format!("f{field:04}"), json!(1)));
        user(
            id,
            "user.updated",
            &fields.chain([("id".to_owned(), json!("u"))]).collect(),
        )
    };
    send(&server, &[wide("1", 0), wide("2", 700), wide("3", 0)]).await;
    let told = drift(&server).await;
    let updated = of(&told, "user.updated");
    let unknown = entries(&updated["unknownFields"], "path");
    // The first thousand, and those that were there go on being counted.
    assert_eq!(unknown.len(), 1000);
    assert!(
        unknown
            .iter()
            .any(|(path, ..)| path == "payload.user.f0999")
    );
    let first = unknown
        .iter()
        .find(|(path, ..)| path == "payload.user.f0000");
    assert_eq!(first.map(|(_, events, ..)| *events), Some(2));

    let types: Vec<Value> = (0..103)
        .map(|number| json!({"id": number.to_string(), "type": format!("new.{number:03}"), "payload": {}}))
        .collect();
    send(&server, &types).await;
    let told = drift(&server).await;
    let unknown: Vec<_> = told.iter().filter(|one| one["isKnown"] == false).collect();
    assert_eq!(unknown.len(), 100);
    assert_eq!(unknown[99]["type"], "new.099");
}
