//! Filters at their bounds: texts longer than an index takes, texts that are not written alike, and filters that are too much.

use serde_json::{Value, json};
use tests::Server;

/// A text of this length in which nothing repeats, so that no database makes it shorter.
fn incompressible(characters: usize, mut seed: u64) -> String {
    let letter = |_| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from_u32(0x4e00 + u32::try_from(seed >> 52).expect("12 bits")).expect("a letter")
    };
    (0..characters).map(letter).collect()
}

#[tokio::test]
async fn texts_that_no_index_takes_whole_are_projected_and_found() {
    let server = Server::start().await;
    let long = incompressible(3_000, 1);
    let prefix: String = long.chars().take(200).collect();
    // As long, and the same as far as an index goes.
    let other = format!("{prefix}{}", incompressible(2_800, 2));
    let send = async |message_id: &str, text: &str| {
        let user = json!({ "id": message_id, "orgId": message_id, "name": text, "email": text, "role": text, "status": text });
        let details = json!({ "difficulty": text, "industry": text, "jobTitle": text });
        let analysis = json!({ "score": 1, "objections": [text] });
        let call = json!({ "id": message_id, "orgId": message_id, "title": text, "user": user,
            "prospects": [{ "id": "p", "name": text, "details": details }], "analysis": [analysis] });
        let org = json!({ "id": message_id, "name": text, "status": text });
        for (event_type, payload) in [
            ("call.completed", json!({ "call": call })),
            ("org.updated", json!({ "org": org })),
        ] {
            let body = json!({ "id": "e", "type": event_type, "timestamp": "2025-01-14T05:15:39Z", "payload": payload });
            let id = format!("{message_id}_{event_type}");
            assert_eq!(
                server.sender().send(&id, body.to_string()).await.status,
                204
            );
        }
    };
    send("long", &long).await;
    send("other", &other).await;
    send("prefix", &prefix).await;
    server.settled().await;
    let outcomes = server
        .graphql("{ events { nodes { outcome reason } } }", json!({}))
        .await;
    for event in outcomes["events"]["nodes"].as_array().expect("events") {
        assert_eq!(event["outcome"], "PROJECTED", "{}", event["reason"]);
    }
    for (list, field) in [
        ("calls", "persona.difficulty"),
        ("calls", "persona.industry"),
        ("calls", "persona.jobTitle"),
        ("users", "role"),
        ("users", "status"),
        ("orgs", "status"),
        ("prospects", "name"),
        ("prospects", "difficulty"),
        ("prospects", "industry"),
        ("prospects", "jobTitle"),
    ] {
        let kind = match list {
            "calls" => "Call",
            "users" => "User",
            "orgs" => "Org",
            _ => "Prospect",
        };
        let key = if list == "prospects" { "orgId" } else { "id" };
        let query = format!(
            "query ($filter: {kind}Filter) {{ {list}(filter: $filter) {{ nodes {{ {key} }} }} }}"
        );
        for (id, text) in [("long", &long), ("other", &other), ("prefix", &prefix)] {
            let condition = match field.split_once('.') {
                Some((outer, inner)) => json!({ outer: { inner: [text] } }),
                None => json!({ field: [text] }),
            };
            let data = server.graphql(&query, json!({ "filter": condition })).await;
            assert_eq!(
                data[list]["nodes"],
                json!([{ key: id }]),
                "{list} by {field}"
            );
        }
    }
}

#[tokio::test]
async fn names_addresses_and_entries_are_compared_as_a_person_does() {
    let server = Server::start().await;
    let call = json!({ "id": "c", "user": { "id": "u", "name": "Zoë O\u{2019}Neil", "email": "Zoe@Example.com" },
        "analysis": [{ "objections": ["Too  expensive!"] }] });
    let body = json!({ "id": "e", "type": "call.completed", "payload": { "call": call } });
    assert_eq!(
        server.sender().send("m", body.to_string()).await.status,
        204
    );
    server.settled().await;
    for (list, filter, passes) in [
        ("users", r#"name: ["ZOE O'NEIL"]"#, true),
        ("users", r#"name: ["Zoe"]"#, false),
        ("users", r#"email: [" zoe@example.COM "]"#, true),
        ("users", r#"email: ["zoe@example"]"#, false),
        (
            "calls",
            r#"insight: { kind: OBJECTIONS, text: ["too expensive"] }"#,
            true,
        ),
        (
            "calls",
            r#"insight: { kind: OBJECTIONS, text: ["expensive"] }"#,
            false,
        ),
        (
            "calls",
            r#"insight: { kind: COMPETITORS, text: ["too expensive"] }"#,
            false,
        ),
        ("calls", "insight: { kind: OBJECTIONS }", true),
        ("calls", "insight: { kind: COMPETITORS }", false),
    ] {
        let query = format!("{{ {list}(filter: {{ {filter} }}) {{ totalCount }} }}");
        let data = server.graphql(&query, json!({})).await;
        assert_eq!(data[list]["totalCount"], i32::from(passes), "{filter}");
    }
}

#[tokio::test]
async fn a_filter_that_is_too_much_is_told_what_to_do() {
    let server = Server::start().await;
    let nested = |levels: usize| {
        (1..levels).fold(
            json!({ "example": false }),
            |inner, _| json!({ "not": inner }),
        )
    };
    let several = |filters: usize| json!({ "or": vec![json!({ "example": false }); filters - 1] });
    let values = |values: usize| {
        let lists = (0..values).step_by(1_000).map(|from| {
            let list: Vec<String> = (from..values.min(from + 1_000))
                .map(|value| value.to_string())
                .collect();
            json!({ "id": list })
        });
        json!({ "or": lists.collect::<Value>() })
    };
    let roots = [
        ("orgs", "Org"),
        ("users", "User"),
        ("calls", "Call"),
        ("prospects", "Prospect"),
        ("events", "Event"),
    ];
    for (root, kind) in roots {
        let query = format!(
            "query ($filter: {kind}Filter) {{ {root}(filter: $filter) {{ totalCount nodes {{ __typename }} }} }}"
        );
        let mut cases = vec![
            (nested(10), nested(11), "levels"),
            (several(100), several(101), "several values in one field"),
        ];
        if root != "events" {
            cases.push((values(10_000), values(10_001), "several queries"));
        }
        for (most, too_much, advice) in cases {
            server.graphql(&query, json!({ "filter": most })).await;
            let answer = server.answer(&query, json!({ "filter": too_much })).await;
            let error = &answer["errors"][0];
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer:#}");
            let message = error["message"].as_str().expect("a message");
            assert!(message.contains(advice), "{message}");
        }
    }
    // Wherever a filter is taken.
    let places = [
        "query ($filter: CallFilter) { orgs { nodes { calls(filter: $filter) { totalCount } } } }",
        "query ($filter: CallFilter) { callReport(filter: $filter) { total { calls } } }",
        "query ($filter: CallFilter) { analyses(filter: { call: $filter }) { totalCount } }",
        "query ($filter: CallFilter) { searchTranscripts(query: \"word\", filter: $filter) { totalCount } }",
        "subscription ($filter: CallFilter) { callCompleted(filter: $filter) { cursor } }",
    ];
    let org = r#"{"id":"e","type":"org.updated","payload":{"org":{"id":"o"}}}"#;
    assert_eq!(server.sender().send("m", org).await.status, 204);
    server.settled().await;
    for query in places {
        for filter in [nested(11), several(101), values(10_001)] {
            let filter = json!({ "filter": filter });
            let code = if query.starts_with("subscription") {
                server.subscribe(query, filter).await.error_code().await
            } else {
                server.error_code(query, filter).await
            };
            assert_eq!(code, "BAD_USER_INPUT", "{query}");
        }
    }
}

#[tokio::test]
async fn as_many_filters_as_are_allowed_may_each_look_everywhere() {
    let server = Server::start().await;
    for example in sample::catalogue::EXAMPLES {
        let id = format!("msg_{}", example.event_type);
        let sent = server.sender().send(&id, example.body).await;
        assert_eq!(sent.status, 204);
    }
    server.settled().await;
    let everywhere = json!({
        "currentTeamId": ["t"],
        "currentManagerId": ["m"],
        "userDeleted": false,
        "insight": { "kind": "OBJECTIONS", "text": ["x"] },
        "persona": { "difficulty": ["hard"] },
        "analysisType": ["a"],
    });
    let query =
        "query ($filter: CallFilter) { calls(filter: $filter) { totalCount nodes { id } } }";
    let mut nested = everywhere.clone();
    for _ in 0..9 {
        let mut outer = everywhere.clone();
        outer["and"] = json!([nested]);
        nested = outer;
    }
    for many in [
        json!({ "and": vec![&everywhere; 99] }),
        json!({ "or": [{ "and": vec![&everywhere; 98] }] }),
        json!({ "not": { "and": vec![&everywhere; 98] } }),
        json!({ "or": vec![json!({ "not": everywhere }); 49] }),
        nested,
    ] {
        // PostgreSQL's planner would not come to an end of the joins within the time of a query.
        server.graphql(query, json!({ "filter": many })).await;
    }
}

#[tokio::test]
async fn what_is_without_letters_is_equal_to_nothing() {
    let server = Server::start().await;
    for (id, name) in [
        ("named", json!("Ann")),
        ("smiling", json!("😀")),
        ("nameless", Value::Null),
    ] {
        let user = json!({ "id": id, "orgId": "o", "name": name });
        let analysis = json!({ "products": [name.as_str().unwrap_or("…")] });
        let call = json!({ "id": id, "orgId": "o", "user": user, "analysis": [analysis] });
        let org = json!({ "id": id, "name": name });
        for (event_type, payload) in [
            ("call.completed", json!({ "call": call })),
            ("org.updated", json!({ "org": org })),
        ] {
            let body = json!({ "id": "e", "type": event_type, "timestamp": "2025-01-14T05:15:39Z", "payload": payload });
            let message_id = format!("{id}_{event_type}");
            let sent = server.sender().send(&message_id, body.to_string()).await;
            assert_eq!(sent.status, 204);
        }
    }
    server.settled().await;
    let count = async |list: &str, filter: &str| {
        let query = format!("{{ {list}(filter: {{ {filter} }}) {{ totalCount }} }}");
        server.graphql(&query, json!({})).await[list]["totalCount"].clone()
    };
    for text in ["😀", "...", "", "?"] {
        let names = format!("name: [{text:?}]");
        assert_eq!(count("users", &names).await, 0, "{text}");
        assert_eq!(count("orgs", &names).await, 0, "{text}");
        let entry = format!("insight: {{ kind: PRODUCTS, text: [{text:?}] }}");
        assert_eq!(count("calls", &entry).await, 0, "{text}");
        let both = format!("name: [{text:?}, \"ANN!\"]");
        assert_eq!(count("users", &both).await, 1, "{text}");
    }
}
