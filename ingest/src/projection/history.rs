//! History: what each event said of a user or an org, kept beside what is so now.
//!
//! A row is named by its event's stamp, so the order of arrival decides nothing here, and an event that arrives again is the
//! row that is there.

use entity::read_model::version::{Column, Entity, Kind, Life as Said, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseTransaction, DbErr};
use serde::Serialize;

use super::register::instant;
use super::{Event, upsert};
use crate::payload::{Content, Instant, Life, Org, User};

pub(super) async fn apply(txn: &DatabaseTransaction, events: &[Event]) -> Result<(), DbErr> {
    let mut rows = Vec::new();
    for event in events {
        match &event.reading.content {
            Content::User { id, life, user } => {
                rows.push(row(
                    Kind::User,
                    id,
                    event,
                    Some(*life),
                    user.org_id.as_ref(),
                    &then(user),
                )?);
            }
            Content::Call { call, .. } => {
                if let Some(user) = &call.user
                    && let Some(id) = &user.id
                {
                    rows.push(row(
                        Kind::User,
                        id,
                        event,
                        None,
                        user.org_id.as_ref(),
                        &then(user),
                    )?);
                }
            }
            Content::Org { id, life, org } => {
                let org = Org {
                    id: None,
                    ..org.clone()
                };
                rows.push(row(Kind::Org, id, event, Some(*life), Some(id), &org)?);
            }
            Content::Unrecognized | Content::Dead(_) => {}
        }
    }
    let key = [Column::SubjectKind, Column::SubjectId, Column::Stamp];
    let known = OnConflict::columns(key).do_nothing().to_owned();
    upsert::insert_unless::<Entity>(txn, rows, &known).await
}

/// The user's attributes. Two that are equal are the same text, so a zero has no sign.
fn then(user: &User) -> User {
    User {
        id: None,
        streak: user.streak.map(|streak| streak + 0.0),
        longest_streak: user.longest_streak.map(|streak| streak + 0.0),
        ..user.clone()
    }
}

fn row(
    kind: Kind,
    id: &str,
    event: &Event,
    life: Option<Life>,
    org_id: Option<&String>,
    attributes: &impl Serialize,
) -> Result<Model, DbErr> {
    let reading = &event.reading;
    Ok(Model {
        subject_kind: kind,
        subject_id: id.to_owned(),
        stamp: event.stamp.clone(),
        instant: instant(reading),
        occurred_at: reading.occurred_at.map(Instant::micros),
        position: event.position,
        event_type: reading.event_type.clone().unwrap_or_default(),
        life: life.map(|life| match life {
            Life::Alive => Said::Alive,
            Life::Deleted => Said::Deleted,
        }),
        attributes: serde_json::to_string(attributes)
            .map_err(|error| DbErr::Json(error.to_string()))?,
        org_id: org_id.cloned(),
        is_example: reading.is_example,
    })
}
