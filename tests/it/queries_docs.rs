//! What docs/queries.md shows is answered as it stands there.

use std::collections::HashSet;

use serde_json::{Value, json};
use tests::Server;

use crate::expected::deliveries;

const DOCUMENT: &str = include_str!("../../docs/queries.md");

/// The queries of the document.
fn queries() -> Vec<&'static str> {
    let blocks = DOCUMENT.split("```graphql\n").skip(1);
    blocks
        .map(|block| block.split_once("\n```").expect("it ends").0)
        .collect()
}

/// Every name of a field that has a value somewhere in an answer.
fn filled<'a>(answer: &'a Value, names: &mut HashSet<&'a str>) {
    match answer {
        Value::Array(all) => all.iter().for_each(|each| filled(each, names)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if !value.is_null() && *value != json!([]) {
                    names.insert(name);
                }
                filled(value, names);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_query_is_answered() {
    let server = Server::start().await;
    server.sender().deliver(&deliveries()).await;
    server.settled().await;
    let queries = queries();
    assert_eq!(queries.len(), 7);
    let mut answers = Vec::new();
    for query in queries {
        let answer = server.answer(query, json!({})).await;
        assert!(answer["errors"].is_null(), "{query}\n{answer}");
        answers.push(answer);
    }
    let mut names = HashSet::new();
    for answer in &answers {
        filled(&answer["data"], &mut names);
    }
    // One of each section: these answers show something, they are not merely valid.
    for name in [
        "totalCount",
        "lastCallAt",
        "repWordShare",
        "prospectText",
        "speaker",
        "changes",
        "projected",
        "values",
        "missingFields",
    ] {
        assert!(names.contains(name), "{name} is nowhere in {answers:#?}");
    }
}

/// The table of what can be typed into a search.
#[tokio::test]
async fn what_the_table_of_searches_says_is_so() {
    let server = Server::start().await;
    for (id, lines) in [
        ("both", ["The price is high", "what is your budget"]),
        ("phrase", ["call me next quarter", "about pricing"]),
        ("across", ["and what next", "Quarter to quarter"]),
        ("cafe", ["at the Café", "don\u{2019}t discount"]),
    ] {
        let transcript = lines.map(|text| json!({ "prospectText": text }));
        let call = json!({ "id": id, "orgId": "o", "transcript": transcript });
        let body = json!({ "id": id, "type": "call.completed", "timestamp": "2025-01-14T05:15:39Z", "payload": { "call": call } });
        let sent = server.sender().send(id, body.to_string()).await;
        assert_eq!(sent.status, 204);
    }
    server.settled().await;
    for (typed, found) in [
        ("price budget", &["both"][..]),
        ("\"next quarter\"", &["phrase"]),
        ("next quarter", &["across", "phrase"]),
        ("pric*", &["both", "phrase"]),
        ("next -pric*", &["across"]),
        ("the -discount", &["both"]),
        ("next -\"next quarter\"", &["across"]),
        ("cafe", &["cafe"]),
        ("dont", &["cafe"]),
    ] {
        let query = "query ($query: SearchText!) { searchTranscripts(query: $query) { nodes { call { id } } } }";
        let data = server.graphql(query, json!({ "query": typed })).await;
        let nodes = data["searchTranscripts"]["nodes"].as_array();
        let mut ids: Vec<&str> = nodes
            .expect("nodes")
            .iter()
            .filter_map(|node| node["call"]["id"].as_str())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, found, "{typed}");
    }
}
