//! What users and orgs were like: as of a moment, and from change to change, whatever order the events arrive in.

use serde_json::{Value, json};
use tests::Server;

/// An event of this type and time about a user or an org, as its only part says.
fn event(id: &str, event_type: &str, timestamp: &str, payload: &Value) -> String {
    json!({"id": id, "type": event_type, "timestamp": timestamp, "payload": payload}).to_string()
}

fn user(id: &str, event_type: &str, timestamp: &str, user: &Value) -> String {
    event(id, event_type, timestamp, &json!({"user": user}))
}

/// Sends these bodies in their order, each under its place as message id, and waits until they are projected.
async fn sent(bodies: &[String]) -> Server {
    let server = Server::start().await;
    for (place, body) in bodies.iter().enumerate() {
        let answer = server
            .sender()
            .send(&place.to_string(), body.as_str())
            .await;
        assert_eq!(answer.status, 204);
    }
    server.settled().await;
    server
}

async fn history(server: &Server, id: &str) -> Value {
    let query = "query ($id: ID!) { user(id: $id) { history { totalCount nodes {
        type occurredAt deleted changes { field before after } event { eventId }
        user { name role deleted deletedAt lastEvent { eventId } } } } } }";
    let mut data = server.graphql(query, json!({ "id": id })).await;
    data["user"]["history"].take()
}

async fn as_of(server: &Server, moment: &str) -> Value {
    let query = "query ($asOf: DateTime) { user(id: \"u\", asOf: $asOf) {
        name role orgId deleted deletedAt lastEvent { eventId } } }";
    let mut data = server.graphql(query, json!({ "asOf": moment })).await;
    data["user"].take()
}

/// The life of a user: created, seen in a call with another role, renamed, deleted, seen in a call once more, and back.
fn life() -> Vec<String> {
    let described =
        |name: &str, role: &str| json!({"id": "u", "orgId": "o", "name": name, "role": role});
    let call = |id: &str, timestamp: &str, name: &str, role: &str| {
        let call = json!({"id": id, "orgId": "o", "user": described(name, role)});
        event(id, "call.completed", timestamp, &json!({ "call": call }))
    };
    let [one, two, three, four, five, six, seven] = [
        "2025-01-14T04:22:51.548816074",
        "2025-01-15T00:00:00Z",
        "2025-01-16T01:00:00+01:00",
        "2025-01-16T00:00:00.000000001",
        "2025-01-17T00:00:00Z",
        "2025-01-18T00:00:00Z",
        "2025-01-19T00:00:00Z",
    ];
    vec![
        user("1", "user.created", one, &described("Ada", "rep")),
        call("2", two, "Ada", "manager"),
        user("3", "user.updated", three, &described("Ada B.", "manager")),
        // A nanosecond later, and the same: no change.
        user("4", "user.updated", four, &described("Ada B.", "manager")),
        user("5", "user.deleted", five, &described("Ada B.", "manager")),
        // It observes, and revives no one.
        call("6", six, "Ada", "manager"),
        user("7", "user.updated", seven, &described("Ada", "manager")),
    ]
}

#[tokio::test]
async fn changes_are_in_the_order_of_time_whatever_order_they_arrive_in() {
    let in_order = life();
    // The update before the creation, the deletion first of all, and the first one twice more: repeated and under another id.
    let turned = [4, 2, 6, 0, 5, 3, 1, 0].map(|place: usize| in_order[place].clone());
    let changed = |field: &str, before: Value, after: Value| json!({"field": field, "before": before, "after": after});
    let change = |event: &str,
                  event_type: &str,
                  occurred_at: &str,
                  name: &str,
                  role: &str,
                  deleted: Option<&str>,
                  changes: Vec<Value>| {
        json!({
            "type": event_type, "occurredAt": occurred_at, "deleted": deleted.is_some(), "changes": changes,
            "event": {"eventId": event},
            "user": {"name": name, "role": role, "deleted": deleted.is_some(), "deletedAt": deleted, "lastEvent": {"eventId": event}},
        })
    };
    let gone = Some("2025-01-17T00:00:00Z");
    let expected = json!({"totalCount": 6, "nodes": [
        change("7", "user.updated", "2025-01-19T00:00:00Z", "Ada", "manager", None, vec![]),
        change("6", "call.completed", "2025-01-18T00:00:00Z", "Ada", "manager", gone, vec![
            changed("name", json!("Ada B."), json!("Ada")),
        ]),
        change("5", "user.deleted", "2025-01-17T00:00:00Z", "Ada B.", "manager", gone, vec![]),
        change("3", "user.updated", "2025-01-16T00:00:00Z", "Ada B.", "manager", None, vec![
            changed("name", json!("Ada"), json!("Ada B.")),
        ]),
        change("2", "call.completed", "2025-01-15T00:00:00Z", "Ada", "manager", None, vec![
            changed("role", json!("rep"), json!("manager")),
        ]),
        change("1", "user.created", "2025-01-14T04:22:51.548816Z", "Ada", "rep", None, vec![
            changed("name", Value::Null, json!("Ada")),
            changed("orgId", Value::Null, json!("o")),
            changed("role", Value::Null, json!("rep")),
        ]),
    ]});
    for bodies in [in_order.as_slice(), &turned] {
        let server = sent(bodies).await;
        assert_eq!(history(&server, "u").await, expected);
    }
}

#[tokio::test]
async fn a_moment_is_answered_by_the_last_event_up_to_it() {
    let mut bodies = life();
    bodies.reverse();
    let server = sent(&bodies).await;
    let then = |name: &str, role: &str, deleted_at: Option<&str>, event: &str| json!({"name": name, "role": role, "orgId": "o", "deleted": deleted_at.is_some(), "deletedAt": deleted_at, "lastEvent": {"eventId": event}});
    let gone = Some("2025-01-17T00:00:00Z");
    for (moment, expected) in [
        ("1969-01-01T00:00:00Z", Value::Null),
        ("2025-01-14T04:22:51.548815Z", Value::Null),
        // As `occurredAt` tells it, without the last three of its nine digits.
        ("2025-01-14T04:22:51.548816Z", then("Ada", "rep", None, "1")),
        (
            "2025-01-14T05:22:51.548816+01:00",
            then("Ada", "rep", None, "1"),
        ),
        ("2025-01-15T12:00:00Z", then("Ada", "manager", None, "2")),
        ("2025-01-16T12:00:00Z", then("Ada B.", "manager", None, "4")),
        ("2025-01-17T00:00:00Z", then("Ada B.", "manager", gone, "5")),
        ("2025-01-18T00:00:00Z", then("Ada", "manager", gone, "6")),
        ("2025-01-19T00:00:00Z", then("Ada", "manager", None, "7")),
        ("9999-12-31T23:59:59Z", then("Ada", "manager", None, "7")),
    ] {
        assert_eq!(as_of(&server, moment).await, expected, "as of {moment}");
    }
    // Different moments of several subjects in one query, and one that nobody knows.
    let query = r#"{
        a: user(id: "u", asOf: "2025-01-15T00:00:00Z") { name role }
        b: user(id: "u", asOf: "2025-01-16T12:00:00Z") { name calls { totalCount } }
        c: user(id: "v", asOf: "2025-01-16T12:00:00Z") { name }
        d: org(id: "o", asOf: "2025-01-16T12:00:00Z") { name }
        e: org(id: "o") { id name history { nodes { type } } }
    }"#;
    let data = server.graphql(query, json!({})).await;
    let expected = json!({
        "a": {"name": "Ada", "role": "manager"},
        // What is reached from them is as it is now.
        "b": {"name": "Ada B.", "calls": {"totalCount": 2}},
        "c": null,
        // Only its id has been seen.
        "d": null,
        "e": {"id": "o", "name": null, "history": {"nodes": []}},
    });
    assert_eq!(data, expected);
    let refused = server
        .answer(r#"{ user(id: "u", asOf: "yesterday") { id } }"#, json!({}))
        .await;
    assert!(refused["errors"].is_array(), "{refused}");
}

#[tokio::test]
async fn a_deletion_wins_a_tie_in_history_too() {
    let at = "2025-01-14T00:00:00.5Z";
    let described = |name: &str| json!({"id": "u", "name": name});
    // The deletion is the first of the two, or the last, by the events' ids.
    for (deletion, update) in [("a", "b"), ("b", "a")] {
        let server = sent(&[
            user(update, "user.updated", at, &described("Bo")),
            user(
                "0",
                "user.created",
                "2025-01-13T00:00:00Z",
                &described("Ada"),
            ),
            user(deletion, "user.deleted", at, &described("Ada")),
        ])
        .await;
        let history = history(&server, "u").await;
        let told: Vec<_> = history["nodes"]
            .as_array()
            .expect("changes")
            .iter()
            .map(|change| {
                let event = change["event"]["eventId"].as_str().expect("an id");
                (event, &change["deleted"], &change["user"]["name"])
            })
            .collect();
        let [ada, bo, yes, no] = [json!("Ada"), json!("Bo"), json!(true), json!(false)];
        let expected = if deletion == "a" {
            vec![("b", &yes, &bo), ("a", &yes, &ada), ("0", &no, &ada)]
        } else {
            vec![("b", &yes, &ada), ("a", &no, &bo), ("0", &no, &ada)]
        };
        assert_eq!(told, expected);
        assert_eq!(as_of(&server, at).await["deleted"], true);
        assert_eq!(
            as_of(&server, "2025-01-14T00:00:00Z").await["deleted"],
            false
        );
    }
}

#[tokio::test]
async fn an_event_without_a_time_stands_before_all_others() {
    let described = |name: &str| json!({"id": "u", "name": name});
    let server = sent(&[
        user(
            "1",
            "user.updated",
            "1960-01-01T00:00:00Z",
            &described("Ada"),
        ),
        user("2", "user.deleted", "", &described("Bo")),
    ])
    .await;
    let history = history(&server, "u").await;
    let nodes = history["nodes"].as_array().expect("changes");
    assert_eq!(nodes.len(), 2);
    assert_eq!(
        (&nodes[0]["event"]["eventId"], &nodes[0]["deleted"]),
        (&json!("1"), &json!(false))
    );
    assert_eq!(
        (&nodes[1]["occurredAt"], &nodes[1]["deleted"]),
        (&Value::Null, &json!(true))
    );
    let earliest = as_of(&server, "1950-01-01T00:00:00Z").await;
    assert_eq!(
        (&earliest["name"], &earliest["deletedAt"]),
        (&json!("Bo"), &Value::Null)
    );
}

#[tokio::test]
async fn the_history_of_an_org_is_told_by_pages() {
    let org = |place: usize| {
        let org = json!({"id": "o", "name": format!("Acme {place}"), "status": "active"});
        let timestamp = format!("2025-01-14T00:00:{place:02}Z");
        event(
            &place.to_string(),
            "org.updated",
            &timestamp,
            &json!({ "org": org }),
        )
    };
    let mut bodies: Vec<String> = (0..25).map(org).collect();
    bodies.push(event(
        "gone",
        "org.deleted",
        "2025-01-15T00:00:00Z",
        &json!({"org": {"id": "o"}}),
    ));
    bodies.rotate_left(11);
    let server = sent(&bodies).await;
    let query =
        "query ($first: Int, $last: Int, $after: String, $before: String) { org(id: \"o\") {
        history(first: $first, last: $last, after: $after, before: $before) { totalCount
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            nodes { deleted changes { field before after } org { name deleted } } } } }";
    for backward in [false, true] {
        let (count, bound, more, end) = if backward {
            ("last", "before", "hasPreviousPage", "startCursor")
        } else {
            ("first", "after", "hasNextPage", "endCursor")
        };
        let mut names = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let data = server
                .graphql(query, json!({ count: 7, bound: cursor }))
                .await;
            let page = &data["org"]["history"];
            assert_eq!(page["totalCount"], 26);
            let nodes = page["nodes"].as_array().expect("changes");
            let place = if backward { 0 } else { names.len() };
            names.splice(
                place..place,
                nodes.iter().map(|node| node["org"]["name"].clone()),
            );
            if page["pageInfo"][more] == false {
                break;
            }
            assert_eq!(nodes.len(), 7);
            cursor = page["pageInfo"][end].clone();
        }
        let mut expected: Vec<Value> = (0..25)
            .map(|place| json!(format!("Acme {place}")))
            .collect();
        expected.push(Value::Null);
        expected.reverse();
        assert_eq!(names, expected, "backward: {backward}");
    }
    // It said nothing but that the org is gone.
    let data = server.graphql(query, json!({ "first": 1 })).await;
    let deletion = json!({
        "deleted": true,
        "changes": [
            {"field": "name", "before": "Acme 24", "after": null},
            {"field": "status", "before": "active", "after": null},
        ],
        "org": {"name": null, "deleted": true},
    });
    assert_eq!(data["org"]["history"]["nodes"], json!([deletion]));
    let cursor = server
        .graphql("{ orgs { pageInfo { endCursor } } }", json!({}))
        .await;
    let cursor = &cursor["orgs"]["pageInfo"]["endCursor"];
    let refused = server.answer(query, json!({ "after": cursor })).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}
