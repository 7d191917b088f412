//! The loop from the log to the read model: catching up after a stop, following live, and building a new generation are the
//! same steps.
//!
//! Each step is one transaction: the events' rows and the checkpoint that covers them. An event that cannot be applied
//! becomes a dead letter and holds up nothing; a database that is away is tried again until it is back.

use std::sync::Arc;

use sea_orm::{DatabaseTransaction, DbErr, RuntimeErr, SqlErr, sqlx};
use tokio_util::sync::CancellationToken;

use crate::feed::{Feed, POLL};
use crate::generation::{self, Generation, Generations};
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

/// Why a step did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A database is away, or says no for a reason that no event is to blame for.
    #[error("{0}")]
    Database(#[from] DbErr),
    /// Another projector holds the checkpoint, or has moved it: it works, and this one need not.
    #[error("another projector is at work")]
    Overtaken,
}

/// Keeps the read model up to the log.
#[derive(Debug)]
pub struct Projector {
    log: Log,
    generations: Generations,
    feed: Feed,
    limits: BatchLimits,
}

impl Projector {
    /// A projector of `log` into `generations`.
    pub fn new(log: Log, generations: Generations, feed: Feed, limits: BatchLimits) -> Self {
        Self {
            log,
            generations,
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
            let turned = self.turn().await;
            let pause = match &turned {
                Ok(true) => continue,
                Ok(false) => Pause::UntilRung,
                // The one at work rings when it is done; if it dies, the poll takes over.
                Err(StepError::Overtaken) => Pause::UntilPoll,
                Err(StepError::Database(error)) => {
                    if healthy {
                        tracing::error!(%error, "the projector cannot go on; it tries again every second");
                    }
                    Pause::UntilPoll
                }
            };
            match (healthy, &turned) {
                (_, Err(StepError::Database(_))) => healthy = false,
                (false, _) => {
                    tracing::info!("the projector goes on");
                    healthy = true;
                }
                _ => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
                _ = appended.changed(), if pause == Pause::UntilRung => {}
            }
        }
    }

    /// The generations, as this projector leaves them.
    pub fn into_generations(self) -> Generations {
        self.generations
    }

    /// One step of the live generation and one of the next one. True when either moved.
    pub async fn turn(&mut self) -> Result<bool, StepError> {
        let live = Arc::clone(self.generations.live());
        let live_at = self.step(&live).await?;
        let Some(next) = self.generations.next().cloned() else {
            self.generations.remove_old().await?;
            return Ok(live_at.moved());
        };
        let next_at = self.step(&next).await?;
        if next_at.to >= live_at.to {
            self.generations.switch().await?;
            self.feed.switched();
            return Ok(true);
        }
        Ok(live_at.moved() || next_at.moved())
    }

    /// Applies what stands behind the checkpoint of `generation`, as much as one transaction takes.
    async fn step(&self, generation: &Generation) -> Result<Step, StepError> {
        let from = generation.position().await?;
        let still = Step { from, to: from };
        if self.log.head().await? <= from {
            return Ok(still);
        }
        // First the lock, then the work: of several projectors, one reads and parses a batch.
        let txn = generation.begin_write().await?;
        if generation::lock(&txn).await? != Some(from) {
            return Err(StepError::Overtaken);
        }
        let events = self.read_after(from).await?;
        let Some(last) = events.last() else {
            return Ok(still);
        };
        let to = last.position;
        match apply(txn, from, &events).await {
            Err(StepError::Database(error)) if is_refusal(&error) => {
                one_by_one(generation, from, events).await?;
            }
            applied => applied?,
        }
        self.feed.applied();
        Ok(Step { from, to })
    }

    async fn read_after(&self, from: Position) -> Result<Vec<Event>, StepError> {
        let BatchLimits { events, bytes } = self.limits;
        let stored = self.log.read_after(from, events, bytes).await?;
        // Hashing and parsing megabytes would keep a thread of the server from its sockets.
        let read = tokio::task::spawn_blocking(move || {
            stored
                .into_iter()
                .map(|event| Event {
                    position: event.position,
                    reading: payload::read(&event.body, event.type_hint.as_deref()),
                })
                .collect()
        });
        let cut_off = |_| DbErr::Custom("reading a batch was cut off".to_owned());
        Ok(read.await.map_err(cut_off)?)
    }
}

/// What an idle projector waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    UntilRung,
    UntilPoll,
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

/// Applies `events` and moves the checkpoint from `from` behind them, in the transaction that holds it.
async fn apply(
    txn: DatabaseTransaction,
    from: Position,
    events: &[Event],
) -> Result<(), StepError> {
    let Some(last) = events.last() else {
        return Ok(());
    };
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
        let txn = generation.begin_write().await?;
        match apply(txn, from, std::slice::from_ref(&event)).await {
            Err(StepError::Database(error)) if is_refusal(&error) => {
                tracing::error!(
                    position = event.position,
                    "the read model's database refuses what an event holds; it is kept as a dead letter"
                );
                event.reading.content = Content::Dead(
                    "the read model's database cannot hold what this body says".to_owned(),
                );
                let txn = generation.begin_write().await?;
                apply(txn, from, std::slice::from_ref(&event)).await?;
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
