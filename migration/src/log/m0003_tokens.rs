//! The tokens that read: who may see what, until when; and the log's key, which seals what clients bring back.
//!
//! Beside the events, not of them. Of a token's secret only the hash is kept.

use sea_orm_migration::prelude::*;

use crate::dialect::render;

/// `orgs` and `hidden` are JSON arrays; no orgs at all, as against none of them, means every org.
const TABLE: &str = "
CREATE TABLE tokens (
    id           {ID} NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    hash         {BYTES} NOT NULL,
    orgs         TEXT,
    hidden       TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT,
    uses         BIGINT NOT NULL
);
ALTER TABLE log_identity ADD COLUMN key {BYTES};
";

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_tokens"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing: not sea-orm's default on SQLite.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = render(TABLE, manager.get_database_backend());
        manager.get_connection().execute_unprepared(&table).await?;
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "the log only moves forward: it is never migrated down".to_owned(),
        ))
    }
}
