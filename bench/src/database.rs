//! Which database is measured.

use serde::{Deserialize, Serialize};

/// A database that Hookgraph runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
pub enum Database {
    /// SQLite files
    Sqlite,
    /// A PostgreSQL cluster of our own
    Postgres,
}

impl Database {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Postgres, Self::Sqlite];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// Its name as people write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}
