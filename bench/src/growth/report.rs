//! What was measured of growth, as a section of `docs/benchmarks.md`.

use std::fmt::Write as _;

use super::{Figures, Measured};
use crate::growth::store::Volume;

/// The section.
pub fn section(figures: &Figures) -> String {
    let stores = &figures.stores;
    let mut table = Table::new(stores);
    let questions = stores
        .first()
        .map_or(0, |store| store.round.questions.len());
    for at in 0..questions {
        let name = &stores[0].round.questions[at].name;
        table.row(&format!("{name}, one connection"), "ms", 2, |store| {
            store.round.questions[at].alone
        });
        table.row(&format!("{name}, 32 connections"), "/s", 0, |store| {
            store.round.questions[at].per_second
        });
    }
    let reports = stores.first().map_or(0, |store| store.round.reports.len());
    for at in 0..reports {
        let about = &stores[0].round.reports[at].about;
        table.cells(about, "ms", 1, |store| store.round.reports[at].took);
    }
    table.row("start until the first answer", "ms", 0, |store| {
        store.round.start_up
    });
    table.row("memory of the idle server", "MB", 1, |store| {
        store.round.idle / 1e6
    });
    table.row("memory after the questions and reports", "MB", 1, |store| {
        store.round.after / 1e6
    });
    table.row("most memory meanwhile", "MB", 1, |store| {
        store.round.most / 1e6
    });
    table.row("sent, stored and projected", "/s", 0, |store| {
        store.volume.filled_per_second
    });
    format!(
        "Answers are computed each time (`--kept-answers 0`) by a server that was started for the round, and what they read is in \
         memory: 200 cases are asked in turn. Q4 begins at three quarters of the calls. Reports are asked by one connection; – where the calls have no lines to search, or the server gave up after 30 s. In brackets the ratio to the smallest store. Medians of {} rounds.\n\n{}\n\
         What it takes on disk, indexes included, in bytes for each event; in brackets the ratio to the bodies as they were sent.\n\n{}",
        figures.rounds,
        table.text,
        sizes(
            stores
                .iter()
                .map(|store| &store.volume)
                .chain([&figures.whole])
        ),
    )
}

/// A table with a column for each store.
struct Table<'a> {
    stores: &'a [Measured],
    text: String,
}

impl<'a> Table<'a> {
    fn new(stores: &'a [Measured]) -> Self {
        let mut text = "| calls |".to_owned();
        for store in stores {
            let _ = write!(text, " {} |", grouped(store.volume.calls));
        }
        text += "\n| --- |";
        text += &" --- |".repeat(stores.len());
        text += "\n";
        Self { stores, text }
    }

    fn row(&mut self, about: &str, unit: &str, digits: usize, figure: impl Fn(&Measured) -> f64) {
        self.cells(about, unit, digits, |store| Some(figure(store)));
    }

    /// A row in which stores may have no figure.
    fn cells(
        &mut self,
        about: &str,
        unit: &str,
        digits: usize,
        figure: impl Fn(&Measured) -> Option<f64>,
    ) {
        let _ = write!(self.text, "| {about} |");
        for (at, store) in self.stores.iter().enumerate() {
            match figure(store) {
                None => self.text += " –",
                Some(value) => {
                    let _ = write!(self.text, " {value:.digits$} {unit}");
                    if let Some(smallest) = figure(&self.stores[0]).filter(|_| at > 0) {
                        let _ = write!(self.text, " ({:.2})", value / smallest);
                    }
                }
            }
            self.text += " |";
        }
        self.text += "\n";
    }
}

fn sizes<'a>(volumes: impl Iterator<Item = &'a Volume>) -> String {
    let mut text =
        "| calls | lines of each | events | body | log | read model |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for volume in volumes {
        let events = volume.events.max(1) as u64;
        let stored = |bytes: u64| {
            let hundredths = bytes * 100 / volume.raw.max(1);
            format!(
                "{} ({}.{:02})",
                bytes / events,
                hundredths / 100,
                hundredths % 100
            )
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            grouped(volume.calls),
            volume.lines,
            grouped(volume.events),
            volume.raw / events,
            stored(volume.log),
            stored(volume.read_model)
        );
    }
    text
}

/// A number with commas, as people read it.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(2_000), "2,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
