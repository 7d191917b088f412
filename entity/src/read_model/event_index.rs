//! What was understood of each event. One row a position.

use sea_orm::entity::prelude::*;

/// A row of `event_index`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event_index")]
pub struct Model {
    /// Position in the log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    /// The envelope's id.
    pub event_id: Option<String>,
    /// The type as understood.
    pub event_type: Option<String>,
    /// The type as the envelope declares it, which may be a placeholder.
    pub declared_type: Option<String>,
    /// The org it belongs to.
    pub org_id: Option<String>,
    /// `call`, `user` or `org`.
    pub subject_kind: Option<String>,
    /// Id of the call, user or org it is about.
    pub subject_id: Option<String>,
    /// The envelope's timestamp.
    pub occurred_at: Option<i64>,
    /// SHA-256 of the body, in hexadecimal.
    pub body_hash: String,
    /// Length of the body in bytes.
    pub size: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it is dead, and where in the body.
    pub reason: Option<String>,
    /// Whether it is an example of the catalogue.
    pub is_example: bool,
    /// Position of the event that this one repeats under another message id.
    pub duplicate_of: Option<i64>,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What became of an event. An event without a row in the index is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Outcome {
    /// It is in the read model.
    Projected,
    /// This version does not know its type. It is kept, and a version that knows the type projects it.
    Unrecognized,
    /// Its type is known but its body does not fit, or it is not JSON.
    Dead,
}
