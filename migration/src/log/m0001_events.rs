//! The log's first form: the events as they arrived, append-only, and the log's identity.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

use crate::dialect::render;

/// Times are microseconds since 1970-01-01T00:00:00Z: exact, and the same on both databases.
const TABLES: &str = "
CREATE TABLE events (
    position    {POSITION},
    source      {ID} NOT NULL,
    message_id  {ID} NOT NULL,
    received_at BIGINT NOT NULL,
    type_hint   TEXT,
    headers     TEXT NOT NULL,
    secret_id   TEXT NOT NULL,
    body        {BYTES} NOT NULL,
    CHECK (position > 0)
);
CREATE UNIQUE INDEX events_message ON events (message_id, source);
CREATE TABLE log_identity (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    identity TEXT NOT NULL
);
";

/// SQLite's REPLACE deletes without firing a DELETE trigger, so a row that would replace another is refused before it is inserted.
const APPEND_ONLY_SQLITE: &str = "
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event cannot be changed'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event cannot be deleted'); END;
CREATE TRIGGER events_no_replace BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE position = NEW.position)
  OR EXISTS (SELECT 1 FROM events WHERE source = NEW.source AND message_id = NEW.message_id)
BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event cannot be replaced'); END;
";

const APPEND_ONLY_POSTGRES: &str = "
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the log is append-only: % is refused', TG_OP; END $$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
";

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_events"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing: not sea-orm's default on SQLite.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let append_only = match backend {
            DatabaseBackend::Postgres => APPEND_ONLY_POSTGRES,
            _ => APPEND_ONLY_SQLITE,
        };
        let db = manager.get_connection();
        db.execute_unprepared(&render(TABLES, backend)).await?;
        db.execute_unprepared(append_only).await?;
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "the log only moves forward: it is never migrated down".to_owned(),
        ))
    }
}
