//! Whatever a body is, it is understood the same way each time, and what is understood of it can be stored.

use ::tests::fuzz::{Corpus, fuzz};
use serde::Serialize;
use serde_json::Value;

use super::*;
use crate::projection::Event;

/// The most of one body that is told of its fields, and the longest path and value among them.
const MOST_FIELDS: usize = 1_000;
const LONGEST_FIELD: usize = 256;

#[test]
fn a_body_is_understood_or_dead() {
    Corpus::of("envelope").with_examples().fuzz(|body| {
        for hint in [None, Some("user.deleted")] {
            let reading = read(body, hint);
            assert_eq!(reading, read(body, hint));
            assert_eq!(reading.size, body.len());
            assert_eq!(reading.body_hash, body_hash(body));
            check_type(&reading);
            check_fields(&reading.fields);
            check_content(&reading);
            // The rows of its call follow from it alone, and nothing catches what goes wrong there.
            Event::read(1, body, hint).expect("the rows of any body can be made");
        }
    });
}

#[test]
fn a_time_keeps_its_place_and_its_microsecond() {
    let mut last: Option<Instant> = None;
    fuzz("time", |input| {
        let text = String::from_utf8_lossy(input);
        let Some(time) = Instant::parse(&text) else {
            return;
        };
        let sortable = time.sortable();
        assert_eq!(sortable.len(), "00000000000000.000000000".len());
        let found = Instant::from_sortable(&sortable).expect("it was written");
        assert_eq!(found.sortable(), sortable);
        let json = serde_json::to_string(&time).expect("JSON");
        let again = Instant::parse(json.trim_matches('"')).expect("it was written");
        assert_eq!(again.micros(), time.micros(), "{json}");
        if let Some(last) = last {
            // All of a leap second is one moment to the text.
            let order = last.sortable().cmp(&sortable);
            assert!(
                order.is_eq() || order == last.cmp(&time),
                "{last:?} {time:?}"
            );
        }
        last = Some(time);
    });
}

/// A type that looks real is never replaced.
fn check_type(reading: &Reading) {
    let declared = reading.declared_type.as_deref();
    if let Some(declared) = declared.filter(|name| !example::is_placeholder(name)) {
        assert_eq!(reading.event_type.as_deref(), Some(declared));
    }
    let texts = [
        &reading.event_id,
        &reading.declared_type,
        &reading.event_type,
    ];
    for text in texts.into_iter().flatten() {
        check_id(text);
    }
}

fn check_id(id: &str) {
    assert!((1..=MAX_ID_BYTES).contains(&id.len()), "{id:?}");
    assert!(!id.contains('\0'), "{id:?}");
}

fn check_fields(fields: &Fields) {
    let Fields {
        unknown,
        missing,
        values,
    } = fields;
    assert!(unknown.len() <= MOST_FIELDS && values.len() <= MOST_FIELDS);
    assert!(missing.is_sorted());
    let found = values.iter().map(|(_, value)| value);
    for text in unknown.iter().chain(found) {
        assert!(text.len() <= LONGEST_FIELD, "{text}");
        assert!(!text.contains('\0'), "{text}");
    }
}

fn check_content(reading: &Reading) {
    let known = reading.event_type.as_deref().map(EventType::named);
    match &reading.content {
        Content::Call { id, call } => {
            assert_eq!(known, Some(Some(EventType::CallCompleted)));
            assert_eq!(call.id.as_ref(), Some(id));
            check_part(&**call);
        }
        Content::User { id, life, user } => {
            let is_deleted = known == Some(Some(EventType::UserDeleted));
            assert_eq!(*life == Life::Deleted, is_deleted);
            assert_eq!(user.id.as_ref(), Some(id));
            check_part(&**user);
        }
        Content::Org { id, life, org } => {
            let is_deleted = known == Some(Some(EventType::OrgDeleted));
            assert_eq!(*life == Life::Deleted, is_deleted);
            assert_eq!(org.id.as_ref(), Some(id));
            check_part(org);
        }
        Content::Unrecognized => assert_eq!(known, Some(None)),
        Content::Dead(reason) => {
            // Any other would say that reading it failed.
            let is_usual = reason.starts_with('$') || reason == "the body is not UTF-8";
            assert!(is_usual, "{reason}");
            assert!(reason.chars().count() <= 500, "{reason}");
            assert!(!reason.contains('\0'), "{reason}");
        }
    }
}

/// What was understood is written as JSON, and understood again as the same.
fn check_part<T: Serialize + DeserializeOwned>(part: &T) {
    let json = serde_json::to_value(part).expect("JSON");
    check_value("", &json);
    let again: T = serde_json::from_value(json.clone()).expect("it was written");
    assert_eq!(serde_json::to_value(&again).expect("JSON"), json);
}

fn check_value(name: &str, value: &Value) {
    match value {
        Value::String(text) if is_id(name) => check_id(text),
        Value::String(text) => assert!(!text.contains('\0'), "{text:?}"),
        Value::Array(values) => values.iter().for_each(|value| check_value(name, value)),
        Value::Object(fields) => {
            for (name, value) in fields {
                check_value(name, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_id(name: &str) -> bool {
    name == "id" || name.ends_with("Id") || name.ends_with("Ids")
}
