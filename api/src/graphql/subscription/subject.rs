//! What each subscription tells of.

use std::collections::HashMap;

use entity::read_model::event_index::{self, Outcome};
use entity::read_model::{call, org, user};
use entity::scope::{Scope, Scoped};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use crate::graphql::error::Result;
use crate::graphql::filter::{CallFilter, EventFilter, Filter, OrgFilter, Sight, UserFilter};
use crate::graphql::object::{Call, Org, User};
use crate::graphql::session::Reader;
use sea_orm::ModelTrait;

use super::tail::{Tail, Tails};
use crate::graphql::Store;

/// What a subscription tells of: which events, and what object goes with each.
pub trait Subject: Sized + 'static {
    /// The object, which an item shows as it is when the item is sent.
    type Object: Send;
    /// What is filtered.
    type Row: EntityTrait<Model: Clone + Send + Sync>;
    /// How the subscription can be filtered.
    type Filter: Filter<Self::Row>;

    /// The condition on the event index, but for any filter.
    fn announced() -> Condition;

    /// The condition on the event index.
    fn events(filter: &Self::Filter, sight: Sight<'_>) -> Condition;

    /// The object of each of these events, as far as `filter` lets it pass, by the event's position.
    fn objects(
        reader: &Reader,
        filter: &Self::Filter,
        events: &[event_index::Model],
    ) -> impl Future<Output = Result<HashMap<i64, Self::Object>>> + Send;

    /// The row that each of these events tells of, whoever may see it, by the event's position.
    fn rows(
        store: &Store,
        events: &[event_index::Model],
    ) -> impl Future<Output = Result<HashMap<i64, RowOf<Self>>>> + Send;

    /// The object that a row is shown as.
    fn object(row: &RowOf<Self>) -> Self::Object;

    /// Whether a reader of `scope` may see the event and the row that it tells of: what [`Scoped`] says of both.
    fn is_visible(scope: &Scope, event: &event_index::Model, row: &RowOf<Self>) -> bool;

    /// What is new of it.
    fn tail(tails: &Tails) -> &Tail<Self>;
}

/// A row of what a subscription tells of.
pub type RowOf<S> = <<S as Subject>::Row as EntityTrait>::Model;

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
    ($($(#[$doc:meta])* $name:ident: $object:ident of $table:ident, $filter:ident, $types:expr, $tail:ident, $org:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl Subject for $name {
            type Object = $object;
            type Row = $table::Entity;
            type Filter = $filter;

            fn announced() -> Condition {
                announced(&$types)
            }

            fn events(_: &$filter, _: Sight<'_>) -> Condition {
                Self::announced()
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
                    .filter(filter.condition(reader.sight()))
                    .all(generation.reads())
                    .await?;
                Ok(by_position(events, &rows, |row| &row.id, |row| $object(row.clone())))
            }

            async fn rows(
                store: &Store,
                events: &[event_index::Model],
            ) -> Result<HashMap<i64, $table::Model>> {
                let ids = events.iter().filter_map(|event| event.subject_id.as_deref());
                let generation = store.read_model.live();
                let everything = $table::Entity::visible_to(&Scope::Everything);
                let rows = everything.filter($table::Column::Id.is_in(ids)).all(generation.reads()).await?;
                Ok(by_position(events, &rows, |row| &row.id, Clone::clone))
            }

            fn object(row: &$table::Model) -> $object {
                $object(row.clone())
            }

            fn is_visible(scope: &Scope, event: &event_index::Model, row: &$table::Model) -> bool {
                scope.sees(event.org_id.as_deref()) && scope.sees($org(row))
            }

            fn tail(tails: &Tails) -> &Tail<Self> {
                &tails.$tail
            }
        }
    )*};
}

subjects! {
    /// Calls that are completed.
    CompletedCall: Call of call, CallFilter, ["call.completed"], calls, org_of_call;
    /// Users who are created, updated or deleted.
    ChangedUser: User of user, UserFilter, ["user.created", "user.updated", "user.deleted"], users, org_of_user;
    /// Orgs that are updated or deleted.
    ChangedOrg: Org of org, OrgFilter, ["org.updated", "org.deleted"], orgs, org_of_org;
}

fn org_of_call(call: &call::Model) -> Option<&str> {
    call.org_id.as_deref()
}

fn org_of_user(user: &user::Model) -> Option<&str> {
    user.org_id.as_deref()
}

#[expect(clippy::unnecessary_wraps, reason = "as the others")]
fn org_of_org(org: &org::Model) -> Option<&str> {
    Some(&org.id)
}

/// What each of these events tells of, of the rows with these ids.
fn by_position<M: ModelTrait, T>(
    events: &[event_index::Model],
    rows: &[M],
    id: impl Fn(&M) -> &String,
    shown: impl Fn(&M) -> T,
) -> HashMap<i64, T> {
    let rows: HashMap<&String, &M> = rows.iter().map(|row| (id(row), row)).collect();
    let told = events.iter().filter_map(|event| {
        let row = rows.get(event.subject_id.as_ref()?)?;
        Some((event.position, shown(row)))
    });
    told.collect()
}

/// Every event, whatever became of it.
pub struct AnyEvent;

impl Subject for AnyEvent {
    type Object = ();
    type Row = event_index::Entity;
    type Filter = EventFilter;

    fn announced() -> Condition {
        Condition::all()
    }

    fn events(filter: &EventFilter, sight: Sight<'_>) -> Condition {
        filter.condition(sight)
    }

    async fn objects(
        _: &Reader,
        _: &EventFilter,
        events: &[event_index::Model],
    ) -> Result<HashMap<i64, ()>> {
        Ok(events.iter().map(|event| (event.position, ())).collect())
    }

    async fn rows(
        _: &Store,
        events: &[event_index::Model],
    ) -> Result<HashMap<i64, event_index::Model>> {
        let rows = events.iter().map(|event| (event.position, event.clone()));
        Ok(rows.collect())
    }

    fn object(_: &event_index::Model) {}

    fn is_visible(scope: &Scope, event: &event_index::Model, _: &event_index::Model) -> bool {
        scope.sees(event.org_id.as_deref())
    }

    fn tail(tails: &Tails) -> &Tail<Self> {
        &tails.events
    }
}
