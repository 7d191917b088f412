//! What a query may not ask: too much, too deep, too long a list. Each refusal says what to do.

use std::fmt::Write;

use serde_json::{Value, json};
use tests::Server;

/// Asks for too much, and returns what the client is told.
async fn over_limit(server: &Server, query: &str) -> String {
    let answer = server.answer(query, json!({})).await;
    assert!(answer.get("data").is_none(), "{answer:#}");
    let [error] = answer["errors"].as_array().expect("errors").as_slice() else {
        panic!("not one error: {answer:#}");
    };
    assert_eq!(error["extensions"]["code"], "COST_LIMIT", "{answer:#}");
    error["message"].as_str().expect("a message").to_owned()
}

#[tokio::test]
async fn a_query_that_costs_too_much_is_told_to_ask_for_smaller_pages() {
    let server = Server::start().await;
    let ask = |size: usize| {
        format!(
            "{{ orgs(first: {size}) {{ nodes {{ users(first: {size}) {{ nodes {{ calls(first: {size}) {{ nodes {{ id }} }} }} }} }} }} }}"
        )
    };
    let message = over_limit(&server, &ask(100)).await;
    assert!(message.contains("smaller pages (`first`)"), "{message}");
    server.graphql(&ask(20), json!({})).await;
}

#[tokio::test]
async fn a_query_that_nests_too_deep_is_told_to_ask_again() {
    let server = Server::start().await;
    let nested = |times: usize| {
        let mut query = String::from("{ call(id: \"c\") { ");
        for _ in 0..times {
            let _ = write!(query, "transcript {{ call {{ ");
        }
        query + "id" + &" } }".repeat(times + 1)
    };
    let message = over_limit(&server, &nested(10)).await;
    assert!(message.contains("a query of its own"), "{message}");
    server.graphql(&nested(9), json!({})).await;
}

#[tokio::test]
async fn a_list_in_a_filter_holds_a_thousand_values_and_no_more() {
    let server = Server::start().await;
    let mut lists = Vec::new();
    for (root, filter) in [
        ("orgs", "OrgFilter"),
        ("users", "UserFilter"),
        ("calls", "CallFilter"),
        ("prospects", "ProspectFilter"),
        ("analyses", "AnalysisFilter"),
        ("events", "EventFilter"),
    ] {
        let query = "query ($name: String!) { __type(name: $name) { inputFields {
            name type { kind ofType { kind ofType { kind name } } } } } }";
        let data = server.graphql(query, json!({ "name": filter })).await;
        for field in data["__type"]["inputFields"].as_array().expect("fields") {
            if field["type"]["kind"] == "LIST" {
                lists.push((root, filter, field.clone()));
            }
        }
    }
    assert!(lists.len() > 12, "{lists:?}");
    for (root, filter, field) in &lists {
        let name = field["name"].as_str().expect("a name");
        let element = match field["type"]["ofType"]["ofType"]["kind"].as_str() {
            Some("ENUM") => "DEAD",
            _ => "x",
        };
        let query = format!(
            "query ($filter: {filter}) {{ {root}(filter: $filter) {{ totalCount nodes {{ __typename }} }} }}"
        );
        let filter = |length| json!({ "filter": { name: vec![element; length] } });
        assert_eq!(
            server.error_code(&query, filter(1_001)).await,
            "BAD_USER_INPUT",
            "{root} by {name}"
        );
        let data = server.graphql(&query, filter(1_000)).await;
        assert_eq!(data[root]["totalCount"], 0, "{root} by {name}");
    }
}

#[tokio::test]
async fn a_time_needs_an_offset_and_is_answered_in_utc() {
    let server = Server::start().await;
    let body = r#"{"id":"e","type":"org.updated","timestamp":"2025-01-14T05:19:20.936+02:00",
        "payload":{"org":{"id":"o","name":"O","createdAt":"2025-01-14T00:00:00+05:00"}}}"#;
    assert_eq!(server.sender().send("msg_1", body).await.status, 204);
    server.settled().await;
    let query = "query ($from: DateTime) { orgs(filter: { createdAt: { from: $from } }) { nodes {
        createdAt lastEvent { occurredAt receivedAt } } } }";
    let from = json!({ "from": "2025-01-13T20:00:00+01:00" });
    let data = server.graphql(query, from).await;
    let org = &data["orgs"]["nodes"][0];
    assert_eq!(org["createdAt"], "2025-01-13T19:00:00Z");
    assert_eq!(org["lastEvent"]["occurredAt"], "2025-01-14T03:19:20.936Z");
    let received = org["lastEvent"]["receivedAt"].as_str().expect("a time");
    assert!(received.ends_with('Z'), "{received}");

    for from in ["2025-01-14T05:19:20", "2025-01-14", "yesterday", ""] {
        let literal = query
            .replace("($from: DateTime)", "")
            .replace("$from", &json!(from).to_string());
        for (query, variables) in [(query, json!({ "from": from })), (&literal, Value::Null)] {
            let answer = server.answer(query, variables).await;
            let error = &answer["errors"][0];
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer:#}");
            let message = error["message"].as_str().expect("a message");
            assert!(message.contains("2025-01-14T05:19:20Z"), "{message}");
        }
    }
}
