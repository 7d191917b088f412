//! Invented events about very few subjects, so that they meet: the same ids in other orgs, equal times, the same call twice.

use ingest::payload::EventType;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::Message;

/// Times that are equal, differ in the ninth digit alone, or say the same moment otherwise.
const TIMES: [&str; 9] = [
    "2025-01-14T04:22:51.548816074",
    "2025-01-14T04:22:51.548816073",
    "2025-01-14T04:22:51.548816074Z",
    "2025-01-14T05:22:51.548816074+01:00",
    "2025-01-14T04:22:51.548Z",
    "2025-02-01",
    "1969-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59.999999999",
    "",
];

type Field = Option<(&'static str, Value)>;

/// A field that has one of these values, or is null, or is missing.
fn field(key: &'static str, values: Vec<Value>) -> BoxedStrategy<Field> {
    field_of(key, select(values))
}

fn field_of(
    key: &'static str,
    value: impl Strategy<Value = Value> + 'static,
) -> BoxedStrategy<Field> {
    prop_oneof![
        6 => value.prop_map(move |value| Some((key, value))),
        1 => Just(Some((key, Value::Null))),
        1 => Just(None),
    ]
    .boxed()
}

/// An id that is there, but for one in twenty.
fn id(ids: Vec<Value>) -> BoxedStrategy<Field> {
    prop_oneof![
        19 => select(ids).prop_map(|id| Some(("id", id))),
        1 => Just(None),
    ]
    .boxed()
}

fn time(key: &'static str) -> BoxedStrategy<Field> {
    field(key, TIMES.map(Value::from).to_vec())
}

fn object(fields: Vec<BoxedStrategy<Field>>) -> impl Strategy<Value = Value> {
    fields.prop_map(|fields| {
        let fields = fields.into_iter().flatten();
        Value::Object(fields.map(|(key, value)| (key.to_owned(), value)).collect())
    })
}

fn texts(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| Value::from(*text)).collect()
}

fn user() -> impl Strategy<Value = Value> {
    user_of(vec![json!("u0"), json!("u1"), json!(7)])
}

fn user_of(ids: Vec<Value>) -> impl Strategy<Value = Value> {
    object(vec![
        id(ids),
        field("orgId", texts(&["o0", "o1", ""])),
        field("name", texts(&["Ada", "Bo"])),
        field("email", texts(&["ada@example.com"])),
        field("image", texts(&["https://example.com/ada.png"])),
        field("role", texts(&["rep", "manager"])),
        field("status", texts(&["active", "deleted"])),
        field("customerId", vec![json!("cus_1"), json!(1.5)]),
        field("managerId", texts(&["u1", "u2"])),
        field("teamId", texts(&["t0", "t1"])),
        field("streak", vec![json!(3), json!(2.5), json!(-1)]),
        field("longestStreak", vec![json!(42), json!(1e300)]),
        time("createdAt"),
    ])
}

fn org() -> impl Strategy<Value = Value> {
    object(vec![
        id(texts(&["o0", "o1"])),
        field("name", texts(&["Acme", "Bolt"])),
        field("image", texts(&["uri"])),
        field("status", texts(&["active", "string"])),
        time("createdAt"),
    ])
}

fn prospect() -> impl Strategy<Value = Value> {
    let details = object(vec![
        field("difficulty", texts(&["easy", "hard"])),
        field("industry", texts(&["Steel"])),
        field("jobTitle", texts(&["Buyer", ""])),
        field("age", vec![json!(44), json!(44.5)]),
        field("techSavviness", vec![json!(0.3)]),
    ]);
    object(vec![
        field("id", texts(&["p0", "p1"])),
        field("name", texts(&["Cy", "Di"])),
        field("imageUrl", texts(&["uri"])),
        field_of("details", details),
    ])
}

fn line() -> impl Strategy<Value = Value> {
    object(vec![
        time("createdAt"),
        field("prospectId", texts(&["p0", "p1", "u0", "x"])),
        field("prospectText", texts(&["Hello there", "\u{1f600} é"])),
        field("speakerName", texts(&["Ada"])),
    ])
}

fn analysis() -> impl Strategy<Value = Value> {
    let list = || vec![json!([]), json!(["Price", null, "Time"]), json!(["Price"])];
    object(vec![
        field("analysisType", texts(&["discovery", "closing"])),
        field("score", vec![json!(0), json!(7.25), json!(1e308)]),
        field("summary", texts(&["Fine."])),
        field("objections", list()),
        field("competitors", list()),
        field("actionItems", list()),
    ])
}

fn array(element: impl Strategy<Value = Value>, most: usize) -> impl Strategy<Value = Value> {
    vec(element, 0..=most).prop_map(Value::Array)
}

fn call() -> impl Strategy<Value = Value> {
    call_of(user())
}

fn call_of(user: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    object(vec![
        id(texts(&["c0", "c1"])),
        field("orgId", texts(&["o0", "o1"])),
        field("userId", vec![json!("u0"), json!("u1"), json!(7)]),
        field_of("user", user),
        field("title", texts(&["Cold call", "string"])),
        time("createdAt"),
        field("stats", vec![json!({"duration": 61.5}), json!({})]),
        field("prospectIds", vec![json!([]), json!(["p0", null, "p1"])]),
        field_of("prospects", array(prospect(), 3)),
        field_of("transcript", array(line(), 4)),
        field_of("analysis", array(analysis(), 3)),
    ])
}

/// A payload, and the types that fit it.
fn payload() -> impl Strategy<Value = (Value, Vec<&'static str>)> {
    use EventType::{CallCompleted, OrgDeleted, OrgUpdated, UserCreated, UserDeleted, UserUpdated};
    let of_user = [UserCreated, UserUpdated, UserDeleted].map(EventType::as_str);
    let of_org = [OrgUpdated, OrgDeleted].map(EventType::as_str);
    let of_call = [CallCompleted.as_str()];
    prop_oneof![
        4 => user().prop_map(move |user| (json!({"user": user}), of_user.to_vec())),
        3 => org().prop_map(move |org| (json!({"org": org}), of_org.to_vec())),
        5 => call().prop_map(move |call| (json!({"call": call}), of_call.to_vec())),
        1 => (call(), user()).prop_map(move |(call, user)| {
            let both = [&of_call[..], &of_user].concat();
            (json!({"call": call, "user": user}), both)
        }),
    ]
}

/// A type as an envelope declares it, or a hint.
#[derive(Clone, Copy, Debug)]
enum Named {
    Fitting(proptest::sample::Index),
    Placeholder,
    Unknown,
    Other(EventType),
    Missing,
}

impl Named {
    fn among(self, fitting: &[&'static str]) -> Option<&'static str> {
        match self {
            Self::Fitting(index) => Some(*index.get(fitting)),
            Self::Placeholder => Some("string"),
            Self::Unknown => Some("team.created"),
            Self::Other(other) => Some(other.as_str()),
            Self::Missing => None,
        }
    }
}

fn named(fitting: u32, missing: u32) -> impl Strategy<Value = Named> {
    prop_oneof![
        fitting => any::<proptest::sample::Index>().prop_map(Named::Fitting),
        missing => Just(Named::Missing),
        3 => Just(Named::Placeholder),
        1 => Just(Named::Unknown),
        1 => select(EventType::ALL.to_vec()).prop_map(Named::Other),
    ]
}

/// An event of any type about one of a few subjects.
pub fn sketch() -> BoxedStrategy<Message> {
    let envelope = object(vec![
        field("id", texts(&["e0", "e1", "e2"])),
        time("timestamp"),
    ]);
    let names = (named(10, 1), named(3, 6));
    (envelope, payload(), names, 0..2u8)
        .prop_map(|(envelope, (payload, fitting), names, copy)| {
            let mut body: Map<String, Value> = envelope.as_object().cloned().unwrap_or_default();
            body.insert("payload".to_owned(), payload);
            if let Some(declared) = names.0.among(&fitting) {
                body.insert("type".to_owned(), declared.into());
            }
            Message {
                body: Value::Object(body).to_string(),
                type_hint: names.1.among(&fitting).map(str::to_owned),
                copy,
            }
        })
        .boxed()
}

/// One body that several types fit, under two hints: its type is decided by the URL alone.
pub fn ambiguous() -> BoxedStrategy<Vec<Message>> {
    let payload = object(vec![
        field_of("call", call_of(user_of(texts(&["u0"])))),
        field_of("user", user_of(texts(&["u0"]))),
        field_of("org", org()),
    ]);
    let hints = prop::sample::subsequence(EventType::ALL.to_vec(), 2);
    (payload, time("timestamp"), hints)
        .prop_map(|(payload, timestamp, hints)| {
            let timestamp = timestamp.map(|(_, timestamp)| timestamp);
            let body = json!({"timestamp": timestamp, "type": "string", "payload": payload});
            let under = |hint: EventType| Message {
                type_hint: Some(hint.as_str().to_owned()),
                ..Message::new(body.to_string())
            };
            hints.into_iter().map(under).collect()
        })
        .boxed()
}
