//! Lists in the order that is asked for, at the root and below each parent, also where values are missing or equal.

use serde_json::{Value, json};
use tests::Server;

use crate::expected::{Expected, deliveries, keys};

/// A value by which rows are ordered; a missing one comes before all others.
#[derive(Debug, PartialEq, PartialOrd)]
enum Part {
    Number(f64),
    Text(String),
}

/// The values of `row` in an order, as the schema describes it.
fn place(row: &Value, field: &str) -> Vec<Part> {
    let number = |name: &str| Part::Number(row[name].as_f64().unwrap_or(f64::NEG_INFINITY));
    let key = || Part::Text(row["key"].as_str().expect("a key").to_owned());
    match field {
        "CREATED_AT" => vec![number("createdAt"), key()],
        "SCORE" => vec![number("score"), number("createdAt"), key()],
        "DURATION" => vec![number("duration"), number("createdAt"), key()],
        "STREAK" => vec![number("streak"), number("createdAt"), key()],
        "NAME" => {
            let name = row["name"].as_str().unwrap_or_default();
            vec![Part::Text(ingest::fold::key(name)), key()]
        }
        "POSITION" => vec![number("position")],
        "OCCURRED_AT" => vec![number("occurredAt"), number("position")],
        _ => vec![key()],
    }
}

/// The keys of `rows` in an order.
fn ordered<'r>(rows: impl Iterator<Item = &'r Value>, field: &str, direction: &str) -> Vec<String> {
    let mut rows: Vec<&Value> = rows.collect();
    rows.sort_by(|one, other| {
        let order = place(one, field).partial_cmp(&place(other, field));
        let order = order.expect("they can be compared");
        if direction == "DESC" {
            order.reverse()
        } else {
            order
        }
    });
    keys(rows)
}

fn ids(page: &Value) -> Vec<String> {
    let nodes = page["nodes"].as_array().expect("nodes");
    let id = |node: &Value| {
        node["id"]
            .as_str()
            .or(node["messageId"].as_str())
            .expect("an id")
            .to_owned()
    };
    nodes.iter().map(id).collect()
}

async fn filled() -> (Server, Expected) {
    let server = Server::start().await;
    let deliveries = deliveries();
    server.sender().deliver(&deliveries).await;
    server.settled().await;
    (server, Expected::of(&deliveries))
}

const DIRECTIONS: [&str; 2] = ["ASC", "DESC"];

#[tokio::test]
async fn a_list_is_in_the_order_that_is_asked_for() {
    let (server, expected) = filled().await;
    for (list, node, rows, fields) in [
        ("orgs", "id", &expected.orgs, &["CREATED_AT", "NAME"][..]),
        (
            "users",
            "id",
            &expected.users,
            &["CREATED_AT", "NAME", "STREAK"],
        ),
        (
            "calls",
            "id",
            &expected.calls,
            &["CREATED_AT", "SCORE", "DURATION"],
        ),
        (
            "events",
            "messageId",
            &expected.events,
            &["POSITION", "OCCURRED_AT"],
        ),
    ] {
        for field in fields {
            for direction in DIRECTIONS {
                let order = format!("orderBy: {{ field: {field}, direction: {direction} }}");
                let expected = ordered(rows.iter(), field, direction);
                let query = format!("{{ {list}(first: 100, {order}) {{ nodes {{ {node} }} }} }}");
                let data = server.graphql(&query, json!({})).await;
                assert_eq!(ids(&data[list]), expected, "{list} by {field} {direction}");
                let query = format!("{{ {list}(last: 3, {order}) {{ nodes {{ {node} }} }} }}");
                let data = server.graphql(&query, json!({})).await;
                assert_eq!(
                    ids(&data[list]),
                    expected[expected.len() - 3..],
                    "the end of {list} by {field} {direction}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_list_below_each_parent_is_in_the_order_that_is_asked_for() {
    let (server, expected) = filled().await;
    for (parents, list, rows, key, field) in [
        (&expected.orgs, "users", &expected.users, "orgId", "NAME"),
        (&expected.orgs, "users", &expected.users, "orgId", "STREAK"),
        (&expected.orgs, "calls", &expected.calls, "orgId", "SCORE"),
        (
            &expected.orgs,
            "prospects",
            &expected.prospects,
            "orgId",
            "ID",
        ),
        (&expected.users, "calls", &expected.calls, "userId", "SCORE"),
        (
            &expected.users,
            "calls",
            &expected.calls,
            "userId",
            "DURATION",
        ),
    ] {
        let root = if key == "orgId" { "org" } else { "user" };
        for direction in DIRECTIONS {
            let page = |arguments: &str| {
                format!("{list}(first: 2, orderBy: {{ field: {field}, direction: {direction} }}{arguments}) {{
                    nodes {{ id }} pageInfo {{ endCursor hasNextPage }} }}")
            };
            let query = format!(
                "{{ {root}s(first: 100) {{ nodes {{ id {} }} }} }}",
                page("")
            );
            let data = server.graphql(&query, json!({})).await;
            let nodes = data[&format!("{root}s")]["nodes"]
                .as_array()
                .expect("nodes");
            assert_eq!(nodes.len(), parents.len());
            let mut further = 0;
            for node in nodes {
                let own = rows.iter().filter(|row| row[key] == node["id"]);
                let own = ordered(own, field, direction);
                let own: Vec<&str> = own
                    .iter()
                    .map(|key| key.rsplit(' ').next().expect("an id").trim_matches('"'))
                    .collect();
                let first = &node[list];
                assert_eq!(
                    ids(first),
                    own[..own.len().min(2)],
                    "{root} {list} by {field} {direction}"
                );
                if first["pageInfo"]["hasNextPage"] == true {
                    let query = format!(
                        "query ($id: ID!, $after: String) {{ {root}(id: $id) {{ {} }} }}",
                        page(", after: $after")
                    );
                    let next = json!({ "id": node["id"], "after": first["pageInfo"]["endCursor"] });
                    let data = server.graphql(&query, next).await;
                    assert_eq!(ids(&data[root][list]), own[2..own.len().min(4)]);
                    further += 1;
                }
            }
            assert!(further > 0, "a parent has two pages of {list}");
        }
    }
}

#[tokio::test]
async fn what_has_no_score_counts_as_less_than_any() {
    let server = Server::start().await;
    for (id, score) in [
        ("none", json!(null)),
        ("low", json!(-1e308)),
        ("high", json!(0.1)),
        ("lost", json!(null)),
    ] {
        let call = json!({ "id": id, "createdAt": "2025-01-14T05:15:39Z", "analysis": [{ "score": score }] });
        let body = json!({ "id": "e", "type": "call.completed", "payload": { "call": call } });
        assert_eq!(server.sender().send(id, body.to_string()).await.status, 204);
    }
    server.settled().await;
    for (direction, filter, expected) in [
        ("ASC", "{}", &["lost", "none", "low", "high"][..]),
        ("DESC", "{}", &["high", "low", "none", "lost"]),
        ("ASC", "{ score: { max: 1 } }", &["low", "high"]),
        (
            "DESC",
            "{ not: { score: { min: 0 } } }",
            &["low", "none", "lost"],
        ),
    ] {
        let query = format!(
            "{{ calls(filter: {filter}, orderBy: {{ field: SCORE, direction: {direction} }}) {{ nodes {{ id }} }} }}"
        );
        let data = server.graphql(&query, json!({})).await;
        assert_eq!(ids(&data["calls"]), expected, "{filter} {direction}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_order_is_told_apart() {
    let (server, _) = filled().await;
    let query = "query ($order: CallOrder, $after: String) { calls(first: 1, orderBy: $order, after: $after) {
        nodes { id } pageInfo { endCursor } } }";
    let fields = ["CREATED_AT", "SCORE", "DURATION"];
    let orders = fields.iter().flat_map(|field| {
        DIRECTIONS.map(|direction| json!({ "field": field, "direction": direction }))
    });
    let mut orders: Vec<Value> = orders.collect();
    orders.push(Value::Null);
    // The usual order is the same whether it is asked for or not.
    let usual = |order: &Value| {
        order.is_null() || *order == json!({ "field": "CREATED_AT", "direction": "DESC" })
    };
    for from in &orders {
        let data = server.graphql(query, json!({ "order": from })).await;
        let cursor = &data["calls"]["pageInfo"]["endCursor"];
        for order in &orders {
            let variables = json!({ "order": order, "after": cursor });
            let answer = server.answer(query, variables).await;
            if from == order || usual(from) && usual(order) {
                let next = ids(&answer["data"]["calls"]);
                assert_eq!(next.len(), 1, "{answer:#}");
                assert_ne!(next, ids(&data["calls"]));
            } else {
                let error = &answer["errors"][0];
                assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer:#}");
                let message = error["message"].as_str().expect("a message");
                assert!(message.contains("`orderBy`"), "{message}");
            }
        }
    }
}
