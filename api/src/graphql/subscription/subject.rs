//! What each subscription tells of.

use std::collections::HashMap;

use entity::read_model::event_index::{self, Outcome};
use entity::read_model::{call, org, user};
use entity::scope::Scoped;
use sea_orm::{ColumnTrait, Condition, DatabaseBackend, EntityTrait, QueryFilter};

use crate::graphql::error::Result;
use crate::graphql::filter::{CallFilter, EventFilter, Filter, OrgFilter, UserFilter};
use crate::graphql::object::{Call, Org, User};
use crate::graphql::session::Reader;

/// What a subscription tells of: which events, and what object goes with each.
pub trait Subject: 'static {
    /// The object, which an item shows as it is when the item is sent.
    type Object: Send;
    /// What is filtered.
    type Row: EntityTrait;
    /// How the subscription can be filtered.
    type Filter: Filter<Self::Row>;

    /// The condition on the event index.
    fn events(filter: &Self::Filter, backend: DatabaseBackend) -> Condition;

    /// The object of each of these events, as far as `filter` lets it pass, by the event's position.
    fn objects(
        reader: &Reader,
        filter: &Self::Filter,
        events: &[event_index::Model],
    ) -> impl Future<Output = Result<HashMap<i64, Self::Object>>> + Send;
}

/// Events of these types that are in the read model, without those that repeat another; examples are always told.
fn announced(types: &[&str]) -> Condition {
    use event_index::Column;
    Condition::all()
        .add(Column::EventType.is_in(types.iter().copied()))
        .add(Column::Outcome.eq(Outcome::Projected))
        .add(
            Condition::any()
                .add(Column::DuplicateOf.is_null())
                .add(Column::IsExample.eq(true)),
        )
}

/// A subject that is a row of a table, named by the event's `subject_id`.
macro_rules! subjects {
    ($($(#[$doc:meta])* $name:ident: $object:ident of $table:ident, $filter:ident, $types:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl Subject for $name {
            type Object = $object;
            type Row = $table::Entity;
            type Filter = $filter;

            fn events(_: &$filter, _: DatabaseBackend) -> Condition {
                announced(&$types)
            }

            async fn objects(
                reader: &Reader,
                filter: &$filter,
                events: &[event_index::Model],
            ) -> Result<HashMap<i64, $object>> {
                let ids = events.iter().filter_map(|event| event.subject_id.as_deref());
                let generation = reader.store.read_model.live();
                let rows = $table::Entity::visible_to(reader.viewer.scope())
                    .filter($table::Column::Id.is_in(ids))
                    .filter(filter.condition(reader.backend()))
                    .all(generation.db())
                    .await?;
                let rows: HashMap<String, $table::Model> =
                    rows.into_iter().map(|row| (row.id.clone(), row)).collect();
                Ok(events
                    .iter()
                    .filter_map(|event| {
                        let row = rows.get(event.subject_id.as_ref()?)?;
                        Some((event.position, $object(row.clone())))
                    })
                    .collect())
            }
        }
    )*};
}

subjects! {
    /// Calls that are completed.
    CompletedCall: Call of call, CallFilter, ["call.completed"];
    /// Users who are created, updated or deleted.
    ChangedUser: User of user, UserFilter, ["user.created", "user.updated", "user.deleted"];
    /// Orgs that are updated or deleted.
    ChangedOrg: Org of org, OrgFilter, ["org.updated", "org.deleted"];
}

/// Every event, whatever became of it.
pub struct AnyEvent;

impl Subject for AnyEvent {
    type Object = ();
    type Row = event_index::Entity;
    type Filter = EventFilter;

    fn events(filter: &EventFilter, backend: DatabaseBackend) -> Condition {
        filter.condition(backend)
    }

    async fn objects(
        _: &Reader,
        _: &EventFilter,
        events: &[event_index::Model],
    ) -> Result<HashMap<i64, ()>> {
        Ok(events.iter().map(|event| (event.position, ())).collect())
    }
}
