//! Pages of lists: each row once and in one order, while others arrive; lists inside lists; what is no page.

use std::collections::BTreeSet;

use sample::Delivery;
use serde_json::{Value, json};
use tests::Server;

use crate::expected::{Expected, deliveries, keys};

/// Reads a list page by page, forward or backward, and calls `between` after each page. Returns the rows in the order in
/// which they were visited.
async fn walk(
    server: &Server,
    list: &str,
    node: &str,
    size: usize,
    backward: bool,
    mut between: impl AsyncFnMut(),
) -> Vec<Value> {
    let (count, bound) = if backward {
        ("last", "before")
    } else {
        ("first", "after")
    };
    let query = format!(
        "query ($size: Int!, $cursor: String) {{ {list}({count}: $size, {bound}: $cursor) {{
            edges {{ cursor node {{ {node} }} }} nodes {{ {node} }}
            pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }}
        }} }}"
    );
    let mut visited = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let data = server
            .graphql(&query, json!({ "size": size, "cursor": cursor }))
            .await;
        let page = &data[list];
        let edges = page["edges"].as_array().expect("edges");
        let mut nodes: Vec<Value> = edges.iter().map(|edge| edge["node"].clone()).collect();
        assert_eq!(page["nodes"], json!(nodes));
        assert!(nodes.len() <= size);
        let info = &page["pageInfo"];
        let ends = ["startCursor", "endCursor"].map(|end| &info[end]);
        let outer = [edges.first(), edges.last()].map(|edge| edge.map(|edge| &edge["cursor"]));
        assert_eq!(
            ends.map(Some),
            outer.map(|edge| edge.or(Some(&Value::Null)))
        );
        if backward {
            nodes.reverse();
        }
        visited.append(&mut nodes);
        let (next, end) = if backward {
            ("hasPreviousPage", "startCursor")
        } else {
            ("hasNextPage", "endCursor")
        };
        if info[next] == false {
            return visited;
        }
        assert_eq!(edges.len(), size, "only the last page is shorter");
        cursor = info[end].clone();
        between().await;
    }
}

fn ids(rows: &[Value]) -> Vec<String> {
    let id = |row: &Value| row["id"].as_str().expect("an id").to_owned();
    rows.iter().map(id).collect()
}

#[tokio::test]
async fn every_page_size_and_both_directions_visit_each_row_once_in_one_order() {
    let server = Server::start().await;
    let deliveries = deliveries();
    server.sender().deliver(&deliveries).await;
    server.settled().await;
    let expected = Expected::of(&deliveries);
    for (list, rows) in [
        ("calls", &expected.calls),
        ("users", &expected.users),
        ("orgs", &expected.orgs),
    ] {
        let total = format!("{{ {list} {{ totalCount }} }}");
        let data = server.graphql(&total, json!({})).await;
        assert_eq!(data[list]["totalCount"], rows.len());
        let mut order = keys(rows);
        for backward in [false, true] {
            for size in [1, 2, 7, 100] {
                let visited = walk(&server, list, "id", size, backward, async || {}).await;
                assert_eq!(
                    ids(&visited),
                    order,
                    "{list} by {size}, backward: {backward}"
                );
            }
            order.reverse();
        }
    }
    let visited = walk(&server, "events", "messageId", 17, false, async || {}).await;
    let visited: Vec<_> = visited
        .iter()
        .map(|event| event["messageId"].as_str().expect("an id"))
        .collect();
    assert_eq!(visited, keys(&expected.events));
    for (list, node, rows) in [
        ("prospects", "orgId id", expected.prospects),
        ("analyses", "callId index", expected.analyses),
    ] {
        let visited = walk(&server, list, node, 4, false, async || {}).await;
        let again = walk(&server, list, node, 3, true, async || {}).await;
        assert!(visited.iter().eq(again.iter().rev()), "{list}");
        let distinct: BTreeSet<_> = visited.iter().map(Value::to_string).collect();
        assert_eq!(
            (visited.len(), distinct.len()),
            (rows.len(), rows.len()),
            "{list}"
        );
    }
}

#[tokio::test]
async fn pages_stay_right_while_calls_arrive() {
    for backward in [false, true] {
        for size in [1, 3, 5] {
            let server = Server::start().await;
            let calls: Vec<Delivery> = deliveries()
                .into_iter()
                .filter(|delivery| delivery.event_type == "call.completed")
                .collect();
            // The later ones are made before, between and after the earlier ones.
            let (earlier, later): (Vec<_>, Vec<_>) = calls
                .iter()
                .enumerate()
                .partition(|(place, _)| place % 2 == 0);
            let [earlier, later] = [earlier, later].map(|half| {
                let half = half.into_iter().map(|(_, delivery)| delivery.clone());
                half.collect::<Vec<_>>()
            });
            server.sender().deliver(&earlier).await;
            server.settled().await;
            let mut arriving = later.chunks(2);
            let visited = walk(
                &server,
                "calls",
                "id createdAt",
                size,
                backward,
                async || {
                    if let Some(arriving) = arriving.next() {
                        server.sender().deliver(arriving).await;
                        server.settled().await;
                    }
                },
            )
            .await;
            let place = |call: &Value| {
                let time = crate::expected::time(&call["createdAt"]).expect("a time");
                (time, call["id"].to_string())
            };
            let in_order = visited.windows(2).all(|pair| {
                let [one, next] = [&pair[0], &pair[1]].map(place);
                if backward { one < next } else { one > next }
            });
            assert!(in_order, "in one order and none twice: {visited:#?}");
            let visited: BTreeSet<_> = ids(&visited).into_iter().collect();
            let missed: Vec<_> = keys(&Expected::of(&earlier).calls)
                .into_iter()
                .filter(|id| !visited.contains(id))
                .collect();
            assert!(
                missed.is_empty(),
                "by {size}, backward: {backward}: {missed:?}"
            );
        }
    }
}

#[tokio::test]
async fn lists_inside_lists_are_pages_of_their_own() {
    let server = Server::start().await;
    let deliveries = deliveries();
    server.sender().deliver(&deliveries).await;
    server.settled().await;
    let expected = Expected::of(&deliveries);
    let of = |rows: &[Value], field: &str, id: &Value| -> Vec<String> {
        keys(rows.iter().filter(|row| row[field] == *id))
    };
    let users = "totalCount pageInfo { endCursor hasNextPage }
        nodes { id calls(first: 2) { totalCount pageInfo { hasNextPage } nodes { id } } }";
    let query = format!("{{ orgs {{ nodes {{ id users(first: 2) {{ {users} }} }} }} }}");
    let data = server.graphql(&query, json!({})).await;
    let orgs = data["orgs"]["nodes"].as_array().expect("orgs");
    assert_eq!(ids(orgs), keys(&expected.orgs));
    for org in orgs {
        let all = of(&expected.users, "orgId", &org["id"]);
        let mut page = org["users"].clone();
        let mut visited = Vec::new();
        loop {
            assert_eq!(page["totalCount"], all.len());
            let nodes = page["nodes"].as_array().expect("users");
            for user in nodes {
                let calls = of(&expected.calls, "userId", &user["id"]);
                let page = &user["calls"];
                assert_eq!(page["totalCount"], calls.len());
                assert_eq!(page["pageInfo"]["hasNextPage"], calls.len() > 2);
                let nodes = ids(page["nodes"].as_array().expect("calls"));
                assert_eq!(nodes, calls[..calls.len().min(2)]);
            }
            visited.append(&mut ids(nodes));
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            let query = format!(
                "query ($org: ID!, $after: String) {{ org(id: $org) {{ users(first: 2, after: $after) {{ {users} }} }} }}"
            );
            let next = json!({ "org": org["id"], "after": page["pageInfo"]["endCursor"] });
            page = server.graphql(&query, next).await["org"]["users"].take();
        }
        assert_eq!(visited, all);
    }
}

#[tokio::test]
async fn what_is_no_page_is_bad_user_input() {
    let server = Server::start().await;
    server.sender().deliver(&deliveries()[..]).await;
    server.settled().await;
    let lists = ["orgs", "users", "calls", "prospects", "analyses", "events"];
    let ask =
        |list: &str, arguments: &str| format!("{{ {list}({arguments}) {{ edges {{ cursor }} }} }}");
    for list in lists {
        for arguments in [
            "first: 101",
            "last: 101",
            "first: -1",
            "last: -1",
            "first: 1, last: 1",
            r#"after: """#,
            r#"after: "nonsense""#,
            r#"before: "bm9uc2Vuc2U""#,
            r#"after: "W10""#,
        ] {
            let code = server.error_code(&ask(list, arguments), json!({})).await;
            assert_eq!(code, "BAD_USER_INPUT", "{list}({arguments})");
        }
        let whole = server.graphql(&ask(list, "first: 100"), json!({})).await;
        assert!(!whole[list]["edges"].as_array().expect("edges").is_empty());
        let none = server.graphql(&ask(list, "first: 0"), json!({})).await;
        assert_eq!(none[list]["edges"], json!([]));
    }
    let nested = "{ orgs { nodes { users(first: 101) { totalCount } } } }";
    let answer = server.answer(nested, json!({})).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
        "{answer:#}"
    );
}

#[tokio::test]
async fn a_cursor_of_another_list_is_bad_user_input() {
    let server = Server::start().await;
    server.sender().deliver(&deliveries()[..]).await;
    server.settled().await;
    let lists = ["orgs", "users", "calls", "prospects", "analyses", "events"];
    let mut taken = Vec::new();
    for from in lists {
        let first = format!("{{ {from}(first: 1) {{ pageInfo {{ endCursor }} }} }}");
        let cursor = server.graphql(&first, json!({})).await[from]["pageInfo"]["endCursor"].take();
        for list in lists.into_iter().filter(|list| *list != from) {
            let query = format!(
                "query ($after: String) {{ {list}(after: $after) {{ nodes {{ __typename }} }} }}"
            );
            let answer = server.answer(&query, json!({ "after": cursor })).await;
            if answer["errors"][0]["extensions"]["code"] != "BAD_USER_INPUT" {
                taken.push(format!("{list} takes a cursor of {from}"));
            }
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
}
