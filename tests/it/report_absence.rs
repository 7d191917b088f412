//! `practiceGaps` and `streaksAtRisk` against looking at every user's calls.

use chrono::{DateTime, Days, NaiveTime, TimeZone};
use chrono_tz::Tz;
use ingest::fold;
use serde_json::{Value, json};
use tests::Server;

use crate::report_facts::{Facts, assert_close, at, call_by, filled, micros, moment, text};

const DAY: i64 = 86_400_000_000;

/// The calls of a user before a moment, the newest first.
fn calls_before<'f>(facts: &'f Facts, user: &Value, moment: i64) -> Vec<&'f Value> {
    let made = facts
        .calls
        .iter()
        .filter(|call| call["user"]["id"] == user["id"] && at(call) < moment);
    made.collect()
}

/// The users who were there at a moment: created before it, whatever that says of those who had made a call.
fn present(facts: &Facts, moment: i64) -> impl Iterator<Item = &Value> {
    facts.users.iter().filter(move |user| {
        let created = user["createdAt"].as_i64();
        user["deleted"] == false
            && (created.is_none_or(|created| created < moment)
                || !calls_before(facts, user, moment).is_empty())
    })
}

/// The gaps, as the report has them.
pub(crate) fn gaps(facts: &Facts, days: i64, as_of: i64) -> Value {
    let mut rows = Vec::new();
    for user in present(facts, as_of) {
        let calls = calls_before(facts, user, as_of);
        let last = calls.first().map(|call| at(call));
        if last.is_some_and(|last| last >= as_of - days * DAY) {
            continue;
        }
        let row = json!({
            "user": { "id": user["id"] },
            "lastCallAt": last.map(moment),
            "daysSince": last.map(|last| (as_of - last) / DAY),
            "callsBefore": calls.len(),
        });
        let order = (
            last.is_some(),
            last,
            user["createdAt"].as_i64(),
            text(&user["id"]).to_owned(),
        );
        rows.push((order, row));
    }
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    json!({ "asOf": moment(as_of), "totalCount": rows.len(), "rows": rows })
}

/// The streaks, as the report has them.
pub(crate) fn streaks(facts: &Facts, days: u64, zone: Tz, as_of: i64) -> Value {
    let today = DateTime::from_timestamp_micros(as_of)
        .expect("a moment")
        .with_timezone(&zone)
        .date_naive();
    let day_of = |call: &Value| {
        let made = DateTime::from_timestamp_micros(at(call)).expect("a moment");
        made.with_timezone(&zone).date_naive()
    };
    let mut rows = Vec::new();
    for user in present(facts, as_of) {
        let streak = user["streak"].as_f64().unwrap_or_default();
        let Some(last) = calls_before(facts, user, as_of).first().copied() else {
            continue;
        };
        let day = day_of(last);
        if streak > 0.0 && day < today && day >= today - Days::new(days) {
            let row = json!({
                "user": { "id": user["id"] },
                "streak": streak,
                "lastCallAt": moment(at(last)),
            });
            let name = fold::key(user["name"].as_str().unwrap_or_default());
            rows.push((streak, name, text(&user["id"]).to_owned(), row));
        }
    }
    rows.sort_by(|one, other| {
        let by_streak = other.0.total_cmp(&one.0);
        by_streak.then_with(|| (&one.1, &one.2).cmp(&(&other.1, &other.2)))
    });
    let rows: Vec<Value> = rows.into_iter().map(|(.., row)| row).collect();
    let tomorrow = (today + Days::new(1)).and_time(NaiveTime::MIN);
    let ends_at = zone
        .from_local_datetime(&tomorrow)
        .earliest()
        .expect("a midnight");
    json!({
        "asOf": moment(as_of),
        "endsAt": moment(ends_at.timestamp_micros()),
        "totalCount": rows.len(),
        "rows": rows,
    })
}

async fn ask_gaps(server: &Server, arguments: &str) -> Value {
    let query = format!(
        "{{ practiceGaps({arguments}) {{ asOf totalCount rows {{ user {{ id }} lastCallAt daysSince callsBefore }} }} }}"
    );
    server.graphql(&query, json!({})).await["practiceGaps"].take()
}

async fn ask_streaks(server: &Server, arguments: &str) -> Value {
    let query = format!(
        "{{ streaksAtRisk({arguments}) {{ asOf endsAt totalCount rows {{ user {{ id }} streak lastCallAt }} }} }}"
    );
    server.graphql(&query, json!({})).await["streaksAtRisk"].take()
}

#[tokio::test]
async fn gaps_are_what_looking_at_every_user_gives() {
    let (server, facts) = filled().await;
    let mut listed = 0;
    for (days, as_of) in [
        (1, "2025-06-02T00:00:00Z"),
        (7, "2025-06-02T00:00:00Z"),
        (30, "2025-05-20T09:30:00Z"),
        (3, "2025-03-09T00:00:00Z"),
        // Exactly a day behind a call, and a microsecond more: the call is in the day, and no more.
        (1, "2025-03-05T00:00:00Z"),
        (1, "2025-03-05T00:00:00.000001Z"),
        (36_500, "2025-04-01T00:00:00Z"),
        (5, "2024-01-01T00:00:00Z"),
    ] {
        let arguments = format!("days: {days}, asOf: \"{as_of}\"");
        let found = ask_gaps(&server, &arguments).await;
        assert_close(&found, &gaps(&facts, days, micros(as_of)), &arguments);
        listed += found["rows"].as_array().map_or(0, Vec::len);
    }
    assert!(listed > 20);
    let edge = r#"days: 3, asOf: "2025-03-07T00:00:00Z", filter: { orgId: ["edge"] }"#;
    let found = ask_gaps(&server, edge).await;
    let ids: Vec<&str> = found["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| text(&row["user"]["id"]))
        .collect();
    // Somebody who is gone is not missed; who practised exactly three days before is not missed yet; `newer` was not there.
    assert_eq!(ids, ["never", "ann"]);
    // Who made a call before they were created was there.
    let early = r#"days: 1, asOf: "2024-12-20T00:00:00Z", filter: { orgId: ["edge"] }"#;
    let none = ask_gaps(&server, early).await;
    assert_eq!(none["totalCount"], 0);
    let call = call_by("early", &json!("cy"), "2024-12-12T00:00:00Z", &json!([]));
    server.sender().deliver([&call]).await;
    server.settled().await;
    let found = ask_gaps(&server, early).await;
    assert_eq!(
        found["rows"],
        json!([{ "user": { "id": "cy" }, "lastCallAt": "2024-12-12T00:00:00Z", "daysSince": 8, "callsBefore": 1 }])
    );
    let one = ask_gaps(&server, &format!("{edge}, first: 1")).await;
    assert_eq!(
        [&one["totalCount"], &one["rows"][0]["lastCallAt"]],
        [&json!(2), &Value::Null]
    );
}

#[tokio::test]
async fn streaks_at_risk_are_what_looking_at_every_user_gives() {
    let (server, facts) = filled().await;
    let mut listed = 0;
    for (days, zone, as_of) in [
        (1, "America/New_York", "2025-03-09T05:00:00Z"),
        (1, "America/New_York", "2025-03-10T03:59:59Z"),
        (1, "America/New_York", "2025-03-10T20:00:00Z"),
        (1, "UTC", "2025-03-09T20:00:00Z"),
        (1, "Asia/Kolkata", "2025-05-28T10:00:00Z"),
        (3, "UTC", "2025-05-26T07:00:00Z"),
        (1, "UTC", "2025-05-26T07:00:00Z"),
        (31, "UTC", "2025-06-02T00:00:00Z"),
    ] {
        let arguments = format!("days: {days}, timeZone: \"{zone}\", asOf: \"{as_of}\"");
        let found = ask_streaks(&server, &arguments).await;
        let zone = zone.parse().expect("a zone");
        assert_close(
            &found,
            &streaks(&facts, days, zone, micros(as_of)),
            &arguments,
        );
        listed += found["rows"].as_array().map_or(0, Vec::len);
    }
    assert!(listed > 10, "{listed}");
    // The day of 23 hours on which the clocks change in New York ends at four o'clock, and only `ben` had not practised on it.
    let day = r#"timeZone: "America/New_York", asOf: "2025-03-09T12:00:00Z", filter: { orgId: ["edge"] }"#;
    let found = ask_streaks(&server, day).await;
    assert_eq!(found["endsAt"], "2025-03-10T04:00:00Z");
    assert_eq!(
        found["rows"],
        json!([{ "user": { "id": "ben" }, "streak": 5.0, "lastCallAt": "2025-03-09T04:59:59.999999Z" }])
    );
}

#[tokio::test]
async fn what_is_no_such_question_is_refused() {
    let server = Server::start().await;
    for query in [
        "{ practiceGaps(days: 0) { totalCount } }",
        "{ practiceGaps(days: -1) { totalCount } }",
        "{ practiceGaps(days: 36501) { totalCount } }",
        "{ practiceGaps(days: 7, first: 0) { totalCount } }",
        "{ practiceGaps(days: 7, first: 1001) { totalCount } }",
        "{ streaksAtRisk(days: 0) { totalCount } }",
        "{ streaksAtRisk(days: 32) { totalCount } }",
        "{ streaksAtRisk(first: 0) { totalCount } }",
    ] {
        let code = server.error_code(query, json!({})).await;
        assert_eq!(code, "BAD_USER_INPUT", "{query}");
    }
    let none = server.graphql("{ practiceGaps(days: 7) { totalCount rows { daysSince } } streaksAtRisk { totalCount rows { streak } } }", json!({})).await;
    let empty = json!({ "totalCount": 0, "rows": [] });
    assert_eq!(
        none,
        json!({ "practiceGaps": empty, "streaksAtRisk": empty })
    );
}
