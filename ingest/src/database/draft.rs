//! Making a generation's database, so that it appears whole or not at all: whoever sees it sees its tables.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};

use super::{Location, begin_write, postgres, sqlite};

/// A generation's database that nobody else sees yet.
pub(crate) struct Draft {
    db: DatabaseConnection,
    txn: DatabaseTransaction,
    /// On SQLite: the file, and what it is to be called.
    file: Option<(PathBuf, PathBuf)>,
}

impl Draft {
    /// Begins to make generation `number`. On PostgreSQL no other process makes one meanwhile; if one has, the tables are there.
    pub(crate) async fn begin(location: &Location, number: i64) -> Result<Self, DbErr> {
        match location {
            Location::Sqlite(folder) => {
                let file = sqlite::generation_file(folder, number);
                let draft = sqlite::draft_file(&file);
                sqlite::remove_files(&draft);
                let db = sqlite::open(&draft, sqlite::Durability::Rebuildable, true).await?;
                let txn = begin_write(&db).await?;
                Ok(Self {
                    db,
                    txn,
                    file: Some((draft, file)),
                })
            }
            Location::Postgres(_) => {
                let db = location.open_generation(number).await?;
                let txn = begin_write(&db).await?;
                postgres::create_generation(&txn, number).await?;
                Ok(Self {
                    db,
                    txn,
                    file: None,
                })
            }
        }
    }

    /// The transaction in which its tables are made.
    pub(crate) fn txn(&self) -> &DatabaseTransaction {
        &self.txn
    }

    /// Lets it be seen, unless another process has made one by that number first.
    pub(crate) async fn finish(self) -> Result<(), DbErr> {
        self.txn.commit().await?;
        // On SQLite the last one that closes a file writes its journal back and removes it.
        self.db.close().await?;
        let Some((draft, file)) = self.file else {
            return Ok(());
        };
        let shown = show(&draft, &file);
        sqlite::remove_files(&draft);
        shown.map_err(|error| {
            DbErr::Custom(format!("a file for the read model cannot be made: {error}"))
        })
    }
}

/// Gives the file its name, unless there is one by that name.
fn show(draft: &Path, file: &Path) -> io::Result<()> {
    // Unlike a rename, a link replaces nothing.
    match fs::hard_link(draft, file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Not every file system has links.
        Err(_) if !file.exists() => fs::rename(draft, file),
        linked => linked,
    }
}
