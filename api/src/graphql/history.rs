//! What users and orgs were like before: at a moment, and from event to event.
//!
//! The rows are those of the view `states`: what each event left. A condition on kind and id always stands in its statements,
//! so that they read one subject's events and not everybody's.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use entity::read_model::state::{Column, Entity, Kind, Model};
use entity::read_model::{org, user};
use entity::scope::{Scope, Scoped};
use ingest::payload::{self, Instant};
use sea_orm::sea_query::{
    Asterisk, Expr, ExprTrait, Func, OverStatement, Query, SelectStatement, SimpleExpr,
    WindowStatement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, FromQueryResult, IntoSimpleExpr, Order, QueryFilter, QueryTrait,
};
use serde::de::DeserializeOwned;

use super::error::{Error, Result};
use super::filter::Changed;
use super::relation::Relation;
use super::session::Reader;

/// The changes of a user or an org, by kind and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChangesOf;

impl Relation for ChangesOf {
    type Child = Entity;
    type Filter = Changed;

    const OF_VIEW: bool = true;

    fn parent() -> Vec<SimpleExpr> {
        vec![
            Column::SubjectKind.into_simple_expr(),
            Column::SubjectId.into_simple_expr(),
        ]
    }
}

/// Asks for a user or an org as it was at a moment: kind, id, and microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StateAt(pub Kind, pub String, pub i64);

impl Loader<StateAt> for Reader {
    type Value = Model;
    type Error = Error;

    async fn load(&self, keys: &[StateAt]) -> Result<HashMap<StateAt, Model>> {
        let mut moments: HashMap<i64, Vec<&StateAt>> = HashMap::new();
        for key in keys {
            moments.entry(key.2).or_default().push(key);
        }
        let generation = self.store.read_model.live();
        let mut loaded = HashMap::new();
        for (moment, keys) in moments {
            let rows = generation.reads().query_all(&at(moment, &keys)).await?;
            for row in &rows {
                let row = Model::from_query_result(row, "")?;
                // Whose it was then decides who sees it, not whose the rows before it were.
                if self.viewer.scope().sees(row.org_id.as_deref()) {
                    let key = StateAt(row.subject_kind, row.subject_id.clone(), moment);
                    loaded.insert(key, row);
                }
            }
        }
        Ok(loaded)
    }
}

/// The last states of these subjects up to a moment. An event that does not say when it happened stands before all others.
fn at(moment: i64, keys: &[&StateAt]) -> SelectStatement {
    let mut latest_first = WindowStatement::new();
    latest_first.add_partition_by(Column::SubjectKind.into_simple_expr());
    latest_first.add_partition_by(Column::SubjectId.into_simple_expr());
    latest_first.order_by_expr(Column::Stamp.into_simple_expr(), Order::Desc);
    // The scope is applied to what is found: a state that the reader may not see must not let an older one through.
    let mut numbered = Entity::visible_to(&Scope::Everything)
        .filter(Column::SubjectKind.is_in(keys.iter().map(|key| key.0)))
        .filter(Column::SubjectId.is_in(keys.iter().map(|key| key.1.as_str())))
        .filter(
            Column::OccurredAt
                .lte(moment)
                .or(Column::OccurredAt.is_null()),
        )
        .into_query();
    numbered.expr_window_as(Func::cust("ROW_NUMBER"), latest_first, "nth");
    Query::select()
        .column(Asterisk)
        .from_subquery(numbered, "numbered")
        .and_where(Expr::col("nth").eq(1))
        .to_owned()
}

/// The attributes of a state.
pub fn attributes<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| Error::internal(&error))
}

/// The user as they were then.
pub fn user_then(state: Model) -> Result<user::Model> {
    let then: payload::User = attributes(&state.attributes)?;
    Ok(user::Model {
        deleted_at: deleted_at(&state),
        id: state.subject_id,
        org_id: then.org_id,
        name: then.name,
        name_key: String::new(),
        email: then.email,
        email_key: None,
        image: then.image,
        role: then.role,
        status: then.status,
        customer_id: then.customer_id,
        manager_id: then.manager_id,
        team_id: then.team_id,
        streak: then.streak,
        longest_streak: then.longest_streak,
        created_at: then.created_at.map(Instant::micros),
        ordered_at: 0,
        is_deleted: state.is_deleted,
        is_example: state.is_example,
        attributes_stamp: Some(state.stamp),
        life_instant: None,
        deletion_instant: state.deletion_instant,
        last_position: Some(state.position),
    })
}

/// The org as it was then.
pub fn org_then(state: Model) -> Result<org::Model> {
    let then: payload::Org = attributes(&state.attributes)?;
    Ok(org::Model {
        deleted_at: deleted_at(&state),
        id: state.subject_id,
        name: then.name,
        name_key: String::new(),
        image: then.image,
        status: then.status,
        created_at: then.created_at.map(Instant::micros),
        ordered_at: 0,
        is_deleted: state.is_deleted,
        is_example: state.is_example,
        attributes_stamp: Some(state.stamp),
        life_instant: None,
        deletion_instant: state.deletion_instant,
        last_position: Some(state.position),
    })
}

fn deleted_at(state: &Model) -> Option<i64> {
    let instant = state.deletion_instant.as_deref()?;
    Instant::from_sortable(instant).map(Instant::micros)
}
