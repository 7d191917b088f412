//! The loop from the log to the read model: catching up after a stop, following live, and building a new generation are the
//! same steps.
//!
//! An event that cannot be applied becomes a dead letter and holds up nothing; a database that is away is tried again until it
//! is back. A generation that is being built never holds up the live one.

mod batch;
mod step;
mod tending;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::feed::{Feed, POLL};
use crate::generation::{Generation, Generations, is_garbage};
use crate::log::{Log, Position};

use tending::Tending;

pub use batch::{BatchLimits, Batches};
pub use step::{Step, StepError, step};

/// Keeps the read model up to the log.
#[derive(Debug)]
pub struct Projector {
    log: Log,
    generations: Generations,
    feed: Feed,
    of_live: Batches,
    of_next: Batches,
    tending: Option<Tending>,
}

impl Projector {
    /// A projector of `log` into `generations`.
    pub fn new(log: Log, generations: Generations, feed: Feed, limits: BatchLimits) -> Self {
        Self {
            of_live: Batches::of(log.clone(), limits),
            of_next: Batches::of(log.clone(), limits),
            log,
            generations,
            feed,
            tending: None,
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
                Err(StepError::Database(error) | StepError::Log(error)) => {
                    if healthy {
                        tracing::error!(%error, "the projector cannot go on; it tries again every second");
                    }
                    Pause::UntilPoll
                }
            };
            match (healthy, &turned) {
                (_, Err(StepError::Database(_) | StepError::Log(_))) => healthy = false,
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
        let head = self.log.head().await?;
        if self.generations.look(head).await? {
            self.feed.switched();
        }
        let kept = self.keep_live(head).await;
        let built = self.build(head).await;
        self.generations.remove_old().await;
        match kept {
            // Another process keeps it, and this one builds.
            Err(StepError::Overtaken) if built => Ok(true),
            Err(error) => Err(error),
            Ok(kept) => Ok(kept || built),
        }
    }

    async fn keep_live(&mut self, head: Position) -> Result<bool, StepError> {
        if !self.generations.keeps_live() {
            return Ok(false);
        }
        let live = Arc::clone(self.generations.live());
        let rules = self.generations.version().rules;
        match step(&mut self.of_live, &live, rules, head).await {
            Ok(step) => {
                if step.moved() {
                    self.feed.applied();
                }
                Ok(step.moved())
            }
            // Replaced and removed by another process, or damaged.
            Err(StepError::Database(error)) if is_garbage(&error) => {
                self.generations.condemn(live.number());
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// One step of the generation that is being built, unless another process is at it. True when it moved.
    async fn build(&mut self, head: Position) -> bool {
        let Some(next) = self.generations.next().cloned() else {
            self.tending = None;
            return false;
        };
        let known = self.tending.take();
        let mut tending = known
            .filter(|known| known.generation() == next.number())
            .unwrap_or_else(|| Tending::of(next.number(), self.generations.began_next()));
        let moved = match self.build_step(&next, &mut tending, head).await {
            Ok(moved) => moved,
            Err(StepError::Overtaken) => {
                tending.overtaken();
                false
            }
            Err(StepError::Database(error)) if is_garbage(&error) => {
                self.generations.condemn(next.number());
                false
            }
            Err(error) => {
                tending.failed(&error);
                false
            }
        };
        self.tending = Some(tending);
        moved
    }

    async fn build_step(
        &mut self,
        next: &Generation,
        tending: &mut Tending,
        head: Position,
    ) -> Result<bool, StepError> {
        if !tending.is_due(next.state().await?.position) {
            return Ok(false);
        }
        let rules = self.generations.version().rules;
        let step = step(&mut self.of_next, next, rules, head).await?;
        tending.moved(step.to, head);
        // It has all that was there when the step began: readers move on to it as soon as it has what they were told of.
        if step.to >= head {
            self.generations.switch().await?;
            self.feed.switched();
            return Ok(true);
        }
        Ok(step.moved())
    }
}

/// What an idle projector waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    UntilRung,
    UntilPoll,
}
