//! What deliveries tell, computed plainly: every list of the API as rows in memory.
//!
//! A row's fields are named as the filters name them, and `key` tells it from every other of its list.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use sample::Delivery;
use sample::catalogue::EXAMPLES;
use sample::company::{Company, Size};
use sample::delivery::with_duplicates;
use serde_json::{Map, Value, json};

/// The lists, each in the order in which the API gives it.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) orgs: Vec<Value>,
    pub(crate) users: Vec<Value>,
    pub(crate) calls: Vec<Value>,
    pub(crate) prospects: Vec<Value>,
    pub(crate) analyses: Vec<Value>,
    pub(crate) events: Vec<Value>,
}

/// A company of three orgs, one of which is deleted, with some repeats, the catalogue's examples, and two events of which
/// nothing came.
pub(crate) fn deliveries() -> Vec<Delivery> {
    let size = Size {
        orgs: 3,
        users: 9,
        calls: 30,
        ..Size::default()
    };
    let mut all: Vec<_> = with_duplicates(Company::new(size).deliveries(), 7, 0.3).collect();
    all.extend(EXAMPLES.iter().map(|example| Delivery {
        message_id: format!("msg_{}", example.event_type),
        event_type: example.event_type.to_owned(),
        body: example.with_true_type(),
    }));
    for (message_id, body) in [
        ("msg_dead", "not JSON"),
        ("msg_new", r#"{"type":"team.created"}"#),
    ] {
        all.push(Delivery {
            message_id: message_id.to_owned(),
            event_type: String::new(),
            body: body.to_owned(),
        });
    }
    all
}

/// A time as sent: one without a zone is in UTC.
pub(crate) fn time(value: &Value) -> Option<DateTime<Utc>> {
    let text = value.as_str()?;
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    zoned
        .or_else(|_| text.parse().map(|time: NaiveDateTime| time.and_utc()))
        .ok()
}

fn micros(value: &Value) -> Option<i64> {
    time(value).map(|time| time.timestamp_micros())
}

/// What an event says of an org or a user, as far as filters ask for it.
const DESCRIBED: [&str; 9] = [
    "orgId",
    "name",
    "email",
    "role",
    "status",
    "teamId",
    "managerId",
    "streak",
    "longestStreak",
];

/// The lists of an analysis, and what a filter calls them.
const INSIGHTS: [(&str, &str); 9] = [
    ("actionItems", "ACTION_ITEMS"),
    ("competitors", "COMPETITORS"),
    ("customerChallenges", "CUSTOMER_CHALLENGES"),
    ("dealDrivers", "DEAL_DRIVERS"),
    ("missedOpportunities", "MISSED_OPPORTUNITIES"),
    ("objections", "OBJECTIONS"),
    ("productPositioning", "PRODUCT_POSITIONING"),
    ("products", "PRODUCTS"),
    ("salesStrengths", "SALES_STRENGTHS"),
];

/// What is known of a subject on the way through the deliveries.
struct Known {
    row: Map<String, Value>,
    described_at: Option<DateTime<Utc>>,
    lives_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
    example: bool,
}

#[derive(Default)]
struct Subjects(BTreeMap<String, Known>);

impl Subjects {
    /// A subject that an event touches.
    fn touch(&mut self, id: &Value, example: bool) -> &mut Known {
        let key = id.as_str().expect("an id").to_owned();
        let known = self.0.entry(key.clone()).or_insert_with(|| Known {
            row: Map::from_iter([("key".into(), json!(key)), ("id".into(), json!(key))]),
            described_at: None,
            lives_at: None,
            deleted_at: None,
            example: true,
        });
        known.example &= example;
        known
    }

    /// The rows, the newest first.
    fn rows(self) -> Vec<Value> {
        let rows = self.0.into_values().map(|known| {
            let mut row = known.row;
            row.insert("example".into(), known.example.into());
            let deleted = known.deleted_at.is_some() && known.deleted_at >= known.lives_at;
            row.insert("deleted".into(), deleted.into());
            Value::Object(row)
        });
        newest_first(rows.collect())
    }
}

impl Known {
    /// Takes what `described` says, unless a later event said something else.
    fn describe(&mut self, described: &Value, at: Option<DateTime<Utc>>) {
        if at >= self.described_at {
            self.described_at = at;
            for field in DESCRIBED {
                if let Some(value) = described.get(field) {
                    self.row.insert(field.into(), value.clone());
                }
            }
            let created_at = json!(micros(&described["createdAt"]));
            self.row.insert("createdAt".into(), created_at);
        }
    }

    fn live(&mut self, is_deleted: bool, at: Option<DateTime<Utc>>) {
        let register = if is_deleted {
            &mut self.deleted_at
        } else {
            &mut self.lives_at
        };
        *register = at.max(*register);
    }
}

fn newest_first(mut rows: Vec<Value>) -> Vec<Value> {
    // By creation and id; what was never described comes last.
    rows.sort_by_key(|row| {
        let key = row["key"].as_str().expect("a key").to_owned();
        (row["createdAt"].as_i64().unwrap_or(i64::MIN), key)
    });
    rows.reverse();
    rows
}

impl Expected {
    /// What these deliveries tell, sent one after the other.
    pub(crate) fn of(deliveries: &[Delivery]) -> Self {
        let mut expected = Self::default();
        let (mut orgs, mut users) = (Subjects::default(), Subjects::default());
        let mut prospects = BTreeMap::new();
        let mut first_of = BTreeMap::new();
        let mut stored: Vec<&Delivery> = Vec::new();
        for delivery in deliveries {
            if stored
                .iter()
                .any(|other| other.message_id == delivery.message_id)
            {
                continue;
            }
            let first = *first_of.entry(&delivery.body).or_insert(stored.len());
            let is_duplicate = first != stored.len();
            stored.push(delivery);

            let envelope: Value = serde_json::from_str(&delivery.body).unwrap_or_default();
            let at = time(&envelope["timestamp"]);
            let payload = &envelope["payload"];
            let example = delivery.message_id == format!("msg_{}", delivery.event_type);
            let is_deleted = delivery.event_type.ends_with(".deleted");
            let (subject, org_id) = if let Some(call) = payload.get("call") {
                let user = &call["user"];
                users.touch(&user["id"], example).describe(user, at);
                orgs.touch(&user["orgId"], example);
                orgs.touch(&call["orgId"], example);
                if !is_duplicate {
                    expected.call(call, example);
                }
                for prospect in call["prospects"].as_array().expect("a list") {
                    let details = &prospect["details"];
                    let row = json!({
                        "key": format!("{} {}", call["orgId"], prospect["id"]),
                        "id": prospect["id"],
                        "orgId": call["orgId"],
                        "name": prospect["name"],
                        "difficulty": details["difficulty"],
                        "industry": details["industry"],
                        "jobTitle": details["jobTitle"],
                        "example": example,
                    });
                    prospects.insert(row["key"].to_string(), row);
                }
                (&call["id"], &call["orgId"])
            } else if let Some(user) = payload.get("user") {
                let known = users.touch(&user["id"], example);
                known.describe(user, at);
                known.live(is_deleted, at);
                orgs.touch(&user["orgId"], example);
                (&user["id"], &user["orgId"])
            } else if let Some(org) = payload.get("org") {
                let known = orgs.touch(&org["id"], example);
                known.describe(org, at);
                known.live(is_deleted, at);
                (&org["id"], &org["id"])
            } else {
                (&Value::Null, &Value::Null)
            };
            let outcome = match (subject, &envelope) {
                (Value::Null, Value::Null) => "DEAD",
                (Value::Null, _) => "UNRECOGNIZED",
                _ => "PROJECTED",
            };
            expected.events.push(json!({
                "key": delivery.message_id,
                "position": stored.len(),
                "type": envelope["type"],
                "orgId": org_id,
                "subject": subject,
                "outcome": outcome,
                "occurredAt": micros(&envelope["timestamp"]),
                "example": example,
                "duplicate": is_duplicate,
            }));
        }
        expected.orgs = orgs.rows();
        expected.users = users.rows();
        expected.prospects = prospects.into_values().collect();
        expected.calls = newest_first(expected.calls);
        expected.join();
        expected.analyses = expected
            .calls
            .iter_mut()
            .flat_map(|call| std::mem::take(call["analyses"].as_array_mut().expect("a list")))
            .collect();
        expected.events.reverse();
        expected
    }

    fn call(&mut self, call: &Value, example: bool) {
        let created_at = micros(&call["createdAt"]);
        let analyses = call["analysis"].as_array().expect("a list");
        let scores: Vec<f64> = analyses
            .iter()
            .filter_map(|analysis| analysis["score"].as_f64())
            .collect();
        let count = u32::try_from(scores.len()).expect("there are few");
        let score = (count > 0).then(|| scores.iter().sum::<f64>() / f64::from(count));
        let personas = call["prospects"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|prospect| {
                let details = &prospect["details"];
                json!({
                    "prospectId": prospect["id"],
                    "difficulty": details["difficulty"],
                    "industry": details["industry"],
                    "jobTitle": details["jobTitle"],
                })
            });
        let insights = analyses.iter().flat_map(|analysis| {
            INSIGHTS.iter().flat_map(|(list, kind)| {
                let texts = analysis[list].as_array().expect("a list").iter();
                texts.map(move |text| json!({ "kind": kind, "text": text }))
            })
        });
        let row = json!({
            "key": call["id"],
            "id": call["id"],
            "orgId": call["orgId"],
            "userId": call["user"]["id"],
            "teamId": call["user"]["teamId"],
            "managerId": call["user"]["managerId"],
            "score": score,
            "duration": call["stats"]["duration"],
            "persona": personas.collect::<Value>(),
            "insight": insights.collect::<Value>(),
            "analysisType": analyses.iter().map(|analysis| analysis["analysisType"].clone()).collect::<Value>(),
            "createdAt": created_at,
            "example": example,
            // One descending key orders the whole list, so a call's last analysis comes first.
            "analyses": (0..analyses.len()).rev().map(|index| json!({
                "key": format!("{} {index}", call["id"]),
                "callId": call["id"],
                "orgId": call["orgId"],
                "userId": call["user"]["id"],
                "analysisType": analyses[index]["analysisType"],
                "score": analyses[index]["score"],
                "createdAt": created_at,
                "example": example,
            })).collect::<Value>(),
        });
        self.calls.push(row);
    }

    /// What rows are asked of others: of a call, its user now; of a user, their newest call; of an analysis, its call.
    fn join(&mut self) {
        for user in &mut self.users {
            let own = self
                .calls
                .iter()
                .filter(|call| call["userId"] == user["id"]);
            let real = own.filter(|call| call["example"] == false);
            let newest = real.filter_map(|call| call["createdAt"].as_i64()).max();
            user["lastCallAt"] = json!(newest);
            user["hasCalls"] = newest.is_some().into();
        }
        for call in &mut self.calls {
            let user = self
                .users
                .iter()
                .find(|user| user["id"] == call["userId"])
                .expect("a user");
            call["currentTeamId"] = user["teamId"].clone();
            call["currentManagerId"] = user["managerId"].clone();
            call["userDeleted"] = user["deleted"].clone();
            let mut analyses = call["analyses"].take();
            for analysis in analyses.as_array_mut().expect("a list") {
                analysis["call"] = call.clone();
            }
            call["analyses"] = analyses;
        }
    }
}

/// The keys of these rows.
pub(crate) fn keys<'r>(rows: impl IntoIterator<Item = &'r Value>) -> Vec<String> {
    let key = |row: &Value| row["key"].as_str().expect("a key").to_owned();
    rows.into_iter().map(key).collect()
}
