//! How fast long work goes, and how long it may take: from what was seen of it lately.

use std::time::{Duration, Instant};

use crate::log::Position;

/// Over how long a pace is measured at most, so that it follows when the work becomes faster or slower.
const WINDOW: Duration = Duration::from_secs(20);

/// How long work must have been watched before anything is said of its pace.
const AT_LEAST: Duration = Duration::from_millis(500);

/// The pace of something that moves through the log.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Where it was, some time ago.
    from: (Position, Instant),
    /// Where it was between then and now.
    middle: (Position, Instant),
    last: (Position, Instant),
}

impl Pace {
    /// The pace of something that is at `position` now.
    pub fn starting_at(position: Position, now: Instant) -> Self {
        let here = (position, now);
        Self {
            from: here,
            middle: here,
            last: here,
        }
    }

    /// It is at `position` now.
    pub fn moved_to(&mut self, position: Position, now: Instant) {
        self.last = (position, now);
        if now.duration_since(self.middle.1) >= WINDOW / 2 {
            self.from = self.middle;
            self.middle = self.last;
        }
    }

    /// Events a second; none before it was watched for a while.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a pace is told to two digits, and a log has fewer than 2^52 events"
    )]
    pub fn per_second(&self) -> Option<f64> {
        let elapsed = self.last.1.duration_since(self.from.1);
        let events = (self.last.0 - self.from.0).max(0) as f64;
        (elapsed >= AT_LEAST).then(|| events / elapsed.as_secs_f64())
    }

    /// How long it takes to come to `until` at this pace; none while it stands, or is not known.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a guess to two digits, and a log has fewer than 2^52 events"
    )]
    pub fn time_left(&self, until: Position) -> Option<Duration> {
        let per_second = self.per_second().filter(|per_second| *per_second > 0.0)?;
        Duration::try_from_secs_f64((until - self.last.0).max(0) as f64 / per_second).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, start: Instant) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn nothing_is_said_before_it_was_watched() {
        let start = Instant::now();
        let mut pace = Pace::starting_at(5, start);
        assert_eq!(pace.per_second(), None);
        pace.moved_to(1_000, start + Duration::from_millis(1));
        assert_eq!(pace.per_second(), None);
        assert_eq!(pace.time_left(2_000), None);
    }

    #[test]
    fn it_follows_what_was_seen_lately() {
        let start = Instant::now();
        let mut pace = Pace::starting_at(0, start);
        for second in 1..=100 {
            pace.moved_to(
                Position::try_from(second).unwrap() * 10,
                after(second, start),
            );
        }
        assert_eq!(pace.per_second(), Some(10.0));
        assert_eq!(pace.time_left(1_100), Some(Duration::from_secs(10)));
        for second in 101..=200 {
            pace.moved_to(1_000, after(second, start));
        }
        assert_eq!(pace.per_second(), Some(0.0));
        assert_eq!(pace.time_left(1_100), None, "it stands");
    }
}
