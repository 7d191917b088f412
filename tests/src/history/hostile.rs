//! Bodies that no honest sender sends: whatever is UTF-8.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sample::catalogue::EXAMPLES;
use serde_json::{Value, json};

use super::sketch;

/// The longest body that the webhook takes.
const MOST: usize = 1 << 20;

/// A body that is dead whatever the hint is.
pub fn dead() -> BoxedStrategy<String> {
    select(vec![
        "",
        "{",
        "[]",
        "null",
        "\"user.updated\"",
        "{\"type\":\"user.updated\"}",
        "{\"type\":\"user.updated\",\"payload\":{\"user\":[]}}",
        "{\"type\":\"user.updated\",\"payload\":{\"user\":{\"name\":\"nobody\"}}}",
        "{\"type\":\"call.completed\",\"payload\":{\"call\":{\"id\":\"c0\",\"transcript\":{}}}}",
        "{\"type\":\"org.updated\",\"payload\":{\"org\":{\"id\":\"o0\",\"createdAt\":\"yesterday\"}}}",
        "{\"type\":\"org.updated\",\"timestamp\":17,\"payload\":{\"org\":{\"id\":\"o0\"}}}",
    ])
    .prop_map(str::to_owned)
    .boxed()
}

/// Any body that is UTF-8 and not over the webhook's limit.
pub fn body() -> BoxedStrategy<String> {
    prop_oneof![
        4 => any::<String>(),
        4 => odd(),
        3 => repeated(),
        2 => json_value().prop_map(|value| value.to_string()),
        8 => mutated(),
    ]
    .boxed()
}

/// Bodies of which each has one thing that a parser, a database or a JSON printer may stumble over.
fn odd() -> impl Strategy<Value = String> {
    let digits = "9".repeat(400);
    let long = "x".repeat(100_000);
    let oddities: Vec<String> = [
        r#""\ud83d""#,
        r#""\ude00\ud83d""#,
        r#""\u0000""#,
        r#""a\u0000\ud83dz""#,
        "\"\u{feff}\"",
        "\"\0\"",
        "1e999",
        "-1e999",
        "1e308",
        "-0",
        "-0.0",
        "9223372036854775808",
        "0.1e-400",
        digits.as_str(),
        &format!("\"{long}\""),
        &format!("\"{digits}\""),
        "true",
        "[]",
        "{}",
        r#"{"id":{"id":1}}"#,
        r#""23:59:60""#,
        r#""2025-06-30T23:59:60.999999999Z""#,
        r#""+262142-12-31T23:59:59.999999999""#,
        r#""-262143-01-01T00:00:00""#,
    ]
    .map(str::to_owned)
    .to_vec();
    let templates = select(vec![
        r#"{"id":@,"type":"user.updated","payload":{"user":{"id":"u0"}}}"#,
        r#"{"type":@,"payload":{"user":{"id":"u0"}}}"#,
        r#"{"timestamp":@,"type":"user.deleted","payload":{"user":{"id":"u0"}}}"#,
        r#"{"type":"user.updated","payload":@}"#,
        r#"{"type":"user.updated","payload":{"user":{"id":@}}}"#,
        r#"{"type":"user.updated","payload":{"user":{"id":"u0","name":@}}}"#,
        r#"{"type":"user.updated","payload":{"user":{"id":"u0","streak":@}}}"#,
        r#"{"type":"user.updated","payload":{"user":{"id":"u0","createdAt":@}}}"#,
        r#"{"type":"user.updated","payload":{"user":{"id":"u0","id":@}}}"#,
        r#"{"type":"user.updated","payload":{"user":{"id":"u0"},"user":@}}"#,
        r#"{"type":"user.updated","payload":{"user":{"id":"u0",@:1}}}"#,
        r#"{"type":"org.updated","payload":{"org":{"id":"o0","name":@}}} @"#,
        r#"{"type":"call.completed","payload":{"call":{"id":"c0","orgId":@,"user":@}}}"#,
        r#"{"type":"call.completed","payload":{"call":{"id":"c0","prospectIds":[@]}}}"#,
        r#"{"type":"call.completed","payload":{"call":{"id":"c0","prospects":[{"id":@,"details":@}]}}}"#,
        r#"{"type":"call.completed","payload":{"call":{"id":"c0","transcript":[{"prospectText":@,"createdAt":@}]}}}"#,
        r#"{"type":"call.completed","payload":{"call":{"id":"c0","analysis":[{"score":@},{"score":@}]}}}"#,
        r#"{"type":"call.completed","payload":{"call":{"id":"c0","analysis":[{"objections":[@,@]}]}}}"#,
    ]);
    (templates, select(oddities)).prop_map(|(template, oddity)| template.replace('@', &oddity))
}

/// Something again and again: as text of any kind, and as elements of every list of a call.
fn repeated() -> impl Strategy<Value = String> {
    let anything = select(vec![
        "[",
        "{\"a\":",
        "{\"id\":[",
        "\\u0000",
        "\"",
        "\\",
        " ",
        "é",
    ]);
    let elements = select(vec![
        ("prospects", r#"{"id":"p0"}"#),
        ("prospects", r#"{"id":#}"#),
        ("prospectIds", "#"),
        ("transcript", "{}"),
        ("transcript", "null"),
        ("transcript", r#"{"prospectText":"a b"}"#),
        ("analysis", "{}"),
        ("analysis", r#"{"objections":["Price","Price"]}"#),
    ]);
    let count = prop_oneof![0..200usize, Just(40_000), Just(MOST)];
    let nested = (1..300usize).prop_map(|depth| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"type":"user.updated","payload":{{"user":{{"id":"u0","x":{open}{close}}}}}}}"#)
    });
    prop_oneof![
        (anything, count.clone())
            .prop_map(|(what, count)| what.repeat(count.min(MOST / what.len()))),
        nested,
        (elements, count).prop_map(|((list, element), count)| list_of(list, element, count)),
    ]
}

/// A call with `count` times `element` in `list`, where `#` counts, as far as a body may be long.
pub fn list_of(list: &str, element: &str, count: usize) -> String {
    let mut body = format!(
        r#"{{"type":"call.completed","payload":{{"call":{{"id":"c-{list}","orgId":"o0","{list}":["#
    );
    for at in 0..count {
        let next = element.replace('#', &at.to_string());
        if body.len() + next.len() + 10 > MOST {
            break;
        }
        if at > 0 {
            body.push(',');
        }
        body.push_str(&next);
    }
    body.push_str("]}}}");
    body
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        select(vec!["call", "user", "org", "id", "string"]).prop_map(Value::from),
    ];
    let key = prop_oneof![
        select(vec![
            "id",
            "type",
            "timestamp",
            "payload",
            "call",
            "user",
            "org"
        ])
        .prop_map(str::to_owned),
        ".{0,4}",
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A body that could be real, hurt.
fn mutated() -> impl Strategy<Value = String> {
    let real = || {
        prop_oneof![
            select(EXAMPLES.to_vec()).prop_map(|example| example.with_true_type()),
            sketch().prop_map(|message| message.body),
        ]
    };
    let swap = (real(), vec((any::<Index>(), json_value()), 1..4)).prop_map(|(body, swaps)| {
        let mut value: Value = serde_json::from_str(&body).unwrap_or_default();
        for (at, other) in swaps {
            let count = places(&value);
            replace(&mut value, at.index(count), &other);
        }
        value.to_string()
    });
    prop_oneof![
        3 => swap,
        1 => (real(), any::<Index>()).prop_map(|(body, at)| cut(&body, at).0.to_owned()),
        1 => (real(), real(), any::<Index>(), any::<Index>()).prop_map(|(one, other, end, from)| {
            format!("{}{}", cut(&one, end).0, cut(&other, from).1)
        }),
        1 => (real(), any::<Index>(), any::<char>()).prop_map(|(body, at, with)| {
            let (head, tail) = cut(&body, at);
            let mut tail = tail.chars();
            tail.next();
            format!("{head}{with}{}", tail.as_str())
        }),
    ]
}

fn cut(body: &str, at: Index) -> (&str, &str) {
    let mut at = at.index(body.len() + 1);
    while !body.is_char_boundary(at) {
        at -= 1;
    }
    body.split_at(at)
}

/// How many values `value` holds, itself included.
fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(places).sum::<usize>(),
        Value::Object(values) => values.values().map(places).sum(),
        _ => 0,
    }
}

/// Puts `other` in the `at`th place of `value`, counted from the outside.
fn replace(value: &mut Value, at: usize, other: &Value) {
    if at == 0 {
        *value = other.clone();
        return;
    }
    let inner: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Array(values) => Box::new(values.iter_mut()),
        Value::Object(values) => Box::new(values.values_mut()),
        _ => return,
    };
    let mut at = at - 1;
    for inner in inner {
        let count = places(inner);
        if at < count {
            return replace(inner, at, other);
        }
        at -= count;
    }
}

/// An event that is in order, about a user of its own.
pub fn good(name: &str) -> String {
    json!({"type": "user.updated", "payload": {"user": {"id": name}}}).to_string()
}
