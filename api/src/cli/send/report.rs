//! What was answered: counts by status, and how long answers took.

use super::sender::{Outcome, Sent};
use std::{collections::BTreeMap, fmt::Write, time::Duration};

#[derive(Default)]
pub(super) struct Report {
    accepted: usize,
    refused: usize,
    unanswered: usize,
    bytes: usize,
    by_status: BTreeMap<u16, usize>,
    times: Vec<Duration>,
}

impl Report {
    pub(super) fn count(&mut self, sent: &Sent) {
        for &(status, time) in &sent.answers {
            *self.by_status.entry(status).or_default() += 1;
            self.times.push(time);
        }
        match sent.outcome {
            Outcome::Answered(200..=299) => self.accepted += 1,
            Outcome::Answered(_) => self.refused += 1,
            Outcome::Unanswered | Outcome::Unreachable => self.unanswered += 1,
        }
        self.bytes += sent.bytes;
    }

    pub(super) fn answers(&self) -> usize {
        self.times.len()
    }

    pub(super) fn all_accepted(&self) -> bool {
        self.refused + self.unanswered == 0
    }

    fn events(&self) -> usize {
        self.accepted + self.refused + self.unanswered
    }

    pub(super) fn so_far(&self, elapsed: Duration) -> String {
        format!(
            "{}, {:.0} a second",
            events(self.events()),
            per_second(self.events(), elapsed)
        )
    }

    /// The report as it is printed at the end.
    pub(super) fn describe(&self, elapsed: Duration) -> String {
        let mut text = format!(
            "Sent {} ({:.1} MB) in {:.2} s, {:.0} a second.",
            events(self.events()),
            mega(self.bytes),
            elapsed.as_secs_f64(),
            per_second(self.events(), elapsed),
        );
        let statuses: Vec<_> = self
            .by_status
            .iter()
            .map(|(status, count)| format!("{status} × {count}"))
            .collect();
        // Writing to a String cannot fail.
        let _ = write!(text, "\nAnswers: {}.", statuses.join(", "));
        let mut times = self.times.clone();
        times.sort_unstable();
        if let (Some(median), Some(p95), Some(longest)) =
            (percentile(&times, 50), percentile(&times, 95), times.last())
        {
            let _ = write!(
                text,
                "\nTime to answer: p50 {}, p95 {}, max {}.",
                ms(median),
                ms(p95),
                ms(*longest)
            );
        }
        if self.refused > 0 {
            let _ = write!(text, "\nNot accepted: {}.", events(self.refused));
        }
        if self.unanswered > 0 {
            let _ = write!(text, "\nWithout an answer: {}.", events(self.unanswered));
        }
        for hint in self.by_status.keys().filter_map(|status| hint(*status)) {
            let _ = write!(text, "\n{hint}");
        }
        text
    }
}

/// What the sender can do about an answer.
fn hint(status: u16) -> Option<&'static str> {
    match status {
        401 => Some(
            "401: the server's secret differs from the one used here, or its clock by more than five minutes. \
             Give both the same HOOKGRAPH_WEBHOOK_SECRET. Sending stopped there.",
        ),
        404 => {
            Some("404: the server has no such route: the URL should end in /webhooks/salesmagic.")
        }
        413 => Some("413: the server takes only smaller bodies."),
        503 => Some(
            "503: the server was busy or stopping; such events were sent again, up to five times each.",
        ),
        _ => None,
    }
}

/// The smallest of the sorted times that at least so many percent do not exceed (nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn events(count: usize) -> String {
    if count == 1 {
        "1 event".to_owned()
    } else {
        format!("{count} events")
    }
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "shown without digits")]
fn per_second(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(statuses: &[u16]) -> Sent {
        Sent {
            answers: statuses
                .iter()
                .map(|status| (*status, Duration::from_millis(u64::from(*status))))
                .collect(),
            outcome: statuses
                .last()
                .map_or(Outcome::Unanswered, |status| Outcome::Answered(*status)),
            bytes: 500_000,
            is_call: false,
        }
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Vec<_> = (1..=20).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(10)));
        assert_eq!(percentile(&times, 95), Some(Duration::from_millis(19)));
        assert_eq!(percentile(&times, 100), Some(Duration::from_millis(20)));
        assert_eq!(percentile(&times[..1], 50), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn every_answer_is_counted_and_the_last_decides() {
        let mut report = Report::default();
        report.count(&sent(&[503, 503, 204]));
        report.count(&sent(&[204]));
        assert!(report.all_accepted());
        let text = report.describe(Duration::from_secs(2));
        assert!(
            text.starts_with(
                "Sent 2 events (1.0 MB) in 2.00 s, 1 a second.\nAnswers: 204 × 2, 503 × 2.\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("p50 204.0 ms, p95 503.0 ms, max 503.0 ms"),
            "{text}"
        );
        assert!(!text.contains("Not accepted"), "{text}");
    }

    #[test]
    fn what_was_not_accepted_is_said_with_a_hint() {
        let mut report = Report::default();
        report.count(&sent(&[401]));
        report.count(&sent(&[]));
        assert!(!report.all_accepted());
        let text = report.describe(Duration::from_secs(1));
        assert!(
            text.contains("Not accepted: 1 event.\nWithout an answer: 1 event.\n401: "),
            "{text}"
        );
    }
}
