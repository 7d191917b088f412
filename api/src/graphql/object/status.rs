//! How the installation is.

use async_graphql::{Context, Object};
use ingest::generation;
use ingest::quiet::is_quiet;
use tokio::sync::OnceCell;

use crate::graphql::error::Result;
use crate::graphql::scalar::{Cursor, Position, Time};
use crate::graphql::session::Session;
use crate::graphql::subscription::cursor_at;

/// The state of the server when it was asked.
pub struct Status {
    /// Of the log that answers: the replica's, where there is one.
    received: i64,
    /// Of the primary, asked once and only by fields that need it, since it may be away.
    primary: OnceCell<Option<i64>>,
    projected: i64,
    generation: i64,
}

impl Status {
    /// Asks the stores.
    pub async fn now(ctx: &Context<'_>) -> Result<Self> {
        let reader = &Session::of(ctx).reader;
        let generation = reader.store.read_model.live();
        let projected = generation.position().await?;
        Ok(Self {
            // Also notes that this is of its moment only, whatever else is asked of it.
            received: reader.store.log.read(&reader.passing).head().await?,
            primary: OnceCell::new(),
            projected,
            generation: generation.number(),
        })
    }

    /// The primary's head, which is asked last and so is not behind the others.
    async fn primary_head(&self, ctx: &Context<'_>) -> Option<i64> {
        let reader = &Session::of(ctx).reader;
        let primary = || reader.store.primary_head(&reader.passing);
        *self.primary.get_or_init(primary).await
    }

    async fn newest(&self, ctx: &Context<'_>) -> i64 {
        let primary = self.primary_head(ctx).await;
        primary.map_or(self.received, |head| head.max(self.received))
    }
}

/// How the installation is: how many events it has, and how far queries are behind them.
#[Object]
impl Status {
    /// The server's version.
    async fn version(&self, ctx: &Context<'_>) -> &'static str {
        Session::of(ctx).reader.store.version
    }

    /// The position of the newest event: how many have been received. 0 before the first. Where a replica answers and its
    /// primary is away, the newest event that the replica has.
    async fn head(&self, ctx: &Context<'_>) -> Position {
        Position(self.newest(ctx).await)
    }

    /// Every event up to this position is in the answers to queries.
    async fn projected(&self) -> Position {
        Position(self.projected)
    }

    /// How many events are stored and not yet in the answers.
    async fn lag(&self, ctx: &Context<'_>) -> Position {
        Position((self.newest(ctx).await - self.projected).max(0))
    }

    /// How many events the replica that answers has not received yet: a part of `lag`. Null where none answers, and while its
    /// primary is away.
    async fn replication_lag(&self, ctx: &Context<'_>) -> Option<Position> {
        let primary = self.primary_head(ctx).await?;
        Some(Position((primary - self.received).max(0)))
    }

    /// Which generation of the read model answers. It counts up when the server has built a new one from the log.
    async fn generation(&self) -> Position {
        Position(self.generation)
    }

    /// The generation that will serve next, while one is being built from the log: after an upgrade that reads events in another
    /// way, or by `hookgraph rebuild`.
    async fn building(&self, ctx: &Context<'_>) -> Option<Building> {
        let store = &Session::of(ctx).reader.store;
        store.read_model.building(self.received).map(Building)
    }

    /// Where the feed stands: a subscription `after` this cursor brings what the answers of this moment did not have.
    async fn cursor(&self, ctx: &Context<'_>) -> Result<Cursor> {
        cursor_at(&Session::of(ctx).reader.store, self.projected).await
    }

    /// Whether no webhook has been received for long (`--quiet-after`, 72 hours unless it says otherwise): the endpoint may have
    /// been disabled, or its secret changed. False before the first one.
    async fn quiet(&self, ctx: &Context<'_>) -> Result<bool> {
        let reader = &Session::of(ctx).reader;
        let store = &reader.store;
        let last = store.log.read(&reader.passing).last_received_at().await?;
        let now = store.clock.read(&reader.passing)().timestamp_micros();
        Ok(is_quiet(last, now, store.quiet_after))
    }

    /// When the newest event was received.
    async fn last_received_at(&self, ctx: &Context<'_>) -> Result<Option<Time>> {
        let reader = &Session::of(ctx).reader;
        let log = reader.store.log.read(&reader.passing);
        let received_at = log.last_received_at().await?;
        Ok(received_at.and_then(Time::of_micros))
    }
}

/// How far a generation of the read model is that is being built.
pub struct Building(generation::Building);

/// A generation of the read model that is being built beside the one that answers.
#[Object]
impl Building {
    /// Which generation.
    async fn generation(&self) -> Position {
        Position(self.0.number)
    }

    /// Every event up to this position is in it.
    async fn projected(&self) -> Position {
        Position(self.0.position)
    }

    /// How many events it took in a second lately. Null before it was watched for a while.
    async fn events_per_second(&self) -> Option<f64> {
        self.0.per_second
    }

    /// How many seconds it will take to catch up with the log at this pace. Null while that is not known.
    async fn seconds_left(&self) -> Option<f64> {
        self.0.time_left.map(|left| left.as_secs_f64())
    }
}
