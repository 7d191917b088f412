//! A primary and a streaming replica of it, whose replay can be held back.
//!
//! Invariant: from the end of [`Pair::pause`] to the beginning of [`Pair::resume`] the standby answers the same.

use sea_orm::{ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, Statement};

use crate::postgres::Cluster;
use crate::until;

/// A primary and its hot standby.
#[derive(Debug)]
pub struct Pair {
    /// Takes what is written.
    pub primary: Cluster,
    /// Answers what is read.
    pub standby: Cluster,
    url: String,
}

impl Pair {
    /// Starts both, with one empty database.
    pub fn start() -> Self {
        let primary = Cluster::start("-c fsync=off -c wal_level=replica -c max_wal_senders=4");
        let url = primary.create_database();
        // A standby that has lost its primary looks for it again soon, so that no test waits for that.
        let standby = Cluster::standby_of(
            &primary,
            "-c fsync=off -c hot_standby=on -c wal_retrieve_retry_interval=100ms",
        );
        Self {
            primary,
            standby,
            url,
        }
    }

    /// The address of the database on the primary.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The address of the same database on the standby.
    pub fn read_url(&self) -> String {
        self.standby.url_here(&self.url)
    }

    /// Holds back what the standby receives from now on.
    pub async fn pause(&self) {
        let db = self.standby().await;
        ask(&db, "SELECT pg_wal_replay_pause()::text").await;
        // What is being replayed is finished first.
        until("the replay is paused", async || {
            let state = ask(&db, "SELECT pg_get_wal_replay_pause_state()").await;
            (state == "paused").then_some(())
        })
        .await;
    }

    /// Lets the standby go on.
    pub async fn resume(&self) {
        let db = self.standby().await;
        ask(&db, "SELECT pg_wal_replay_resume()::text").await;
    }

    /// A new connection: the standby may have been stopped since the last one.
    async fn standby(&self) -> DatabaseConnection {
        let db = Database::connect(self.read_url()).await;
        db.expect("the standby takes connections")
    }
}

/// The only value that `query` finds, a text.
async fn ask(db: &DatabaseConnection, query: &str) -> String {
    let query = Statement::from_string(DatabaseBackend::Postgres, format!("{query} AS value"));
    let row = db.query_one_raw(query).await.expect("an answer");
    row.expect("a row").try_get("", "value").expect("a text")
}
