//! What in the events the catalogue does not have, and what of the catalogue they lack.

use std::collections::{BTreeMap, HashMap};

use async_graphql::{Context, Object, SimpleObject};
use entity::read_model::{seen_field, seen_type};
use ingest::payload::{EventType, catalogued};
use ingest::token::Hidden;
use sea_orm::QueryOrder;

use super::Event;
use crate::graphql::error::Result;
use crate::graphql::history::attributes;
use crate::graphql::page::Scoped;
use crate::graphql::session::Session;

/// An event type, and how its events differ from the catalogue.
pub struct EventTypeDrift {
    event_type: String,
    seen: Option<seen_type::Model>,
    fields: Vec<seen_field::Model>,
}

impl EventTypeDrift {
    /// All types: the catalogue's, and those that have arrived beside them. They are no org's, so who sees some orgs only sees none.
    pub async fn list(ctx: &Context<'_>) -> Result<Vec<Self>> {
        let reader = &Session::of(ctx).reader;
        if !reader.viewer.sees_everything() {
            return Ok(Vec::new());
        }
        let scope = reader.viewer.scope();
        let generation = reader.store.read_model.live();
        let types = seen_type::Entity::visible_to(scope)
            .all(generation.reads())
            .await?;
        let mut rows = HashMap::<_, Vec<_>>::new();
        for row in of_types(scope).all(generation.reads()).await? {
            rows.entry(row.event_type.clone()).or_default().push(row);
        }
        let known = EventType::ALL.map(|known| (known.as_str().to_owned(), None));
        let mut all = BTreeMap::from(known);
        all.extend(
            types
                .into_iter()
                .map(|row| (row.event_type.clone(), Some(row))),
        );
        Ok(all
            .into_iter()
            .map(|(event_type, seen)| Self {
                fields: rows.remove(&event_type).unwrap_or_default(),
                event_type,
                seen,
            })
            .collect())
    }
}

/// Those that were seen last for the first time first.
fn of_types(scope: &entity::scope::Scope) -> sea_orm::Select<seen_field::Entity> {
    use seen_field::Column;
    seen_field::Entity::visible_to(scope)
        .order_by_desc(Column::FirstPosition)
        .order_by_asc(Column::Path)
        .order_by_asc(Column::Value)
}

/// How the events of a type differ from the catalogue. The catalogue's own examples do not count; an event that arrived twice counts twice.
#[Object]
impl EventTypeDrift {
    /// The event type, as understood.
    #[graphql(name = "type")]
    async fn event_type(&self) -> &str {
        &self.event_type
    }

    /// Whether the catalogue has it. Events of a type that it does not have are kept, and are `UNRECOGNIZED`.
    async fn is_known(&self) -> bool {
        EventType::named(&self.event_type).is_some()
    }

    /// How many events of the type there are.
    async fn events(&self) -> i32 {
        self.seen.as_ref().map_or(0, |seen| count(seen.events))
    }

    /// The first one that was received.
    async fn first_event(&self) -> Option<Event> {
        self.seen
            .as_ref()
            .map(|seen| Event::at(seen.first_position))
    }

    /// The last one that was received.
    async fn last_event(&self) -> Option<Event> {
        self.seen.as_ref().map(|seen| Event::at(seen.last_position))
    }

    /// Fields that the catalogue does not have, the newest first. Of a type that it does not have: all of them. At most 1000 are kept of a
    /// type, and none whose path has over 256 bytes. A token from which something is hidden is refused them (`FORBIDDEN`): a name can be a value.
    #[expect(clippy::unused_async, reason = "a resolver has to be")]
    async fn unknown_fields(&self, ctx: &Context<'_>) -> Result<Vec<UnknownField>> {
        Session::of(ctx).reader.viewer.must_see(Hidden::Payload)?;
        let fields = self.fields.iter().filter(|row| row.value.is_empty());
        Ok(fields
            .map(|row| UnknownField {
                path: row.path.clone(),
                events: count(row.events),
                first_event: Event::at(row.first_position),
                last_event: Event::at(row.last_position),
            })
            .collect())
    }

    /// Paths of the fields that the catalogue has and no event had. A field that was null was there. While there are no events, all of them.
    #[expect(clippy::unused_async, reason = "a resolver has to be")]
    async fn missing_fields(&self) -> Result<Vec<String>> {
        match &self.seen {
            Some(seen) => attributes(&seen.missing),
            None => Ok(catalogued(&self.event_type).map(str::to_owned).collect()),
        }
    }

    /// Every value of a role, a status and an analysis type, the newest first. The catalogue does not list them, so none can be said to be
    /// wrong: what is new stands on top. At most 1000 are kept of a type, and none of over 256 bytes.
    async fn values(&self) -> Vec<SeenValue> {
        let values = self.fields.iter().filter(|row| !row.value.is_empty());
        values
            .map(|row| SeenValue {
                path: row.path.clone(),
                value: row.value.clone(),
                events: count(row.events),
                first_event: Event::at(row.first_position),
                last_event: Event::at(row.last_position),
            })
            .collect()
    }
}

fn count(events: i64) -> i32 {
    i32::try_from(events).unwrap_or(i32::MAX)
}

/// A field that the catalogue does not have.
#[derive(SimpleObject)]
pub struct UnknownField {
    /// Its path in the body, such as `payload.call.transcript[].mood`.
    path: String,
    /// How many events have it.
    events: i32,
    /// The first event with it that was received.
    first_event: Event,
    /// The last event with it that was received.
    last_event: Event,
}

/// A value of a role, a status or an analysis type.
#[derive(SimpleObject)]
pub struct SeenValue {
    /// The field's path in the body.
    path: String,
    /// The value.
    value: String,
    /// How many events have it.
    events: i32,
    /// The first event with it that was received.
    first_event: Event,
    /// The last event with it that was received.
    last_event: Event,
}
