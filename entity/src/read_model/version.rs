//! What an event said of a user or an org. One row for each event that described or ended one.

use sea_orm::entity::prelude::*;

/// A row of `versions`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "versions")]
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
    /// When it happened, as a text in the order of time; empty when it does not say.
    pub instant: String,
    /// When it happened, in microseconds.
    pub occurred_at: Option<i64>,
    /// Where the event was first seen.
    pub position: i64,
    /// Its type, as understood.
    pub event_type: String,
    /// What it says of the subject's life; `None` for a call, which observes its user.
    pub life: Option<Life>,
    /// The subject as JSON, under the payload's names.
    pub attributes: String,
    /// The org that the subject belonged to; of an org its own id.
    pub org_id: Option<String>,
    /// Whether the event is an example of the catalogue.
    pub is_example: bool,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What has a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum Kind {
    /// A user.
    User,
    /// An org.
    Org,
}

/// What an event says of the life of its user or org.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum Life {
    /// It was created or updated.
    Alive,
    /// It was deleted.
    Deleted,
}
