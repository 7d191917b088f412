//! The event index: what was understood of each event, and whether it repeats another.

use std::collections::HashMap;

use entity::read_model::event_index::{Column, Entity, Model, Outcome};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::{Event, upsert};
use crate::log::Position;
use crate::payload::{Content, Instant};

/// The same body under another type (four of the published examples take theirs from the URL) is an event of its own.
type Key = (String, Option<String>);

pub(super) async fn apply(txn: &DatabaseTransaction, events: &[Event]) -> Result<(), DbErr> {
    let mut firsts = firsts(txn, events).await?;
    let rows = events
        .iter()
        .map(|event| {
            let key = (
                event.reading.body_hash.clone(),
                event.reading.event_type.clone(),
            );
            let first = *firsts.entry(key).or_insert(event.position);
            row(event, (first != event.position).then_some(first))
        })
        .collect();
    upsert::insert::<Entity>(txn, rows).await
}

/// Where each of these bodies was first seen, of those that were.
async fn firsts(
    txn: &DatabaseTransaction,
    events: &[Event],
) -> Result<HashMap<Key, Position>, DbErr> {
    let hashes = events.iter().map(|event| event.reading.body_hash.as_str());
    let seen: Vec<(String, Option<String>, Position)> = Entity::find()
        .filter(Column::BodyHash.is_in(hashes))
        .filter(Column::DuplicateOf.is_null())
        .select_only()
        .columns([Column::BodyHash, Column::EventType, Column::Position])
        .into_tuple()
        .all(txn)
        .await?;
    Ok(seen
        .into_iter()
        .map(|(hash, event_type, position)| ((hash, event_type), position))
        .collect())
}

fn row(event: &Event, duplicate_of: Option<Position>) -> Model {
    let reading = &event.reading;
    let (subject_kind, subject_id, org_id) = match &reading.content {
        Content::Call { id, call } => (Some("call"), Some(id), call.org_id.as_ref()),
        Content::User { id, user, .. } => (Some("user"), Some(id), user.org_id.as_ref()),
        Content::Org { id, .. } => (Some("org"), Some(id), Some(id)),
        Content::Unrecognized | Content::Dead(_) => (None, None, None),
    };
    let (outcome, reason) = match &reading.content {
        Content::Unrecognized => (Outcome::Unrecognized, None),
        Content::Dead(reason) => (Outcome::Dead, Some(reason.clone())),
        _ => (Outcome::Projected, None),
    };
    Model {
        position: event.position,
        event_id: reading.event_id.clone(),
        event_type: reading.event_type.clone(),
        declared_type: reading.declared_type.clone(),
        org_id: org_id.cloned(),
        subject_kind: subject_kind.map(str::to_owned),
        subject_id: subject_id.cloned(),
        occurred_at: reading.occurred_at.map(Instant::micros),
        body_hash: reading.body_hash.clone(),
        size: i64::try_from(reading.size).unwrap_or(i64::MAX),
        outcome,
        reason,
        is_example: reading.is_example,
        duplicate_of,
    }
}
