//! Whatever filters are within each other, a row passes if and only if a plain evaluation says so: also where it has nulls, and also
//! where a subscription decides it without the database.

use std::collections::{BTreeMap, BTreeSet};

use api::graphql::Graphql;
use entity::read_model::insight::Kind;
use entity::read_model::{analysis, call, call_prospect, insight, user};
use ingest::fold;
use ingest::generation::ReadModel;
use ingest::log::Limits;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;
use sea_orm::{ActiveEnum, EntityTrait};
use serde_json::{Map, Value, json};
use tests::history::{Message, history};

use crate::check::check;
use crate::client::{graphql, known, query};
use crate::stores::Stores;

/// What a field of a filter asks of a row's field of the same name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asks {
    /// That it is one of these values, or has one of them.
    OneOf,
    /// That it is in a range of numbers.
    Numbers,
    /// That it is in a range of times.
    Times,
    Whether,
    /// That one of its entries passes a filter of entries with these fields.
    AnEntry(&'static [(&'static str, Asks)]),
    /// That the call passes a filter of calls.
    TheCall,
}

use Asks::{AnEntry, Numbers, OneOf, TheCall, Times, Whether};

const CALL: &[(&str, Asks)] = &[
    ("id", OneOf),
    ("orgId", OneOf),
    ("userId", OneOf),
    ("teamId", OneOf),
    ("managerId", OneOf),
    ("currentTeamId", OneOf),
    ("currentManagerId", OneOf),
    ("userDeleted", Whether),
    ("insight", AnEntry(&[("text", OneOf)])),
    (
        "persona",
        AnEntry(&[
            ("prospectId", OneOf),
            ("difficulty", OneOf),
            ("industry", OneOf),
            ("jobTitle", OneOf),
        ]),
    ),
    ("analysisType", OneOf),
    ("score", Numbers),
    ("duration", Numbers),
    ("example", Whether),
    ("createdAt", Times),
];

const USER: &[(&str, Asks)] = &[
    ("id", OneOf),
    ("orgId", OneOf),
    ("teamId", OneOf),
    ("managerId", OneOf),
    ("name", OneOf),
    ("email", OneOf),
    ("role", OneOf),
    ("status", OneOf),
    ("streak", Numbers),
    ("longestStreak", Numbers),
    ("lastCallAt", Times),
    ("hasCalls", Whether),
    ("deleted", Whether),
    ("example", Whether),
    ("createdAt", Times),
];

const ANALYSIS: &[(&str, Asks)] = &[
    ("callId", OneOf),
    ("orgId", OneOf),
    ("userId", OneOf),
    ("analysisType", OneOf),
    ("score", Numbers),
    ("call", TheCall),
    ("example", Whether),
    ("createdAt", Times),
];

/// A list, the fields of its filter, and its rows with what these fields ask of.
struct List {
    root: &'static str,
    filter: &'static str,
    node: &'static str,
    fields: &'static [(&'static str, Asks)],
    rows: Vec<Value>,
}

/// A filter, but for the values, which come from the rows.
#[derive(Clone, Debug)]
struct Sketch {
    fields: Vec<(Index, Picks)>,
    and: Option<Vec<Sketch>>,
    or: Option<Vec<Sketch>>,
    not: Option<Box<Sketch>>,
}

/// Which rows' values are asked for, and which of several forms the condition has.
type Picks = (Vec<Index>, u8);

fn picks() -> impl Strategy<Value = Picks> {
    (vec(any::<Index>(), 0..4), any::<u8>())
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let leaf = vec((any::<Index>(), picks()), 0..3).prop_map(|fields| Sketch {
        fields,
        and: None,
        or: None,
        not: None,
    });
    leaf.prop_recursive(4, 24, 3, |inner| {
        let several = || proptest::option::of(vec(inner.clone(), 0..3));
        let fields = vec((any::<Index>(), picks()), 0..2);
        let not = proptest::option::of(inner.clone());
        (fields, several(), several(), not).prop_map(|(fields, and, or, not)| Sketch {
            fields,
            and,
            or,
            not: not.map(Box::new),
        })
    })
}

impl Sketch {
    fn filter(&self, fields: &[(&str, Asks)], rows: &[Value]) -> Value {
        let mut filter = Map::new();
        for (index, picks) in &self.fields {
            let (name, asks) = index.get(fields);
            filter.insert((*name).to_owned(), condition(name, *asks, rows, picks));
        }
        let all = |sketches: &Vec<Self>| -> Value {
            sketches
                .iter()
                .map(|inner| inner.filter(fields, rows))
                .collect()
        };
        filter.extend(
            self.and
                .as_ref()
                .map(|inner| ("and".to_owned(), all(inner))),
        );
        filter.extend(self.or.as_ref().map(|inner| ("or".to_owned(), all(inner))));
        let not = self.not.as_ref().map(|inner| inner.filter(fields, rows));
        filter.extend(not.map(|inner| ("not".to_owned(), inner)));
        Value::Object(filter)
    }
}

/// A condition that some of the rows may meet.
fn condition(name: &str, asks: Asks, rows: &[Value], (picks, form): &Picks) -> Value {
    let flat = |value: &Value| match value {
        Value::Array(values) => values.clone(),
        value => vec![value.clone()],
    };
    let values: Vec<Value> = rows.iter().flat_map(|row| flat(&row[name])).collect();
    let there: Vec<Value> = values
        .into_iter()
        .filter(|value| !value.is_null())
        .collect();
    let picked = |picks: &[Index]| -> Vec<Value> {
        let picks = picks.iter().filter(|_| !there.is_empty());
        picks.map(|pick| pick.get(&there).clone()).collect()
    };
    match asks {
        OneOf => {
            let values = picked(picks);
            let nobody = (form % 4 == 0).then(|| json!("nobody"));
            values.into_iter().chain(nobody).collect()
        }
        Whether => json!(form % 2 == 0),
        Numbers | Times => {
            let ends = if asks == Numbers {
                ["min", "max"]
            } else {
                ["from", "to"]
            };
            let written = |value: Value| match asks {
                Times => json!(rfc3339(value.as_i64().unwrap())),
                _ => value,
            };
            let bounds = picked(picks).into_iter().map(written);
            let bounds = ends.into_iter().skip(usize::from(form % 2)).zip(bounds);
            Value::Object(bounds.map(|(end, bound)| (end.to_owned(), bound)).collect())
        }
        AnEntry(fields) => {
            let mut condition = Map::new();
            for (at, (field, asks)) in fields.iter().enumerate() {
                if form >> at & 1 == 1 {
                    condition.insert(
                        (*field).to_owned(),
                        self::condition(field, *asks, &there, &(picks.clone(), 1)),
                    );
                }
            }
            if name == "insight" {
                let kind = ["OBJECTIONS", "COMPETITORS", "ACTION_ITEMS", "PRODUCTS"]
                    [usize::from(form / 2 % 4)];
                condition.insert("kind".to_owned(), kind.into());
            }
            Value::Object(condition)
        }
        TheCall => {
            let (field, asks) = CALL[usize::from(*form) % CALL.len()];
            let condition = condition(field, asks, &there, &(picks.clone(), *form));
            let filter = json!({ field: condition });
            if form % 2 == 0 {
                json!({ "not": filter })
            } else {
                filter
            }
        }
    }
}

fn rfc3339(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros)
        .unwrap()
        .to_rfc3339()
}

fn micros(time: &Value) -> Option<i64> {
    let time = chrono::DateTime::parse_from_rfc3339(time.as_str()?);
    Some(time.unwrap().timestamp_micros())
}

/// Whether `row` passes `filter`, as the schema describes it.
fn passes(row: &Value, filter: &Value) -> bool {
    let holds = |(name, condition): (&String, &Value)| match (name.as_str(), condition) {
        ("and", Value::Array(filters)) => filters.iter().all(|filter| passes(row, filter)),
        ("or", Value::Array(filters)) => filters.iter().any(|filter| passes(row, filter)),
        ("not", filter) => !passes(row, filter),
        ("insight" | "persona", filter) => {
            let mut entries = row[name].as_array().unwrap().iter();
            entries.any(|entry| passes(entry, filter))
        }
        ("call", filter) => passes(&row["call"], filter),
        (name, Value::Array(values)) => {
            let folded = |value: &Value| match name {
                "name" | "text" => json!(fold::key(value.as_str().unwrap())),
                "email" => json!(fold::address(value.as_str().unwrap())),
                _ => value.clone(),
            };
            let mut values: Vec<Value> = values.iter().map(folded).collect();
            // What is without letters is equal to nothing.
            if matches!(name, "name" | "text" | "email") {
                values.retain(|value| *value != "");
            }
            match &row[name] {
                Value::Array(of_row) => of_row.iter().any(|value| values.contains(value)),
                value => values.contains(value),
            }
        }
        (_, Value::Object(range)) => {
            let bound = |end| range.get(end);
            let number = row[name].as_f64();
            let at = row[name].as_i64();
            range.is_empty()
                || bound("min")
                    .and_then(Value::as_f64)
                    .is_none_or(|min| number.is_some_and(|number| number >= min))
                    && bound("max")
                        .and_then(Value::as_f64)
                        .is_none_or(|max| number.is_some_and(|number| number <= max))
                    && bound("from")
                        .and_then(micros)
                        .is_none_or(|from| at.is_some_and(|at| at >= from))
                    && bound("to")
                        .and_then(micros)
                        .is_none_or(|to| at.is_some_and(|at| at < to))
        }
        (name, value) => row[name] == *value,
    };
    filter.as_object().unwrap().iter().all(holds)
}

/// As GraphQL names it.
fn kind(kind: Kind) -> String {
    let mut name = String::new();
    for letter in kind.to_value().chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The lists, from the tables.
async fn lists(read_model: &ReadModel) -> [List; 3] {
    let live = read_model.live();
    let db = live.db();
    let users = user::Entity::find().all(db).await.unwrap();
    let calls = call::Entity::find().all(db).await.unwrap();
    let personas = call_prospect::Entity::find().all(db).await.unwrap();
    let analyses = analysis::Entity::find().all(db).await.unwrap();
    let insights = insight::Entity::find().all(db).await.unwrap();
    let by_id: BTreeMap<&str, &user::Model> =
        users.iter().map(|user| (user.id.as_str(), user)).collect();
    let call_rows: BTreeMap<&str, Value> = calls
        .iter()
        .map(|call| {
            let user = call.user_id.as_deref().and_then(|id| by_id.get(id));
            let personas = personas.iter().filter(|persona| persona.call_id == call.id);
            let analyses = analyses.iter().filter(|analysis| analysis.call_id == call.id);
            let insights = insights.iter().filter(|insight| insight.call_id == call.id);
            let row = json!({
                "id": call.id, "orgId": call.org_id, "userId": call.user_id,
                "teamId": call.team_id, "managerId": call.manager_id,
                "currentTeamId": user.and_then(|user| user.team_id.as_ref()),
                "currentManagerId": user.and_then(|user| user.manager_id.as_ref()),
                "userDeleted": user.map(|user| user.is_deleted),
                "insight": insights.map(|insight| json!({"kind": kind(insight.kind), "text": insight.text_key})).collect::<Value>(),
                "persona": personas.map(|persona| json!({
                    "prospectId": persona.prospect_id, "difficulty": persona.difficulty,
                    "industry": persona.industry, "jobTitle": persona.job_title,
                })).collect::<Value>(),
                "analysisType": analyses.map(|analysis| json!(analysis.analysis_type)).collect::<Value>(),
                "score": call.score, "duration": call.duration, "example": call.is_example, "createdAt": call.created_at,
            });
            (call.id.as_str(), row)
        })
        .collect();
    let user_rows = users.iter().map(|user| {
        let own = calls.iter().filter(|call| call.user_id.as_ref() == Some(&user.id) && !call.is_example);
        let own: Vec<_> = own.collect();
        let newest = own.iter().filter_map(|call| call.created_at).max();
        json!({
            "id": user.id, "orgId": user.org_id, "teamId": user.team_id, "managerId": user.manager_id,
            "name": user.name_key, "email": user.email_key, "role": user.role, "status": user.status,
            "streak": user.streak, "longestStreak": user.longest_streak,
            "lastCallAt": newest, "hasCalls": !own.is_empty(),
            "deleted": user.is_deleted, "example": user.is_example, "createdAt": user.created_at,
        })
    });
    let analysis_rows = analyses.iter().map(|analysis| {
        let call = &call_rows[analysis.call_id.as_str()];
        json!({
            "id": format!("{} {}", analysis.call_id, analysis.ordinal),
            "callId": analysis.call_id, "analysisType": analysis.analysis_type, "score": analysis.score,
            "orgId": call["orgId"], "userId": call["userId"], "example": call["example"], "createdAt": call["createdAt"],
            "call": call,
        })
    });
    let (user_rows, analysis_rows) = (user_rows.collect(), analysis_rows.collect());
    [
        List {
            root: "calls",
            filter: "CallFilter",
            node: "id",
            fields: CALL,
            rows: call_rows.into_values().collect(),
        },
        List {
            root: "users",
            filter: "UserFilter",
            node: "id",
            fields: USER,
            rows: user_rows,
        },
        List {
            root: "analyses",
            filter: "AnalysisFilter",
            node: "callId index",
            fields: ANALYSIS,
            rows: analysis_rows,
        },
    ]
}

fn id(node: &Value) -> String {
    match node["callId"].as_str() {
        Some(call) => format!("{call} {}", node["index"]),
        None => node["id"].as_str().unwrap().to_owned(),
    }
}

/// Of which rows a subscription with this filter tells, from the beginning of the log on: it looks at rows that are at hand, and asks
/// the database only where these do not tell. None: nothing of this list can be subscribed to.
async fn announced(graphql: &Graphql, root: &str, filter: &Value) -> Option<BTreeSet<String>> {
    let (subscription, subject, kind) = match root {
        "calls" => ("callCompleted", "call", "CallFilter"),
        "users" => ("userChanged", "user", "UserFilter"),
        _ => return None,
    };
    let text = format!(
        "subscription($filter: {kind}) {{ {subscription}(after: \"0\", filter: $filter) {{ {subject} {{ id }} }} }}"
    );
    let items = known(graphql, &text, json!({ "filter": filter })).await;
    let ids = items.iter().map(|item| id(&item[subscription][subject]));
    Some(ids.collect())
}

async fn a_filter_lets_pass_what_it_says(
    (messages, sketches): (Vec<Message>, Vec<Sketch>),
) -> TestCaseResult {
    let stores = Stores::open(Limits::default()).await;
    stores.append_all(&messages).await;
    let read_model = stores.projected("a").await;
    let graphql = graphql(&stores, &read_model);
    for List {
        root,
        filter: kind,
        node,
        fields,
        rows,
    } in lists(&read_model).await
    {
        // One page holds them, and each says whether it passed.
        prop_assume!(rows.len() <= 100);
        let text = format!(
            "query($filter: {kind}) {{ {root}(first: 100, filter: $filter) {{ totalCount nodes {{ {node} }} }} }}"
        );
        let all = announced(&graphql, root, &json!({})).await;
        for sketch in &sketches {
            let filter = sketch.filter(fields, &rows);
            let answer = query(&graphql, &text, json!({"filter": filter})).await;
            let passed: BTreeSet<String> = answer[root]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(id)
                .collect();
            let expected: BTreeSet<String> = rows
                .iter()
                .filter(|row| passes(row, &filter))
                .map(|row| row["id"].as_str().unwrap().to_owned())
                .collect();
            prop_assert_eq!(&answer[root]["totalCount"], &json!(expected.len()));
            prop_assert_eq!(&passed, &expected, "{} {}", root, filter);
            if let Some(all) = &all {
                let announced = announced(&graphql, root, &filter).await;
                let expected = expected.intersection(all).cloned().collect();
                prop_assert_eq!(announced, Some(expected), "announced: {} {}", root, filter);
            }
        }
    }
    Ok(())
}

#[test]
fn filters_within_filters_let_pass_what_a_plain_evaluation_says() {
    check(
        32,
        &(history(32), vec(sketch(), 12)),
        a_filter_lets_pass_what_it_says,
    );
}
