//! A token that reads.

use sea_orm::entity::prelude::*;

/// A row of `tokens`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tokens")]
pub struct Model {
    /// The part of the token that is no secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// SHA-256 of its secret.
    pub hash: Vec<u8>,
    /// The ids of the orgs that it sees, a JSON array of texts; null: every org, and what belongs to none.
    pub orgs: Option<String>,
    /// What it does not see of them, a JSON array of texts.
    pub hidden: String,
    /// When it was made, in microseconds.
    pub created_at: i64,
    /// From when on it is no longer valid.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// When it was used last, up to a few seconds ago.
    pub last_used_at: Option<i64>,
    /// How many requests and sockets it has opened.
    pub uses: i64,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
