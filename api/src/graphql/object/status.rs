//! How the installation is.

use async_graphql::{Context, Object};

use crate::graphql::error::Result;
use crate::graphql::scalar::{Cursor, Position, Time};
use crate::graphql::session::Session;
use crate::graphql::subscription::cursor;

/// The state of the server when it was asked.
pub struct Status {
    head: i64,
    projected: i64,
    generation: i64,
}

impl Status {
    /// Asks the stores.
    pub async fn now(ctx: &Context<'_>) -> Result<Self> {
        let store = &Session::of(ctx).reader.store;
        let generation = store.read_model.live();
        let projected = generation.position().await?;
        Ok(Self {
            head: store.log.head().await?,
            projected,
            generation: generation.number(),
        })
    }
}

/// How the installation is: how many events it has, and how far queries are behind them.
#[Object]
impl Status {
    /// The server's version.
    async fn version(&self, ctx: &Context<'_>) -> &'static str {
        Session::of(ctx).reader.store.version
    }

    /// The position of the newest event: how many have been received. 0 before the first.
    async fn head(&self) -> Position {
        Position(self.head)
    }

    /// Every event up to this position is in the answers to queries.
    async fn projected(&self) -> Position {
        Position(self.projected)
    }

    /// How many events are stored and not yet in the answers.
    async fn lag(&self) -> Position {
        Position((self.head - self.projected).max(0))
    }

    /// Which generation of the read model answers. It counts up when the server has built a new one from the log.
    async fn generation(&self) -> Position {
        Position(self.generation)
    }

    /// Where the feed stands: a subscription `after` this cursor brings what the answers of this moment did not have.
    async fn cursor(&self, ctx: &Context<'_>) -> Cursor {
        cursor(&Session::of(ctx).reader.store, self.projected)
    }

    /// When the newest event was received.
    async fn last_received_at(&self, ctx: &Context<'_>) -> Result<Option<Time>> {
        let received_at = Session::of(ctx).reader.store.log.last_received_at().await?;
        Ok(received_at.and_then(Time::of_micros))
    }
}
