//! What tells this log from every other, so that a cursor of another database is recognised, and its key.

use sea_orm::entity::prelude::*;

/// A row of `log_identity`.
#[derive(Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "log_identity")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Eight random lower-case hexadecimal digits, drawn when the log was created.
    pub identity: String,
    /// 32 random bytes, drawn when the log was first opened by a version that has them: a secret.
    pub key: Option<Vec<u8>>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Model")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
