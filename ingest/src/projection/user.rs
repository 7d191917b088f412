//! Users: described by their own events and by each of their calls, as they were then.

use std::collections::BTreeMap;

use entity::read_model::user::{Column, Entity, Model};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter};

use super::register::{LifeRegisters, ordered_at};
use super::{Event, upsert};
use crate::fold;
use crate::payload::{Call, Content, Instant, Life, User};

pub(super) async fn apply(txn: &DatabaseTransaction, events: &[Event]) -> Result<(), DbErr> {
    let known = Entity::find()
        .filter(Column::Id.is_in(events.iter().filter_map(touched)))
        .all(txn)
        .await?;
    let mut rows: BTreeMap<String, Model> =
        known.into_iter().map(|row| (row.id.clone(), row)).collect();
    for event in events {
        let Some(id) = touched(event) else { continue };
        let row = rows.entry(id.to_owned()).or_insert_with(|| blank(id));
        row.is_example &= event.reading.is_example;
        match &event.reading.content {
            Content::User { life, user, .. } => {
                describe(row, event, user);
                live(row, event, *life);
            }
            Content::Call { call, .. } => {
                if let Some(user) = &call.user
                    && user.id.is_some()
                {
                    describe(row, event, user);
                }
            }
            _ => {}
        }
    }
    upsert::upsert::<Entity>(txn, rows.into_values().collect()).await
}

/// The user whose call it is: the embedded one, else the one that the call names.
pub(super) fn of_call(call: &Call) -> Option<&String> {
    let embedded = call.user.as_ref().and_then(|user| user.id.as_ref());
    embedded.or(call.user_id.as_ref())
}

fn touched(event: &Event) -> Option<&str> {
    match &event.reading.content {
        Content::User { id, .. } => Some(id),
        Content::Call { call, .. } => of_call(call).map(String::as_str),
        _ => None,
    }
}

fn blank(id: &str) -> Model {
    Model {
        id: id.to_owned(),
        org_id: None,
        name: None,
        name_key: String::new(),
        email: None,
        email_key: None,
        image: None,
        role: None,
        status: None,
        customer_id: None,
        manager_id: None,
        team_id: None,
        streak: None,
        longest_streak: None,
        created_at: None,
        ordered_at: 0,
        deleted_at: None,
        is_deleted: false,
        is_example: true,
        attributes_stamp: None,
        life_instant: None,
        deletion_instant: None,
        last_position: None,
    }
}

fn describe(row: &mut Model, event: &Event, user: &User) {
    if row.attributes_stamp.as_ref() >= Some(&event.stamp) {
        return;
    }
    row.org_id.clone_from(&user.org_id);
    row.name.clone_from(&user.name);
    row.name_key = user.name.as_deref().map(fold::key).unwrap_or_default();
    row.email.clone_from(&user.email);
    row.email_key = user.email.as_deref().map(fold::address);
    row.image.clone_from(&user.image);
    row.role.clone_from(&user.role);
    row.status.clone_from(&user.status);
    row.customer_id.clone_from(&user.customer_id);
    row.manager_id.clone_from(&user.manager_id);
    row.team_id.clone_from(&user.team_id);
    row.streak = user.streak;
    row.longest_streak = user.longest_streak;
    row.created_at = user.created_at.map(Instant::micros);
    row.ordered_at = ordered_at(user.created_at, &event.reading);
    row.attributes_stamp = Some(event.stamp.clone());
    row.last_position = Some(event.position);
}

fn live(row: &mut Model, event: &Event, life: Life) {
    let registers = LifeRegisters {
        life: &mut row.life_instant,
        deletion: &mut row.deletion_instant,
    };
    let deletion = registers.observe(life, &event.reading);
    row.is_deleted = deletion.is_deleted;
    row.deleted_at = deletion.deleted_at;
}
