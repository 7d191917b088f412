//! Reports of calls that nobody expects: without any time, with a wrong date, with numbers greater than any sum.
//!
//! One such call says little itself, and must not spoil what the others say.

use chrono::{DateTime, Datelike, Days, NaiveDate};
use chrono_tz::Tz;
use sample::Delivery;
use serde_json::{Value, json};
use tests::Server;

use crate::report_facts::{call_by, text, user};

/// A call of which neither it nor its event says when it was.
fn without_time(id: &str, user: &str, analysis: &Value) -> Delivery {
    let mut call = call_by(id, &json!(user), "2025-03-04T08:00:00Z", analysis);
    call.body = call
        .body
        .replace("createdAt", "madeAt")
        .replace("timestamp", "sentAt");
    call
}

fn scored(score: f64) -> Value {
    json!([{ "analysisType": "edge", "score": score, "objections": ["Too expensive"] }])
}

async fn told(deliveries: &[Delivery]) -> Server {
    let server = Server::start().await;
    server.sender().deliver(deliveries).await;
    server.settled().await;
    server
}

async fn ask(server: &Server, field: &str) -> Value {
    let mut data = server
        .graphql(&format!("{{ it: {field} }}"), json!({}))
        .await;
    data["it"].take()
}

#[tokio::test]
async fn a_call_without_a_time_is_in_no_period_and_no_last_call() {
    let server = told(&[
        user("ann", "2025-01-01T00:00:00Z", 3.0),
        user("cy", "2025-01-02T00:00:00Z", 2.0),
        call_by("a", &json!("ann"), "2025-03-01T00:00:00Z", &scored(10.0)),
        call_by("b", &json!("ann"), "2025-05-01T00:00:00Z", &scored(20.0)),
        without_time("c", "ann", &scored(30.0)),
        without_time("d", "cy", &scored(40.0)),
    ])
    .await;
    let row = |date: Option<&str>, calls: i64| json!({ "period": date.map(|date| json!({ "date": date })), "figures": { "calls": calls } });
    let fields = "{ rows { period { date } figures { calls } } }";
    for (unit, [first, second]) in [
        ("DAY", ["2025-03-01", "2025-05-01"]),
        ("WEEK", ["2025-02-24", "2025-04-28"]),
        ("MONTH", ["2025-03-01", "2025-05-01"]),
    ] {
        let found = ask(&server, &format!("callReport(groupBy: [{unit}]) {fields}")).await;
        let rows = [row(Some(first), 1), row(Some(second), 1), row(None, 2)];
        assert_eq!(found, json!({ "rows": rows }), "{unit}");
    }
    let filled = format!("callReport(groupBy: [MONTH], fill: true) {fields}");
    let rows = [
        row(Some("2025-03-01"), 1),
        row(Some("2025-04-01"), 0),
        row(Some("2025-05-01"), 1),
        row(None, 2),
    ];
    assert_eq!(ask(&server, &filled).await, json!({ "rows": rows }));
    let only = format!("callReport(groupBy: [DAY], filter: {{ userId: \"cy\" }}) {fields}");
    assert_eq!(ask(&server, &only).await, json!({ "rows": [row(None, 1)] }));
    let insight = "insightReport(kind: OBJECTIONS, groupBy: [MONTH]) { rows { period { date } calls groupCalls examples { id } } }";
    let entry = |date: Option<&str>, calls: &[&str]| {
        let examples: Vec<Value> = calls.iter().map(|id| json!({ "id": id })).collect();
        json!({ "period": date.map(|date| json!({ "date": date })), "calls": calls.len(), "groupCalls": calls.len(), "examples": examples })
    };
    let rows = [
        entry(Some("2025-03-01"), &["a"]),
        entry(Some("2025-05-01"), &["b"]),
        entry(None, &["d", "c"]),
    ];
    assert_eq!(ask(&server, insight).await, json!({ "rows": rows }));
    for (arguments, ranked) in [
        ("period: DAY, asOf: \"1970-01-01T12:00:00Z\"", 0),
        ("period: MONTH, asOf: \"1970-01-15T00:00:00Z\"", 0),
        ("period: ALL_TIME", 2),
    ] {
        let field = format!("leaderboard(metric: CALLS, {arguments}) {{ totalCount }}");
        assert_eq!(
            ask(&server, &field).await["totalCount"],
            ranked,
            "{arguments}"
        );
    }
    let streaks = r#"streaksAtRisk(asOf: "1970-01-02T12:00:00Z") { totalCount }"#;
    assert_eq!(ask(&server, streaks).await["totalCount"], 0);
    let fields = "{ rows { user { id } lastCallAt callsBefore } }";
    let gaps = format!(r#"practiceGaps(days: 1, asOf: "2025-03-05T00:00:00Z") {fields}"#);
    let rows = [
        json!({ "user": { "id": "cy" }, "lastCallAt": null, "callsBefore": 0 }),
        json!({ "user": { "id": "ann" }, "lastCallAt": "2025-03-01T00:00:00Z", "callsBefore": 1 }),
    ];
    assert_eq!(ask(&server, &gaps).await, json!({ "rows": rows }));
    let trend = r#"trend(userId: "ann", n: 1) { change points { call { id createdAt } } }"#;
    let found = ask(&server, trend).await;
    assert_eq!(found["change"], 10.0);
}

#[tokio::test]
async fn no_number_is_so_great_that_figures_fail() {
    let mut deliveries = vec![
        user("ben", "2025-01-01T00:00:00Z", 1e308),
        user("cy", "2025-01-01T00:00:00Z", 1.0),
    ];
    let mut add = |id: &str, day: usize, duration: f64, scores: &[f64]| {
        let analyses: Vec<Value> = scores
            .iter()
            .map(|score| json!({ "analysisType": "edge", "score": score }))
            .collect();
        let at = format!("2025-03-{day:02}T00:00:00Z");
        let mut call = call_by(id, &json!("ben"), &at, &json!(analyses));
        call.body = call.body.replace(
            "\"duration\":60",
            &format!("\"duration\":{}", json!(duration)),
        );
        deliveries.push(call);
    };
    for nth in 1..=4 {
        add(&format!("high-{nth}"), nth, 1e308, &[1e308]);
        add(&format!("low-{nth}"), 10 + nth, -1e308, &[-1e308]);
        add(&format!("both-{nth}"), 20 + nth, 1e200, &[1e308, 1e308]);
    }
    // So near to 0 that half of it is no number.
    add("tiny", 8, 5e-324, &[5e-324]);
    add("real", 9, 90.0, &[50.0]);
    let server = told(&deliveries).await;
    let figures =
        "calls totalDuration meanDuration scored meanScore minScore maxScore medianScore p90Score";
    let expected = json!({
        "calls": 14, "totalDuration": 90.0, "meanDuration": 45.0, "scored": 2, "meanScore": 25.0,
        "minScore": 0.0, "maxScore": 50.0, "medianScore": 25.0, "p90Score": 45.0,
    });
    let report = format!("callReport {{ total {{ {figures} }} }}");
    assert_eq!(ask(&server, &report).await["total"], expected);
    for group in ["USER", "ANALYSIS_TYPE", "PROSPECT"] {
        let report =
            format!("callReport(groupBy: [{group}]) {{ rows {{ figures {{ {figures} }} }} }}");
        let found = ask(&server, &report).await;
        assert_eq!(
            found,
            json!({ "rows": [{ "figures": expected }] }),
            "{group}"
        );
    }
    let trend = "trend(userId: \"ben\") { recent { scored meanScore } slope points { call { id } runningMean } }";
    let points = [("tiny", 0.0), ("real", 25.0)];
    let points = points.map(|(id, mean)| json!({ "call": { "id": id }, "runningMean": mean }));
    assert_eq!(
        ask(&server, trend).await,
        json!({ "recent": { "scored": 2, "meanScore": 25.0 }, "slope": 50.0, "points": points })
    );
    for (metric, value) in [
        ("CALLS", 14.0),
        ("MEAN_SCORE", 25.0),
        ("BEST_SCORE", 50.0),
        ("TOTAL_DURATION", 90.0),
        ("STREAK", 1e308),
    ] {
        let board =
            format!("leaderboard(metric: {metric}, period: ALL_TIME) {{ rows {{ value }} }}");
        let found = ask(&server, &board).await;
        assert_eq!(found, json!({ "rows": [{ "value": value }] }), "{metric}");
    }
    let many = "leaderboard(metric: MEAN_SCORE, period: ALL_TIME, minCalls: 3) { totalCount }";
    assert_eq!(ask(&server, many).await["totalCount"], 0);
}

#[tokio::test]
async fn a_report_has_as_many_periods_as_have_calls_up_to_a_limit() {
    let first: NaiveDate = "2000-01-01".parse().expect("a day");
    let calls: Vec<Delivery> = (0..1_001)
        .map(|nth| {
            let at = format!("{}T00:00:00Z", first + Days::new(2 * nth));
            call_by(&at, &json!("ann"), &at, &scored(10.0))
        })
        .collect();
    let server = told(&calls).await;
    for zone in ["UTC", "America/New_York"] {
        let report = |from: &str| {
            let arguments = format!(
                "groupBy: [DAY], timeZone: \"{zone}\", filter: {{ createdAt: {{ from: \"{from}\" }} }}"
            );
            [
                format!("callReport({arguments}, first: 1000) {{ rows {{ period {{ date }} }} }}"),
                format!(
                    "insightReport(kind: OBJECTIONS, {arguments}, first: 1) {{ rows {{ period {{ date }} }} }}"
                ),
            ]
        };
        for most in report("2000-01-02T00:00:00Z") {
            let found = ask(&server, &most).await;
            assert_eq!(found["rows"].as_array().map(Vec::len), Some(1_000));
        }
        for more in report("2000-01-01T00:00:00Z") {
            let code = server.error_code(&format!("{{ {more} }}"), json!({})).await;
            assert_eq!(code, "BAD_USER_INPUT", "{more}");
        }
    }
}

/// The day on which a period begins. None in the years in which there are none.
fn begins(unit: &str, zone: Tz, at: &str) -> Option<NaiveDate> {
    let at = DateTime::parse_from_rfc3339(at).expect("a time").to_utc();
    let day = at.with_timezone(&zone).date_naive();
    let back = match unit {
        "DAY" => 0,
        "WEEK" => day.weekday().num_days_from_monday(),
        _ => day.day0(),
    };
    (1..=9998)
        .contains(&at.year())
        .then(|| day - Days::new(back.into()))
}

#[tokio::test]
async fn a_wrong_date_spoils_no_report() {
    let times = [
        "0000-06-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "2025-03-08T23:30:00Z",
        "2025-03-09T03:30:00Z",
        "2025-03-31T14:59:59Z",
        "2025-03-31T15:00:00Z",
        "9998-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
    ];
    let calls = times.map(|at| call_by(at, &json!("ann"), at, &scored(10.0)));
    let server = told(&calls).await;
    for zone in ["UTC", "Asia/Tokyo", "America/New_York"] {
        let tz: Tz = zone.parse().expect("a zone");
        for unit in ["DAY", "WEEK", "MONTH"] {
            let what = format!("{zone} {unit}");
            let grouped = format!("groupBy: [{unit}], timeZone: \"{zone}\"");
            let mut expected: Vec<(Option<String>, usize)> = Vec::new();
            // Those without a period come last.
            let mut all = times.map(|at| begins(unit, tz, at));
            all.sort_by_key(|date| (date.is_none(), *date));
            for date in all.map(|date| date.map(|date| date.to_string())) {
                match expected.last_mut() {
                    Some((last, calls)) if *last == date => *calls += 1,
                    _ => expected.push((date, 1)),
                }
            }
            let found =
                |rows: &Value, calls: fn(&Value) -> &Value| -> Vec<(Option<String>, usize)> {
                    let rows = rows["rows"].as_array().expect("rows").iter();
                    rows.map(|row| {
                        let date = row["period"]["date"].as_str().map(str::to_owned);
                        let calls = calls(row).as_u64().expect("a count");
                        (date, usize::try_from(calls).expect("few"))
                    })
                    .collect()
                };
            for filter in [
                "",
                ", filter: { createdAt: { from: \"0000-01-01T00:00:00Z\", to: \"9999-12-31T23:59:59.999999Z\" } }",
            ] {
                let report = format!(
                    "callReport({grouped}{filter}) {{ rows {{ period {{ from to date }} figures {{ calls }} }} }}"
                );
                let report = ask(&server, &report).await;
                assert_eq!(
                    found(&report, |row| &row["figures"]["calls"]),
                    expected,
                    "{what}"
                );
                for row in report["rows"].as_array().expect("rows") {
                    for bound in ["from", "to"].map(|bound| &row["period"][bound]) {
                        assert!(
                            bound.is_null() || text(bound).find('-') == Some(4),
                            "{what} {row}"
                        );
                    }
                }
                let report = format!(
                    "insightReport(kind: OBJECTIONS, {grouped}{filter}) {{ rows {{ period {{ date }} calls }} }}"
                );
                let report = ask(&server, &report).await;
                assert_eq!(found(&report, |row| &row["calls"]), expected, "{what}");
            }
            let filled = format!("{{ callReport({grouped}, fill: true) {{ hasMore }} }}");
            let code = server.error_code(&filled, json!({})).await;
            assert_eq!(code, "BAD_USER_INPUT", "{what}");
        }
    }
}

#[tokio::test]
async fn a_moment_outside_of_the_calendar_is_refused() {
    let server = Server::start().await;
    for as_of in [
        "9999-12-31T23:59:59Z",
        "9999-01-01T00:00:00Z",
        "0000-12-31T23:59:59Z",
    ] {
        for report in [
            "leaderboard(metric: CALLS, period: MONTH, ",
            "leaderboard(metric: CALLS, period: ALL_TIME, ",
            "streaksAtRisk(",
            "practiceGaps(days: 7, ",
        ] {
            let query = format!("{{ {report}asOf: \"{as_of}\") {{ asOf }} }}");
            let code = server.error_code(&query, json!({})).await;
            assert_eq!(code, "BAD_USER_INPUT", "{query}");
        }
    }
    for as_of in ["9998-12-31T23:59:59Z", "0001-01-01T00:00:00Z"] {
        let board = format!(
            "leaderboard(metric: CALLS, period: MONTH, asOf: \"{as_of}\", timeZone: \"Asia/Tokyo\") {{ period {{ from to }} previousPeriod {{ from to }} }}"
        );
        let found = ask(&server, &board).await;
        for period in ["period", "previousPeriod"].map(|name| &found[name]) {
            for bound in ["from", "to"].map(|bound| text(&period[bound])) {
                assert_eq!(bound.find('-'), Some(4), "{found}");
            }
        }
    }
}

#[tokio::test]
async fn a_stretch_without_calls_is_filled_where_there_is_no_other_group() {
    let server = Server::start().await;
    let filter =
        "filter: { createdAt: { from: \"2024-01-15T00:00:00Z\", to: \"2024-03-15T00:00:00Z\" } }";
    let fields = "{ rows { period { date } figures { calls meanScore } } }";
    let rows = ["2024-01-01", "2024-02-01", "2024-03-01"].map(
        |date| json!({ "period": { "date": date }, "figures": { "calls": 0, "meanScore": null } }),
    );
    let report = |groups: &str, filter: &str| {
        format!("callReport(groupBy: [{groups}], fill: true{filter}) {fields}")
    };
    let filled = ask(&server, &report("MONTH", &format!(", {filter}"))).await;
    assert_eq!(filled, json!({ "rows": rows }));
    let others = ask(&server, &report("MONTH, USER", &format!(", {filter}"))).await;
    assert_eq!(others, json!({ "rows": [] }));
    let unbounded = ask(&server, &report("MONTH", "")).await;
    assert_eq!(unbounded, json!({ "rows": [] }));
}

#[tokio::test]
async fn prospects_of_two_orgs_are_told_apart() {
    let deliveries = ["one", "two"].map(|org| {
        let mut call = call_by(org, &json!("ann"), "2025-03-01T00:00:00Z", &scored(10.0));
        let prospects = "\"prospects\":[{\"id\":\"same\",\"details\":{}}],\"orgId\"";
        call.body = call.body.replace("\"orgId\"", prospects);
        call.body = call.body.replace("\"edge\",", &format!("\"{org}\","));
        call
    });
    let server = told(&deliveries).await;
    let rows = ["one", "two"].map(|org| json!({ "prospectId": "same", "orgId": org }));
    let report = "callReport(groupBy: [PROSPECT]) { rows { prospectId orgId } }";
    assert_eq!(ask(&server, report).await, json!({ "rows": rows }));
    let insight =
        "insightReport(kind: OBJECTIONS, groupBy: [PROSPECT]) { rows { prospectId orgId } }";
    assert_eq!(ask(&server, insight).await, json!({ "rows": rows }));
}

#[tokio::test]
async fn a_group_that_comes_late_is_filled_from_the_first_period_on() {
    let server = told(&[
        call_by("a", &json!("ann"), "2025-03-01T12:00:00Z", &scored(1.0)),
        call_by("b", &json!("ann"), "2025-03-02T12:00:00Z", &scored(2.0)),
        call_by("c", &json!("ann"), "2025-03-03T12:00:00Z", &scored(3.0)),
        call_by("d", &json!("cy"), "2025-03-04T12:00:00Z", &scored(4.0)),
    ])
    .await;
    let found = ask(
        &server,
        "callReport(groupBy: [DAY, USER], fill: true, first: 2) { hasMore rows { period { date } userId figures { calls } } }",
    )
    .await;
    let row = |user: &str, calls: i64| json!({ "period": { "date": "2025-03-01" }, "userId": user, "figures": { "calls": calls } });
    let rows = [row("ann", 1), row("cy", 0)];
    assert_eq!(found, json!({ "hasMore": true, "rows": rows }));
}

#[tokio::test]
async fn a_time_that_no_calendar_has_is_no_time() {
    let server = told(&[call_by(
        "late",
        &json!("ann"),
        "9999-12-31T23:59:59-14:00",
        &scored(1.0),
    )])
    .await;
    let found = ask(&server, "call(id: \"late\") { createdAt }").await;
    assert_eq!(found, json!({ "createdAt": null }));
}

#[tokio::test]
async fn a_call_without_a_time_is_a_call_and_no_last_call() {
    let server = told(&[
        user("ann", "2025-01-01T00:00:00Z", 3.0),
        call_by("a", &json!("ann"), "2025-03-01T00:00:00Z", &scored(10.0)),
        without_time("b", "ann", &scored(20.0)),
        without_time("c", "cy", &scored(30.0)),
    ])
    .await;
    let ids = async |filter: &str| {
        let users = format!("users(filter: {{ {filter} }}) {{ nodes {{ id }} }}");
        let found = ask(&server, &users).await;
        let nodes = found["nodes"].as_array().expect("nodes").clone();
        let mut ids: Vec<&str> = nodes.iter().map(|user| text(&user["id"])).collect();
        ids.sort_unstable();
        ids.join(" ")
    };
    assert_eq!(ids("hasCalls: true").await, "ann cy");
    assert_eq!(
        ids("lastCallAt: { to: \"2026-01-01T00:00:00Z\" }").await,
        "ann"
    );
    let found = ask(&server, "users { nodes { id lastCallAt } }").await;
    let cy = json!({ "id": "cy", "lastCallAt": null });
    let ann = json!({ "id": "ann", "lastCallAt": "2025-03-01T00:00:00Z" });
    let nodes = found["nodes"].as_array().expect("nodes");
    assert!(nodes.contains(&cy) && nodes.contains(&ann), "{found}");
}
