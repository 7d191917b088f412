//! What tells this log from every other, so that a cursor of another database is recognised.

use sea_orm::entity::prelude::*;

/// A row of `log_identity`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "log_identity")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Eight random lower-case hexadecimal digits, drawn when the log was created.
    pub identity: String,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
