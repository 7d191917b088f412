//! Every field of every filter, alone and with others, against the same filter computed plainly.

use serde_json::{Map, Value, json};
use tests::Server;

use crate::expected::{Expected, deliveries, keys, time};

/// A list: its root, the filter's type, and how a node's key is written.
struct List<'e> {
    root: &'static str,
    filter: &'static str,
    node: &'static str,
    key: fn(&Value) -> String,
    rows: &'e [Value],
}

/// Whether a row passes a filter, as the schema describes it.
fn passes(row: &Value, filter: &Value) -> bool {
    let filter = filter.as_object().expect("a filter");
    filter.iter().all(|(field, condition)| match condition {
        Value::Array(values) => values.contains(&row[field]),
        // No bound, no condition: not even that there is a time.
        Value::Object(range) if range.is_empty() => true,
        Value::Object(range) => row[field].as_i64().is_some_and(|at| {
            let bound = |name| {
                range
                    .get(name)
                    .and_then(time)
                    .map(|time| time.timestamp_micros())
            };
            bound("from").is_none_or(|from| at >= from) && bound("to").is_none_or(|to| at < to)
        }),
        value => row[field] == *value,
    })
}

/// A time of this row, written for a filter.
fn written(micros: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(micros).expect("a time");
    time.to_rfc3339()
}

/// Filters of each field that the rows have, and of all of them together.
fn filters(rows: &[Value]) -> Vec<Value> {
    let mut filters = vec![json!({})];
    let mut together = Map::new();
    let sample = &rows[rows.len() / 3];
    for (field, value) in sample.as_object().expect("a row") {
        let of = |condition: Value| json!({ field: condition });
        match (field.as_str(), value) {
            ("key" | "analyses", _) => {}
            ("createdAt" | "occurredAt", _) => {
                let mut times: Vec<_> = rows.iter().filter_map(|row| row[field].as_i64()).collect();
                times.sort_unstable();
                // Times of rows themselves: the first bound is in the range, the second is not.
                let (from, to) = (times[times.len() / 4], times[times.len() * 3 / 4]);
                let (from, to) = (written(from), written(to));
                filters.extend([
                    of(json!({ "from": from, "to": to })),
                    of(json!({ "from": to })),
                    of(json!({ "to": from })),
                    of(json!({ "from": to, "to": from })),
                    of(json!({})),
                ]);
                let at = written(sample[field].as_i64().expect("a time"));
                together.insert(field.clone(), json!({ "from": at }));
            }
            (_, Value::Bool(_)) => {
                filters.extend([of(true.into()), of(false.into())]);
                together.insert(field.clone(), value.clone());
            }
            ("outcome", _) => {
                filters.extend([
                    of(json!(["DEAD"])),
                    of(json!(["UNRECOGNIZED", "DEAD"])),
                    of(json!(["PROJECTED"])),
                    of(json!(["PENDING"])),
                    of(json!([])),
                ]);
                together.insert(field.clone(), json!([value]));
            }
            _ => {
                let last = rows.iter().rev().find(|row| row[field].is_string());
                let last = &last.expect("a row with it")[field];
                filters.extend([
                    of(json!([value])),
                    of(json!([value, last, "nobody"])),
                    of(json!(["nobody"])),
                    of(json!([])),
                ]);
                together.insert(field.clone(), json!([value, "nobody"]));
            }
        }
    }
    filters.push(Value::Object(together));
    filters
}

async fn answered(server: &Server, list: &List<'_>, filter: &Value) -> Vec<String> {
    let List {
        root,
        filter: kind,
        node,
        ..
    } = list;
    let query = format!(
        "query ($filter: {kind}) {{ {root}(first: 100, filter: $filter) {{ totalCount nodes {{ {node} }} }} }}"
    );
    let data = server.graphql(&query, json!({ "filter": filter })).await;
    let nodes = data[root]["nodes"].as_array().expect("nodes");
    assert_eq!(data[root]["totalCount"], nodes.len(), "{root} {filter}");
    nodes.iter().map(list.key).collect()
}

fn id(node: &Value) -> String {
    node["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn every_filter_lets_pass_what_it_says() {
    let server = Server::start().await;
    let deliveries = deliveries();
    server.sender().deliver(&deliveries).await;
    server.settled().await;
    let expected = Expected::of(&deliveries);
    let lists = [
        List {
            root: "orgs",
            filter: "OrgFilter",
            node: "id",
            key: id,
            rows: &expected.orgs,
        },
        List {
            root: "users",
            filter: "UserFilter",
            node: "id",
            key: id,
            rows: &expected.users,
        },
        List {
            root: "calls",
            filter: "CallFilter",
            node: "id",
            key: id,
            rows: &expected.calls,
        },
        List {
            root: "prospects",
            filter: "ProspectFilter",
            node: "orgId id",
            key: |node| format!("{} {}", node["orgId"], node["id"]),
            rows: &expected.prospects,
        },
        List {
            root: "analyses",
            filter: "AnalysisFilter",
            node: "callId index",
            key: |node| format!("{} {}", node["callId"], node["index"]),
            rows: &expected.analyses,
        },
        List {
            root: "events",
            filter: "EventFilter",
            node: "messageId",
            key: |node| node["messageId"].as_str().expect("an id").to_owned(),
            rows: &expected.events,
        },
    ];
    for list in &lists {
        assert!(
            list.rows.len() <= 100,
            "one page holds them: {}",
            list.rows.len()
        );
        assert_fields(&server, list).await;
        let mut kinds = [false; 3];
        for filter in filters(list.rows) {
            let rows = list.rows.iter().filter(|row| passes(row, &filter));
            let passing = keys(rows);
            assert_eq!(
                answered(&server, list, &filter).await,
                passing,
                "{} {filter}",
                list.root
            );
            let kind = match passing.len() {
                0 => 0,
                some if some < list.rows.len() => 1,
                _ => 2,
            };
            kinds[kind] = true;
        }
        assert_eq!(
            kinds, [true; 3],
            "{}: filters let nothing, some and all pass",
            list.root
        );
    }
}

/// What `report.rs` tests: a call's row here does not have it.
const TESTED_WITH_REPORTS: [&str; 6] = [
    "teamId",
    "managerId",
    "persona",
    "analysisType",
    "score",
    "duration",
];

/// Checks that the rows have every field of the filter, so that none goes untested.
async fn assert_fields(server: &Server, list: &List<'_>) {
    let query = "query ($name: String!) { __type(name: $name) { inputFields { name } } }";
    let data = server.graphql(query, json!({ "name": list.filter })).await;
    let fields = data["__type"]["inputFields"].as_array().expect("fields");
    for field in fields {
        let name = field["name"].as_str().expect("a name");
        let elsewhere = list.root == "calls" && TESTED_WITH_REPORTS.contains(&name);
        let tested = elsewhere || list.rows.iter().any(|row| row.get(name).is_some());
        assert!(
            tested,
            "{} has a field {name}, which is not tested",
            list.filter
        );
    }
}
