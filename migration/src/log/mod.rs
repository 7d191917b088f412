//! The migrations of the log, in order. A migration that has been released is never edited: the next change is a new file.

mod m0001_events;

use sea_orm_migration::prelude::*;

/// Brings a log's database to the present schema.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_events::Migration)]
    }

    fn migration_table_name() -> DynIden {
        "log_migrations".into_iden()
    }
}
