//! Walking a list page by page visits each row exactly once, also while rows are inserted between the pages.

use std::collections::HashSet;
use std::sync::Arc;

use entity::read_model::{analysis, call, event_index, org, prospect, user};
use ingest::log::Limits;
use ingest::projector::BatchLimits;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::history::{Message, company, history};

use crate::check::check;
use crate::client::{graphql, query};
use crate::stores::{Stores, catch_up};
use api::graphql::Graphql;
use ingest::generation::{ReadModel, Version};

/// A list, and the fields that tell its rows apart.
#[derive(Clone, Copy, Debug)]
struct List {
    root: &'static str,
    key: &'static str,
}

const LISTS: [List; 6] = [
    List {
        root: "calls",
        key: "id",
    },
    List {
        root: "users",
        key: "id",
    },
    List {
        root: "orgs",
        key: "id",
    },
    List {
        root: "prospects",
        key: "orgId id",
    },
    List {
        root: "analyses",
        key: "callId index",
    },
    List {
        root: "events",
        key: "position",
    },
];

/// The keys of all rows of `list`, in the documented order, straight from the table.
async fn rows(read_model: &ReadModel, list: List) -> Vec<Value> {
    let live = read_model.live();
    let db = live.db();
    macro_rules! newest_first {
        ($table:ident by $row:ident $order:expr, $key:expr) => {{
            let mut rows = $table::Entity::find().all(db).await.unwrap();
            rows.sort_by_key(|$row| std::cmp::Reverse($order));
            rows.iter().map(|$row| $key).collect()
        }};
    }
    match list.root {
        "calls" => {
            newest_first!(call by row (row.ordered_at, row.id.clone()), json!({"id": row.id}))
        }
        "users" => {
            newest_first!(user by row (row.ordered_at, row.id.clone()), json!({"id": row.id}))
        }
        "orgs" => {
            newest_first!(org by row (row.ordered_at, row.id.clone()), json!({"id": row.id}))
        }
        "analyses" => newest_first!(
            analysis by row (row.call_ordered_at, row.call_id.clone(), row.ordinal),
            json!({"callId": row.call_id, "index": row.ordinal})
        ),
        "events" => {
            newest_first!(event_index by row row.position, json!({"position": row.position}))
        }
        _ => {
            let mut rows = prospect::Entity::find().all(db).await.unwrap();
            rows.sort_by_key(|row| (row.org_id.clone(), row.id.clone()));
            rows.iter()
                .map(|row| {
                    let org_id = Some(&row.org_id).filter(|id| !id.is_empty());
                    json!({"orgId": org_id, "id": row.id})
                })
                .collect()
        }
    }
}

/// Walks `list` from one end to the other and returns the rows in the list's order; `between` runs after each page.
async fn walk(
    graphql: &Graphql,
    list: List,
    size: usize,
    backward: bool,
    mut between: impl AsyncFnMut(),
) -> Vec<Value> {
    let List { root, key } = list;
    let (count, bound, more, end) = if backward {
        ("last", "before", "hasPreviousPage", "startCursor")
    } else {
        ("first", "after", "hasNextPage", "endCursor")
    };
    let text = format!(
        "query($size: Int!, $from: String) {{ {root}({count}: $size, {bound}: $from) {{
           edges {{ cursor }} nodes {{ {key} }} pageInfo {{ {more} {end} }} }} }}"
    );
    let mut visited: Vec<Value> = Vec::new();
    let mut from = Value::Null;
    loop {
        let answer = query(graphql, &text, json!({"size": size, "from": from})).await;
        let page = &answer[root];
        let nodes = page["nodes"].as_array().unwrap();
        assert!(nodes.len() <= size, "a page of {} rows", nodes.len());
        let place = if backward { 0 } else { visited.len() };
        visited.splice(place..place, nodes.iter().cloned());
        if page["pageInfo"][more] == false {
            return visited;
        }
        assert_eq!(nodes.len(), size, "a page that is not the last is full");
        from = page["pageInfo"][end].clone();
        between().await;
    }
}

/// So many calls, orgs and users of one and the same moment: nothing but the id tells where they stand.
fn crowd(count: usize) -> impl Iterator<Item = Message> {
    let moment = "2025-01-14T04:22:51Z";
    (0..count).map(move |nth| {
        let user = json!({"id": format!("user-{nth}"), "createdAt": moment, "orgId": format!("org-{nth}")});
        let analysis = json!([{"score": 1}, {"score": 2}]);
        let call = json!({"id": format!("call-{nth}"), "createdAt": moment, "user": user, "analysis": analysis});
        let body = json!({"type": "call.completed", "timestamp": moment, "payload": {"call": call}});
        Message::new(body.to_string())
    })
}

/// What is there besides a crowd, what comes while a list is walked, and how it is walked.
type Walk = (Vec<Message>, usize, Vec<Vec<Message>>, usize, bool);

async fn each_row_is_visited_once(
    (mut there, crowded, coming, size, backward): Walk,
) -> TestCaseResult {
    let stores = Stores::open(Limits::default()).await;
    there.extend(crowd(crowded));
    stores.append_all(&there).await;
    let read_model = stores.projected("a").await;
    let graphql = graphql(&stores, &read_model);
    let mut coming = coming.into_iter();
    for list in LISTS {
        each_row_of_a_list(
            &stores,
            &read_model,
            &graphql,
            list,
            &mut coming,
            size,
            backward,
        )
        .await?;
    }
    Ok(())
}

async fn each_row_of_a_list(
    stores: &Stores,
    read_model: &Arc<ReadModel>,
    graphql: &Graphql,
    list: List,
    coming: &mut impl Iterator<Item = Vec<Message>>,
    size: usize,
    backward: bool,
) -> TestCaseResult {
    let rows = rows(read_model, list).await;
    let visited = walk(graphql, list, size, backward, async || {}).await;
    prop_assert_eq!(&visited, &rows);
    let count = format!("{{ {} {{ totalCount }} }}", list.root);
    let counted = query(graphql, &count, json!({})).await;
    prop_assert_eq!(&counted[list.root]["totalCount"], &json!(rows.len()));

    let generations = stores.generations("a", Version::CURRENT).await;
    let mut projector = stores.projector(generations, BatchLimits::default());
    let visited = walk(graphql, list, size, backward, async || {
        if let Some(messages) = coming.next() {
            stores.append_all(&messages).await;
            catch_up(&mut projector).await;
        }
    })
    .await;
    let distinct: HashSet<String> = visited.iter().map(Value::to_string).collect();
    prop_assert_eq!(distinct.len(), visited.len(), "a row is visited twice");
    let there: HashSet<String> = rows.iter().map(Value::to_string).collect();
    let visited: Vec<Value> = visited
        .into_iter()
        .filter(|row| there.contains(&row.to_string()))
        .collect();
    prop_assert_eq!(&visited, &rows);
    Ok(())
}

#[test]
fn a_walk_visits_each_row_once() {
    let size = prop_oneof![4 => 1..8usize, 1 => 8..=100usize];
    // Of other companies: rows are inserted, and none of those that are there changes its place.
    let coming = vec(company(), 0..12);
    check(
        32,
        &(history(24), 0..12usize, coming, size, any::<bool>()),
        each_row_is_visited_once,
    );
}
