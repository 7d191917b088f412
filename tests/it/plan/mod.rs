//! Every field of every filter and every order is answered through an index: the plans of the statements that the server sends, as
//! its database makes them.
//!
//! The fields come from the schema itself, so one without an expectation here fails the test.

pub(crate) mod explain;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tests::{Backend, Server};

use explain::Observed;

/// How a condition is answered.
#[derive(Clone, Copy, Debug)]
enum By {
    /// The rows are sought in this index, or in what it says below them.
    Index(&'static str),
    /// Other rows than the list's own are sought, and the list's own by their keys.
    Below(&'static str),
    /// Nothing is sought, for this reason.
    #[expect(dead_code, reason = "who reads this table reads the reason")]
    Read(&'static str),
}

use By::{Below, Index, Read};

/// Examples and real rows are not told apart by an index: nearly all rows are real.
const EXAMPLES: By = Read("nearly all rows are real");

/// The primary keys are named as PostgreSQL names them.
const FILTERS: &[(&str, &[(&str, By)])] = &[
    (
        "orgs",
        &[
            ("id", Index("orgs_pkey")),
            ("name", Index("orgs_name")),
            ("status", Index("orgs_status")),
            ("deleted", Read("orgs are few")),
            ("example", EXAMPLES),
            ("createdAt", Index("orgs_order")),
        ],
    ),
    (
        "users",
        &[
            ("id", Index("users_pkey")),
            ("orgId", Index("users_org")),
            ("teamId", Index("users_team")),
            ("managerId", Index("users_manager")),
            ("name", Index("users_name")),
            ("email", Index("users_email")),
            ("role", Index("users_role")),
            ("status", Index("users_status")),
            ("streak", Index("users_streak")),
            ("longestStreak", Index("users_longest_streak")),
            ("lastCallAt", Below("calls_user")),
            ("hasCalls", Below("calls_user")),
            ("deleted", Read("users are few")),
            ("example", EXAMPLES),
            ("createdAt", Index("users_order")),
        ],
    ),
    (
        "calls",
        &[
            ("id", Index("calls_pkey")),
            ("orgId", Index("calls_org")),
            ("userId", Index("calls_user")),
            ("teamId", Index("calls_team")),
            ("managerId", Index("calls_manager")),
            ("currentTeamId", Below("users_team")),
            ("currentManagerId", Below("users_manager")),
            ("userDeleted", Read("one of the two is most of the calls")),
            ("insight.kind", Below("insights_text")),
            ("insight.text", Below("insights_text")),
            ("persona.prospectId", Below("call_prospects_id")),
            ("persona.difficulty", Below("call_prospects_difficulty")),
            ("persona.industry", Below("call_prospects_industry")),
            ("persona.jobTitle", Below("call_prospects_job_title")),
            ("analysisType", Below("analyses_type")),
            ("score", Index("calls_score")),
            ("duration", Index("calls_duration")),
            ("example", EXAMPLES),
            ("createdAt", Index("calls_order")),
            ("title", Read("see search.rs")),
            ("spoken", Read("see search.rs")),
        ],
    ),
    (
        "prospects",
        &[
            ("id", Index("prospects_id")),
            ("orgId", Index("prospects_pkey")),
            ("name", Index("prospects_name")),
            ("difficulty", Index("prospects_difficulty")),
            ("industry", Index("prospects_industry")),
            ("jobTitle", Index("prospects_job_title")),
            ("example", EXAMPLES),
        ],
    ),
    (
        "analyses",
        &[
            ("callId", Index("analyses_pkey")),
            ("orgId", Below("calls_org")),
            ("userId", Below("calls_user")),
            ("analysisType", Index("analyses_type")),
            ("score", Index("analyses_score")),
            ("call", Below("calls_pkey")),
            ("example", EXAMPLES),
            ("createdAt", Below("calls_order")),
        ],
    ),
    (
        "events",
        &[
            ("type", Index("event_index_type")),
            ("orgId", Index("event_index_org")),
            ("subject", Index("event_index_subject")),
            ("outcome", Index("event_index_outcome")),
            ("position", Index("event_index_pkey")),
            ("occurredAt", Index("event_index_occurred")),
            ("example", EXAMPLES),
            ("duplicate", Read("most events repeat none")),
        ],
    ),
];

/// The index of each order.
const ORDERS: &[(&str, &[(&str, &str)])] = &[
    (
        "orgs",
        &[("CREATED_AT", "orgs_order"), ("NAME", "orgs_name")],
    ),
    (
        "users",
        &[
            ("CREATED_AT", "users_order"),
            ("NAME", "users_name"),
            ("STREAK", "users_streak"),
        ],
    ),
    (
        "calls",
        &[
            ("CREATED_AT", "calls_order"),
            ("SCORE", "calls_score"),
            ("DURATION", "calls_duration"),
        ],
    ),
    ("prospects", &[("ID", "prospects_pkey")]),
    (
        "analyses",
        &[
            ("CREATED_AT", "analyses_order"),
            ("SCORE", "analyses_score"),
        ],
    ),
    (
        "events",
        &[
            ("POSITION", "event_index_pkey"),
            ("OCCURRED_AT", "event_index_occurred"),
        ],
    ),
];

/// The fields of an input type, each with its type.
async fn fields(server: &Server, name: &str) -> Vec<(String, Value)> {
    let query = "query ($name: String!) { __type(name: $name) { inputFields { name type {
        kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } }";
    let data = server.graphql(query, json!({ "name": name })).await;
    let fields = data["__type"]["inputFields"].as_array().expect("fields");
    let name = |field: &Value| field["name"].as_str().expect("a name").to_owned();
    fields
        .iter()
        .map(|field| (name(field), field["type"].clone()))
        .collect()
}

async fn enum_values(server: &Server, name: &str) -> Vec<String> {
    let query = "query ($name: String!) { __type(name: $name) { enumValues { name } } }";
    let data = server.graphql(query, json!({ "name": name })).await;
    let values = data["__type"]["enumValues"]
        .as_array()
        .expect("values")
        .iter();
    values
        .map(|value| value["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// A condition on a field, of its type: a few, where it has fields of its own.
async fn conditions(server: &Server, field: &str, field_type: &Value) -> Vec<(String, Value)> {
    let mut inner = field_type;
    let is_list = inner["kind"] == "LIST";
    while inner["ofType"].is_object() {
        inner = &inner["ofType"];
    }
    let name = inner["name"].as_str().expect("a name");
    let one = |value: Value| {
        let value = if is_list { json!([value]) } else { value };
        vec![(field.to_owned(), value)]
    };
    match name {
        "ID" | "String" => one("x".into()),
        "Boolean" => one(true.into()),
        "NumberRange" | "PositionRange" => one(json!({ "min": 1, "max": 2 })),
        "TimeRange" => one(json!({ "from": "2025-01-01T00:00:00Z", "to": "2025-01-02T00:00:00Z" })),
        "CallFilter" => one(json!({ "id": ["x"] })),
        "PersonaFilter" | "InsightFilter" => {
            let mut all = Vec::new();
            for (below, below_type) in fields(server, name).await {
                let value = if below_type["kind"] == "NON_NULL" {
                    json!({ below.as_str(): "OBJECTIONS" })
                } else {
                    json!({ below.as_str(): ["x"] })
                };
                let mut value = value;
                if name == "InsightFilter" {
                    value["kind"] = "OBJECTIONS".into();
                }
                all.push((format!("{field}.{below}"), value));
            }
            all
        }
        _ if inner["kind"] == "ENUM" => one(enum_values(server, name).await[1].as_str().into()),
        _ => one("word".into()),
    }
}

/// The table and the filter's type of a list.
fn table_of(list: &str) -> (&str, &'static str) {
    match list {
        "orgs" => (list, "Org"),
        "users" => (list, "User"),
        "calls" => (list, "Call"),
        "prospects" => (list, "Prospect"),
        "analyses" => (list, "Analysis"),
        _ => ("event_index", "Event"),
    }
}

#[tokio::test]
async fn every_filter_is_sought_in_an_index() {
    let observed = Observed::start().await;
    let server = &observed.server;
    let mut wrong = Vec::new();
    for (list, expectations) in FILTERS {
        let (table, kind) = table_of(list);
        let query =
            format!("query ($filter: {kind}Filter) {{ {list}(filter: $filter) {{ totalCount }} }}");
        let mut known: BTreeSet<&str> = expectations.iter().map(|(field, _)| *field).collect();
        for (field, field_type) in fields(server, &format!("{kind}Filter")).await {
            if ["and", "or", "not"].contains(&field.as_str()) {
                continue;
            }
            for (field, value) in conditions(server, &field, &field_type).await {
                let expected = expectations.iter().find(|(name, _)| *name == field);
                let (_, expected) =
                    expected.unwrap_or_else(|| panic!("{list} by {field} has no expectation"));
                known.remove(field.as_str());
                let name = field.split('.').next().expect("a name");
                let filter = Map::from_iter([(name.to_owned(), value)]);
                let text = observed
                    .statement(&query, json!({ "filter": filter }), table, true)
                    .await;
                let plan = observed.plan(&text).await;
                let is_met = match expected {
                    Index(index) | Below(index) => plan.sought.contains(*index),
                    Read(_) => true,
                };
                if !is_met {
                    wrong.push(format!(
                        "{list} by {field}, not {expected:?}: {text}\n{}",
                        plan.text
                    ));
                }
            }
        }
        assert!(known.is_empty(), "{list} has no {known:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn every_order_is_that_of_an_index() {
    let observed = Observed::start().await;
    let server = &observed.server;
    let mut wrong = Vec::new();
    for (list, expectations) in ORDERS {
        let (table, kind) = table_of(list);
        let query = format!(
            "query ($order: {kind}Order, $after: String) {{ {list}(first: 2, orderBy: $order, after: $after) {{
                pageInfo {{ endCursor }} }} }}"
        );
        for field in enum_values(server, &format!("{kind}OrderField")).await {
            let expected = expectations.iter().find(|(name, _)| *name == field);
            let (_, index) =
                expected.unwrap_or_else(|| panic!("{list} by {field} has no expectation"));
            for direction in ["ASC", "DESC"] {
                let order = json!({ "field": field, "direction": direction });
                let first = json!({ "order": order });
                let cursor =
                    server.graphql(&query, first.clone()).await[list]["pageInfo"]["endCursor"]
                        .take();
                assert!(cursor.is_string(), "{list} has a second page");
                for (variables, is_sought) in [
                    (first, false),
                    (json!({ "order": order, "after": cursor }), true),
                ] {
                    let text = observed.statement(&query, variables, table, false).await;
                    let plan = observed.plan(&text).await;
                    let indexes = if is_sought { &plan.sought } else { &plan.read };
                    if plan.sorts || !indexes.contains(*index) {
                        wrong.push(format!(
                            "{list} by {field} {direction}, not by {index}: {text}\n{}",
                            plan.text
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn filters_within_filters_are_sought_in_their_indexes() {
    let observed = Observed::start().await;
    let query = "query ($filter: CallFilter) { calls(filter: $filter) { totalCount } }";
    for (filter, indexes) in [
        (json!({ "and": [{ "userId": ["x"] }] }), &["calls_user"][..]),
        (
            json!({ "or": [{ "userId": ["x"] }, { "teamId": ["y"] }] }),
            &["calls_user", "calls_team"],
        ),
        (
            json!({ "or": [{ "orgId": ["x"] }, { "and": [{ "score": { "min": 1, "max": 2 } }] }] }),
            &["calls_org", "calls_score"],
        ),
        (
            json!({ "orgId": ["x"], "not": { "userId": ["y"] } }),
            &["calls_org"],
        ),
    ] {
        let variables = json!({ "filter": filter });
        let text = observed.statement(query, variables, "calls", true).await;
        let plan = observed.plan(&text).await;
        for index in indexes {
            assert!(
                plan.sought.contains(*index),
                "{filter} not in {index}: {text}\n{}",
                plan.text
            );
        }
    }
}

/// PostgreSQL believes that the calls of an org are spread evenly over time, and where orgs are few it would look for them among all calls. In an
/// order that begins with the org it finds them in the org's index, whatever it believes.
#[tokio::test]
async fn postgresql_reads_the_calls_of_one_org_in_an_order_that_begins_with_the_org() {
    let observed = Observed::start().await;
    if *observed.server.installation.backend() == Backend::Sqlite {
        return;
    }
    for query in [
        "{ calls(first: 20, filter: { orgId: \"o\" }) { nodes { id } } }",
        "{ orgs(first: 1) { nodes { calls(first: 20) { nodes { id } } } } }",
        "{ orgs(first: 2) { nodes { calls(first: 20) { nodes { id } } } } }",
    ] {
        let text = observed.statement(query, json!({}), "calls", false).await;
        let order = "ORDER BY \"calls\".\"org_id\" DESC, \"calls\".\"ordered_at\" DESC, \"calls\".\"id\" DESC LIMIT";
        assert!(text.contains(order), "{query}: {text}");
        let plan = observed.plan(&text).await;
        assert!(
            plan.sought.contains("calls_org") && !plan.read.contains("calls_order"),
            "{query}: {text}\n{}",
            plan.text
        );
    }
}

#[tokio::test]
async fn a_list_below_parents_is_sought_by_them() {
    let observed = Observed::start().await;
    for (root, list, table, index) in [
        ("orgs", "users", "users", "users_org"),
        ("orgs", "calls", "calls", "calls_org"),
        ("orgs", "prospects", "prospects", "prospects_pkey"),
        ("users", "calls", "calls", "calls_user"),
        ("prospects", "calls", "calls", "call_prospects_prospect"),
    ] {
        for parents in [1, 2] {
            for counts in [false, true] {
                let asked = if counts { "totalCount" } else { "nodes { id }" };
                let query = format!(
                    "{{ {root}(first: {parents}) {{ nodes {{ {list}(first: 2) {{ {asked} }} }} }} }}"
                );
                let text = observed.statement(&query, json!({}), table, false).await;
                let plan = observed.plan(&text).await;
                assert!(
                    plan.sought.contains(index),
                    "{list} of {parents} {root} not in {index}: {text}\n{}",
                    plan.text
                );
            }
        }
    }
}
