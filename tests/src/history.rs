//! Generated histories: what SalesMagic and Svix may deliver, from the realistic to the absurd.
//!
//! A message's id follows from its content, so equal ids always stand for equal deliveries, as Svix promises, however
//! proptest shrinks a history.

pub mod hostile;
mod rows;
mod sketch;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, TimeDelta};
use ingest::log::Arrival;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sample::catalogue::EXAMPLES;
use sample::company::{Company, Size};

pub use rows::{Dump, Positions, dump};
pub use sketch::{ambiguous, sketch};

/// A webhook as it is delivered: content, and under which of a few message ids.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Message {
    /// The body.
    pub body: String,
    /// The `type` parameter of the URL.
    pub type_hint: Option<String>,
    /// Equal content with another `copy` is sent under another message id.
    pub copy: u8,
}

impl Message {
    /// A message without hint.
    pub fn new(body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            type_hint: None,
            copy: 0,
        }
    }

    /// The message id.
    pub fn id(&self) -> String {
        format!("msg_{:016x}", hash(self))
    }

    /// The webhook, received at `received_at` microseconds.
    pub fn arrival(&self, received_at: i64) -> Arrival {
        Arrival {
            source: "salesmagic".to_owned(),
            message_id: self.id(),
            received_at,
            type_hint: self.type_hint.clone(),
            headers: "{}".to_owned(),
            secret_id: "0".to_owned(),
            body: self.body.clone().into_bytes(),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            body,
            type_hint,
            copy,
        } = self;
        let shown: String = body.chars().take(1500).collect();
        let left_out = body.len() - shown.len();
        write!(f, "copy {copy}, hint {type_hint:?}: {shown}")?;
        if left_out > 0 {
            write!(f, "… and {left_out} bytes")?;
        }
        Ok(())
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// `messages` in another order, which `seed` decides; 0 keeps it. Leaving messages out does not change the order of the rest.
pub fn shuffled(messages: &[Message], seed: u64) -> Vec<Message> {
    let mut keyed: Vec<(u64, &Message)> = messages
        .iter()
        .enumerate()
        .map(|(at, message)| {
            let occurrence = messages[..at].iter().filter(|m| *m == message).count();
            (hash(&(seed, message, occurrence)), message)
        })
        .collect();
    if seed != 0 {
        keyed.sort_by_key(|(key, _)| *key);
    }
    keyed
        .into_iter()
        .map(|(_, message)| message.clone())
        .collect()
}

/// Whatever may arrive: a small company's webhooks, up to `sketches` invented events about very few subjects, examples,
/// unknown types, dead bodies, bodies that several types fit, and repeats of all of it.
pub fn history(sketches: usize) -> BoxedStrategy<Vec<Message>> {
    let parts = (
        proptest::option::of(company()),
        vec(sketch(), 0..=sketches),
        vec(example(), 0..4),
        vec(hostile::dead(), 0..3),
        vec(ambiguous(), 0..2),
    );
    let repeats = vec((any::<Index>(), 0..2u8), 0..8);
    (parts, repeats, any::<u64>())
        .prop_map(
            |((company, sketches, examples, dead, ambiguous), repeats, seed)| {
                let mut messages = company.unwrap_or_default();
                messages.extend(sketches);
                messages.extend(examples);
                messages.extend(dead.into_iter().map(Message::new));
                messages.extend(ambiguous.into_iter().flatten());
                if !messages.is_empty() {
                    for (of, copy) in repeats {
                        let of = of.get(&messages).clone();
                        messages.push(Message { copy, ..of });
                    }
                }
                shuffled(&messages, seed)
            },
        )
        .boxed()
}

/// A small company over a few days, in the order of time, with or without hints.
pub fn company() -> BoxedStrategy<Vec<Message>> {
    let size = (1..=3usize, 1..=5usize, 0..=4usize, 1..=4u32, any::<u32>());
    (size, any::<bool>())
        .prop_map(|((orgs, users, calls, days, seed), hinted)| {
            let company = Company::new(Size {
                orgs,
                users,
                calls,
                days,
                seed: seed.into(),
                ..Size::default()
            });
            let hint = |event_type| hinted.then_some(event_type);
            company
                .deliveries()
                .map(|delivery| Message {
                    body: delivery.body,
                    type_hint: hint(delivery.event_type),
                    copy: 0,
                })
                .collect()
        })
        .boxed()
}

/// One of the catalogue's examples: as published, with its true type, or with the true type as hint.
pub fn example() -> BoxedStrategy<Message> {
    (select(EXAMPLES.to_vec()), 0..3, 0..2u8)
        .prop_map(|(example, form, copy)| Message {
            body: match form {
                0 => example.with_true_type(),
                _ => example.body.to_owned(),
            },
            type_hint: (form == 1).then(|| example.event_type.to_owned()),
            copy,
        })
        .boxed()
}

/// The event of a user that no generated history has, in an org that none has.
pub fn unmistakable_user(name: &str) -> Message {
    Message::new(format!(
        r#"{{"id":"event-{name}","type":"user.updated","timestamp":"2025-03-01T00:00:00Z","payload":{{"user":{{"id":"{name}","orgId":"org-{name}"}}}}}}"#
    ))
}

/// The call that no generated history has, in an org that none has.
pub fn unmistakable_call(name: &str) -> Message {
    Message::new(format!(
        r#"{{"id":"event-{name}","type":"call.completed","timestamp":"2025-03-01T00:00:00Z","payload":{{"call":{{"id":"{name}","orgId":"org-{name}","createdAt":"2025-03-01T00:00:00Z"}}}}}}"#
    ))
}

/// Microseconds since 1970 of the `nth` arrival, a second apart.
pub fn received_at(nth: usize) -> i64 {
    let seconds = TimeDelta::seconds(i64::try_from(nth).unwrap_or(i64::MAX / 1000));
    (DateTime::UNIX_EPOCH + TimeDelta::days(20_241) + seconds).timestamp_micros()
}
