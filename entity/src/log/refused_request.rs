//! A request that the webhook refused.

use sea_orm::entity::prelude::*;

/// A row of `refused_requests`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "refused_requests")]
pub struct Model {
    /// Rises with every row and is never given twice. Processes that refuse at the same time write down a little later, each
    /// for itself: between them it is the order of writing.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// When it was refused, in microseconds.
    pub received_at: i64,
    /// What stood behind `/webhooks/` in its path.
    pub source: String,
    /// The status that it was answered.
    pub status: i32,
    /// Why.
    pub reason: Reason,
    /// The reason in words, with what is particular to this request.
    pub detail: String,
    /// Svix's message id, if it had one.
    pub message_id: Option<String>,
    /// Length of its body in bytes, if that was read.
    pub size: Option<i64>,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Reason {
    /// Its path names no source.
    UnknownSource,
    /// Its body is over the limit.
    BodyTooLarge,
    /// Its body did not arrive in time.
    BodyTooSlow,
    /// Its body ended early.
    BodyCutOff,
    /// A signature header is missing or malformed.
    Header,
    /// Its message id is over the limit.
    MessageIdTooLong,
    /// Its body is not UTF-8.
    #[sea_orm(string_value = "NOT_UTF8")]
    NotUtf8,
    /// No secret gives its signature.
    NoSecretMatches,
    /// Its timestamp is long ago or long ahead; whether a secret matches was not looked at.
    OutsideTolerance,
    /// It could not be stored in that moment.
    Unavailable,
}
