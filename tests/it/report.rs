//! Reports against a slow, obvious computation over the same calls.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Days, NaiveDate};
use chrono_tz::Tz;
use sample::company::{Company, Size};
use serde_json::{Value, json};
use tests::Server;

use crate::expected::deliveries;

const FIGURES: &str = "calls users totalDuration meanDuration scored meanScore minScore maxScore medianScore p90Score";

const CALLS: &str =
    "query ($after: String) { calls(first: 100, after: $after, filter: { example: false }) {
    pageInfo { endCursor hasNextPage }
    nodes {
        id createdAt managerId teamId score stats { duration } org { id } user { id }
        personas { prospect { id } difficulty industry jobTitle }
        analysis { analysisType score }
    }
} }";

/// A company's calls, some of them of users who have left since, and the catalogue's examples, which count nowhere.
async fn filled() -> (Server, Vec<Value>) {
    let server = Server::start().await;
    let size = Size {
        calls: 90,
        users: 12,
        orgs: 2,
        ..Size::default()
    };
    let company: Vec<_> = Company::new(size).deliveries().collect();
    server.sender().deliver(&company).await;
    server.sender().deliver(&deliveries()).await;
    server.settled().await;
    let mut calls = Vec::new();
    let mut after = Value::Null;
    loop {
        let data = server.graphql(CALLS, json!({ "after": after })).await;
        let page = &data["calls"];
        calls.extend(page["nodes"].as_array().expect("a list").clone());
        if page["pageInfo"]["hasNextPage"] == false {
            return (server, calls);
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// Scores of the analyses of one type, or of the call.
fn score(call: &Value, analysis_type: Option<&Value>) -> Option<f64> {
    let Some(wanted) = analysis_type else {
        return call["score"].as_f64();
    };
    let all = call["analysis"].as_array().expect("a list").iter();
    let scores: Vec<f64> = all
        .filter(|analysis| analysis["analysisType"] == *wanted)
        .filter_map(|analysis| analysis["score"].as_f64())
        .collect();
    mean(&scores)
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// As SQL's `percentile_cont`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "there are few"
)]
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share * last as f64;
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    Some(low + (high - low) * (place - place.floor()))
}

pub(crate) fn figures(calls: &[&Value], analysis_type: Option<&Value>) -> Value {
    let users: BTreeSet<&str> = calls
        .iter()
        .filter_map(|call| call["user"]["id"].as_str())
        .collect();
    let durations: Vec<f64> = calls
        .iter()
        .filter_map(|call| call["stats"]["duration"].as_f64())
        .collect();
    let mut scores: Vec<f64> = calls
        .iter()
        .filter_map(|call| score(call, analysis_type))
        .collect();
    scores.sort_by(f64::total_cmp);
    json!({
        "calls": calls.len(),
        "users": users.len(),
        "totalDuration": (!durations.is_empty()).then(|| durations.iter().sum::<f64>()),
        "meanDuration": mean(&durations),
        "scored": scores.len(),
        "meanScore": mean(&scores),
        "minScore": scores.first(),
        "maxScore": scores.last(),
        "medianScore": percentile(&scores, 0.5),
        "p90Score": percentile(&scores, 0.9),
    })
}

/// Equal, but for what is lost when floats are added in another order.
pub(crate) fn assert_same(found: &Value, expected: &Value, what: &str) {
    for (name, expected) in expected.as_object().expect("figures") {
        let found = &found[name];
        match (found.as_f64(), expected.as_f64()) {
            (Some(found), Some(expected)) => assert!(
                (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                "{what}: {name} is {found}, not {expected}"
            ),
            _ => assert_eq!(found, expected, "{what}: {name}"),
        }
    }
}

/// The keys of a call in a grouping, as the fields of a row show them.
pub(crate) type Keys = fn(&Value) -> Vec<Value>;

fn one(value: &Value) -> Vec<Value> {
    vec![value.clone()]
}

fn of_personas(call: &Value, key: fn(&Value) -> Value) -> Vec<Value> {
    let personas = call["personas"].as_array().expect("a list");
    let keys: BTreeMap<String, Value> = personas
        .iter()
        .map(key)
        .map(|key| (key.to_string(), key))
        .collect();
    if keys.is_empty() {
        return vec![Value::Null];
    }
    keys.into_values().collect()
}

fn types(call: &Value) -> Vec<Value> {
    let analyses = call["analysis"].as_array().expect("a list");
    let keys: BTreeMap<String, Value> = analyses
        .iter()
        .map(|analysis| analysis["analysisType"].clone())
        .map(|key| (key.to_string(), key))
        .collect();
    if keys.is_empty() {
        return vec![Value::Null];
    }
    keys.into_values().collect()
}

pub(crate) const GROUPS: [(&str, &str, Keys); 9] = [
    ("USER", "userId", |call| one(&call["user"]["id"])),
    ("TEAM", "teamId", |call| one(&call["teamId"])),
    ("MANAGER", "managerId", |call| one(&call["managerId"])),
    ("ORG", "orgId", |call| one(&call["org"]["id"])),
    ("PROSPECT", "prospectId", |call| {
        of_personas(call, |persona| persona["prospect"]["id"].clone())
    }),
    ("DIFFICULTY", "difficulty", |call| {
        of_personas(call, |persona| persona["difficulty"].clone())
    }),
    ("INDUSTRY", "industry", |call| {
        of_personas(call, |persona| persona["industry"].clone())
    }),
    ("JOB_TITLE", "jobTitle", |call| {
        of_personas(call, |persona| persona["jobTitle"].clone())
    }),
    ("ANALYSIS_TYPE", "analysisType", types),
];

async fn report(server: &Server, arguments: &str, fields: &str) -> Value {
    let query = format!(
        "{{ callReport({arguments}) {{ rows {{ {fields} figures {{ {FIGURES} }} }} total {{ {FIGURES} }} }} }}"
    );
    server.graphql(&query, json!({})).await["callReport"].take()
}

#[tokio::test]
async fn each_grouping_is_what_counting_by_hand_gives() {
    let (server, calls) = filled().await;
    let all: Vec<&Value> = calls.iter().collect();
    for (group, field, keys) in GROUPS {
        let report = report(&server, &format!("groupBy: [{group}], first: 1000"), field).await;
        assert_same(&report["total"], &figures(&all, None), group);
        let mut expected: BTreeMap<String, (Value, Vec<&Value>)> = BTreeMap::new();
        for call in &calls {
            for key in keys(call) {
                let (_, members) = expected
                    .entry(key.to_string())
                    .or_insert_with(|| (key, Vec::new()));
                members.push(call);
            }
        }
        let rows = report["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), expected.len(), "{group}: {rows:#?}");
        let mut before = i64::MAX;
        for row in rows {
            let key = &row[field];
            let (_, members) = &expected[&key.to_string()];
            let analysis_type = (group == "ANALYSIS_TYPE").then_some(key);
            let what = format!("{group} {key}");
            assert_same(&row["figures"], &figures(members, analysis_type), &what);
            let count = row["figures"]["calls"].as_i64().expect("a count");
            assert!(count <= before, "{group}: the largest first");
            before = count;
        }
    }
}

pub(crate) fn day_in(zone: Tz, call: &Value) -> NaiveDate {
    let at = call["createdAt"].as_str().expect("a time");
    let at = DateTime::parse_from_rfc3339(at).expect("a time");
    at.with_timezone(&zone).date_naive()
}

#[tokio::test]
async fn each_period_is_what_the_calendar_of_its_zone_gives() {
    let (server, calls) = filled().await;
    let monday = |day: NaiveDate| day - Days::new(day.weekday().num_days_from_monday().into());
    let first = |day: NaiveDate| day - Days::new(day.day0().into());
    for zone in ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia"] {
        let tz: Tz = zone.parse().expect("a zone");
        for unit in ["DAY", "WEEK", "MONTH"] {
            let begins = |call: &Value| {
                let day = day_in(tz, call);
                match unit {
                    "DAY" => day,
                    "WEEK" => monday(day),
                    _ => first(day),
                }
            };
            let arguments =
                format!("groupBy: [{unit}, ORG], timeZone: \"{zone}\", fill: true, first: 1000");
            let report = report(&server, &arguments, "orgId period { from to date }").await;
            let mut expected: BTreeMap<(String, String), Vec<&Value>> = BTreeMap::new();
            for call in &calls {
                let org = call["org"]["id"].as_str().expect("an org").to_owned();
                let key = (begins(call).to_string(), org);
                expected.entry(key).or_default().push(call);
            }
            let mut before = None;
            let mut with_calls = 0;
            for row in report["rows"].as_array().expect("rows") {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                let date = text(&row["period"]["date"]);
                assert!(before <= Some(date.clone()), "periods are in order");
                before = Some(date.clone());
                let members = expected.get(&(date.clone(), text(&row["orgId"])));
                with_calls += usize::from(members.is_some());
                let members = members.cloned().unwrap_or_default();
                let what = format!("{zone} {unit} {date}");
                assert_same(&row["figures"], &figures(&members, None), &what);
                for call in members {
                    let at = text(&call["createdAt"]);
                    let at = DateTime::parse_from_rfc3339(&at).expect("a time");
                    let bound = |name: &str| {
                        let text = text(&row["period"][name]);
                        DateTime::parse_from_rfc3339(&text).expect("a time")
                    };
                    assert!(bound("from") <= at && at < bound("to"), "{what}");
                }
            }
            assert_eq!(with_calls, expected.len(), "{zone} {unit}");
        }
    }
}

#[tokio::test]
async fn a_filter_holds_for_rows_and_total_and_names_can_be_asked() {
    let (server, calls) = filled().await;
    let org = calls[0]["org"]["id"].as_str().expect("an id");
    let members: Vec<&Value> = calls
        .iter()
        .filter(|call| call["org"]["id"] == org)
        .collect();
    let arguments = format!("filter: {{ orgId: [\"{org}\"] }}, groupBy: [ORG, DIFFICULTY, MONTH]");
    let fields = "org { id name } difficulty period { date }";
    let report = report(&server, &arguments, fields).await;
    assert_same(&report["total"], &figures(&members, None), "total");
    for row in report["rows"].as_array().expect("rows") {
        assert_eq!(row["org"]["id"], org);
        assert!(row["org"]["name"].is_string());
    }
    let users =
        "{ callReport(groupBy: [USER]) { rows { user { name team: teamId } figures { calls } } } }";
    let data = server.graphql(users, json!({})).await;
    for row in data["callReport"]["rows"].as_array().expect("rows") {
        assert!(row["user"]["name"].is_string(), "{row}");
    }
}

#[tokio::test]
async fn a_report_tells_whether_it_has_more_rows() {
    let (server, calls) = filled().await;
    let mut users: Vec<&Value> = calls.iter().map(|call| &call["user"]["id"]).collect();
    users.sort_by_key(ToString::to_string);
    users.dedup();
    let all = users.len();
    for (first, shown, more) in [
        (all - 1, all - 1, true),
        (all, all, false),
        (1000, all, false),
    ] {
        let query = format!(
            "{{ callReport(groupBy: [USER], first: {first}) {{ hasMore rows {{ userId }} }} }}"
        );
        let data = server.graphql(&query, json!({})).await;
        let report = &data["callReport"];
        assert_eq!(report["rows"].as_array().map(Vec::len), Some(shown));
        assert_eq!(report["hasMore"], more, "{first} of {all}");
    }
}

#[tokio::test]
async fn what_is_no_report_is_refused() {
    let server = Server::start().await;
    for arguments in [
        "groupBy: [USER, USER]",
        "groupBy: [DAY, MONTH]",
        "groupBy: [USER, TEAM, ORG, MANAGER]",
        "groupBy: [USER], fill: true",
        "first: 0",
        "first: 1001",
        "timeZone: \"Mars/Olympus\"",
        "groupBy: [DAY], fill: true, filter: { createdAt: { from: \"1990-01-01T00:00:00Z\", to: \"2025-01-01T00:00:00Z\" } }",
    ] {
        let query = format!("{{ callReport({arguments}) {{ rows {{ figures {{ calls }} }} }} }}");
        let code = server.error_code(&query, json!({})).await;
        assert_eq!(code, "BAD_USER_INPUT", "{arguments}");
    }
    let empty = report(&server, "groupBy: [MONTH], fill: true", "period { date }").await;
    assert_eq!(empty["rows"], json!([]));
    assert_eq!(empty["total"]["calls"], 0);
    assert_eq!(empty["total"]["meanScore"], Value::Null);
}

fn personas(call: &Value) -> &Vec<Value> {
    call["personas"].as_array().expect("a list")
}

/// The ids of objects.
fn ids<'v>(objects: impl IntoIterator<Item = &'v Value>) -> BTreeSet<&'v str> {
    let ids = objects.into_iter().map(|object| &object["id"]);
    ids.map(|id| id.as_str().expect("an id")).collect()
}

/// Whether a call passes.
type Passes<'c> = Box<dyn Fn(&Value) -> bool + 'c>;

#[tokio::test]
async fn calls_are_filtered_by_team_persona_analysis_and_numbers() {
    let (server, calls) = filled().await;
    let some = |field: &str| {
        let found = calls.iter().map(|call| &call[field]);
        let found = found.filter(|value| !value.is_null()).nth(3);
        found.expect("one").clone()
    };
    let call = calls
        .iter()
        .find(|call| call["personas"][0]["industry"].is_string())
        .expect("one");
    let persona = &call["personas"][0];
    let (team, manager) = (some("teamId"), some("managerId"));
    let analysis = &call["analysis"][0]["analysisType"];
    let mut scores: Vec<f64> = calls
        .iter()
        .filter_map(|call| call["score"].as_f64())
        .collect();
    scores.sort_by(f64::total_cmp);
    let (low, high) = (scores[scores.len() / 4], scores[scores.len() / 2]);
    let duration = call["stats"]["duration"].as_f64().expect("a number");
    let cases: Vec<(Value, Passes<'_>)> = vec![
        (
            json!({ "teamId": [team] }),
            Box::new(|call| call["teamId"] == team),
        ),
        (
            json!({ "managerId": [manager, "nobody"] }),
            Box::new(|call| call["managerId"] == manager),
        ),
        (
            json!({ "persona": { "difficulty": [persona["difficulty"]] } }),
            Box::new(|call| {
                personas(call)
                    .iter()
                    .any(|of| of["difficulty"] == persona["difficulty"])
            }),
        ),
        (
            json!({ "persona": { "industry": [persona["industry"]], "jobTitle": [persona["jobTitle"]] } }),
            Box::new(|call| {
                personas(call).iter().any(|of| {
                    of["industry"] == persona["industry"] && of["jobTitle"] == persona["jobTitle"]
                })
            }),
        ),
        (
            json!({ "persona": { "prospectId": [persona["prospect"]["id"]] } }),
            Box::new(|call| {
                personas(call)
                    .iter()
                    .any(|of| of["prospect"]["id"] == persona["prospect"]["id"])
            }),
        ),
        (
            json!({ "analysisType": [analysis] }),
            Box::new(|call| types(call).contains(analysis)),
        ),
        (
            json!({ "score": { "min": low, "max": high } }),
            Box::new(|call| {
                let score = call["score"].as_f64();
                score.is_some_and(|score| (low..=high).contains(&score))
            }),
        ),
        (
            json!({ "score": { "min": high }, "duration": { "max": duration } }),
            Box::new(|call| {
                call["score"].as_f64().is_some_and(|score| score >= high)
                    && call["stats"]["duration"]
                        .as_f64()
                        .is_some_and(|length| length <= duration)
            }),
        ),
    ];
    let query = "query ($filter: CallFilter!) {
        calls(first: 100, filter: $filter) { nodes { id } }
        callReport(filter: $filter) { total { calls } }
    }";
    for (mut filter, passes) in cases {
        filter["example"] = false.into();
        let expected = ids(calls.iter().filter(|call| passes(call)));
        assert!(
            !expected.is_empty() && expected.len() < calls.len(),
            "{filter}"
        );
        let data = server.graphql(query, json!({ "filter": filter })).await;
        let found = ids(data["calls"]["nodes"].as_array().expect("nodes"));
        assert_eq!(found, expected, "{filter}");
        assert_eq!(
            data["callReport"]["total"]["calls"],
            expected.len(),
            "{filter}"
        );
    }
}
