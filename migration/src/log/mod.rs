//! The migrations of the log, in order. A migration that has been released is never edited: the next change is a new file.

mod m0001_events;
mod m0002_refused_requests;
mod m0003_tokens;

use std::collections::HashSet;

use sea_orm_migration::prelude::*;

/// Brings a log's database to the present schema.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_events::Migration),
            Box::new(m0002_refused_requests::Migration),
            Box::new(m0003_tokens::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "log_migrations".into_iden()
    }
}

/// Migrates the log in `db`.
///
/// # Errors
/// The database says no, or the log was migrated by a newer version of this program, which may keep in it what this one would
/// not keep.
pub async fn migrate<C>(db: &C) -> Result<(), DbErr>
where
    C: ConnectionTrait,
    for<'c> &'c C: IntoSchemaManagerConnection<'c>,
{
    let known: HashSet<String> = Migrator::migrations()
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect();
    let applied = Migrator::get_migration_models(db).await?;
    if applied
        .iter()
        .any(|applied| !known.contains(&applied.version))
    {
        return Err(DbErr::Migration(
            "this log was made by a newer version of Hookgraph: run that version, or a newer one"
                .to_owned(),
        ));
    }
    Migrator::up(db, None).await
}
