//! `trend` against the same computed by hand.

use serde_json::{Value, json};
use tests::Server;

use crate::report::figures;
use crate::report_facts::{assert_close, filled, mean, micros, moment, text};

const FIGURES: &str = "calls users totalDuration meanDuration scored meanScore minScore maxScore medianScore p90Score";

fn score(call: &Value) -> f64 {
    call["score"].as_f64().expect("a score")
}

/// The slope of least squares, by its definition.
#[expect(clippy::cast_precision_loss, reason = "there are few")]
fn slope(scores: &[f64]) -> Option<f64> {
    let places: Vec<f64> = (0..scores.len()).map(|nth| nth as f64).collect();
    let (mean_place, mean_score) = (mean(&places)?, mean(scores)?);
    let both = places.iter().zip(scores);
    let rise: f64 = both
        .map(|(place, score)| (place - mean_place) * (score - mean_score))
        .sum();
    let run: f64 = places
        .iter()
        .map(|place| (place - mean_place).powi(2))
        .sum();
    (run > 0.0).then(|| rise / run)
}

/// The trend of these calls, the newest first.
pub(crate) fn trend(calls: &[&Value], n: usize) -> Value {
    let scored: Vec<&Value> = calls
        .iter()
        .copied()
        .filter(|call| call["score"].is_f64())
        .collect();
    let recent = &scored[..n.min(scored.len())];
    let previous = &scored[recent.len()..(2 * n).min(scored.len())];
    let values = |calls: &[&Value]| {
        calls
            .iter()
            .rev()
            .map(|call| score(call))
            .collect::<Vec<_>>()
    };
    let change = mean(&values(recent)).zip(mean(&values(previous)));
    let points = (0..recent.len()).rev().map(|place| {
        let window = &scored[place..(place + n).min(scored.len())];
        json!({
            "call": { "id": scored[place]["id"] },
            "score": score(scored[place]),
            "runningMean": mean(&values(window)),
        })
    });
    json!({
        "recent": figures(recent, None),
        "previous": figures(previous, None),
        "change": change.map(|(recent, previous)| recent - previous),
        "slope": slope(&values(recent)),
        "points": points.collect::<Vec<_>>(),
    })
}

async fn ask(server: &Server, arguments: &str) -> Value {
    let query = format!(
        "{{ trend({arguments}) {{ recent {{ {FIGURES} }} previous {{ {FIGURES} }} change slope points {{ call {{ id }} score runningMean }} }} }}"
    );
    server.graphql(&query, json!({})).await["trend"].take()
}

#[tokio::test]
async fn the_trend_of_every_user_and_team_is_what_computing_by_hand_gives() {
    let (server, facts) = filled().await;
    let mut compared = 0;
    for user in &facts.users {
        let id = text(&user["id"]);
        let calls: Vec<&Value> = facts
            .calls
            .iter()
            .filter(|call| call["user"]["id"] == id)
            .collect();
        for n in [1, 3, 10, 100] {
            let found = ask(&server, &format!("userId: \"{id}\", n: {n}")).await;
            let expected = trend(&calls, n);
            compared += usize::from(!expected["change"].is_null());
            assert_close(&found, &expected, &format!("user {id}, {n}"));
        }
    }
    assert!(compared > 20, "some have calls before: {compared}");
    let mut teams: Vec<&str> = facts
        .calls
        .iter()
        .filter_map(|call| call["teamId"].as_str())
        .collect();
    teams.sort_unstable();
    teams.dedup();
    assert!(teams.len() > 1);
    // The default is ten calls.
    for team in teams {
        let calls: Vec<&Value> = facts
            .calls
            .iter()
            .filter(|call| call["teamId"] == team)
            .collect();
        let found = ask(&server, &format!("teamId: \"{team}\"")).await;
        assert_close(&found, &trend(&calls, 10), team);
    }
}

#[tokio::test]
async fn a_trend_is_of_the_calls_that_its_filter_lets_pass() {
    let (server, facts) = filled().await;
    let until = micros("2025-05-10T00:00:00Z");
    let user = text(&facts.calls[0]["user"]["id"]);
    let calls: Vec<&Value> = facts
        .calls
        .iter()
        .filter(|call| call["user"]["id"] == user && call["at"].as_i64() < Some(until))
        .collect();
    assert!(calls.len() > 2);
    let arguments = format!(
        "userId: \"{user}\", n: 2, filter: {{ createdAt: {{ to: {} }} }}",
        moment(until)
    );
    assert_close(&ask(&server, &arguments).await, &trend(&calls, 2), "until");
    // Nobody has no calls, which is no fault.
    let none = ask(&server, "userId: \"nobody\"").await;
    assert_close(&none, &trend(&[], 10), "nobody");
    assert_eq!(none["change"], Value::Null);
}

#[tokio::test]
async fn what_is_no_trend_is_refused() {
    let server = Server::start().await;
    for arguments in [
        "",
        "(n: 5)",
        "(userId: \"a\", teamId: \"b\")",
        "(userId: \"a\", n: 0)",
        "(userId: \"a\", n: 101)",
        "(userId: \"a\", n: -1)",
    ] {
        let query = format!("{{ trend{arguments} {{ slope }} }}");
        let code = server.error_code(&query, json!({})).await;
        assert_eq!(code, "BAD_USER_INPUT", "{arguments}");
    }
}
