//! Orgs: described by their own events, and known by id from those of their users and calls.

use std::collections::BTreeMap;

use entity::read_model::org::{Column, Entity, Model};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter};

use super::register::{LifeRegisters, ordered_at};
use super::{Event, upsert};
use crate::fold;
use crate::payload::{Content, Instant, Life, Org};

pub(super) async fn apply(txn: &DatabaseTransaction, events: &[Event]) -> Result<(), DbErr> {
    let ids = events.iter().flat_map(touched);
    let known = Entity::find()
        .filter(Column::Id.is_in(ids))
        .all(txn)
        .await?;
    let mut rows: BTreeMap<String, Model> =
        known.into_iter().map(|row| (row.id.clone(), row)).collect();
    for event in events {
        for id in touched(event) {
            let row = rows.entry(id.to_owned()).or_insert_with(|| blank(id));
            row.is_example &= event.reading.is_example;
        }
        if let Content::Org { id, life, org } = &event.reading.content
            && let Some(row) = rows.get_mut(id)
        {
            describe(row, event, org);
            live(row, event, *life);
        }
    }
    upsert::upsert::<Entity>(txn, rows.into_values().collect()).await
}

/// The orgs that an event names.
fn touched(event: &Event) -> impl Iterator<Item = &str> {
    let (one, other) = match &event.reading.content {
        Content::Org { id, .. } => (Some(id), None),
        Content::User { user, .. } => (user.org_id.as_ref(), None),
        Content::Call { call, .. } => (
            call.org_id.as_ref(),
            call.user.as_ref().and_then(|user| user.org_id.as_ref()),
        ),
        Content::Unrecognized | Content::Dead(_) => (None, None),
    };
    one.into_iter().chain(other).map(String::as_str)
}

fn blank(id: &str) -> Model {
    Model {
        id: id.to_owned(),
        name: None,
        name_key: String::new(),
        image: None,
        status: None,
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

fn describe(row: &mut Model, event: &Event, org: &Org) {
    if row.attributes_stamp.as_ref() >= Some(&event.stamp) {
        return;
    }
    row.name.clone_from(&org.name);
    row.name_key = org.name.as_deref().map(fold::key).unwrap_or_default();
    row.image.clone_from(&org.image);
    row.status.clone_from(&org.status);
    row.created_at = org.created_at.map(Instant::micros);
    row.ordered_at = ordered_at(org.created_at, &event.reading);
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
