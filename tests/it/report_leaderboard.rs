//! `leaderboard` against ranking by hand.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use tests::Server;
use tests::sender::now;

use crate::report_facts::{Facts, assert_close, at, filled, mean, micros, moment, text};

/// A metric: its name, a user's value, and how many calls count for it.
type Metric = (
    &'static str,
    fn(&[&Value], &Value) -> Option<f64>,
    fn(&Value) -> bool,
);

fn numbers(calls: &[&Value], number: fn(&Value) -> Option<f64>) -> Vec<f64> {
    // The order in which a database adds them up is not known.
    calls.iter().filter_map(|call| number(call)).collect()
}

fn score(call: &Value) -> Option<f64> {
    call["score"].as_f64()
}

fn duration(call: &Value) -> Option<f64> {
    call["stats"]["duration"].as_f64()
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
pub(crate) const METRICS: [Metric; 5] = [
    ("CALLS", |calls, _| Some(calls.len() as f64), |_| true),
    (
        "MEAN_SCORE",
        |calls, _| mean(&numbers(calls, score)),
        |call| score(call).is_some(),
    ),
    (
        "BEST_SCORE",
        |calls, _| numbers(calls, score).into_iter().max_by(f64::total_cmp),
        |call| score(call).is_some(),
    ),
    (
        "TOTAL_DURATION",
        |calls, _| {
            numbers(calls, duration)
                .into_iter()
                .reduce(|one, other| one + other)
        },
        |call| duration(call).is_some(),
    ),
    ("STREAK", |_, user| user["streak"].as_f64(), |_| true),
];

/// Users with a rank between two moments: the user, rank, value and calls, the best first.
fn ranks(
    facts: &Facts,
    metric: Metric,
    from: i64,
    to: i64,
    min_calls: usize,
) -> Vec<(&str, usize, f64, usize)> {
    let (_, value, counts) = metric;
    let mut valued = Vec::new();
    for id in facts.alive() {
        let made = facts
            .calls
            .iter()
            .filter(|call| call["user"]["id"] == id && (from..to).contains(&at(call)));
        let made: Vec<&Value> = made.collect();
        if made.is_empty() || made.iter().filter(|call| counts(call)).count() < min_calls {
            continue;
        }
        if let Some(value) = value(&made, facts.user(id)) {
            valued.push((id, value, made.len()));
        }
    }
    let same = |one: f64, other: f64| (one - other).abs() < 1e-7;
    let mut ranked: Vec<_> = valued
        .iter()
        .map(|&(id, value, calls)| {
            let better = valued
                .iter()
                .filter(|other| other.1 > value && !same(other.1, value))
                .count();
            (id, better + 1, value, calls)
        })
        .collect();
    ranked.sort_by_key(|&(id, rank, ..)| {
        let name = facts.user(id)["name"].as_str().map(ingest::fold::key);
        (rank, name.unwrap_or_default(), id)
    });
    ranked
}

/// A leaderboard: the period, the one before, and its end.
pub(crate) fn leaderboard(
    facts: &Facts,
    metric: Metric,
    period: Option<[NaiveDate; 3]>,
    zone: Tz,
    as_of: i64,
    min_calls: usize,
) -> Value {
    let midnight = |day: NaiveDate| {
        let local = zone.from_local_datetime(&day.and_time(NaiveTime::MIN));
        local.earliest().expect("a midnight").timestamp_micros()
    };
    let period = period.map(|days| days.map(midnight));
    let [before, from] = period.map_or([i64::MIN; 2], |[before, from, _]| [before, from]);
    let present = ranks(facts, metric, from, as_of, min_calls);
    let past = match (period, metric.0) {
        (None, _) | (_, "STREAK") => Vec::new(),
        _ => ranks(facts, metric, before, from, min_calls),
    };
    let rows = present.iter().map(|(id, rank, value, calls)| {
        let past = past.iter().find(|past| past.0 == *id).map(|past| past.1);
        let signed = |rank: usize| i64::try_from(rank).expect("few");
        json!({
            "user": { "id": id },
            "rank": rank,
            "value": value,
            "calls": calls,
            "previousRank": past,
            "movement": past.map(|past| signed(past) - signed(*rank)),
        })
    });
    let stretch = |from, to| json!({ "from": moment(from), "to": moment(to) });
    json!({
        "period": period.map(|[_, from, to]| stretch(from, to)),
        "previousPeriod": period.map(|[before, from, _]| stretch(before, from)),
        "asOf": moment(as_of),
        "totalCount": present.len(),
        "rows": rows.collect::<Vec<_>>(),
    })
}

/// The first day of the period before, of the period that holds a moment, and of the one behind.
pub(crate) fn days(period: &str, zone: Tz, as_of: i64) -> Option<[NaiveDate; 3]> {
    let utc: DateTime<Utc> = DateTime::from_timestamp_micros(as_of).expect("a moment");
    let day = utc.with_timezone(&zone).date_naive();
    match period {
        "DAY" => Some([day - Days::new(1), day, day + Days::new(1)]),
        "WEEK" => {
            let monday = day - Days::new(day.weekday().num_days_from_monday().into());
            Some([monday - Days::new(7), monday, monday + Days::new(7)])
        }
        "MONTH" => {
            let first = day.with_day(1).expect("a first");
            Some([first - Months::new(1), first, first + Months::new(1)])
        }
        _ => None,
    }
}

async fn ask(server: &Server, arguments: &str) -> Value {
    let query = format!(
        "{{ leaderboard({arguments}) {{ period {{ from to }} previousPeriod {{ from to }} asOf totalCount
            rows {{ rank value calls previousRank movement user {{ id }} }} }} }}"
    );
    server.graphql(&query, json!({})).await["leaderboard"].take()
}

#[tokio::test]
async fn every_metric_and_period_is_what_ranking_by_hand_gives() {
    let (server, facts) = filled().await;
    let zones = ["UTC", "America/New_York"];
    // A moment on a bound, the day on which the clocks change and the one behind, the company's last month and its end.
    let moments = [
        "2025-04-01T00:00:00Z",
        "2025-03-09T20:00:00Z",
        "2025-03-10T04:00:00Z",
        "2025-03-11T03:00:00Z",
        "2025-05-20T12:00:00Z",
        "2025-06-02T00:00:00Z",
    ];
    let (mut moved, mut tied) = (0, 0);
    for (nth, as_of) in moments.into_iter().enumerate() {
        let zone = zones[nth % 2];
        for metric in METRICS {
            for period in ["DAY", "WEEK", "MONTH", "ALL_TIME"] {
                let arguments = format!(
                    "metric: {}, period: {period}, asOf: \"{as_of}\", timeZone: \"{zone}\"",
                    metric.0
                );
                let zone: Tz = zone.parse().expect("a zone");
                let days = days(period, zone, micros(as_of));
                let expected = leaderboard(&facts, metric, days, zone, micros(as_of), 1);
                let found = ask(&server, &arguments).await;
                assert_close(&found, &expected, &arguments);
                let rows = found["rows"].as_array().expect("rows");
                moved += rows
                    .iter()
                    .filter(|row| row["movement"].as_i64().is_some_and(|by| by != 0))
                    .count();
                tied += rows
                    .windows(2)
                    .filter(|two| two[0]["rank"] == two[1]["rank"])
                    .count();
            }
        }
    }
    assert!(
        moved > 10 && tied > 10,
        "{moved} moved, {tied} shared a rank"
    );
}

#[tokio::test]
async fn few_calls_do_not_count_and_the_deleted_have_no_place() {
    let (server, facts) = filled().await;
    let as_of = micros("2025-06-02T00:00:00Z");
    for metric in METRICS {
        let arguments = format!(
            "metric: {}, period: ALL_TIME, minCalls: 6, asOf: {}",
            metric.0,
            moment(as_of)
        );
        let found = ask(&server, &arguments).await;
        assert_close(
            &found,
            &leaderboard(&facts, metric, None, Tz::UTC, as_of, 6),
            &arguments,
        );
        let all = leaderboard(&facts, metric, None, Tz::UTC, as_of, 1);
        assert!(
            found["totalCount"].as_i64() < all["totalCount"].as_i64(),
            "{arguments}"
        );
    }
    let edge = r#"metric: BEST_SCORE, period: ALL_TIME, filter: { orgId: ["edge"] }"#;
    let found = ask(&server, edge).await;
    let names: Vec<&str> = found["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| text(&row["user"]["id"]))
        .collect();
    // The best of all calls was by somebody who is gone.
    assert_eq!(names, ["ann", "cy", "ben"]);
    let one = ask(&server, &format!("{edge}, first: 1")).await;
    assert_eq!(
        [&one["totalCount"], &one["rows"][0]["user"]["id"]],
        [&json!(3), &json!("ann")]
    );
}

#[tokio::test]
async fn without_a_moment_it_is_now() {
    let server = Server::start().await;
    let before = now();
    let data = ask(&server, "metric: CALLS").await;
    let as_of = micros(text(&data["asOf"]));
    assert!((before..=now()).contains(&(as_of / 1_000_000)));
    assert_eq!(
        [&data["totalCount"], &data["rows"]],
        [&json!(0), &json!([])]
    );
    for arguments in [
        "metric: CALLS, first: 0",
        "metric: CALLS, first: 1001",
        "metric: CALLS, minCalls: 0",
    ] {
        let query = format!("{{ leaderboard({arguments}) {{ totalCount }} }}");
        let code = server.error_code(&query, json!({})).await;
        assert_eq!(code, "BAD_USER_INPUT", "{arguments}");
    }
}
