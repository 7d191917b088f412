//! What is told of the drift from the catalogue is what a plain count over all bodies finds.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ingest::log::Limits;
use ingest::payload::text::{Mend, mend};
use ingest::payload::{self, catalogued};
use ingest::projector::BatchLimits;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value, json};
use tests::history::{Message, history};

use crate::check::check;
use crate::client::{graphql, query};
use crate::stores::Stores;

/// What one body has: the path of each key, with the text or number behind it.
type Keys = BTreeMap<String, BTreeSet<String>>;

fn keys(value: &Value, path: &str, all: &mut Keys) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_plain = !key.is_empty() && !key.contains(['.', '[', '"']);
                let path = match (is_plain, path) {
                    (true, "") => key.clone(),
                    (true, path) => format!("{path}.{key}"),
                    (false, path) => format!("{path}[{}]", json!(key)),
                };
                if path.len() > 256 {
                    continue;
                }
                let text = match value {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                };
                all.entry(path.clone()).or_default().extend(text);
                keys(value, &path, all);
            }
        }
        Value::Array(values) => {
            for value in values {
                keys(value, &format!("{path}[]"), all);
            }
        }
        _ => {}
    }
}

/// How many events have what: of a type, of an unknown field, of a value.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    events: i64,
    missing: BTreeSet<String>,
    unknown: BTreeMap<String, i64>,
    values: BTreeMap<(String, String), i64>,
}

/// The type of a message that counts, and its keys. A body that cannot be read as a whole is none: what it had until then counts.
fn read(message: &Message) -> Option<(String, Keys)> {
    let reading = payload::read(message.body.as_bytes(), message.type_hint.as_deref());
    let event_type = reading.event_type.filter(|_| !reading.is_example)?;
    let body = mend(&message.body, Mend::Unstorable);
    let body: Value = serde_json::from_str(&body).ok()?;
    let mut all = Keys::new();
    keys(&body, "", &mut all);
    Some((event_type, all))
}

fn counted<'m>(messages: impl Iterator<Item = &'m Message>) -> BTreeMap<String, Counted> {
    let mut types: BTreeMap<String, Counted> = BTreeMap::new();
    for (event_type, keys) in messages.filter_map(read) {
        let known: BTreeSet<&str> = catalogued(&event_type).collect();
        let first = !types.contains_key(&event_type);
        let of_type = types.entry(event_type).or_default();
        of_type.events += 1;
        if first {
            of_type.missing = known.iter().map(|path| (*path).to_owned()).collect();
        }
        of_type.missing.retain(|path| !keys.contains_key(path));
        for (path, texts) in keys {
            let name = path.rsplit('.').next().unwrap_or_default();
            if !known.contains(path.as_str()) {
                *of_type.unknown.entry(path).or_default() += 1;
            } else if ["role", "status", "analysisType"].contains(&name) {
                for text in texts {
                    if !["", "string", "some string", "uri", "email"].contains(&text.as_str()) {
                        *of_type.values.entry((path.clone(), text)).or_default() += 1;
                    }
                }
            }
        }
    }
    types
}

fn told(drift: &Value) -> BTreeMap<String, Counted> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let told = list(&drift["schemaDrift"]).into_iter().map(|one| {
        let counted = Counted {
            events: one["events"].as_i64().unwrap(),
            missing: list(&one["missingFields"]).iter().map(text).collect(),
            unknown: list(&one["unknownFields"])
                .iter()
                .map(|field| (text(&field["path"]), field["events"].as_i64().unwrap()))
                .collect(),
            values: list(&one["values"])
                .iter()
                .map(|value| {
                    let key = (text(&value["path"]), text(&value["value"]));
                    (key, value["events"].as_i64().unwrap())
                })
                .collect(),
        };
        (text(&one["type"]), counted)
    });
    // Of a type that has not arrived nothing can be counted.
    told.filter(|(_, counted)| counted.events > 0).collect()
}

async fn drift_is_what_a_plain_count_finds(
    (mut messages, batch): (Vec<Message>, u64),
) -> TestCaseResult {
    messages.retain(|message| {
        let reading = payload::read(message.body.as_bytes(), message.type_hint.as_deref());
        reading.event_type.is_none() || reading.is_example || read(message).is_some()
    });
    let stores = Stores::open(Limits::default()).await;
    stores.append_all(&messages).await;
    let limits = BatchLimits {
        events: batch,
        ..BatchLimits::default()
    };
    let read_model = stores.projected_by("a", limits).await;
    let text = "{ schemaDrift { type events missingFields unknownFields { path events } values { path value events } } }";
    let drift = query(&graphql(&stores, &read_model), text, json!({})).await;
    // What is delivered again is not received again.
    let mut known = HashSet::new();
    let received = messages.iter().filter(|message| known.insert(message.id()));
    prop_assert_eq!(told(&drift), counted(received));
    Ok(())
}

#[test]
fn drift_is_what_a_plain_count_over_all_bodies_finds() {
    check(
        48,
        &(history(24), 1..20u64),
        drift_is_what_a_plain_count_finds,
    );
}
