//! How far a long command is: a bar on a terminal, a line now and then elsewhere. On stderr, since stdout is for results.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::note;

const LINE_EVERY: Duration = Duration::from_secs(5);

/// What there is to do.
#[derive(Clone, Copy)]
pub(super) enum Length {
    Events(u64),
    Rows(u64),
    Bytes(u64),
    Unknown,
}

pub(super) struct Progress {
    bar: ProgressBar,
    length: Length,
    events: usize,
    /// What is being done, such as "exported".
    done: &'static str,
    is_terminal: bool,
    last_line: Instant,
}

impl Progress {
    pub(super) fn start(done: &'static str, length: Length) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let (whole, template) = match length {
            Length::Events(events) => (
                Some(events),
                "{bar:30} {human_pos}/{human_len} events {msg}, {per_sec}, {eta} left",
            ),
            Length::Rows(rows) => (
                Some(rows),
                "{bar:30} {human_pos}/{human_len} rows {msg}, {per_sec}, {eta} left",
            ),
            Length::Bytes(bytes) => (
                Some(bytes),
                "{bar:30} {bytes}/{total_bytes} {msg}, {bytes_per_sec}, {eta} left",
            ),
            Length::Unknown => (None, "{spinner} {human_pos} events {msg}, {per_sec}"),
        };
        let style = ProgressStyle::with_template(template);
        let bar = ProgressBar::with_draw_target(whole, target)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_message(done);
        Self {
            bar,
            length,
            events: 0,
            done,
            is_terminal,
            last_line: Instant::now(),
        }
    }

    /// So many more events or rows, which took so many bytes, are done.
    pub(super) fn advance(&mut self, events: usize, bytes: usize) {
        self.events += events;
        self.bar.inc(match self.length {
            Length::Bytes(_) => bytes as u64,
            Length::Events(_) | Length::Rows(_) | Length::Unknown => events as u64,
        });
        if !self.is_terminal && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let (events, done) = (self.events, self.done);
            let noun = match self.length {
                Length::Rows(_) => "rows",
                _ => "events",
            };
            match self.bar.length() {
                Some(whole) if whole > 0 => {
                    let percent = self.bar.position().saturating_mul(100) / whole;
                    note(format_args!("{events} {noun} {done}, {percent} %"));
                }
                _ => note(format_args!("{events} {noun} {done}")),
            }
        }
    }

    /// There is so much more to do than was thought.
    pub(super) fn lengthen(&mut self, more: u64) {
        self.bar.inc_length(more);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
