//! A field is answered alike, whatever else is asked for: only the columns that a document needs are read, and none is missing.

use serde_json::{Value, json};
use tests::Server;

use crate::expected::deliveries;

/// Where objects of each type can be reached, by the path to a list of them or to one, and what is asked below it.
const PLACES: [(&str, &str, &str); 11] = [
    (
        "Call",
        "{ calls(first: 10) { nodes { # } } }",
        "/calls/nodes",
    ),
    (
        "Call",
        "{ users { nodes { calls(first: 3, orderBy: { field: SCORE, direction: DESC }) { nodes { # } } } } }",
        "/users/nodes",
    ),
    (
        "Call",
        "{ analyses(first: 10) { nodes { call { # } } } }",
        "/analyses/nodes",
    ),
    (
        "User",
        "{ users(first: 20, orderBy: { field: NAME, direction: ASC }) { nodes { # } } }",
        "/users/nodes",
    ),
    (
        "User",
        "{ calls(first: 10) { nodes { user { # } } } }",
        "/calls/nodes",
    ),
    (
        "Org",
        "{ orgs(orderBy: { field: NAME, direction: DESC }) { nodes { # } } }",
        "/orgs/nodes",
    ),
    (
        "Prospect",
        "{ prospects(first: 20) { nodes { # } } }",
        "/prospects/nodes",
    ),
    (
        "ProspectDetails",
        "{ prospects(first: 20) { nodes { details { # } } } }",
        "/prospects/nodes",
    ),
    (
        "Persona",
        "{ calls(first: 10) { nodes { personas { # } } } }",
        "/calls/nodes",
    ),
    (
        "Analysis",
        "{ analyses(first: 20, orderBy: { field: SCORE, direction: DESC }) { nodes { # } } }",
        "/analyses/nodes",
    ),
    (
        "Transcript",
        "{ calls(first: 3) { nodes { transcript { # lines(first: 2) { index prospectText } } } } }",
        "/calls/nodes",
    ),
];

/// The fields of a type that have no parts and take no arguments.
async fn leaves(server: &Server, of: &str) -> Vec<String> {
    let query = "query ($of: String!) { __type(name: $of) { fields { name args { name } type { kind ofType { kind ofType { kind ofType { kind } } } } } } }";
    let answer = server.graphql(query, json!({ "of": of })).await;
    let fields = answer["__type"]["fields"].as_array().expect(of).clone();
    let is_leaf = |field: &Value| {
        let text = field["type"].to_string();
        field["args"].as_array().is_some_and(Vec::is_empty)
            && !text.contains("OBJECT")
            && !text.contains("UNION")
    };
    fields
        .iter()
        .filter(|field| is_leaf(field))
        .map(|field| field["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// What `value` says of `field`, wherever, in order.
fn said(value: &Value, field: &str, all: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == field {
                    all.push(value.clone());
                } else {
                    said(value, field, all);
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| said(value, field, all)),
        _ => {}
    }
}

#[tokio::test]
async fn a_field_alone_says_what_it_says_among_others() {
    let server = Server::start().await;
    server.sender().deliver(&deliveries()).await;
    server.settled().await;
    for (of, query, path) in PLACES {
        let fields = leaves(&server, of).await;
        assert!(!fields.is_empty(), "{of}");
        let all = server
            .graphql(&query.replace('#', &fields.join(" ")), json!({}))
            .await;
        for field in &fields {
            let alone = server.graphql(&query.replace('#', field), json!({})).await;
            let (mut here, mut there) = (Vec::new(), Vec::new());
            said(alone.pointer(path).expect(path), field, &mut here);
            said(all.pointer(path).expect(path), field, &mut there);
            assert!(!here.is_empty(), "{of}.{field} shows nowhere");
            assert_eq!(here, there, "{of}.{field}");
        }
    }
}

/// A page's cursors are the same whether its rows are asked for or not.
#[tokio::test]
async fn cursors_need_no_other_field() {
    let server = Server::start().await;
    server.sender().deliver(&deliveries()).await;
    server.settled().await;
    for list in [
        "calls(first: 5, orderBy: { field: DURATION, direction: ASC })",
        "users(first: 5, orderBy: { field: NAME, direction: ASC })",
        "users(first: 5, orderBy: { field: STREAK, direction: DESC })",
        "orgs(first: 5, orderBy: { field: NAME, direction: ASC })",
        "analyses(first: 5, orderBy: { field: SCORE, direction: DESC })",
        "prospects(first: 5)",
    ] {
        let page = async |below: &str| {
            let answer = server
                .graphql(&format!("{{ x: {list} {{ {below} }} }}"), json!({}))
                .await;
            answer["x"].clone()
        };
        let whole = page("edges { cursor node { id: __typename isExample: __typename } } pageInfo { startCursor endCursor }").await;
        let ends = page("pageInfo { startCursor endCursor }").await;
        assert_eq!(whole["pageInfo"], ends["pageInfo"], "{list}");
        assert_eq!(
            whole["edges"][0]["cursor"], ends["pageInfo"]["startCursor"],
            "{list}"
        );
        let after = ends["pageInfo"]["startCursor"].as_str().expect("a cursor");
        let next = list.replacen("first: 5", &format!("first: 4, after: {after:?}"), 1);
        let next = server
            .graphql(
                &format!("{{ x: {next} {{ edges {{ cursor }} }} }}"),
                json!({}),
            )
            .await;
        assert_eq!(
            next["x"]["edges"][0],
            json!({ "cursor": whole["edges"][1]["cursor"] }),
            "{list}"
        );
    }
}
