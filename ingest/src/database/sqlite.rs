//! SQLite: a file a store, in the data folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::Connection;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};

use super::SLOW;

/// What a commit is worth when the machine loses power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// A commit is on the disk when it returns: for the log, whose acknowledgements are promises.
    Full,
    /// The last commits may be lost, together with the checkpoint that covers them: for the read model, which then does
    /// them again.
    Rebuildable,
}

impl Durability {
    /// How many pages of 4 KiB the journal may have before they are put into the file. A batch of the projection changes some
    /// thousands, many of them the same as the batch before, so a longer journal spares writing; but what is put away at once keeps the disk
    /// from the log's commits meanwhile.
    fn journal_pages(self) -> u32 {
        match self {
            Self::Full => 1_000,
            Self::Rebuildable => 4_000,
        }
    }
}

/// Opens the file at `path`; an empty one, if `create` and there is none. Without `create`, no later connection makes one either,
/// when the file has been removed meanwhile.
pub(super) async fn open(
    path: &Path,
    durability: Durability,
    create: bool,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new("sqlite://");
    let file = path.to_owned();
    options
        .max_connections(8)
        // No lower bound: sqlx would open a second connection beside the first one, and both turn a new file to WAL at
        // once, which SQLite refuses without waiting.
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        // There is no server that could have gone away.
        .test_before_acquire(false)
        .sqlx_logging(true)
        .sqlx_logging_level(log::LevelFilter::Trace)
        .sqlx_slow_statements_logging_settings(log::LevelFilter::Warn, SLOW)
        .map_sqlx_sqlite_pool_opts(|options| {
            options
                .acquire_slow_level(log::LevelFilter::Debug)
                // On a full disk SQLite itself ends a transaction; sqlx then counts it as open for good, and begins savepoints in
                // place of transactions. Another connection is opened instead.
                .before_acquire(|connection, _| {
                    Box::pin(async { Ok(!connection.is_in_transaction()) })
                })
        })
        .map_sqlx_sqlite_opts(move |options| {
            let options = match durability {
                // Bodies are large, and read in order: what waits for its reader is memory, and who reads few reads too many.
                Durability::Full => options,
                Durability::Rebuildable => options
                    // All rows of most answers: the thread of the connection need not wait for whoever takes them.
                    .row_buffer_size(512)
                    // In KiB: rows by their keys lie all over the file, and what is not here costs a call to the kernel each.
                    .pragma("cache_size", "-8192"),
            };
            options
                .filename(&file)
                .create_if_missing(create)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(match durability {
                    Durability::Full => SqliteSynchronous::Full,
                    Durability::Rebuildable => SqliteSynchronous::Normal,
                })
                .busy_timeout(match durability {
                    Durability::Full => Duration::from_secs(5),
                    // Who finds it being written leaves it to the other, which may be stopped in the middle.
                    Durability::Rebuildable => Duration::from_millis(250),
                })
                .foreign_keys(false)
                .pragma("wal_autocheckpoint", durability.journal_pages().to_string())
        });
    Database::connect(options).await
}

/// The file of the log.
pub(super) fn log_file(folder: &Path) -> PathBuf {
    folder.join("log.db")
}

/// The file of a generation.
pub(super) fn generation_file(folder: &Path, number: i64) -> PathBuf {
    folder.join(format!("read-{number}.db"))
}

/// What a generation's file is called while this process makes it.
pub(super) fn draft_file(file: &Path) -> PathBuf {
    file.with_added_extension(format!("{}.new", std::process::id()))
}

/// The numbers of the generations in `folder`, rising.
pub(super) fn generations(folder: &Path) -> Vec<i64> {
    let mut numbers: Vec<i64> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix("read-")?.strip_suffix(".db")?;
            number.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

/// Removes what processes have left behind that died while they made a generation.
pub(super) fn remove_drafts(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let is_draft = path.extension().is_some_and(|extension| extension == "new");
        if is_draft && name.to_string_lossy().starts_with("read-") {
            remove_files(&path);
        }
    }
}

/// Removes a database's files. One that cannot be removed now is met again at the next start.
pub(super) fn remove_files(file: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        let _ = fs::remove_file(PathBuf::from(name));
    }
}
