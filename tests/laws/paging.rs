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

/// A list in one of its orders, and the fields that tell its rows apart.
#[derive(Clone, Copy, Debug)]
struct List {
    root: &'static str,
    key: &'static str,
    /// The argument's type, without `Order`.
    kind: &'static str,
    /// By what; the first of a list is the usual one.
    field: &'static str,
    descending: bool,
}

/// Each list in each of its orders, both ways.
fn lists() -> impl Iterator<Item = List> {
    [
        (
            "calls",
            "id",
            "Call",
            &["CREATED_AT", "SCORE", "DURATION"][..],
        ),
        ("users", "id", "User", &["CREATED_AT", "NAME", "STREAK"]),
        ("orgs", "id", "Org", &["CREATED_AT", "NAME"]),
        ("prospects", "orgId id", "Prospect", &["ID"]),
        (
            "analyses",
            "callId index",
            "Analysis",
            &["CREATED_AT", "SCORE"],
        ),
        ("events", "position", "Event", &["POSITION", "OCCURRED_AT"]),
    ]
    .into_iter()
    .flat_map(|(root, key, kind, fields)| {
        fields.iter().flat_map(move |field| {
            [true, false].map(|descending| List {
                root,
                key,
                kind,
                field,
                descending,
            })
        })
    })
}

impl List {
    fn order(&self) -> Value {
        let direction = if self.descending { "DESC" } else { "ASC" };
        json!({"field": self.field, "direction": direction})
    }

    /// Whether this is the order without any being asked for.
    fn is_usual(&self) -> bool {
        let by_default = ["CREATED_AT", "ID", "POSITION"].contains(&self.field);
        by_default && self.descending == (self.root != "prospects")
    }
}

/// Where a row stands: a number, then a text, then a whole number, then an id, then another whole number.
#[derive(Debug, Default, PartialEq, PartialOrd)]
struct Place(f64, String, i64, String, i64);

/// What is missing counts as less than any.
fn number(number: Option<f64>) -> f64 {
    number.unwrap_or(f64::NEG_INFINITY)
}

/// The rows of `list` with their places, as they come from the table.
async fn placed(read_model: &ReadModel, list: List) -> Vec<(Place, Value)> {
    let live = read_model.live();
    let db = live.db();
    macro_rules! placed {
        ($table:ident $row:ident $place:expr, $key:expr) => {{
            let rows = $table::Entity::find().all(db).await.unwrap();
            rows.iter().map(|$row| ($place, $key)).collect()
        }};
    }
    let none = f64::NEG_INFINITY;
    match list.root {
        "calls" => placed!(call row {
            let by = match list.field {
                "SCORE" => number(row.score),
                "DURATION" => number(row.duration),
                _ => none,
            };
            Place(by, String::new(), row.ordered_at, row.id.clone(), 0)
        }, json!({"id": row.id})),
        "users" => placed!(user row match list.field {
            "NAME" => Place(none, row.name_key.clone(), 0, row.id.clone(), 0),
            "STREAK" => Place(number(row.streak), String::new(), row.ordered_at, row.id.clone(), 0),
            _ => Place(none, String::new(), row.ordered_at, row.id.clone(), 0),
        }, json!({"id": row.id})),
        "orgs" => placed!(org row match list.field {
            "NAME" => Place(none, row.name_key.clone(), 0, row.id.clone(), 0),
            _ => Place(none, String::new(), row.ordered_at, row.id.clone(), 0),
        }, json!({"id": row.id})),
        "prospects" => placed!(
            prospect row Place(none, row.org_id.clone(), 0, row.id.clone(), 0),
            {
                let org_id = Some(&row.org_id).filter(|id| !id.is_empty());
                json!({"orgId": org_id, "id": row.id})
            }
        ),
        "analyses" => placed!(analysis row {
            let by = if list.field == "SCORE" { number(row.score) } else { none };
            Place(by, String::new(), row.call_ordered_at, row.call_id.clone(), row.ordinal.into())
        }, json!({"callId": row.call_id, "index": row.ordinal})),
        _ => placed!(event_index row {
            let by = if list.field == "OCCURRED_AT" { row.occurred_at.unwrap_or(i64::MIN) } else { 0 };
            Place(none, String::new(), by, String::new(), row.position)
        }, json!({"position": row.position})),
    }
}

/// The keys of all rows of `list`, in the documented order, straight from the table.
async fn rows(read_model: &ReadModel, list: List) -> Vec<Value> {
    let mut rows = placed(read_model, list).await;
    rows.sort_by(|(one, _), (other, _)| one.partial_cmp(other).unwrap());
    if list.descending {
        rows.reverse();
    }
    rows.into_iter().map(|(_, key)| key).collect()
}

/// Walks `list` from one end to the other and returns the rows in the list's order; `between` runs after each page.
async fn walk(
    graphql: &Graphql,
    list: List,
    size: usize,
    backward: bool,
    mut between: impl AsyncFnMut(),
) -> Vec<Value> {
    let List {
        root, key, kind, ..
    } = list;
    let (count, bound, more, end) = if backward {
        ("last", "before", "hasPreviousPage", "startCursor")
    } else {
        ("first", "after", "hasNextPage", "endCursor")
    };
    let text = format!(
        "query($size: Int!, $from: String, $order: {kind}Order) {{ {root}({count}: $size, {bound}: $from, orderBy: $order) {{
           edges {{ cursor }} nodes {{ {key} }} pageInfo {{ {more} {end} }} }} }}"
    );
    let order = if list.is_usual() {
        Value::Null
    } else {
        list.order()
    };
    let mut visited: Vec<Value> = Vec::new();
    let mut from = Value::Null;
    loop {
        let answer = query(
            graphql,
            &text,
            json!({"size": size, "from": from, "order": order}),
        )
        .await;
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

/// So many calls, orgs and users of one and the same moment, with few scores and streaks among them or none: nothing but the id
/// tells where most of them stand.
fn crowd(count: usize) -> impl Iterator<Item = Message> {
    let moment = "2025-01-14T04:22:51Z";
    (0..count).map(move |nth| {
        let some = [json!(0.1 + 0.2), Value::Null, json!(-0.0), json!(0.3)][nth % 4].clone();
        let user = json!({"id": format!("user-{nth}"), "createdAt": moment, "orgId": format!("org-{nth}"), "streak": some});
        let analysis = json!([{"score": some}, {"score": some}]);
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
    for list in lists() {
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
    let coming = vec(company(), 0..24);
    check(
        32,
        &(history(24), 0..12usize, coming, size, any::<bool>()),
        each_row_is_visited_once,
    );
}
