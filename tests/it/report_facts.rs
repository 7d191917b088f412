//! What deliveries tell of calls and users, read plainly: what reports are compared with.
//!
//! A call has the fields of the API under the API's names, and `at`, its microseconds; a user those that reports look at.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use sample::Delivery;
use sample::catalogue::EXAMPLES;
use sample::company::{Company, Size};
use serde_json::{Value, json};
use tests::Server;

use crate::expected::time;

/// The lists of an analysis, and what the schema calls them.
pub(crate) const KINDS: [(&str, &str); 9] = [
    ("ACTION_ITEMS", "actionItems"),
    ("COMPETITORS", "competitors"),
    ("CUSTOMER_CHALLENGES", "customerChallenges"),
    ("DEAL_DRIVERS", "dealDrivers"),
    ("MISSED_OPPORTUNITIES", "missedOpportunities"),
    ("OBJECTIONS", "objections"),
    ("PRODUCT_POSITIONING", "productPositioning"),
    ("PRODUCTS", "products"),
    ("SALES_STRENGTHS", "salesStrengths"),
];

/// The real calls and users.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The newest first.
    pub(crate) calls: Vec<Value>,
    /// By id.
    pub(crate) users: Vec<Value>,
}

#[derive(Default)]
struct Known {
    described: Option<(DateTime<Utc>, Value)>,
    lives_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
}

impl Facts {
    /// What these deliveries tell, none of which is an example or repeats another one.
    pub(crate) fn of(deliveries: &[Delivery]) -> Self {
        let mut calls = Vec::new();
        let mut users: BTreeMap<String, Known> = BTreeMap::new();
        for delivery in deliveries {
            let event: Value = serde_json::from_str(&delivery.body).expect("JSON");
            let at = time(&event["timestamp"]).expect("a time");
            let payload = &event["payload"];
            let user = if payload["call"].is_object() {
                calls.push(call(&payload["call"], at));
                &payload["call"]["user"]
            } else {
                &payload["user"]
            };
            let Some(id) = user["id"].as_str() else {
                continue;
            };
            let known = users.entry(id.to_owned()).or_default();
            if known.described.as_ref().is_none_or(|(then, _)| *then <= at) {
                known.described = Some((at, user.clone()));
            }
            match delivery.event_type.as_str() {
                "call.completed" => {}
                "user.deleted" => known.deleted_at = known.deleted_at.max(Some(at)),
                _ => known.lives_at = known.lives_at.max(Some(at)),
            }
        }
        calls.sort_by_key(newest_first);
        let users = users.into_iter().map(|(id, known)| {
            let (_, user) = known.described.expect("they were described");
            json!({
                "id": id,
                "orgId": user["orgId"],
                "name": user["name"],
                "streak": user["streak"],
                "createdAt": time(&user["createdAt"]).map(|time| time.timestamp_micros()),
                "deleted": known.deleted_at.is_some() && known.deleted_at >= known.lives_at,
            })
        });
        Self {
            users: users.collect(),
            calls,
        }
    }

    /// The user with this id.
    pub(crate) fn user(&self, id: &str) -> &Value {
        let found = self.users.iter().find(|user| user["id"] == id);
        found.expect("there is such a user")
    }

    /// The ids of the users who are there.
    pub(crate) fn alive(&self) -> BTreeSet<&str> {
        let alive = self.users.iter().filter(|user| user["deleted"] == false);
        alive.map(|user| text(&user["id"])).collect()
    }
}

fn newest_first(call: &Value) -> std::cmp::Reverse<(i64, String)> {
    std::cmp::Reverse((at(call), text(&call["id"]).to_owned()))
}

/// A text.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// When a call was made.
pub(crate) fn at(call: &Value) -> i64 {
    call["at"].as_i64().expect("a time")
}

/// The microseconds of a moment.
pub(crate) fn micros(moment: &str) -> i64 {
    let moment = DateTime::parse_from_rfc3339(moment).expect("a moment");
    moment.timestamp_micros()
}

/// A moment as the API writes it.
pub(crate) fn moment(micros: i64) -> Value {
    let moment = DateTime::from_timestamp_micros(micros).expect("a moment");
    json!(moment.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn call(sent: &Value, occurred_at: DateTime<Utc>) -> Value {
    let none = Vec::new();
    let list = |of: &Value, name: &str| of[name].as_array().unwrap_or(&none).clone();
    let created_at = time(&sent["createdAt"]);
    let analyses = list(sent, "analysis").into_iter().map(|analysis| {
        let mut told =
            json!({ "analysisType": analysis["analysisType"], "score": analysis["score"] });
        for (_, kind) in KINDS {
            told[kind] = list(&analysis, kind).into();
        }
        told
    });
    let analyses: Vec<Value> = analyses.collect();
    let scores = analyses.iter().filter_map(|of| of["score"].as_f64());
    let scores: Vec<f64> = scores.collect();
    let personas = list(sent, "prospects").into_iter().map(|prospect| {
        let details = &prospect["details"];
        json!({
            "prospect": { "id": prospect["id"] },
            "difficulty": details["difficulty"],
            "industry": details["industry"],
            "jobTitle": details["jobTitle"],
        })
    });
    let when = created_at.unwrap_or(occurred_at);
    let user = &sent["user"];
    json!({
        "id": sent["id"],
        "title": sent["title"],
        "at": when.timestamp_micros(),
        "createdAt": when.to_rfc3339_opts(SecondsFormat::Micros, true),
        "managerId": user["managerId"],
        "teamId": user["teamId"],
        "org": { "id": sent["orgId"] },
        "user": { "id": if user["id"].is_null() { &sent["userId"] } else { &user["id"] } },
        "score": mean(&scores),
        "stats": { "duration": sent["stats"]["duration"] },
        "personas": personas.collect::<Vec<_>>(),
        "analysis": analyses,
    })
}

/// A delivery of this type with this payload.
fn delivery(event_type: &str, name: &str, timestamp: &str, payload: &Value) -> Delivery {
    let body = json!({ "id": format!("event-{name}"), "type": event_type, "timestamp": timestamp, "payload": payload });
    Delivery {
        message_id: format!("msg-{name}"),
        event_type: event_type.to_owned(),
        body: body.to_string(),
    }
}

/// A user whose streak is said, created at a time.
pub(crate) fn user(id: &str, created_at: &str, streak: f64) -> Delivery {
    let user = json!({ "id": id, "orgId": "edge", "name": format!("Name of {id}"), "streak": streak, "createdAt": created_at });
    delivery(
        "user.created",
        &format!("user-{id}"),
        created_at,
        &json!({ "user": user }),
    )
}

/// The end of a user.
fn end_of(id: &str, at: &str) -> Delivery {
    let user = json!({ "id": id, "orgId": "edge", "name": "Gone" });
    let name = format!("end-{id}");
    delivery("user.deleted", &name, at, &json!({ "user": user }))
}

/// A call by a user, who is named and not described, with these analyses.
pub(crate) fn call_by(id: &str, user: &Value, at: &str, analysis: &Value) -> Delivery {
    let call = json!({ "id": id, "orgId": "edge", "userId": user, "createdAt": at, "stats": { "duration": 60 }, "analysis": analysis });
    delivery("call.completed", id, at, &json!({ "call": call }))
}

/// What no company's history has: calls without score, user, time or analysis, the same words written differently, several analyses,
/// ties, moments on bounds and on the day on which New York's clocks change, users who never practised or have left.
pub(crate) fn edges() -> Vec<Delivery> {
    let scored = |score: f64| json!([{ "analysisType": "edge", "score": score }]);
    let said = |score: Value, objections: Value| json!({ "analysisType": "edge", "score": score, "objections": objections });
    let mut all = vec![
        user("ann", "2025-01-01T00:00:00Z", 3.0),
        user("ben", "2025-01-01T00:00:00Z", 5.0),
        user("cy", "2025-01-01T00:00:00Z", 0.0),
        user("gone", "2025-01-01T00:00:00Z", 9.0),
        user("never", "2025-01-02T00:00:00Z", 1.0),
        user("newer", "2025-03-09T12:00:00Z", 1.0),
        call_by(
            "without-score",
            &json!("ann"),
            "2025-03-01T00:00:00Z",
            &json!([said(
                Value::Null,
                json!([
                    "Too expensive!",
                    "too  EXPENSIVE",
                    "Tóo expensive",
                    "…!",
                    ""
                ])
            )]),
        ),
        call_by(
            "without-user",
            &Value::Null,
            "2025-03-02T00:00:00Z",
            &json!([said(json!(50), json!(["TOO EXPENSIVE", "Not now"]))]),
        ),
        call_by(
            "several",
            &json!("ben"),
            "2025-03-03T00:00:00Z",
            &json!([
                said(json!(40), json!(["not now", "Too expensive"])),
                said(json!(60.5), json!(["Not now!", "Too expensive"])),
                { "analysisType": "other", "objections": ["not now"] },
            ]),
        ),
        call_by(
            "without-analysis",
            &json!("ben"),
            "2025-03-04T00:00:00Z",
            &Value::Null,
        ),
        call_by(
            "of-the-gone",
            &json!("gone"),
            "2025-03-04T00:00:00Z",
            &json!([said(json!(99), json!(["Too expensive"]))]),
        ),
        end_of("gone", "2025-03-05T00:00:00Z"),
    ];
    let mut without_time = call_by(
        "without-time",
        &json!("cy"),
        "2025-03-04T08:00:00Z",
        &scored(70.0),
    );
    without_time.body = without_time.body.replace("createdAt", "madeAt");
    all.push(without_time);
    // Midnight in New York is at 05:00 before the clocks change on March 9, and at 04:00 after it.
    for (user, at, score) in [
        ("ann", "2025-03-08T05:00:00Z", 10.0),
        ("ben", "2025-03-09T04:59:59.999999Z", 20.0),
        ("ann", "2025-03-09T05:00:00Z", 20.0),
        ("cy", "2025-03-10T03:59:59.999999Z", 30.0),
        ("ben", "2025-03-10T04:00:00Z", 10.0),
        ("ann", "2025-04-01T00:00:00Z", 80.0),
        ("cy", "2025-04-01T00:00:00Z", 80.0),
    ] {
        let id = format!("{user}-at-{at}");
        all.push(call_by(&id, &json!(user), at, &scored(score)));
    }
    all
}

/// A server that has a company's webhooks, the edges, and the catalogue's examples, which count nowhere; and what they tell.
pub(crate) async fn filled() -> (Server, Facts) {
    let size = Size {
        orgs: 2,
        users: 14,
        calls: 180,
        days: 75,
        seed: 11,
        ..Size::default()
    };
    let mut deliveries: Vec<_> = Company::new(size).deliveries().collect();
    deliveries.extend(edges());
    let server = Server::start().await;
    server.sender().deliver(&deliveries).await;
    server.sender().deliver(&examples()).await;
    server.settled().await;
    (server, Facts::of(&deliveries))
}

fn examples() -> Vec<Delivery> {
    let examples = EXAMPLES.iter().map(|example| Delivery {
        message_id: format!("msg_{}", example.event_type),
        event_type: example.event_type.to_owned(),
        body: example.with_true_type(),
    });
    examples.collect()
}

/// Each field of an answer is as expected, which may have more of them.
pub(crate) fn assert_within(found: &Value, expected: &Value, what: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            for (name, found) in found {
                let what = format!("{what}.{name}");
                let expected = expected
                    .get(name)
                    .unwrap_or_else(|| panic!("{what}: not expected"));
                assert_within(found, expected, &what);
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(
                found.len(),
                expected.len(),
                "{what}: {found:#?}\n{expected:#?}"
            );
            for (nth, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_within(found, expected, &format!("{what}[{nth}]"));
            }
        }
        _ => assert_close(found, expected, what),
    }
}

/// Equal, but for what is lost when floats are added in another order.
pub(crate) fn assert_close(found: &Value, expected: &Value, what: &str) {
    match (found, expected) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().expect("a number"), other.as_f64());
            let other = other.expect("a number");
            assert!(
                (one - other).abs() <= 1e-9 * other.abs().max(1.0),
                "{what}: {one}, not {other}"
            );
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(
                found.len(),
                expected.len(),
                "{what}: {found:#?}\n{expected:#?}"
            );
            for (nth, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_close(found, expected, &format!("{what}[{nth}]"));
            }
        }
        (Value::Object(found), Value::Object(expected)) => {
            let names =
                |of: &serde_json::Map<String, Value>| of.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(names(found), names(expected), "{what}");
            for (name, expected) in expected {
                assert_close(&found[name], expected, &format!("{what}.{name}"));
            }
        }
        _ => assert_eq!(found, expected, "{what}"),
    }
}
