//! Learns from a filled server what can be asked: its orgs, users and calls, and where its pages begin.

use std::collections::BTreeMap;

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::load::{Connection, Target};
use crate::question::Case;

/// How many cases are made.
const CASES: usize = 200;

/// Days of a case's period.
const DAYS: i64 = 30;

/// A call, and the cursor of the page behind it.
struct Found {
    id: String,
    cursor: String,
    created_at: DateTime<Utc>,
}

/// The cases for a server, whose pages at depth begin behind `depth` calls.
pub async fn cases(target: &Target, depth: usize) -> anyhow::Result<Vec<Case>> {
    let mut server = Connection::open(target).await?;
    let orgs = ask(&mut server, "{ orgs(first: 100) { nodes { id } } }", None).await?;
    let orgs = texts(&orgs["orgs"]["nodes"], "id");
    let mut users = Vec::new();
    let mut after = None;
    loop {
        let query = "query ($after: String) { users(first: 100, after: $after, filter: { hasCalls: true }) {
            nodes { id teamId } pageInfo { hasNextPage endCursor } } }";
        let page = ask(&mut server, query, after.as_deref()).await?;
        let nodes = page["users"]["nodes"].as_array().cloned();
        users.extend(nodes.unwrap_or_default());
        match page["users"]["pageInfo"]["endCursor"].as_str() {
            Some(cursor) if page["users"]["pageInfo"]["hasNextPage"] == true => {
                after = Some(cursor.to_owned());
            }
            _ => break,
        }
    }
    let calls = calls(&mut server, depth + CASES).await?;
    let newest = calls.first().context("there are no calls")?.created_at;
    (0..CASES)
        .map(|at| {
            let user = &users[at * 7 % users.len()];
            // The page behind it begins behind as many calls.
            let at_depth = &calls[(depth + at).min(calls.len()) - 1];
            let to = newest - TimeDelta::days(i64::try_from(at % 300)?);
            let after = BTreeMap::from([
                ("hookgraph".to_owned(), at_depth.cursor.clone()),
                (
                    "floor".to_owned(),
                    format!("{} {}", at_depth.created_at.timestamp_micros(), at_depth.id),
                ),
            ]);
            Ok(Case {
                org: orgs[at % orgs.len()].clone(),
                user: text(&user["id"]),
                team: text(&user["teamId"]),
                call: calls[at * 97 % calls.len()].id.clone(),
                ids: (0..20)
                    .map(|of| calls[(at * 31 + of * 701) % calls.len()].id.clone())
                    .collect(),
                from: rfc3339(to - TimeDelta::days(DAYS)),
                to: rfc3339(to),
                after,
            })
        })
        .collect()
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

async fn calls(server: &mut Connection, most: usize) -> anyhow::Result<Vec<Found>> {
    let query = "query ($after: String) { calls(first: 100, after: $after) { edges { cursor node { id createdAt } } } }";
    let mut calls: Vec<Found> = Vec::new();
    loop {
        let after = calls.last().map(|call| call.cursor.as_str());
        let page = ask(server, query, after).await?;
        let edges = page["calls"]["edges"].as_array().context("a page")?;
        for edge in edges {
            let created_at = text(&edge["node"]["createdAt"]);
            calls.push(Found {
                id: text(&edge["node"]["id"]),
                cursor: text(&edge["cursor"]),
                created_at: created_at.parse().context(created_at)?,
            });
        }
        if edges.is_empty() || calls.len() >= most {
            return Ok(calls);
        }
    }
}

async fn ask(server: &mut Connection, query: &str, after: Option<&str>) -> anyhow::Result<Value> {
    let body = json!({ "query": query, "variables": { "after": after } });
    let answer = server.post(Bytes::from(body.to_string())).await?;
    let mut answer: Value = serde_json::from_slice(&answer)?;
    anyhow::ensure!(answer["errors"].is_null(), "{}", answer["errors"]);
    Ok(answer["data"].take())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(nodes: &Value, field: &str) -> Vec<String> {
    let nodes = nodes.as_array().into_iter().flatten();
    nodes.map(|node| text(&node[field])).collect()
}
