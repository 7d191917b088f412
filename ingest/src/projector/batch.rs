//! Batches: the events behind a position, read and made ready to be merged; the next ones while these are being written.
//!
//! Whoever works at a generation holds its checkpoint before it reads the first batch, so that of several projectors one reads and
//! parses it. A batch that was read ahead is as good as one that is read later: the log only grows.

use sea_orm::DbErr;
use tokio::task::JoinSet;

use super::step::StepError;
use crate::log::{Log, Position};
use crate::projection::Event;

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

/// What becomes of reading a batch.
type Read = Result<Vec<Event>, StepError>;

/// Reads a log batch by batch, for one generation.
#[derive(Debug)]
pub struct Batches {
    log: Log,
    limits: BatchLimits,
    /// Behind which position is being read already, and the task that does: it ends when this is dropped.
    ahead: Option<(Position, JoinSet<Read>)>,
}

impl Batches {
    /// Those of `log`.
    pub fn of(log: Log, limits: BatchLimits) -> Self {
        Self {
            log,
            limits,
            ahead: None,
        }
    }

    /// The events behind `from`, up to the position `until`.
    pub(super) async fn take(
        &mut self,
        from: Position,
        until: Position,
    ) -> Result<Vec<Event>, StepError> {
        let read = match self.ahead.take() {
            Some((at, mut task)) if at == from => task.join_next().await,
            _ => None,
        };
        let read = match read {
            Some(Ok(read)) => read,
            _ => read_after(self.log.clone(), from, self.limits).await,
        };
        let mut events = read?;
        events.retain(|event| event.position() <= until);
        Ok(events)
    }

    /// Begins to read what stands behind `from`.
    pub(super) fn read_ahead(&mut self, from: Position) {
        let mut task = JoinSet::new();
        task.spawn(read_after(self.log.clone(), from, self.limits));
        self.ahead = Some((from, task));
    }
}

async fn read_after(log: Log, from: Position, limits: BatchLimits) -> Read {
    let stored = log
        .read_after(from, limits.events, limits.bytes)
        .await
        .map_err(StepError::Log)?;
    // Hashing and parsing megabytes would keep a thread of the server from its sockets.
    let read = tokio::task::spawn_blocking(move || {
        stored
            .into_iter()
            .map(|event| Event::read(event.position, &event.body, event.type_hint.as_deref()))
            .collect::<Result<_, DbErr>>()
    });
    let cut_off = |_| DbErr::Custom("reading a batch was cut off".to_owned());
    Ok(read.await.map_err(cut_off)??)
}
