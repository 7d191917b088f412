//! Where a round's data is: a folder, or a database of a PostgreSQL cluster that keeps its data as it is installed to.

use anyhow::Context;
use tempfile::TempDir;
use tests::postgres::Cluster;

use crate::database::Database;

/// A server of the database, if it needs one.
pub struct Host(Option<Cluster>);

impl Host {
    /// Starts it.
    pub fn start(database: Database) -> Self {
        // Room for the log's writes between two checkpoints; otherwise as installed, `fsync` included.
        let start = || Cluster::start("-c shared_buffers=512MB -c max_wal_size=4GB");
        Self((database == Database::Postgres).then(start))
    }

    /// A fresh place, for one side of one round.
    pub fn place(&self) -> anyhow::Result<Place> {
        Ok(match &self.0 {
            None => Place::Sqlite(TempDir::with_prefix("hookgraph-bench-").context("a folder")?),
            Some(cluster) => Place::Postgres(cluster.create_database()),
        })
    }
}

/// Where one side keeps its data.
pub enum Place {
    /// In this folder.
    Sqlite(TempDir),
    /// In the database at this address.
    Postgres(String),
}

impl Place {
    /// The address of a database here; on SQLite of a file of this name.
    pub fn url(&self, file: &str) -> String {
        match self {
            Self::Sqlite(folder) => {
                format!("sqlite://{}?mode=rwc", folder.path().join(file).display())
            }
            Self::Postgres(url) => url.clone(),
        }
    }
}
