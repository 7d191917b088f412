//! How far this generation is, and what it was built by. One row.

use sea_orm::entity::prelude::*;

/// A row of `checkpoint`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "checkpoint")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Every event up to this position is in this generation; 0 at first.
    pub position: i64,
    /// This generation's number.
    pub generation: i64,
    /// Version of the tables.
    pub tables: i32,
    /// Version of the projection's rules.
    pub rules: i32,
    /// Whether this generation has caught up once, so that it may serve.
    pub ready: bool,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
