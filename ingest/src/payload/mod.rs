//! The vocabulary of SalesMagic's webhooks, and what a body says in it. Pure: no database, no HTTP, no clock.
//!
//! [`read`] never fails: whatever the bytes are, the answer is a [`Reading`] whose [`Content`] may be that the body is dead.

mod catalogue;
mod example;
mod field;
mod fields;
mod instant;
mod subject;
pub mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

pub use field::MAX_ID_BYTES;
pub use fields::{Fields, catalogued};
pub use instant::Instant;
pub use subject::{Analysis, Call, Details, Line, Org, Prospect, Stats, User};

/// The event types of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// `call.completed`
    CallCompleted,
    /// `user.created`
    UserCreated,
    /// `user.updated`
    UserUpdated,
    /// `user.deleted`
    UserDeleted,
    /// `org.updated`
    OrgUpdated,
    /// `org.deleted`
    OrgDeleted,
}

impl EventType {
    /// Every type of the catalogue.
    pub const ALL: [Self; 6] = [
        Self::CallCompleted,
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserDeleted,
        Self::OrgUpdated,
        Self::OrgDeleted,
    ];

    /// The catalogue's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallCompleted => "call.completed",
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::UserDeleted => "user.deleted",
            Self::OrgUpdated => "org.updated",
            Self::OrgDeleted => "org.deleted",
        }
    }

    /// The type of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// What an event says of the life of its user or org.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It was created or updated: it exists.
    Alive,
    /// It was deleted.
    Deleted,
}

/// What an event is about, once its body was understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A completed call, with its user and prospects as they were then.
    Call {
        /// The call's id.
        id: String,
        /// The call.
        call: Box<Call>,
    },
    /// A user who was created, updated or deleted.
    User {
        /// The user's id.
        id: String,
        /// Whether they exist after it.
        life: Life,
        /// The user.
        user: Box<User>,
    },
    /// An org that was updated or deleted.
    Org {
        /// The org's id.
        id: String,
        /// Whether it exists after it.
        life: Life,
        /// The org.
        org: Org,
    },
    /// A type that this version does not know.
    Unrecognized,
    /// Not JSON, or a known type whose body does not fit: the reason, with the place.
    Dead(String),
}

/// What was understood of one body.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The envelope's id.
    pub event_id: Option<String>,
    /// The envelope's type, as declared.
    pub declared_type: Option<String>,
    /// The type as understood; see [`read`].
    pub event_type: Option<String>,
    /// The envelope's timestamp.
    pub occurred_at: Option<Instant>,
    /// Whether this is an example of the catalogue.
    pub is_example: bool,
    /// SHA-256 of the exact bytes, in lower-case hexadecimal.
    pub body_hash: String,
    /// The length of the body in bytes.
    pub size: usize,
    /// What it is about.
    pub content: Content,
    /// Which of the catalogue's fields it has. Empty where the type is not known.
    pub fields: Fields,
}

#[derive(Deserialize)]
#[serde(
    bound = "'de: 'a",
    expecting = "an event's envelope, which is a JSON object"
)]
struct Envelope<'a> {
    #[serde(default, deserialize_with = "field::id")]
    id: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "field::id")]
    declared_type: Option<String>,
    #[serde(default, deserialize_with = "instant::optional")]
    timestamp: Option<Instant>,
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
}

/// Which parts a payload has, when its type must be inferred.
#[derive(Deserialize)]
struct Parts {
    call: Option<serde::de::IgnoredAny>,
    user: Option<serde::de::IgnoredAny>,
    org: Option<serde::de::IgnoredAny>,
}

/// Reads a body.
///
/// A type that is missing or a placeholder (`"string"`: four of the six published examples) is taken from `type_hint`, the
/// `type` parameter of the webhook's URL, or else inferred from the payload: `call` → `call.completed`, `user` →
/// `user.updated`, `org` → `org.updated`. A type that looks real is never replaced.
pub fn read(body: &[u8], type_hint: Option<&str>) -> Reading {
    let blank = |content| Reading {
        event_id: None,
        declared_type: None,
        event_type: None,
        occurred_at: None,
        is_example: false,
        body_hash: body_hash(body),
        size: body.len(),
        content,
        fields: Fields::default(),
    };
    // A defect in here must not hold up the events behind this one, in this run and after every restart.
    catch_unwind(AssertUnwindSafe(|| {
        read_text(body, type_hint, blank(Content::Unrecognized))
    }))
    .unwrap_or_else(|_| {
        blank(Content::Dead(
            "reading this body failed inside Hookgraph".into(),
        ))
    })
}

fn read_text(body: &[u8], type_hint: Option<&str>, mut reading: Reading) -> Reading {
    let Ok(body) = str::from_utf8(body) else {
        reading.content = Content::Dead("the body is not UTF-8".to_owned());
        return reading;
    };
    let body = text::mend(body, text::Mend::Unstorable);
    let envelope: Envelope<'_> = match parse(&body) {
        Ok(envelope) => envelope,
        Err(reason) => {
            reading.content = Content::Dead(reason);
            return reading;
        }
    };
    let payload = envelope.payload.map_or("null", RawValue::get);
    reading.event_id = envelope.id;
    reading.occurred_at = envelope.timestamp;
    reading.is_example = example::is_example(payload);
    let event_type = real(envelope.declared_type.as_deref())
        .or_else(|| real(type_hint))
        .or_else(|| infer(payload));
    reading.declared_type = envelope.declared_type;
    let known = event_type.as_deref().map(EventType::named);
    if let Some(known) = known {
        reading.fields = Fields::of(&body, known);
    }
    reading.content = match known {
        Some(Some(known)) => content(known, payload).unwrap_or_else(Content::Dead),
        Some(None) => Content::Unrecognized,
        None => Content::Dead(
            "$.type: missing or a placeholder, and the payload has no `call`, `user` or `org` to infer it from"
                .to_owned(),
        ),
    };
    reading.event_type = event_type;
    reading
}

/// A type that is neither missing nor a placeholder.
fn real(name: Option<&str>) -> Option<String> {
    name.filter(|name| !name.is_empty() && name.len() <= MAX_ID_BYTES)
        .filter(|name| !example::is_placeholder(name))
        .map(|name| name.replace('\0', "\u{fffd}"))
}

fn infer(payload: &str) -> Option<String> {
    let parts: Parts = serde_json::from_str(payload).ok()?;
    let inferred = if parts.call.is_some() {
        EventType::CallCompleted
    } else if parts.user.is_some() {
        EventType::UserUpdated
    } else {
        parts.org.map(|_| EventType::OrgUpdated)?
    };
    Some(inferred.as_str().to_owned())
}

fn content(event_type: EventType, payload: &str) -> Result<Content, String> {
    #[derive(Deserialize)]
    struct OfCall {
        call: Option<Box<Call>>,
    }
    #[derive(Deserialize)]
    struct OfUser {
        user: Option<Box<User>>,
    }
    #[derive(Deserialize)]
    struct OfOrg {
        org: Option<Org>,
    }
    let life = match event_type {
        EventType::UserDeleted | EventType::OrgDeleted => Life::Deleted,
        _ => Life::Alive,
    };
    match event_type {
        EventType::CallCompleted => {
            let part = parse_at::<Option<OfCall>>("payload", payload)?;
            let call = part
                .and_then(|part| part.call)
                .ok_or("$.payload.call: missing")?;
            let id = call.id.clone().ok_or("$.payload.call.id: missing")?;
            Ok(Content::Call { id, call })
        }
        EventType::UserCreated | EventType::UserUpdated | EventType::UserDeleted => {
            let part = parse_at::<Option<OfUser>>("payload", payload)?;
            let user = part
                .and_then(|part| part.user)
                .ok_or("$.payload.user: missing")?;
            let id = user.id.clone().ok_or("$.payload.user.id: missing")?;
            Ok(Content::User { id, life, user })
        }
        EventType::OrgUpdated | EventType::OrgDeleted => {
            let part = parse_at::<Option<OfOrg>>("payload", payload)?;
            let org = part
                .and_then(|part| part.org)
                .ok_or("$.payload.org: missing")?;
            let id = org.id.clone().ok_or("$.payload.org.id: missing")?;
            Ok(Content::Org { id, life, org })
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).or_else(|_| {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let value = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| reason("", &error))?;
        deserializer.end().map_err(|error| format!("$: {error}"))?;
        Ok(value)
    })
}

/// Keeping account of the place takes as long as the rest: it is done for those alone that have to be told it.
fn parse_at<T: DeserializeOwned>(root: &str, json: &str) -> Result<T, String> {
    serde_json::from_str(json).or_else(|_| {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| reason(root, &error))
    })
}

/// The place and the cause, cut to a length that a person reads. Line and column would count inside the payload: left out.
fn reason(root: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let path = error.path().to_string();
    let place = [root, path.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty() && *part != ".")
        .fold("$".to_owned(), |place, part| format!("{place}.{part}"));
    let cause = error.inner().to_string();
    let cause = match (root, cause.split_once(" at line ")) {
        ("", _) | (_, None) => cause.as_str(),
        (_, Some((cause, _))) => cause,
    };
    format!("{place}: {cause}").chars().take(500).collect()
}

/// The SHA-256 of a body, in hexadecimal digits.
pub fn body_hash(body: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    let bytes = Sha256::digest(body);
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
