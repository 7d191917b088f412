//! Bells between processes, by LISTEN and NOTIFY of PostgreSQL.
//!
//! A notification is empty and comes after the batch's own transaction: NOTIFY takes a lock of the whole database at
//! commit, which must not be held while a group of webhooks waits for the disk. Several rings become one notification. When
//! notifications do not arrive (a pooler in transaction mode swallows LISTEN), everyone's poll remains.

use std::time::Duration;

use sea_orm::sqlx::postgres::PgListener;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tokio_util::sync::CancellationToken;

use super::{Feed, POLL};
use crate::database::Location;

const CHANNEL: &str = "hookgraph";

/// No more than one notification in this time.
const COALESCE: Duration = Duration::from_millis(2);

/// Passes on the bells of this process to the others, and theirs to it.
#[derive(Debug)]
pub struct Notifier {
    db: DatabaseConnection,
    feed: Feed,
}

impl Notifier {
    /// A notifier for the processes that share `location`; none where there can be only one.
    pub fn between(location: &Location, feed: Feed) -> Option<Self> {
        let db = location.shared()?.clone();
        Some(Self { db, feed })
    }

    /// Runs until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.listen() => {}
            () = self.notify() => {}
        }
    }

    async fn notify(&self) {
        loop {
            self.feed.outward.notified().await;
            // A failure is a ring that is missed.
            if let Err(error) = self
                .db
                .execute_unprepared(&format!("NOTIFY {CHANNEL}"))
                .await
            {
                tracing::debug!(%error, "a notification was not sent");
            }
            tokio::time::sleep(COALESCE).await;
        }
    }

    async fn listen(&self) {
        loop {
            let pool = self.db.get_postgres_connection_pool();
            if let Ok(mut listener) = PgListener::connect_with(pool).await
                && listener.listen(CHANNEL).await.is_ok()
            {
                // What rang before is found by looking.
                self.feed.heard();
                // Our own come back too, and find nothing new.
                while listener.recv().await.is_ok() {
                    self.feed.heard();
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }
}
