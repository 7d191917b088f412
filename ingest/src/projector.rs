//! The loop from the log to the read model: catching up after a stop, following live, and building a new generation are the
//! same steps.
//!
//! Each step is one transaction: the events' rows and the checkpoint that covers them. An event that cannot be applied
//! becomes a dead letter and holds up nothing; a database that is away is tried again until it is back.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};
use tokio_util::sync::CancellationToken;

use crate::feed::Feed;
use crate::generation::{self, Generation, ReadModel};
use crate::log::{Log, Position};
use crate::payload::{self, Content};
use crate::projection::{self, Event};

/// How much one transaction takes.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Events.
    pub events: u64,
    /// Bytes of bodies, passed by at most one event.
    pub bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            events: 256,
            bytes: 8 << 20,
        }
    }
}

/// How long an idle projector waits for a wake-up before it looks by itself.
const POLL: Duration = Duration::from_secs(1);

/// Why a step did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A database is away, or says no for a reason that no event is to blame for.
    #[error("{0}")]
    Database(#[from] DbErr),
    /// Another projector moved the checkpoint: read it again.
    #[error("another projector has moved the checkpoint")]
    Overtaken,
}

/// Keeps the read model up to the log.
#[derive(Debug)]
pub struct Projector {
    log: Log,
    read_model: Arc<ReadModel>,
    next: Option<Arc<Generation>>,
    feed: Feed,
    limits: BatchLimits,
}

impl Projector {
    /// A projector for `read_model`, which also builds `next` if there is one.
    pub fn new(
        log: Log,
        read_model: Arc<ReadModel>,
        next: Option<Arc<Generation>>,
        feed: Feed,
        limits: BatchLimits,
    ) -> Self {
        Self {
            log,
            read_model,
            next,
            feed,
            limits,
        }
    }

    /// Runs until `shutdown`; a step that has begun is finished.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut appended = self.feed.watch_appended();
        let mut healthy = true;
        while !shutdown.is_cancelled() {
            appended.mark_unchanged();
            let idle = match self.turn().await {
                Ok(moved) => {
                    if !healthy {
                        tracing::info!("the projector goes on");
                    }
                    healthy = true;
                    !moved
                }
                Err(StepError::Overtaken) => false,
                Err(StepError::Database(error)) => {
                    if healthy {
                        tracing::error!(%error, "the projector cannot go on; it tries again every second");
                    }
                    healthy = false;
                    true
                }
            };
            if idle {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = tokio::time::sleep(POLL) => {}
                    _ = appended.changed(), if healthy => {}
                }
            }
        }
    }

    /// One step of the live generation and one of the next one. True when either moved.
    pub async fn turn(&mut self) -> Result<bool, StepError> {
        let live = self.read_model.live();
        let live_at = self.step(&live).await?;
        self.feed.projected(live_at.to);
        let Some(next) = self.next.clone() else {
            return Ok(live_at.moved());
        };
        let next_at = self.step(&next).await?;
        if next_at.to >= live_at.to {
            self.read_model.switch_to(next).await?;
            self.next = None;
            self.feed.projected(next_at.to);
            return Ok(true);
        }
        Ok(live_at.moved() || next_at.moved())
    }

    /// Applies what stands behind the checkpoint of `generation`, as much as one transaction takes.
    async fn step(&self, generation: &Generation) -> Result<Step, StepError> {
        let from = generation.position().await?;
        let stored = self
            .log
            .read_after(from, self.limits.events, self.limits.bytes)
            .await?;
        let Some(last) = stored.last() else {
            return Ok(Step { from, to: from });
        };
        let to = last.position;
        // Hashing and parsing megabytes would keep a thread of the server from its sockets.
        let events = tokio::task::spawn_blocking(move || {
            stored
                .into_iter()
                .map(|event| Event {
                    position: event.position,
                    reading: payload::read(&event.body, event.type_hint.as_deref()),
                })
                .collect::<Vec<_>>()
        })
        .await
        .map_err(|_| DbErr::Custom("reading a batch was cut off".to_owned()))?;
        match apply(generation, from, &events).await {
            Err(StepError::Database(error)) if is_refusal(&error) => {
                one_by_one(generation, from, events).await?;
            }
            applied => applied?,
        }
        Ok(Step { from, to })
    }
}

/// From where to where a generation has moved.
#[derive(Clone, Copy, Debug)]
struct Step {
    from: Position,
    to: Position,
}

impl Step {
    fn moved(self) -> bool {
        self.to > self.from
    }
}

async fn apply(generation: &Generation, from: Position, events: &[Event]) -> Result<(), StepError> {
    let Some(last) = events.last() else {
        return Ok(());
    };
    let txn = generation.begin_write().await?;
    if !generation::advance(&txn, from, last.position).await? {
        return Err(StepError::Overtaken);
    }
    projection::apply(&txn, events).await?;
    txn.commit().await?;
    Ok(())
}

/// The batch was refused for what an event holds: each gets a transaction of its own, and the one to blame becomes a dead letter.
async fn one_by_one(
    generation: &Generation,
    mut from: Position,
    events: Vec<Event>,
) -> Result<(), StepError> {
    for mut event in events {
        let applied = apply(generation, from, std::slice::from_ref(&event)).await;
        match applied {
            Err(StepError::Database(error)) if is_refusal(&error) => {
                tracing::error!(
                    position = event.position,
                    "the read model's database refuses what an event holds; it is kept as a dead letter"
                );
                event.reading.content = Content::Dead(
                    "the read model's database cannot hold what this body says".to_owned(),
                );
                apply(generation, from, std::slice::from_ref(&event)).await?;
            }
            applied => applied?,
        }
        from = event.position;
    }
    Ok(())
}

/// Whether the database is well and refuses the values, as against being away, full, locked or broken.
fn is_refusal(error: &DbErr) -> bool {
    if let Some(SqlErr::UniqueConstraintViolation(_) | SqlErr::ForeignKeyConstraintViolation(_)) =
        error.sql_err()
    {
        return true;
    }
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return matches!(error, DbErr::Json(_) | DbErr::Type(_));
    };
    let sqlx::Error::Database(error) = &**error else {
        return matches!(**error, sqlx::Error::Encode(_));
    };
    // PostgreSQL's classes: data exception, integrity violation, program limit. SQLite's codes: too big, constraint, mismatch.
    error.code().is_some_and(|code| match code.len() {
        5 => matches!(&code[..2], "22" | "23" | "54"),
        _ => code
            .parse::<i32>()
            .is_ok_and(|code| matches!(code & 0xff, 18..=20)),
    })
}
