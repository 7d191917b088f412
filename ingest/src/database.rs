//! How a SQLite file is opened as one of the two stores.

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

/// A statement that takes longer is logged.
const SLOW: Duration = Duration::from_secs(2);

/// What a commit is worth when the machine loses power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// A commit is on the disk when it returns: for the log, whose acknowledgements are promises.
    Full,
    /// The last commits may be lost, together with the checkpoint that covers them: for the read model, which then does
    /// them again.
    Rebuildable,
}

/// Opens the SQLite file at `path`, creating it if asked.
pub(crate) async fn open(path: &Path, durability: Durability) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new("sqlite://");
    let file = path.to_owned();
    options
        .max_connections(8)
        // No lower bound: sqlx would open a second connection beside the first one, and both turn a new file to WAL at
        // once, which SQLite refuses without waiting.
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        // The texts of statements, never their values.
        .sqlx_logging(true)
        .sqlx_logging_level(log::LevelFilter::Trace)
        .sqlx_slow_statements_logging_settings(log::LevelFilter::Warn, SLOW)
        .map_sqlx_sqlite_opts(move |options| {
            options
                .filename(&file)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(match durability {
                    Durability::Full => SqliteSynchronous::Full,
                    Durability::Rebuildable => SqliteSynchronous::Normal,
                })
                .busy_timeout(Duration::from_secs(5))
                .foreign_keys(false)
        });
    Database::connect(options).await
}

/// Begins a transaction that writes. On SQLite it takes the writer's lock at once: one that begins as a reader and becomes
/// a writer fails when another wrote in between, however long it would wait.
pub(crate) async fn begin_write(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    db.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    })
    .await
}
