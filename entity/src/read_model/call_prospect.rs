//! A prospect of a call, with the persona as it was sent with that call.

use sea_orm::entity::prelude::*;

/// A row of `call_prospects`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "call_prospects")]
pub struct Model {
    /// The call.
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    /// Place in the call's list, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub ordinal: i32,
    /// The org of the call; empty where it names none.
    pub org_id: String,
    /// The prospect, where it has an id.
    pub prospect_id: Option<String>,
    /// Difficulty then.
    pub difficulty: Option<String>,
    /// Industry then.
    pub industry: Option<String>,
    /// Job title then.
    pub job_title: Option<String>,
    /// The call's `ordered_at`.
    pub call_ordered_at: i64,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
