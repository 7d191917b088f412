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
    filter
        .iter()
        .all(|(field, condition)| match (field.as_str(), condition) {
            (_, Value::Null) => true,
            ("and", Value::Array(filters)) => filters.iter().all(|filter| passes(row, filter)),
            ("or", Value::Array(filters)) => filters.iter().any(|filter| passes(row, filter)),
            ("not", filter) => !passes(row, filter),
            ("call", filter) => passes(&row["call"], filter),
            ("persona" | "insight", filter) => {
                let mut entries = row[field].as_array().expect("entries").iter();
                entries.any(|entry| passes(entry, filter))
            }
            (_, Value::Array(values)) => match &row[field] {
                Value::Array(of_row) => of_row.iter().any(|value| values.contains(value)),
                value => values.contains(value),
            },
            // No bound, no condition: not even that there is a value.
            (_, Value::Object(range)) if range.is_empty() => true,
            (_, Value::Object(range)) => {
                let bound = |name| range.get(name).and_then(Value::as_f64);
                let moment = |name| {
                    range
                        .get(name)
                        .and_then(time)
                        .map(|time| time.timestamp_micros())
                };
                let (at, number) = (row[field].as_i64(), row[field].as_f64());
                row[field].is_number()
                    && moment("from").is_none_or(|from| at >= Some(from))
                    && moment("to").is_none_or(|to| at < Some(to))
                    && bound("min").is_none_or(|min| number >= Some(min))
                    && bound("max").is_none_or(|max| number <= Some(max))
            }
            (_, value) => row[field] == *value,
        })
}

/// A time of this row, written for a filter.
fn written(micros: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(micros).expect("a time");
    time.to_rfc3339()
}

/// Filters of one field of a row, and one that the row passes.
fn filters_of(field: &str, value: &Value, rows: &[Value]) -> (Vec<Value>, Value) {
    match (field, value) {
        ("createdAt" | "occurredAt" | "lastCallAt", _) => {
            let mut times: Vec<_> = rows.iter().filter_map(|row| row[field].as_i64()).collect();
            times.sort_unstable();
            // Times of rows themselves: the first bound is in the range, the second is not.
            let (from, to) = (times[times.len() / 4], times[times.len() * 3 / 4]);
            let (from, to) = (written(from), written(to));
            let ranges = vec![
                json!({ "from": from, "to": to }),
                json!({ "from": to }),
                json!({ "to": from }),
                json!({ "from": to, "to": from }),
                json!({}),
            ];
            let at = written(value.as_i64().expect("a time"));
            (ranges, json!({ "from": at }))
        }
        (_, Value::Number(_)) => {
            let mut numbers: Vec<&Value> = rows.iter().map(|row| &row[field]).collect();
            numbers.retain(|number| number.is_number());
            numbers
                .sort_by(|one, other| one.as_f64().partial_cmp(&other.as_f64()).expect("numbers"));
            // Both ends are numbers of rows, and in the range.
            let (min, max) = (numbers[numbers.len() / 4], numbers[numbers.len() * 3 / 4]);
            let ranges = vec![
                json!({ "min": min, "max": max }),
                json!({ "min": max }),
                json!({ "max": min }),
                json!({ "min": numbers[numbers.len() - 1], "max": numbers[0] }),
                json!({}),
            ];
            (ranges, json!({ "min": value, "max": value }))
        }
        (_, Value::Bool(_)) => (vec![true.into(), false.into()], value.clone()),
        ("outcome", _) => {
            let lists = vec![
                json!(["DEAD"]),
                json!(["UNRECOGNIZED", "DEAD"]),
                json!(["PROJECTED"]),
                json!(["PENDING"]),
                json!([]),
            ];
            (lists, json!([value]))
        }
        ("insight", Value::Array(entries)) => {
            let (one, other) = (&entries[0], &entries[entries.len() - 1]);
            let of = |entry: &Value, text: &Value| json!({ "kind": entry["kind"], "text": [text, "nobody"] });
            let conditions = vec![
                json!({ "kind": one["kind"] }),
                of(one, &one["text"]),
                of(other, &other["text"]),
                of(one, &other["text"]),
                json!({ "kind": one["kind"], "text": [] }),
            ];
            (conditions, of(one, &one["text"]))
        }
        ("persona", Value::Array(personas)) => {
            let persona = personas[0].as_object().expect("a persona");
            let mut conditions = vec![json!({})];
            conditions.extend(
                persona
                    .iter()
                    .map(|(field, value)| json!({ field: [value, "nobody"] })),
            );
            let all = persona
                .iter()
                .map(|(field, value)| (field.clone(), json!([value])));
            let all = Value::Object(all.collect());
            conditions.push(all.clone());
            (conditions, all)
        }
        ("analysisType", Value::Array(types)) => (
            vec![
                json!(types),
                json!([types[0], "nobody"]),
                json!(["nobody"]),
                json!([]),
            ],
            json!([types[0]]),
        ),
        ("call", call) => {
            let of_user = json!({ "userId": [call["userId"]], "score": { "min": call["score"] } });
            let others = json!({ "not": { "userId": [call["userId"]] } });
            (vec![of_user.clone(), others, json!({})], of_user)
        }
        _ => {
            let last = rows.iter().rev().find(|row| row[field].is_string());
            let last = &last.expect("a row with it")[field];
            let lists = vec![
                json!([value]),
                json!([value, last, "nobody"]),
                json!(["nobody"]),
                json!([]),
            ];
            (lists, json!([value, "nobody"]))
        }
    }
}

/// Filters of each field that the rows have, of all of them together, and of these within each other.
fn filters(rows: &[Value]) -> Vec<Value> {
    let mut filters = vec![json!({})];
    let mut together = Map::new();
    // A row that has every field.
    let sample = rows.iter().skip(rows.len() / 3);
    let sample = sample.min_by_key(|row| {
        row.as_object()
            .map(|row| row.values().filter(|value| value.is_null()).count())
    });
    let sample = sample.and_then(Value::as_object).expect("a row");
    for (field, value) in sample {
        if !["key", "analyses"].contains(&field.as_str()) {
            let (conditions, passed) = filters_of(field, value, rows);
            filters.extend(
                conditions
                    .into_iter()
                    .map(|condition| json!({ field: condition })),
            );
            together.insert(field.clone(), passed);
        }
    }
    let within: Vec<Value> = filters
        .windows(3)
        .flat_map(|of| {
            [
                json!({ "not": of[0] }),
                json!({ "or": [of[0], of[1]], "not": of[2] }),
                json!({ "and": [{ "not": of[1] }, { "or": [of[0], { "not": of[2] }] }] }),
            ]
        })
        .collect();
    filters.extend(within);
    filters.extend([
        json!({ "or": [] }),
        json!({ "and": [] }),
        json!({ "not": {} }),
        json!({ "not": { "or": [] } }),
        json!({ "or": [{}] }),
        json!({ "and": null, "or": null, "not": null }),
    ]);
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

/// What `search` tests: what is said is in no row here.
const TESTED_WITH_SEARCH: [&str; 2] = ["spoken", "title"];

/// Checks that the rows have every field of the filter, so that none goes untested.
async fn assert_fields(server: &Server, list: &List<'_>) {
    let query = "query ($name: String!) { __type(name: $name) { inputFields { name } } }";
    let data = server.graphql(query, json!({ "name": list.filter })).await;
    let fields = data["__type"]["inputFields"].as_array().expect("fields");
    for field in fields {
        let name = field["name"].as_str().expect("a name");
        let combines = ["and", "or", "not"].contains(&name);
        let elsewhere = list.root == "calls" && TESTED_WITH_SEARCH.contains(&name);
        let tested = list.rows.iter().any(|row| row.get(name).is_some());
        let tested = tested || combines || elsewhere;
        assert!(
            tested,
            "{} has a field {name}, which is not tested",
            list.filter
        );
    }
}
