//! `insightReport` against counting by hand.

use std::collections::{BTreeMap, BTreeSet};

use ingest::fold;
use serde_json::{Value, json};
use tests::Server;

use crate::report::{GROUPS, day_in};
use crate::report_facts::{KINDS, assert_close, at, filled, micros, text};

/// By what calls are grouped: the field of a row, and the keys of a call.
pub(crate) type By<'g> = (&'g str, &'g dyn Fn(&Value) -> Vec<Value>);

/// What is asked.
pub(crate) struct Asked<'a> {
    /// The list.
    pub(crate) kind: &'a str,
    /// By what.
    pub(crate) by: Vec<By<'a>>,
    /// How many entries of a group.
    pub(crate) first: usize,
    /// Whether an entry of an analysis of this type counts in a group.
    pub(crate) of_analyses: bool,
}

struct Entry<'c> {
    calls: Vec<&'c Value>,
    spellings: BTreeMap<&'c str, usize>,
}

/// The groups of these calls: their keys, and the calls.
pub(crate) fn groups<'c>(calls: &[&'c Value], by: &[By<'_>]) -> Vec<(Vec<Value>, Vec<&'c Value>)> {
    let mut groups: BTreeMap<String, (Vec<Value>, Vec<&Value>)> = BTreeMap::new();
    for call in calls {
        let mut all = vec![Vec::new()];
        for (_, keys) in by {
            let keys = keys(call);
            all = all
                .iter()
                .flat_map(|before| {
                    keys.iter()
                        .map(move |key| [before.as_slice(), std::slice::from_ref(key)].concat())
                })
                .collect();
        }
        for keys in all {
            let name = Value::Array(keys.clone()).to_string();
            groups
                .entry(name)
                .or_insert((keys, Vec::new()))
                .1
                .push(call);
        }
    }
    groups.into_values().collect()
}

fn entries<'c>(
    calls: &[&'c Value],
    asked: &Asked<'_>,
    keys: &[Value],
) -> BTreeMap<String, Entry<'c>> {
    let mut entries: BTreeMap<String, Entry<'c>> = BTreeMap::new();
    for call in calls {
        for analysis in call["analysis"].as_array().expect("a list") {
            if asked.of_analyses && !keys.contains(&analysis["analysisType"]) {
                continue;
            }
            for said in analysis[asked.kind].as_array().expect("a list") {
                let key = fold::key(text(said));
                if key.is_empty() {
                    continue;
                }
                let entry = entries.entry(key).or_insert(Entry {
                    calls: Vec::new(),
                    spellings: BTreeMap::new(),
                });
                if entry.calls.last() != Some(call) {
                    entry.calls.push(call);
                }
                *entry.spellings.entry(text(said)).or_default() += 1;
            }
        }
    }
    entries
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The rows, in the order of the report. `past` are the calls of the time before, if there is one.
pub(crate) fn rows(calls: &[&Value], past: Option<&[&Value]>, asked: &Asked<'_>) -> Vec<Value> {
    let mut groups_now = groups(calls, &asked.by);
    // Periods first, then by size, then by keys, those without last.
    let period = asked.by.iter().position(|(field, _)| *field == "period");
    groups_now.sort_by_key(|(keys, calls)| {
        let date = period.map(|place| keys[place]["date"].to_string());
        let keys: Vec<_> = keys
            .iter()
            .map(|key| (key.is_null(), key.as_str().map(str::to_owned)))
            .collect();
        (date, std::cmp::Reverse(calls.len()), keys)
    });
    let past_groups = past.map(|past| groups(past, &asked.by));
    let mut rows = Vec::new();
    for (keys, calls) in groups_now {
        let past_calls = past_groups.as_ref().map(|groups| {
            let same = groups.iter().find(|(other, _)| *other == keys);
            same.map(|(_, calls)| calls.clone()).unwrap_or_default()
        });
        let past = past_calls
            .as_ref()
            .map(|calls| entries(calls, asked, &keys));
        let mut found: Vec<_> = entries(&calls, asked, &keys).into_iter().collect();
        found.sort_by_key(|(key, entry)| (std::cmp::Reverse(entry.calls.len()), key.clone()));
        for (key, entry) in found.into_iter().take(asked.first) {
            let most = entry.spellings.values().max().expect("one");
            let spelling = entry.spellings.iter().find(|(_, count)| *count == most);
            let count = entry.calls.len();
            let users: BTreeSet<_> = entry
                .calls
                .iter()
                .filter_map(|call| call["user"]["id"].as_str())
                .collect();
            let before = past
                .as_ref()
                .map(|past| past.get(&key).map_or(0, |entry| entry.calls.len()));
            let before_share = before.and_then(|before| share(before, past_calls.as_ref()?.len()));
            let signed = |count: usize| i64::try_from(count).expect("few");
            let mut row = json!({
                "text": spelling.expect("one").0,
                "calls": count,
                "users": users.len(),
                "groupCalls": calls.len(),
                "share": share(count, calls.len()),
                "previousCalls": before,
                "previousShare": before_share,
                "change": before.map(|before| signed(count) - signed(before)),
                "examples": entry.calls.iter().take(3).map(|call| json!({ "id": call["id"] })).collect::<Vec<_>>(),
            });
            for ((field, _), key) in asked.by.iter().zip(&keys) {
                row[*field] = key.clone();
            }
            rows.push(row);
        }
    }
    rows
}

const FIELDS: &str =
    "text calls users groupCalls share previousCalls previousShare change examples { id }";

async fn report(server: &Server, arguments: &str, fields: &str) -> Value {
    let query =
        format!("{{ insightReport({arguments}) {{ totalCalls rows {{ {fields} {FIELDS} }} }} }}");
    server.graphql(&query, json!({})).await["insightReport"].take()
}

/// The month in New York in which a call was made.
fn month(call: &Value) -> Vec<Value> {
    let day = day_in(chrono_tz::America::New_York, call).to_string();
    vec![json!({ "date": format!("{}-01", &day[..7]) })]
}

#[tokio::test]
async fn every_list_and_grouping_is_what_counting_by_hand_gives() {
    let (server, facts) = filled().await;
    let all: Vec<&Value> = facts.calls.iter().collect();
    for (name, kind) in KINDS {
        let asked = Asked {
            kind,
            by: Vec::new(),
            first: 1000,
            of_analyses: false,
        };
        let report = report(&server, &format!("kind: {name}, first: 1000"), "").await;
        assert_eq!(report["totalCalls"], all.len(), "{kind}");
        assert_close(&report["rows"], &rows(&all, None, &asked).into(), kind);
    }
    for (group, field, keys) in GROUPS {
        let asked = Asked {
            kind: "objections",
            by: vec![(field, &keys)],
            first: 7,
            of_analyses: group == "ANALYSIS_TYPE",
        };
        let arguments = format!("kind: OBJECTIONS, groupBy: [{group}], first: 7");
        let report = report(&server, &arguments, field).await;
        let expected = rows(&all, None, &asked);
        assert!(expected.len() > 7, "{group}");
        assert_close(&report["rows"], &expected.into(), group);
    }
    for (groups, second, field) in [
        ("[MONTH]", None, "period { date }"),
        ("[TEAM, MONTH]", Some(GROUPS[1]), "teamId period { date }"),
    ] {
        let mut by: Vec<By<'_>> = vec![("period", &month)];
        if let Some((_, field, keys)) = &second {
            by.push((field, keys));
        }
        let asked = Asked {
            kind: "competitors",
            by,
            first: 2,
            of_analyses: false,
        };
        let arguments = format!(
            "kind: COMPETITORS, groupBy: {groups}, first: 2, timeZone: \"America/New_York\""
        );
        let report = report(&server, &arguments, field).await;
        assert_close(&report["rows"], &rows(&all, None, &asked).into(), groups);
    }
}

#[tokio::test]
async fn a_time_with_both_ends_is_compared_with_the_one_before() {
    let (server, facts) = filled().await;
    let newest = at(&facts.calls[0]);
    let moment = |micros| crate::report_facts::moment(micros);
    let day = 86_400_000_000;
    let teams: By<'_> = ("teamId", &GROUPS[1].2);
    // A call on a bound is in the time that begins with it.
    let on_bound = at(&facts.calls[40]);
    for (from, to) in [
        (newest - 20 * day, newest + 1),
        (on_bound, on_bound + 15 * day),
        (
            micros("2025-03-03T00:00:00Z"),
            micros("2025-03-05T00:00:00Z"),
        ),
        (newest, newest),
        (newest, newest - day),
    ] {
        let within = |from: i64, to: i64| {
            let inside = move |call: &&Value| (from..to).contains(&at(call));
            facts.calls.iter().filter(inside).collect::<Vec<_>>()
        };
        let (now, past) = (within(from, to), within(from - (to - from).max(0), from));
        for (arguments, by, field) in [
            ("", vec![], ""),
            ("groupBy: [TEAM],", vec![teams], "teamId"),
        ] {
            let asked = Asked {
                kind: "objections",
                by,
                first: 10,
                of_analyses: false,
            };
            let arguments = format!(
                "kind: OBJECTIONS, {arguments} filter: {{ createdAt: {{ from: {}, to: {} }} }}",
                moment(from),
                moment(to)
            );
            let report = report(&server, &arguments, field).await;
            assert_eq!(report["totalCalls"], now.len(), "{arguments}");
            let expected = rows(&now, Some(&past), &asked);
            assert_close(&report["rows"], &expected.into(), &arguments);
        }
    }
}

#[tokio::test]
async fn entries_are_the_same_when_they_say_the_same() {
    let (server, _) = filled().await;
    let arguments = r#"kind: OBJECTIONS, filter: { orgId: ["edge"] }"#;
    let report = report(&server, arguments, "").await;
    let rows = report["rows"].as_array().expect("rows");
    // Of its spellings `Too expensive` comes three times: twice in one call, whose two analyses say so, and once in another one.
    let counts = rows.iter().map(|row| {
        (
            text(&row["text"]),
            row["calls"].as_i64(),
            row["users"].as_i64(),
        )
    });
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [
            ("Too expensive", Some(4), Some(3)),
            ("not now", Some(2), Some(1))
        ]
    );
    let ids = |row: &Value| {
        row["examples"]
            .as_array()
            .expect("examples")
            .iter()
            .map(|call| text(&call["id"]).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&rows[0]), ["of-the-gone", "several", "without-user"]);
    let more = r#"{ insightReport(kind: OBJECTIONS, first: 1, filter: { orgId: ["edge"] }) { rows {
        one: examples(first: 1) { id } all: examples(first: 20) { id title user { id } }
    } } }"#;
    let data = server.graphql(more, json!({})).await;
    let row = &data["insightReport"]["rows"][0];
    assert_eq!(row["one"], json!([{ "id": "of-the-gone" }]));
    assert_eq!(row["all"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn what_is_no_insight_report_is_refused() {
    let server = Server::start().await;
    for arguments in [
        "kind: OBJECTIONS, groupBy: [USER, TEAM, ORG]",
        "kind: OBJECTIONS, groupBy: [USER, USER]",
        "kind: OBJECTIONS, groupBy: [DAY, MONTH]",
        "kind: OBJECTIONS, first: 0",
        "kind: OBJECTIONS, first: 1001",
        "kind: OBJECTIONS, groups: 2",
        "kind: OBJECTIONS, groupBy: [USER], first: 101, groups: 10",
        "kind: OBJECTIONS, groupBy: [USER], groups: 0",
    ] {
        let query = format!("{{ insightReport({arguments}) {{ rows {{ text }} }} }}");
        let code = server.error_code(&query, json!({})).await;
        assert_eq!(code, "BAD_USER_INPUT", "{arguments}");
    }
    let dear = "{ insightReport(kind: OBJECTIONS, first: 1000) { rows { examples(first: 20) { transcript { lines { index } } } } } }";
    assert_eq!(server.error_code(dear, json!({})).await, "COST_LIMIT");
    let empty = report(&server, "kind: PRODUCTS, groupBy: [MONTH]", "").await;
    assert_eq!(empty, json!({ "totalCalls": 0, "rows": [] }));
}
