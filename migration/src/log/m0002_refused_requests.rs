//! The requests that the webhook refused: the newest of each reason, for whoever is setting it up.
//!
//! Beside the events, not of them: rows come and go, and nothing of a body, a signature or a secret is in them.

use sea_orm_migration::prelude::*;

use crate::dialect::render;

/// Each reason keeps its newest rows: the index finds the oldest of one.
const TABLE: &str = "
CREATE TABLE refused_requests (
    id          {SERIAL},
    received_at BIGINT NOT NULL,
    source      TEXT NOT NULL,
    status      INTEGER NOT NULL,
    reason      {ID} NOT NULL,
    detail      TEXT NOT NULL,
    message_id  TEXT,
    size        BIGINT
);
CREATE INDEX refused_requests_reason ON refused_requests (reason, id);
";

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_refused_requests"
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
