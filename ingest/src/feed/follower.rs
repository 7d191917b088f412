//! Keeps what is announced in step with what can be queried.

use std::sync::Arc;

use sea_orm::DbErr;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Feed, POLL};
use crate::generation::ReadModel;

/// Reads the checkpoint from the database that answers queries, be it a replica however far behind, and tells subscribers.
#[derive(Debug)]
pub struct Follower {
    read_model: Arc<ReadModel>,
    feed: Feed,
    switched: watch::Receiver<u64>,
    looked_for_newer: Option<Instant>,
}

impl Follower {
    /// A follower of `read_model` that tells the subscribers of `feed`.
    pub fn new(read_model: Arc<ReadModel>, feed: Feed) -> Self {
        Self {
            read_model,
            switched: feed.watch_switched(),
            feed,
            looked_for_newer: None,
        }
    }

    /// Runs until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut applied = self.feed.watch_applied();
        let mut healthy = true;
        while !shutdown.is_cancelled() {
            applied.mark_unchanged();
            match self.turn().await {
                Ok(()) => healthy = true,
                Err(error) => {
                    if healthy {
                        tracing::error!(%error, "the read model cannot be followed; it is tried again every second");
                    }
                    healthy = false;
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
                _ = applied.changed(), if healthy => {}
            }
        }
    }

    /// Looks once.
    pub async fn turn(&mut self) -> Result<(), DbErr> {
        let known = *self.feed.watch_projected().borrow();
        // A generation of this process is announced; one of another process is found by looking.
        let switched = self.switched.has_changed().unwrap_or(false);
        if switched || self.looked_for_newer.is_none_or(|at| at.elapsed() >= POLL) {
            self.switched.mark_unchanged();
            self.read_model.refresh(known).await?;
            self.looked_for_newer = Some(Instant::now());
        }
        self.feed
            .projected(self.read_model.live().position().await?);
        Ok(())
    }
}
