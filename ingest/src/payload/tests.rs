//! What bodies are understood as.

use super::{Content, Life, MAX_ID_BYTES, Reading, read};

fn reading(body: &str) -> Reading {
    read(body.as_bytes(), None)
}

fn dead(body: &str) -> String {
    match reading(body).content {
        Content::Dead(reason) => reason,
        other => panic!("{body} is read as {other:?}"),
    }
}

#[test]
fn a_placeholder_type_is_taken_from_the_hint_and_else_inferred() {
    let body = r#"{"type":"string","payload":{"user":{"id":"u"}}}"#;
    assert_eq!(reading(body).event_type.as_deref(), Some("user.updated"));
    let hinted = read(body.as_bytes(), Some("user.deleted"));
    assert_eq!(hinted.event_type.as_deref(), Some("user.deleted"));
    assert!(matches!(
        hinted.content,
        Content::User {
            life: Life::Deleted,
            ..
        }
    ));
    assert_eq!(hinted.declared_type.as_deref(), Some("string"));
    let unhelpful = read(body.as_bytes(), Some("string"));
    assert_eq!(unhelpful.event_type.as_deref(), Some("user.updated"));
}

#[test]
fn a_real_type_is_never_replaced() {
    let body = r#"{"type":"team.renamed","payload":{"user":{"id":"u"}}}"#;
    let reading = read(body.as_bytes(), Some("user.deleted"));
    assert_eq!(reading.event_type.as_deref(), Some("team.renamed"));
    assert_eq!(reading.content, Content::Unrecognized);
}

#[test]
fn missing_null_fractional_and_unknown_fields_are_accepted() {
    for user in [
        r#"{"id":"u"}"#,
        r#"{"id":"u","name":null,"streak":3.14,"longestStreak":42}"#,
        r#"{"id":"u","createdAt":"2025-01-14T04:22:51.548849484","new":{"deep":[[[]]]}}"#,
        r#"{"id":7,"managerId":12.5,"createdAt":""}"#,
    ] {
        let body =
            format!(r#"{{"type":"user.created","payload":{{"user":{user},"more":1}},"v":2}}"#);
        assert!(
            matches!(reading(&body).content, Content::User { .. }),
            "{user}"
        );
    }
    let call = r#"{"type":"call.completed","payload":{"call":{"id":"c","prospects":null,"stats":null,"transcript":[null],"analysis":[null,{"objections":["a",null]}]}}}"#;
    assert!(matches!(reading(call).content, Content::Call { .. }));
}

#[test]
fn a_dead_body_says_where_it_does_not_fit() {
    assert!(dead("").starts_with("$: EOF"), "{}", dead(""));
    assert!(dead("[1]").starts_with('$'), "{}", dead("[1]"));
    assert_eq!(
        dead(r#"{"type":"user.created","payload":{"user":{"id":"u","streak":"many"}}}"#),
        "$.payload.user.streak: invalid type: string \"many\", expected f64"
    );
    assert_eq!(
        dead(r#"{"type":"user.created","payload":{"call":{}}}"#),
        "$.payload.user: missing"
    );
    assert_eq!(dead(r#"{"type":"org.updated"}"#), "$.payload.org: missing");
    assert_eq!(
        dead(r#"{"type":"org.updated","payload":{"org":{"name":"x"}}}"#),
        "$.payload.org.id: missing"
    );
    let long = "x".repeat(MAX_ID_BYTES + 1);
    assert_eq!(
        dead(&format!(
            r#"{{"type":"org.updated","payload":{{"org":{{"id":"{long}"}}}}}}"#
        )),
        "$.payload.org.id: an id of 513 bytes; ids of up to 512 are understood"
    );
    assert!(dead(r#"{"payload":{"other":1}}"#).starts_with("$.type: missing"));
}

#[test]
fn no_body_whatever_is_more_than_dead() {
    for body in [
        "[".repeat(1 << 20),
        format!(
            r#"{{"type":"user.created","payload":{{"user":{}}}}}"#,
            "[".repeat(1 << 19)
        ),
        format!(
            r#"{{"payload":{{"user":{{"id":"u","x":{}1{}}}}}}}"#,
            "[".repeat(5000),
            "]".repeat(5000)
        ),
        r#"{"type":"user.created","payload":{"user":{"id":"u","streak":1e999}}}"#.to_owned(),
        "\u{feff}{}".to_owned(),
    ] {
        let _ = reading(&body);
    }
    // Halves of surrogate pairs and U+0000 are mended, not fatal.
    let body =
        r#"{"type":"user.created","payload":{"user":{"id":"u","name":"cut \ud83d and \u0000"}}}"#;
    match reading(body).content {
        Content::User { user, .. } => {
            assert_eq!(user.name.as_deref(), Some("cut \u{fffd} and \u{fffd}"));
        }
        other => panic!("{other:?}"),
    }
}
