//! One step of a generation: a transaction with the rows of some events and the checkpoint that covers them.
//!
//! Invariant: the checkpoint moves from the very position that was read, under its own lock, or nothing is written. So any number
//! of processes may take steps of one generation.

use std::time::Instant;

use sea_orm::{DatabaseTransaction, DbErr, RuntimeErr, SqlErr, sqlx};

use super::Batches;
use crate::generation::{self, Generation};
use crate::log::Position;
use crate::projection::{self, Event};

/// Why a step did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The read model's database is away, or says no for a reason that no event is to blame for.
    #[error("{0}")]
    Database(#[from] DbErr),
    /// The log cannot be read.
    #[error("{0}")]
    Log(DbErr),
    /// Another projector holds the checkpoint, or has moved it: it works, and this one need not.
    #[error("another projector is at work")]
    Overtaken,
}

/// From where to where a generation has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it was.
    pub from: Position,
    /// Where it is.
    pub to: Position,
}

impl Step {
    /// Whether there was anything to do.
    pub fn moved(self) -> bool {
        self.to > self.from
    }
}

/// Applies what stands behind the checkpoint of `generation`, up to the position `until`, as much as one transaction takes. `rules`
/// are those of this program. What follows is read meanwhile, in the processor's time that the database leaves.
pub async fn step(
    batches: &mut Batches,
    generation: &Generation,
    rules: i32,
    until: Position,
) -> Result<Step, StepError> {
    let from = generation.state().await?.position;
    let still = Step { from, to: from };
    if until <= from {
        return Ok(still);
    }
    let begun = Instant::now();
    // First the lock, then the work: of several projectors, one reads and parses a batch.
    let txn = match generation.begin_write().await {
        Err(error) if generation::is_busy(&error) => return Err(StepError::Overtaken),
        txn => txn?,
    };
    if generation::lock(&txn).await? != Some(from) {
        return Err(StepError::Overtaken);
    }
    let mut events = batches.take(from, until).await?;
    let Some(last) = events.last() else {
        return Ok(still);
    };
    let (to, count) = (last.position(), events.len() as u64);
    if to < until {
        batches.read_ahead(to);
    }
    let by_other_rules = generation.version().rules != rules;
    match apply(txn, from, &mut events, by_other_rules).await {
        Err(StepError::Database(error)) if is_refusal(&error) => {
            one_by_one(generation, from, events, by_other_rules).await?;
        }
        applied => applied?,
    }
    metrics::counter!("hookgraph_projected_events_total").increment(count);
    metrics::histogram!("hookgraph_projection_seconds").record(begun.elapsed().as_secs_f64());
    Ok(Step { from, to })
}

/// Applies `events` and moves the checkpoint from `from` behind them, in the transaction that holds it.
async fn apply(
    txn: DatabaseTransaction,
    from: Position,
    events: &mut [Event],
    by_other_rules: bool,
) -> Result<(), StepError> {
    let Some(last) = events.last() else {
        return Ok(());
    };
    if !generation::advance(&txn, from, last.position(), by_other_rules).await? {
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
    by_other_rules: bool,
) -> Result<(), StepError> {
    for mut event in events {
        let txn = generation.begin_write().await?;
        match apply(txn, from, std::slice::from_mut(&mut event), by_other_rules).await {
            Err(StepError::Database(error)) if is_refusal(&error) => {
                tracing::error!(
                    position = event.position(),
                    "the read model's database refuses what an event holds; it is kept as a dead letter"
                );
                event.bury("the read model's database cannot hold what this body says");
                let txn = generation.begin_write().await?;
                apply(txn, from, std::slice::from_mut(&mut event), by_other_rules).await?;
            }
            applied => applied?,
        }
        from = event.position();
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
