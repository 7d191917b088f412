//! The log's lines about refused requests: at most one a second for each reason, however many requests a stranger sends.
//!
//! The first one is told at once, with its cause. Those that come within a second of a line are counted, and told together when
//! that second is over, whether more come or not, or when the server stops: as `repeated`, with the cause of the newest. So a
//! line without `repeated` stands for one request, a line with it for that many, and the sum is all of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use entity::log::refused_request::Reason;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long after a line the next one of its reason may come.
const EVERY: Duration = Duration::from_secs(1);

/// Tells of refused requests.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    told: Mutex<Told>,
    /// Something is counted that is not told.
    left_out: Notify,
}

/// The reasons of which a line was written within the last second, or of which something is left to tell.
#[derive(Debug, Default)]
struct Told(HashMap<Reason, Line>);

#[derive(Debug)]
struct Line {
    /// When the next line may come.
    next: Instant,
    left_out: u64,
    /// The cause of the newest that was left out.
    cause: String,
}

impl Warnings {
    /// Tells of a refused request, now or a little later.
    pub(crate) fn warn(&self, reason: Reason, cause: &str) {
        match self.locked(|told| told.count(reason, cause, Instant::now())) {
            0 => tracing::warn!(%cause, "a webhook is refused"),
            1 => self.left_out.notify_one(),
            _ => {}
        }
    }

    /// Tells of those that were left out, until `ended`; then of the last of them.
    pub(crate) async fn keep_up(&self, ended: &CancellationToken) {
        let mut last = false;
        while !last {
            let due = self.locked(|told| told.due());
            let wait = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.left_out.notified() => {}
                () = ended.cancelled() => last = true,
            }
            let now = Instant::now();
            let until = if last { now + EVERY } else { now };
            for (repeated, cause) in self.locked(|told| told.take(until, now)) {
                tracing::warn!(%cause, repeated, "a webhook is refused");
            }
        }
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Told) -> T) -> T {
        work(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Told {
    /// Counts a request: how many of its reason are left out with it. None is when it is to be told at once.
    fn count(&mut self, reason: Reason, cause: &str, now: Instant) -> u64 {
        let line = self.0.entry(reason).or_insert_with(|| Line {
            next: now,
            left_out: 0,
            cause: String::new(),
        });
        if line.left_out == 0 && line.next <= now {
            line.next = now + EVERY;
            return 0;
        }
        line.left_out += 1;
        cause.clone_into(&mut line.cause);
        line.left_out
    }

    /// When there is a line to write, if there is anything to tell.
    fn due(&self) -> Option<Instant> {
        let waiting = self.0.values().filter(|line| line.left_out > 0);
        waiting.map(|line| line.next).min()
    }

    /// Takes what was left out of those whose next line may come by `until`: how many, and the cause of the newest.
    fn take(&mut self, until: Instant, now: Instant) -> Vec<(u64, String)> {
        let due = self.0.values_mut();
        due.filter(|line| line.left_out > 0 && line.next <= until)
            .map(|line| {
                line.next = now + EVERY;
                let left_out = std::mem::take(&mut line.left_out);
                (left_out, std::mem::take(&mut line.cause))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_rest_of_its_second_together() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut told = Told::default();
        let mut count = |cause, millis| told.count(Reason::Header, cause, at(millis));
        assert_eq!(count("a", 0), 0);
        assert_eq!(count("b", 1), 1);
        assert_eq!(count("c", 999), 2);
        // What is left out stays in order: the next one does not overtake it.
        assert_eq!(count("d", 1_001), 3);
        assert_eq!(told.count(Reason::NotUtf8, "x", at(1_001)), 0);
        assert_eq!(told.due(), Some(at(1_000)));
        assert!(told.take(at(999), at(999)).is_empty());
        let now = at(1_002);
        assert_eq!(told.take(now, now), [(3, "d".to_owned())]);
        assert_eq!(told.due(), None);
        let mut count = |cause, millis| told.count(Reason::Header, cause, at(millis));
        assert_eq!(count("e", 2_001), 1, "a second has to pass after that line");
        let now = at(2_002);
        assert_eq!(told.take(now, now), [(1, "e".to_owned())]);
        assert_eq!(told.count(Reason::Header, "f", at(3_002)), 0);
    }
}
