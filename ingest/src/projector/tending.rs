//! Who builds a generation: one process at a time, and another when that one stops.
//!
//! Steps are right however many processes take them; being alone only spares work, and on SQLite waiting for each other. So
//! whoever sees a generation move by another's hand leaves it alone until it has stood still for a while.

use std::time::{Duration, Instant};

use crate::feed::POLL;
use crate::log::Position;
use crate::pace::Pace;

/// How long a generation that another process was building must have stood still before this one goes on with it.
const LEFT_ALONE: Duration = Duration::from_secs(2);

/// How often the log says how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// What a projector knows of the generation that is being built.
#[derive(Debug)]
pub(super) struct Tending {
    generation: i64,
    /// Where it was seen last; none before it was seen.
    at: Option<Position>,
    since: Instant,
    ours: bool,
    failed: Option<Instant>,
    pace: Option<Pace>,
    told: Instant,
}

impl Tending {
    /// Of a generation that was not seen yet; `ours` if this process is to build it.
    pub(super) fn of(generation: i64, ours: bool) -> Self {
        let now = Instant::now();
        Self {
            generation,
            at: None,
            since: now,
            ours,
            failed: None,
            pace: None,
            told: now,
        }
    }

    pub(super) fn generation(&self) -> i64 {
        self.generation
    }

    /// Whether this process is to take a step of the generation, which is at `position` now.
    pub(super) fn is_due(&mut self, position: Position) -> bool {
        let now = Instant::now();
        if self.at.is_some_and(|at| at != position) {
            (self.since, self.ours) = (now, false);
        }
        self.at = Some(position);
        let rested = self.failed.is_none_or(|at| now.duration_since(at) >= POLL);
        rested && (self.ours || now.duration_since(self.since) >= LEFT_ALONE)
    }

    /// This process has moved it to `to`, on its way to `head`.
    pub(super) fn moved(&mut self, to: Position, head: Position) {
        let now = Instant::now();
        if self.failed.take().is_some() {
            tracing::info!(generation = self.generation, "building goes on");
        }
        (self.at, self.since, self.ours) = (Some(to), now, true);
        let pace = self.pace.get_or_insert(Pace::starting_at(to, now));
        pace.moved_to(to, now);
        if now.duration_since(self.told) >= TOLD_EVERY && to < head {
            self.told = now;
            tracing::info!(
                generation = self.generation,
                position = to,
                head,
                per_second = pace.per_second().map(f64::round),
                seconds_left = pace.time_left(head).map(|left| left.as_secs()),
                "building a generation of the read model"
            );
        }
    }

    /// Another process is at it.
    pub(super) fn overtaken(&mut self) {
        (self.since, self.ours) = (Instant::now(), false);
    }

    /// A step failed: it is tried again later, and the live generation is kept up meanwhile.
    pub(super) fn failed(&mut self, error: &dyn std::error::Error) {
        if self.failed.is_none() {
            tracing::error!(generation = self.generation, %error, "building a generation of the read model cannot go on; it is tried again every second");
        }
        self.failed = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_moves_is_left_alone_until_it_stands_still() {
        let mut tending = Tending::of(2, true);
        assert!(tending.is_due(0));
        tending.moved(10, 100);
        assert!(tending.is_due(10), "it is ours");
        assert!(!tending.is_due(20), "another has moved it");
        assert!(!tending.is_due(20));
        tending.since = Instant::now().checked_sub(LEFT_ALONE).unwrap();
        assert!(tending.is_due(20), "nobody moves it any more");
        tending.moved(30, 100);
        tending.overtaken();
        assert!(!tending.is_due(30));
    }

    #[test]
    fn after_a_failure_it_rests() {
        let mut tending = Tending::of(2, true);
        tending.failed(&std::fmt::Error);
        assert!(!tending.is_due(0));
        tending.failed = Instant::now().checked_sub(POLL);
        assert!(tending.is_due(0));
    }
}
