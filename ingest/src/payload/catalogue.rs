//! The catalogue's fields: every path that an event of a type can have, as this version knows them.
//!
//! They are read off the structs that bodies are parsed into, so a field that is understood is a field of the catalogue; a
//! test holds them against the published examples. A path is that of a key: `payload.call.transcript[].createdAt`.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Analysis, Call, EventType, Line, Org, Prospect, User};

/// The paths of the events of one kind.
#[derive(Debug)]
pub(super) struct Catalogue {
    /// All of them, sorted.
    pub paths: Vec<String>,
    /// The body.
    pub root: Field,
}

/// A value of a body, and what can be below it.
#[derive(Debug, Default)]
pub(super) struct Field {
    /// The place of its path among the paths. The body itself and the elements of a list have none.
    pub place: Option<usize>,
    /// Whether its values are of interest: the catalogue names a role, a status and an analysis type, and lists no values.
    pub is_enumeration: bool,
    /// If it is an object: its fields.
    pub fields: Vec<(String, Field)>,
    /// If it is a list: its elements.
    pub element: Option<Box<Field>>,
}

impl Catalogue {
    /// What the catalogue has of this type. Of one that it does not know: the envelope.
    pub fn of(event_type: Option<EventType>) -> &'static Self {
        static CALL: LazyLock<Catalogue> =
            LazyLock::new(|| Catalogue::with(&json!({"call": call()})));
        static USER: LazyLock<Catalogue> =
            LazyLock::new(|| Catalogue::with(&json!({"user": user()})));
        static ORG: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::with(&json!({"org": org()})));
        static UNKNOWN: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::with(&json!({})));
        match event_type {
            Some(EventType::CallCompleted) => &CALL,
            Some(EventType::UserCreated | EventType::UserUpdated | EventType::UserDeleted) => &USER,
            Some(EventType::OrgUpdated | EventType::OrgDeleted) => &ORG,
            None => &UNKNOWN,
        }
    }

    fn with(payload: &Value) -> Self {
        let body = json!({"id": null, "type": null, "timestamp": null, "payload": payload});
        let mut paths = Vec::new();
        list(&body, "", &mut paths);
        paths.sort_unstable();
        let root = field(&body, "", &paths);
        Self { paths, root }
    }
}

/// The path of a field below `path`. A key that would be mistaken for more than one step is quoted.
pub(super) fn push_key(path: &mut String, key: &str) {
    if key.is_empty() || key.contains(['.', '[', '"']) {
        path.push('[');
        path.push_str(&Value::from(key).to_string());
        path.push(']');
    } else {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    }
}

/// Appends the step into a list.
pub(super) fn push_element(path: &mut String) {
    path.push_str("[]");
}

fn below(path: &str, key: &str) -> String {
    let mut path = path.to_owned();
    push_key(&mut path, key);
    path
}

fn elements(path: &str) -> String {
    let mut path = path.to_owned();
    push_element(&mut path);
    path
}

fn list(value: &Value, path: &str, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = below(path, key);
                list(value, &path, paths);
                paths.push(path);
            }
        }
        Value::Array(values) => {
            for value in values {
                list(value, &elements(path), paths);
            }
        }
        _ => {}
    }
}

fn field(value: &Value, path: &str, paths: &[String]) -> Field {
    let place = paths
        .binary_search_by(|known| known.as_str().cmp(path))
        .ok();
    let mut made = Field {
        place,
        is_enumeration: [".role", ".status", ".analysisType"]
            .iter()
            .any(|name| path.ends_with(name)),
        ..Field::default()
    };
    match value {
        Value::Object(fields) => {
            made.fields = fields
                .iter()
                .map(|(key, value)| (key.clone(), field(value, &below(path, key), paths)))
                .collect();
        }
        Value::Array(values) => {
            let element = values.first();
            made.element = element.map(|value| Box::new(field(value, &elements(path), paths)));
        }
        _ => {}
    }
    made
}

fn org() -> Org {
    Org {
        id: Some(String::new()),
        ..Org::default()
    }
}

fn user() -> User {
    User {
        id: Some(String::new()),
        ..User::default()
    }
}

fn call() -> Call {
    Call {
        user: Some(user()),
        prospects: vec![Prospect::default()],
        transcript: vec![Line::default()],
        analysis: vec![Analysis::default()],
        ..Call::default()
    }
}
