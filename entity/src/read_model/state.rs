//! A user or an org as it was after an event, and as it was before it. A view over `versions`: only ever read.

use sea_orm::entity::prelude::*;

pub use super::version::Kind;

/// A row of `states`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "states")]
pub struct Model {
    /// What is described.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_kind: Kind,
    /// Whom it is about.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: String,
    /// The event's place in the order of time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stamp: String,
    /// When the event happened, if it says.
    pub occurred_at: Option<i64>,
    /// Where the event was first seen.
    pub position: i64,
    /// Its type, as understood.
    pub event_type: String,
    /// The subject after it, as JSON under the payload's names.
    pub attributes: String,
    /// The org that the subject belonged to then; of an org its own id.
    pub org_id: Option<String>,
    /// Whether this event and all before it are examples of the catalogue.
    pub is_example: bool,
    /// The subject before it; `None` if nothing was known.
    pub attributes_before: Option<String>,
    /// The org that the subject belonged to before.
    pub org_id_before: Option<String>,
    /// Whether the subject was deleted after it.
    pub is_deleted: bool,
    /// If so, the register of the deletion.
    pub deletion_instant: Option<String>,
    /// Whether the event changed anything.
    pub is_change: bool,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
