//! A verified webhook is never refused for its content, is kept byte for byte, and never holds up the next one.

use serde_json::{Value, json};
use tests::Server;

const DEAD: &str = "DEAD";
const UNRECOGNIZED: &str = "UNRECOGNIZED";
const PROJECTED: &str = "PROJECTED";

/// An event about an org with this id and this name, each written as JSON.
fn org(id: &str, name: &str) -> String {
    format!(
        r#"{{"id":"e","type":"org.updated","timestamp":"2025-01-14T05:15:39Z","payload":{{"org":{{"id":{id},"name":{name}}}}}}}"#
    )
}

/// Sends each body, each followed by an ordinary event, and looks at what became of them.
async fn sent(bodies: &[(&str, String)]) -> Server {
    let server = Server::start().await;
    let sender = server.sender();
    for (number, (_, body)) in bodies.iter().enumerate() {
        let answer = sender.send(&format!("odd_{number}"), body.as_str()).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{number}");
        let next = org(&format!(r#""next-{number}""#), r#""Next""#);
        assert_eq!(
            sender.send(&format!("next_{number}"), next).await.status,
            204
        );
    }
    server.settled().await;
    for (number, (outcome, body)) in bodies.iter().enumerate() {
        let start: String = body.chars().take(80).collect();
        let query = "query ($id: String!) { event(messageId: $id) { body outcome reason size } }";
        let data = server
            .graphql(query, json!({ "id": format!("odd_{number}") }))
            .await;
        let event = &data["event"];
        assert_eq!(event["outcome"], *outcome, "{start}: {}", event["reason"]);
        assert!(
            event["body"] == body.as_str(),
            "the body is as sent: {start}"
        );
        assert_eq!(event["size"], body.len(), "{start}");
        assert_eq!(event["reason"].is_string(), *outcome == DEAD, "{start}");
        assert_eq!(
            name(&server, &format!("next-{number}")).await,
            "Next",
            "{start}"
        );
    }
    server
}

async fn name(server: &Server, org: &str) -> Value {
    let query = "query ($id: ID!) { org(id: $id) { id name } }";
    let data = server.graphql(query, json!({ "id": org })).await;
    assert_eq!(data["org"]["id"], org);
    data["org"]["name"].clone()
}

#[tokio::test]
async fn what_is_not_json_is_kept_as_dead() {
    sent(&[
        (DEAD, String::new()),
        (DEAD, "hello".into()),
        (DEAD, r#"{"id":"e","type":"org.upd"#.into()),
        (DEAD, "\u{feff}{}".into()),
        (DEAD, "\0".into()),
        (DEAD, org(r#""o""#, "\"a\0raw NUL\"")),
        (DEAD, "[".repeat(1 << 20)),
        (DEAD, r#"{"payload":"#.repeat(90_000)),
    ])
    .await;
}

#[tokio::test]
async fn a_known_type_of_another_shape_is_kept_as_dead() {
    let event =
        |event_type, payload| format!(r#"{{"id":"e","type":"{event_type}","payload":{payload}}}"#);
    sent(&[
        (DEAD, "null".into()),
        (DEAD, "[]".into()),
        (DEAD, "{}".into()),
        (DEAD, event("call.completed", "null")),
        (DEAD, event("call.completed", r#"{"call":[]}"#)),
        (DEAD, event("call.completed", r#"{"call":{}}"#)),
        (
            DEAD,
            event("call.completed", r#"{"call":{"id":"c","transcript":{}}}"#),
        ),
        (
            DEAD,
            event(
                "call.completed",
                r#"{"call":{"id":"c","stats":{"duration":1e400}}}"#,
            ),
        ),
        (DEAD, event("user.created", r#"{"org":{"id":"o"}}"#)),
        (DEAD, event("user.updated", r#"{"user":{"id":null}}"#)),
        (DEAD, event("user.deleted", r#"{"user":{"id":["u"]}}"#)),
        (DEAD, event("org.deleted", r#"{"org":{"id":""}}"#)),
        (DEAD, org(r#""o""#, r#"["name"]"#)),
        (DEAD, org(&format!(r#""{}""#, "i".repeat(100_000)), "null")),
        (
            DEAD,
            org(r#""o""#, "null").replace("2025-01-14T05:15:39Z", "yesterday"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_unknown_type_is_kept_for_a_version_that_knows_it() {
    let server = sent(&[
        (
            UNRECOGNIZED,
            r#"{"id":"e","type":"call.paused","payload":{"call":{"id":"c"}}}"#.into(),
        ),
        (UNRECOGNIZED, r#"{"type":"org.created"}"#.into()),
        (
            UNRECOGNIZED,
            r#"{"type":"Call.Completed","payload":{"call":{"id":"c"}}}"#.into(),
        ),
    ])
    .await;
    let data = server
        .graphql(r#"{ call(id: "c") { id } }"#, json!({}))
        .await;
    assert_eq!(data["call"], Value::Null);
}

#[tokio::test]
async fn odd_ids_and_texts_are_projected() {
    let ids = [
        " ",
        "'; DROP TABLE orgs; --",
        "é\u{1f600}",
        "%_\\",
        "null",
        "-1",
        "\t\n",
    ];
    let mut bodies: Vec<_> = ids
        .iter()
        .map(|id| (PROJECTED, org(&json!(id).to_string(), r#""Odd""#)))
        .collect();
    bodies.extend([
        (PROJECTED, org("7", r#""A number""#)),
        (
            PROJECTED,
            org(&json!("i".repeat(512)).to_string(), r#""Long""#),
        ),
        (PROJECTED, org(r#""half""#, r#""a\ud83d b\ude00""#)),
        (PROJECTED, org(r#""nul""#, r#""a\u0000b""#)),
        (PROJECTED, org(r#""whole""#, r#""\ud83d\ude00""#)),
        (
            PROJECTED,
            format!("\r\n {}\r\n", org(r#""spaced""#, r#""Spaced""#)),
        ),
        (
            PROJECTED,
            org(r#""more""#, r#""More","other":{"new":[1,null]}"#),
        ),
    ]);
    let server = sent(&bodies).await;
    for id in ids {
        assert_eq!(name(&server, id).await, "Odd", "{id:?}");
    }
    for (id, expected) in [
        ("7", "A number"),
        (&"i".repeat(512), "Long"),
        ("half", "a\u{fffd} b\u{fffd}"),
        ("nul", "a\u{fffd}b"),
        ("whole", "\u{1f600}"),
        ("spaced", "Spaced"),
        ("more", "More"),
    ] {
        assert_eq!(name(&server, id).await, expected, "{id}");
    }
}

#[tokio::test]
async fn nulls_in_lists_are_left_out() {
    let lists = [
        "actionItems",
        "competitors",
        "customerChallenges",
        "dealDrivers",
        "missedOpportunities",
        "objections",
        "productPositioning",
        "products",
        "salesStrengths",
    ];
    let mut analysis = json!({ "analysisType": "general", "score": 5 });
    for list in lists {
        analysis[list] = json!([null, list, null]);
    }
    let call = json!({ "id": "c", "type": "call.completed", "payload": { "call": {
        "id": "c",
        "orgId": "o",
        "prospectIds": [null, "p"],
        "prospects": [null, { "id": "p", "name": "P" }, null],
        "transcript": [null, { "speakerName": "P", "prospectText": "Hello." }, null],
        "analysis": [null, analysis, null],
    } } });
    let server = sent(&[(PROJECTED, call.to_string())]).await;
    let query = format!(
        r#"{{ call(id: "c") {{ prospectIds prospects {{ id }} transcript {{ lineCount lines {{ index prospectText }} }}
            analysis {{ index score {} }} }} }}"#,
        lists.join(" ")
    );
    let mut analysis = json!({ "index": 0, "score": 5.0 });
    for list in lists {
        analysis[list] = json!([list]);
    }
    let expected = json!({
        "prospectIds": ["p"],
        "prospects": [{ "id": "p" }],
        "transcript": { "lineCount": 1, "lines": [{ "index": 0, "prospectText": "Hello." }] },
        "analysis": [analysis],
    });
    assert_eq!(server.graphql(&query, json!({})).await["call"], expected);
}
