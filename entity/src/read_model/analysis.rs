//! An analysis of a call.

use sea_orm::entity::prelude::*;

/// A row of `analyses`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "analyses")]
pub struct Model {
    /// The call.
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    /// Place in the call's list, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub ordinal: i32,
    /// Type, as sent.
    pub analysis_type: Option<String>,
    /// Score, in the unit that SalesMagic sends.
    pub score: Option<f64>,
    /// Summary.
    pub summary: Option<String>,
    /// The call's `ordered_at`.
    pub call_ordered_at: i64,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
