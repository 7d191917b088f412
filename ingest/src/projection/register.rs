//! Registers that make the order of arrival irrelevant.
//!
//! A register keeps the greatest stamp it has seen. Since the greatest of a set does not depend on the order in which the
//! set is gone through, neither does what a row says.

use crate::payload::{Instant, Life, Reading};

/// Sorts below every text that follows in a stamp, so that a shorter id does not borrow from what stands behind it.
const SEPARATOR: char = '\u{1}';

/// When an event happened, as a text in the order of time; empty, and so first, when it does not say.
pub(super) fn instant(reading: &Reading) -> String {
    reading
        .occurred_at
        .map(Instant::sortable)
        .unwrap_or_default()
}

/// (`occurred_at` with all nine digits, event id, SHA-256 of the body, event type), as one text whose order byte by byte is
/// theirs. The type is the last word: the same body under two types, which the webhook's URL can give it, is two events.
pub(super) fn stamp(reading: &Reading) -> String {
    format!(
        "{}{SEPARATOR}{}{SEPARATOR}{}{SEPARATOR}{}",
        instant(reading),
        reading.event_id.as_deref().unwrap_or_default(),
        reading.body_hash,
        reading.event_type.as_deref().unwrap_or_default()
    )
}

/// What lists are sorted by: when the subject says it was created, else when the event happened, else the beginning.
pub(super) fn ordered_at(created_at: Option<Instant>, reading: &Reading) -> i64 {
    created_at
        .or(reading.occurred_at)
        .map_or(0, Instant::micros)
}

/// The two registers that decide whether a user or an org exists: the latest event that says it does, against the latest
/// that says it was deleted.
///
/// Only `*.created`, `*.updated` and `*.deleted` speak here. What a call tells of its user is an observation, and revives no one.
#[derive(Debug)]
pub(super) struct LifeRegisters<'row> {
    pub life: &'row mut Option<String>,
    pub deletion: &'row mut Option<String>,
}

/// What the registers say. A tie goes to the deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deletion {
    pub is_deleted: bool,
    /// In microseconds, if it is deleted and the event said when.
    pub deleted_at: Option<i64>,
}

impl LifeRegisters<'_> {
    pub(super) fn observe(self, life: Life, reading: &Reading) -> Deletion {
        self.observe_at(life, instant(reading))
    }

    fn observe_at(self, life: Life, instant: String) -> Deletion {
        let register = match life {
            Life::Alive => &mut *self.life,
            Life::Deleted => &mut *self.deletion,
        };
        if register.as_ref().is_none_or(|known| *known < instant) {
            *register = Some(instant);
        }
        let deletion = self.deletion.as_deref();
        let is_deleted = deletion.is_some() && deletion >= self.life.as_deref();
        Deletion {
            is_deleted,
            deleted_at: deletion
                .filter(|_| is_deleted)
                .and_then(Instant::from_sortable)
                .map(Instant::micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LifeRegisters, stamp};
    use crate::payload::{Life, read};

    #[test]
    fn deletion_wins_a_tie_and_is_cleared_only_by_later_life() {
        let (mut life, mut deletion) = (None, None);
        let mut observe = |kind, instant: &str| {
            let registers = LifeRegisters {
                life: &mut life,
                deletion: &mut deletion,
            };
            registers.observe_at(kind, instant.to_owned()).is_deleted
        };
        assert!(!observe(Life::Alive, "2"));
        assert!(!observe(Life::Deleted, "1"));
        assert!(observe(Life::Deleted, "2"));
        assert!(observe(Life::Alive, "2"));
        assert!(!observe(Life::Alive, "3"));
    }

    #[test]
    fn stamps_are_ordered_by_time_then_id() {
        let stamp = |timestamp: &str, id: &str| {
            let body = format!(r#"{{"id":"{id}","timestamp":"{timestamp}","payload":{{}}}}"#);
            stamp(&read(body.as_bytes(), None))
        };
        let stamps = [
            stamp("", "z"),
            stamp("2025-01-14T04:22:51.548816073", "z"),
            stamp("2025-01-14T04:22:51.548816074Z", "a"),
            stamp("2025-01-14T04:22:51.548816074", "a-longer"),
            stamp("2025-01-14T04:22:51.548816074", "b"),
        ];
        assert!(stamps.is_sorted_by(|a, b| a < b), "{stamps:?}");
    }
}
