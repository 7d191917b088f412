//! An event as it arrived.

use sea_orm::entity::prelude::*;

/// A row of `events`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    /// Place in the log: from 1, without gaps, in commit order.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    /// Which endpoint received it: the last segment of the webhook's path.
    pub source: String,
    /// Svix's message id. With `source` it decides idempotency, for ever.
    pub message_id: String,
    /// When the request was verified, in microseconds.
    pub received_at: i64,
    /// The `type` parameter of the webhook's URL.
    pub type_hint: Option<String>,
    /// The three signature headers as a JSON object.
    pub headers: String,
    /// Which secret the signature matched: a fingerprint, never the secret.
    pub secret_id: String,
    /// The exact bytes of the request's body, which are UTF-8.
    pub body: Vec<u8>,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
