//! What a query may not ask: too much, too deep, too long a list. Each refusal says what to do.

use std::fmt::Write;

use serde_json::{Value, json};
use tests::server::finish;
use tests::{Installation, Server, within};

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
            name type { kind ofType { kind ofType { kind enumValues { name } } } } } } }";
        let data = server.graphql(query, json!({ "name": filter })).await;
        for field in data["__type"]["inputFields"].as_array().expect("fields") {
            // Filters within filters have limits of their own.
            let element = &field["type"]["ofType"]["ofType"]["kind"];
            if field["type"]["kind"] == "LIST" && element != "INPUT_OBJECT" {
                lists.push((root, filter, field.clone()));
            }
        }
    }
    assert!(lists.len() > 12, "{lists:?}");
    for (root, filter, field) in &lists {
        let name = field["name"].as_str().expect("a name");
        let values = &field["type"]["ofType"]["ofType"]["enumValues"];
        let element = values[0]["name"].as_str().unwrap_or("x");
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

/// Answers of every transport but a socket to one query, which has a field error.
async fn answers(server: &Server, query: &str) -> Vec<Value> {
    let post = |accept: &str, body: Value| {
        let request = server.client.post(server.url("/graphql"));
        request.header("accept", accept).json(&body).send()
    };
    let one = json!({ "query": query });
    let mut answers = Vec::new();
    for (accept, body) in [
        ("application/json", one.clone()),
        ("application/graphql-response+json", one.clone()),
        ("application/json", json!([one, one])),
        ("text/event-stream", one),
    ] {
        let answer = within("an answer", post(accept, body)).await;
        let text = answer.expect("an answer").text().await.expect("a body");
        let json = match text.split_once("data: ") {
            Some((_, data)) => data.lines().next().expect("a line"),
            None => &text,
        };
        match serde_json::from_str(json).expect("JSON") {
            Value::Array(batch) => answers.extend(batch),
            answer => answers.push(answer),
        }
    }
    answers
}

#[tokio::test]
async fn every_answer_to_a_query_tells_what_it_cost() {
    let server = Server::start().await;
    for (query, cost) in [
        ("{ status { head lag } }", 3),
        // A field error: there is no such page.
        ("{ calls(first: 101) { totalCount } }", 101),
    ] {
        let mut answers = answers(&server, query).await;
        assert_eq!(answers.len(), 5);
        let mut socket = server.subscribe(query, json!({})).await;
        answers.push(socket.result().await);
        for answer in answers {
            assert!(answer.get("data").is_some(), "{answer}");
            let told = &answer["extensions"]["cost"];
            assert_eq!(*told, json!({ "cost": cost, "limit": 200_000 }), "{answer}");
        }
    }
}

#[tokio::test]
async fn the_worked_example_of_the_cost_is_true() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/graphql-limits.md");
    let docs = std::fs::read_to_string(docs).expect("a page");
    let block = |kind: &str| {
        let (_, behind) = docs.split_once(&format!("```{kind}\n")).expect("a block");
        behind.split_once("```").expect("its end").0
    };
    let server = Server::start().await;
    let answer = server.answer(block("graphql"), json!({})).await;
    let told: Value = serde_json::from_str(block("json")).expect("JSON");
    assert_eq!(answer["extensions"], told["extensions"], "{answer}");
}

#[tokio::test]
async fn an_operator_sets_how_much_may_be_asked_for() {
    let mut installation = Installation::new();
    for (name, value) in [
        ("HOOKGRAPH_MAX_COST", "100"),
        ("HOOKGRAPH_MAX_DEPTH", "3"),
        ("HOOKGRAPH_MAX_ALIASES", "1"),
        ("HOOKGRAPH_MAX_BATCH", "2"),
        ("HOOKGRAPH_MAX_OPERATIONS", "1"),
    ] {
        installation = installation.with_variable(name, value);
    }
    let server = installation.serve().await;
    for (query, told) in [
        (
            "{ calls(first: 100) { nodes { id } } }",
            "its cost is 200 where 100 is allowed",
        ),
        (
            "{ call(id: 1) { transcript { call { id } } } }",
            "4 levels where 3 are allowed",
        ),
        (
            "{ a: __typename b: __typename }",
            "has 2 aliases and repeated fields with its fragments written out, and 1 are allowed",
        ),
    ] {
        let message = over_limit(&server, query).await;
        assert!(message.contains(told), "{message}");
    }
    server
        .graphql("{ a: calls(first: 50) { nodes { id } } }", json!({}))
        .await;
    let batch = |count| {
        let body = Value::Array(vec![json!({ "query": "{ __typename }" }); count]);
        let request = server.client.post(server.url("/graphql")).json(&body);
        async { request.send().await.expect("an answer").status().as_u16() }
    };
    assert_eq!((batch(2).await, batch(3).await), (200, 400));

    let feed = "subscription { eventFeed { cursor } }";
    let mut socket = server.subscribe(feed, json!({})).await;
    socket.ask("2", "{ __typename }").await;
    let refused = socket.answer().await;
    assert_eq!(refused["type"], "error", "{refused}");
    let message = refused["payload"][0]["message"]
        .as_str()
        .expect("a message");
    assert!(message.contains("runs 1 operations"), "{message}");
}

#[tokio::test]
async fn a_query_may_nest_as_deep_as_can_be_set() {
    let installation = Installation::new().with_variable("HOOKGRAPH_MAX_DEPTH", "50");
    let server = installation.serve().await;
    let line = json!({ "prospectText": "Hello", "prospectId": null, "timestamp": 1 });
    let body = json!({
        "id": "e", "type": "call.completed", "timestamp": "2025-01-14T05:19:20.936Z",
        "payload": { "call": { "id": "c", "orgId": "o", "transcript": [line] } },
    });
    let sent = server.sender().send("msg_1", body.to_string()).await;
    assert_eq!(sent.status, 204);
    server.settled().await;
    let query = format!(
        "{{ call(id: \"c\") {{ {} id {} }} }}",
        "transcript { call { ".repeat(24),
        "} }".repeat(24)
    );
    let mut answer = &server.graphql(&query, json!({})).await["call"];
    for _ in 0..24 {
        answer = &answer["transcript"]["call"];
    }
    assert_eq!(answer["id"], "c");
}

#[tokio::test]
async fn a_limit_out_of_its_range_refuses_the_start() {
    for (name, value) in [
        ("HOOKGRAPH_MAX_COST", "0"),
        ("HOOKGRAPH_MAX_DEPTH", "1000"),
        ("HOOKGRAPH_QUERY_TIMEOUT", "0"),
        ("HOOKGRAPH_MAX_BATCH", "many"),
    ] {
        let installation = Installation::new().with_variable(name, value);
        let finished = finish(&mut installation.server()).await;
        assert_eq!(finished.code, Some(2), "{finished:?}");
        let flag = name.replace("HOOKGRAPH_", "--").replace('_', "-");
        assert!(
            finished.stderr.contains(&flag.to_lowercase()),
            "{finished:?}"
        );
    }
}
