//! Where the two stores are, and how their databases are opened.
//!
//! On SQLite each is a file of its own, on PostgreSQL a schema of its own in one database. To the rest of the code they are
//! separate databases either way: a handle sees one store and no other.

mod draft;
mod postgres;
mod reads;
mod sqlite;

use std::path::PathBuf;

use migration::log::migrate;
use sea_orm::{
    DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

pub(crate) use draft::Draft;
pub use postgres::Postgres;
pub use reads::Reads;

/// Where the stores are.
#[derive(Clone, Debug)]
pub enum Location {
    /// In the SQLite files of this folder.
    Sqlite(PathBuf),
    /// In the schemas of a PostgreSQL database.
    Postgres(Box<Postgres>),
}

/// A statement that takes longer is logged: its text, never its values.
const SLOW: std::time::Duration = std::time::Duration::from_secs(2);

impl Location {
    /// The PostgreSQL database at `url`, `postgres://…`.
    pub async fn postgres(url: &str) -> Result<Self, DbErr> {
        Ok(Self::Postgres(Box::new(Postgres::connect(url).await?)))
    }

    /// The same, where the database gives up a statement that takes longer: nobody waits for it any more, and it would go on all the
    /// same. On SQLite nothing is changed.
    #[must_use]
    pub fn with_statements_within(self, limit: std::time::Duration) -> Self {
        match self {
            Self::Postgres(postgres) => {
                Self::Postgres(Box::new(postgres.with_statements_within(limit)))
            }
            sqlite @ Self::Sqlite(_) => sqlite,
        }
    }

    /// The database that other processes may have open at the same time, for what belongs to no store.
    pub(crate) fn shared(&self) -> Option<&DatabaseConnection> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(postgres) => Some(postgres.catalog()),
        }
    }

    /// Opens the log as it is: for reading, where this process may not write.
    pub(crate) async fn open_log_for_reading(&self) -> Result<DatabaseConnection, DbErr> {
        match self {
            Self::Sqlite(folder) => {
                let file = sqlite::log_file(folder);
                sqlite::open(&file, sqlite::Durability::Full, false).await
            }
            Self::Postgres(postgres) => postgres.open_log_for_reading().await,
        }
    }

    /// Opens the log, and brings it to the present schema.
    pub(crate) async fn open_log(&self) -> Result<DatabaseConnection, DbErr> {
        match self {
            Self::Sqlite(folder) => {
                let file = sqlite::log_file(folder);
                let db = sqlite::open(&file, sqlite::Durability::Full, true).await?;
                migrate(&db).await?;
                Ok(db)
            }
            Self::Postgres(postgres) => postgres.open_log().await,
        }
    }

    /// Opens the database of a generation of the read model.
    pub(crate) async fn open_generation(&self, number: i64) -> Result<DatabaseConnection, DbErr> {
        match self {
            Self::Sqlite(folder) => {
                let file = sqlite::generation_file(folder, number);
                if !file.exists() {
                    return Err(DbErr::RecordNotFound(format!("generation {number}")));
                }
                sqlite::open(&file, sqlite::Durability::Rebuildable, false).await
            }
            Self::Postgres(postgres) => postgres.open_generation(number).await,
        }
    }

    /// The numbers of the generations that exist, rising.
    pub(crate) async fn generations(&self) -> Result<Vec<i64>, DbErr> {
        match self {
            Self::Sqlite(folder) => Ok(sqlite::generations(folder)),
            Self::Postgres(postgres) => postgres.generations().await,
        }
    }

    /// Removes what was left of making a generation. Nobody else may be making one.
    pub(crate) fn remove_drafts(&self) {
        if let Self::Sqlite(folder) = self {
            sqlite::remove_drafts(folder);
        }
    }

    /// Removes a generation. It can be built again from the log.
    pub(crate) async fn remove_generation(&self, number: i64) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(folder) => {
                sqlite::remove_files(&sqlite::generation_file(folder, number));
                Ok(())
            }
            Self::Postgres(postgres) => postgres.remove_generation(number).await,
        }
    }
}

/// Begins a transaction that writes.
///
/// On SQLite it takes the writer's lock at once: one that begins as a reader and becomes a writer fails when another wrote in
/// between, however long it would wait. On PostgreSQL it is READ COMMITTED, whatever the database's default: each statement
/// must see what was committed before it began.
pub(crate) async fn begin_write(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    db.begin_with_options(TransactionOptions {
        isolation_level: (db.get_database_backend() == DatabaseBackend::Postgres)
            .then_some(sea_orm::IsolationLevel::ReadCommitted),
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    })
    .await
}
