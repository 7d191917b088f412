//! The tables of one generation of the read model.
//!
//! Nothing here is migrated. When a table changes, [`TABLES`] is raised; when a rule of the projection changes,
//! `ingest::projection::RULES` is. Either way the server builds the next generation from the log beside the live one.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseBackend, DbErr};

use crate::dialect::render;

/// The version of these tables. Raise it with every change to these files: generations with other tables are not read.
pub const TABLES: i32 = 5;

/// Creates the tables of an empty generation. Does nothing where they exist already, so an interrupted start can go on.
pub async fn create(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let search = match backend {
        DatabaseBackend::Postgres => include_str!("search.postgres.sql"),
        _ => include_str!("search.sqlite.sql"),
    };
    for file in [
        include_str!("tables.sql"),
        include_str!("history.sql"),
        search,
    ] {
        db.execute_unprepared(&render(file, backend)).await?;
    }
    Ok(())
}
