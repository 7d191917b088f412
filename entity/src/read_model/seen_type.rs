//! How often events of a type have arrived, and what of the catalogue none of them had.

use sea_orm::entity::prelude::*;

/// A row of `seen_types`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "seen_types")]
pub struct Model {
    /// The type, as understood.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_type: String,
    /// How many, the catalogue's examples left out.
    pub events: i64,
    /// The first one's position.
    pub first_position: i64,
    /// The last one's position.
    pub last_position: i64,
    /// The catalogue's paths that none of them had: a JSON list, sorted.
    pub missing: String,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
