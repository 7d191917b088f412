//! A field that the catalogue does not have, or a value of one of its roles, statuses and analysis types.

use sea_orm::entity::prelude::*;

/// A row of `seen_fields`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "seen_fields")]
pub struct Model {
    /// The type of the events.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_type: String,
    /// The field's path in the body.
    #[sea_orm(primary_key, auto_increment = false)]
    pub path: String,
    /// The value; empty for a field that the catalogue does not have.
    #[sea_orm(primary_key, auto_increment = false)]
    pub value: String,
    /// How many events have it, the catalogue's examples left out.
    pub events: i64,
    /// The first one's position.
    pub first_position: i64,
    /// The last one's position.
    pub last_position: i64,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
