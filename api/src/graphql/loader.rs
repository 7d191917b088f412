//! Rows by their keys, gathered over all objects of a query.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use async_graphql::dataloader::Loader;
use entity::read_model::insight::Kind;
use entity::read_model::{
    analysis, call, call_prospect, event_index, insight, org, prospect, transcript, user,
};
use entity::scope::Scoped;
use ingest::log::Envelope;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::error::{Error, Result};
use super::filter::newest_call;
use super::session::{MOST_KEYS, Reader};

/// Key of an org.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrgId(pub String);

/// Key of a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserId(pub String);

/// Key of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallId(pub String);

/// Key of a prospect: (org, id).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProspectId(pub String, pub String);

/// Asks for what was understood of the event at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IndexAt(pub i64);

/// Asks for the envelope of the event at a position: all but its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnvelopeAt(pub i64);

/// Asks for the body of the event at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BodyAt(pub i64);

/// Asks when the newest call of a user was made, the catalogue's examples left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewestCallOf(pub String);

/// Asks for the transcript of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TranscriptOf(pub String);

/// Asks for the personas of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersonasOf(pub String);

/// Asks for the analyses of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AnalysesOf(pub String);

/// Asks for the entries of one list of an analysis: (call, the analysis's place in it, list). Never for more than a field
/// shows: each asker gets a copy of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InsightsOf(pub String, pub i32, pub Kind);

/// A loader of one row a key: the key, its table, the column that the keys are looked up by, and the key of a row.
macro_rules! one {
    ($($key:ty: $table:ident by $column:ident of $value:expr, $of:expr;)*) => {$(
        impl Loader<$key> for Reader {
            type Value = $table::Model;
            type Error = Error;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, Self::Value>> {
                let mut loaded = HashMap::new();
                for keys in keys.chunks(MOST_KEYS) {
                    let rows = $table::Entity::visible_to(self.viewer.scope())
                        .filter($table::Column::$column.is_in(keys.iter().map($value)));
                    let rows = self.rows(rows).await?;
                    loaded.extend(rows.into_iter().map(|row| ($of(&row), row)));
                }
                Ok(loaded)
            }
        }
    )*};
}

one! {
    OrgId: org by Id of |key| key.0.as_str(), |row: &org::Model| OrgId(row.id.clone());
    UserId: user by Id of |key| key.0.as_str(), |row: &user::Model| UserId(row.id.clone());
    CallId: call by Id of |key| key.0.as_str(), |row: &call::Model| CallId(row.id.clone());
    ProspectId: prospect by Id of |key| key.1.as_str(), |row: &prospect::Model| ProspectId(row.org_id.clone(), row.id.clone());
    TranscriptOf: transcript by CallId of |key| key.0.as_str(), |row: &transcript::Model| TranscriptOf(row.call_id.clone());
}

impl Loader<IndexAt> for Reader {
    type Value = event_index::Model;
    type Error = Error;

    async fn load(&self, keys: &[IndexAt]) -> Result<HashMap<IndexAt, event_index::Model>> {
        let generation = self.store.read_model.live();
        let rows = event_index::Entity::visible_to(self.viewer.scope())
            .filter(event_index::Column::Position.is_in(keys.iter().map(|key| key.0)))
            .all(generation.reads())
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| (IndexAt(row.position), row))
            .collect())
    }
}

/// A loader of several rows a key, in their order.
macro_rules! several {
    ($($key:ident: $table:ident in the order of $($order:ident)*;)*) => {$(
        impl Loader<$key> for Reader {
            type Value = Vec<$table::Model>;
            type Error = Error;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, Self::Value>> {
                let rows = $table::Entity::visible_to(self.viewer.scope())
                    .filter($table::Column::CallId.is_in(keys.iter().map(|key| key.0.as_str())))
                    $(.order_by_asc($table::Column::$order))*;
                let rows = self.rows(rows).await?;
                Ok(group(rows, |row| $key(row.call_id.clone())))
            }
        }
    )*};
}

several! {
    PersonasOf: call_prospect in the order of CallId Ordinal;
    AnalysesOf: analysis in the order of CallId Ordinal;
}

impl Loader<InsightsOf> for Reader {
    type Value = Vec<insight::Model>;
    type Error = Error;

    async fn load(&self, keys: &[InsightsOf]) -> Result<HashMap<InsightsOf, Self::Value>> {
        let generation = self.store.read_model.live();
        let calls: HashSet<&str> = keys.iter().map(|key| key.0.as_str()).collect();
        let kinds: HashSet<Kind> = keys.iter().map(|key| key.2).collect();
        let rows = insight::Entity::visible_to(self.viewer.scope())
            .filter(insight::Column::CallId.is_in(calls))
            .filter(insight::Column::Kind.is_in(kinds))
            .order_by_asc(insight::Column::CallId)
            .order_by_asc(insight::Column::Analysis)
            .order_by_asc(insight::Column::Kind)
            .order_by_asc(insight::Column::Ordinal)
            .all(generation.reads())
            .await?;
        Ok(group(rows, |row| {
            InsightsOf(row.call_id.clone(), row.analysis, row.kind)
        }))
    }
}

impl Loader<NewestCallOf> for Reader {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[NewestCallOf]) -> Result<HashMap<NewestCallOf, i64>> {
        let generation = self.store.read_model.live();
        let rows: Vec<(String, Option<i64>)> = user::Entity::visible_to(self.viewer.scope())
            .select_only()
            .column(user::Column::Id)
            .expr(newest_call(self.viewer.scope()))
            .filter(user::Column::Id.is_in(keys.iter().map(|key| key.0.as_str())))
            .into_tuple()
            .all(generation.reads())
            .await?;
        let rows = rows.into_iter();
        Ok(rows
            .filter_map(|(id, newest)| Some((NewestCallOf(id), newest?)))
            .collect())
    }
}

fn group<K: Eq + Hash, M>(rows: Vec<M>, key: impl Fn(&M) -> K) -> HashMap<K, Vec<M>> {
    let mut groups: HashMap<K, Vec<M>> = HashMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
}

impl Reader {
    /// Those of these places of the log at which the viewer may see the event. The log itself does not know whose it is.
    async fn seen(&self, positions: Vec<i64>) -> Result<Vec<i64>> {
        if self.viewer.sees_everything() {
            return Ok(positions);
        }
        let generation = self.store.read_model.live();
        let seen = event_index::Entity::visible_to(self.viewer.scope())
            .select_only()
            .column(event_index::Column::Position)
            .filter(event_index::Column::Position.is_in(positions))
            .into_tuple()
            .all(generation.reads())
            .await?;
        Ok(seen)
    }
}

impl Loader<EnvelopeAt> for Reader {
    type Value = Envelope;
    type Error = Error;

    async fn load(&self, keys: &[EnvelopeAt]) -> Result<HashMap<EnvelopeAt, Envelope>> {
        let positions = self.seen(keys.iter().map(|key| key.0).collect()).await?;
        let envelopes = self
            .store
            .log
            .read(&self.passing)
            .envelopes_at(&positions)
            .await?;
        Ok(envelopes
            .into_iter()
            .map(|envelope| (EnvelopeAt(envelope.position), envelope))
            .collect())
    }
}

impl Loader<BodyAt> for Reader {
    type Value = String;
    type Error = Error;

    async fn load(&self, keys: &[BodyAt]) -> Result<HashMap<BodyAt, String>> {
        let positions = self.seen(keys.iter().map(|key| key.0).collect()).await?;
        let bodies = self
            .store
            .log
            .read(&self.passing)
            .bodies_at(&positions)
            .await?;
        Ok(bodies
            .into_iter()
            // Only UTF-8 is ever stored, since the signature signs text.
            .map(|(position, body)| {
                (
                    BodyAt(position),
                    String::from_utf8_lossy(&body).into_owned(),
                )
            })
            .collect())
    }
}
