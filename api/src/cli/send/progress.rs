//! How far the sending is: a bar on a terminal, a line now and then elsewhere. On stderr, the report has stdout.

use super::super::output::note;
use super::{report::Report, sender::Sent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

const LINE_EVERY: Duration = Duration::from_secs(5);

/// What the bar counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    Events(usize),
    Calls(usize),
}

pub(super) struct Progress {
    bar: ProgressBar,
    expected: Expected,
    is_terminal: bool,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    pub(super) fn start(expected: Expected) -> Self {
        let (Expected::Events(length) | Expected::Calls(length)) = expected;
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let unit = if matches!(expected, Expected::Calls(_)) {
            "calls"
        } else {
            "events"
        };
        let style = ProgressStyle::with_template(&format!(
            "{{bar:30}} {{human_pos}}/{{human_len}} {unit}, {{msg}}, {{eta}} left"
        ));
        let bar = ProgressBar::with_draw_target(Some(length as u64), target);
        Self {
            bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            expected,
            is_terminal,
            started: Instant::now(),
            last_line: Instant::now(),
        }
    }

    pub(super) fn count(&mut self, sent: &Sent, report: &Report) {
        if sent.is_call || matches!(self.expected, Expected::Events(_)) {
            self.bar.inc(1);
            // Repeats may exceed what was expected.
            if self.bar.length() < Some(self.bar.position()) {
                self.bar.set_length(self.bar.position());
            }
        }
        if self.is_terminal {
            self.bar.set_message(report.so_far(self.started.elapsed()));
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            note(report.so_far(self.started.elapsed()));
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
