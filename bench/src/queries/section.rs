//! What was measured of the questions, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Figures;
use crate::database::Database;
use crate::load::Measured;
use crate::peer::PEERS;

/// One line for the terminal.
pub fn line(question: &str, measured: &BTreeMap<String, Measured>) -> String {
    let mut line = format!("{question:10}");
    for (name, measured) in measured {
        let _ = write!(line, "  {name} {:.0}", measured.per_second);
    }
    line
}

/// The section of the document.
pub fn section(figures: &Figures) -> String {
    let postgres = figures.database == Database::Postgres;
    let mut text = format!(
        "Answers a second over {} connections, {} s each, medians of {} rounds in turn.\n\n",
        figures.connections, figures.seconds, figures.rounds
    );
    text.push_str("| | asks for | floor | computed | of the floor | as shipped | of the floor |");
    let peers: Vec<&str> = PEERS.iter().map(|peer| peer.name()).collect();
    if postgres {
        for peer in &peers {
            let _ = write!(text, " {peer} |");
        }
        text.push_str(" computed, of the best peer | as shipped, of the best peer |");
    }
    let columns = text
        .lines()
        .last()
        .map_or(0, |line| line.matches('|').count() - 1);
    text.push('\n');
    text.push_str(&"| --- ".repeat(columns));
    text.push_str("|\n");
    for asked in &figures.questions {
        let rate = |name: &str| asked.measured.get(name).map(|one| one.per_second);
        let of = |name: &str, other: Option<f64>| match (rate(name), other) {
            (Some(rate), Some(other)) => format!("{:.2}", rate / other),
            _ => "–".to_owned(),
        };
        let shown = |name: &str| rate(name).map_or("–".to_owned(), |rate| format!("{rate:.0}"));
        let floor = rate("floor");
        let _ = write!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            asked.name,
            asked.about,
            shown("floor"),
            shown("computed"),
            of("computed", floor),
            shown("shipped"),
            of("shipped", floor),
        );
        if postgres {
            let best = peers.iter().filter_map(|peer| rate(peer)).reduce(f64::max);
            for peer in &peers {
                let _ = write!(text, " {} |", shown(peer));
            }
            let _ = write!(
                text,
                " {} | {} |",
                of("computed", best),
                of("shipped", best)
            );
        }
        text.push('\n');
    }
    text.push_str("\nThe time of an answer at that load, in milliseconds (median / 99th percentile):\n\n| | floor | computed | as shipped | as shipped, while 20 calls a second are received |\n| --- | --- | --- | --- | --- |\n");
    for asked in &figures.questions {
        let time = |one: Option<&Measured>| {
            one.map_or("–".to_owned(), |one| {
                format!("{:.1} / {:.1}", one.p50, one.p99)
            })
        };
        let receiving = figures.receiving.get(&asked.name);
        let rate = receiving.map_or(String::new(), |one| format!(" ({:.0}/s)", one.per_second));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {}{rate} |",
            asked.name,
            time(asked.measured.get("floor")),
            time(asked.measured.get("computed")),
            time(asked.measured.get("shipped")),
            time(receiving),
        );
    }
    if postgres && !figures.peers.is_empty() {
        let versions = figures.peers.iter();
        let versions: Vec<String> = versions.map(|(name, of)| format!("{name} {of}")).collect();
        let _ = writeln!(
            text,
            "\nThe peers and what they are made of: {}.",
            versions.join(", ")
        );
    }
    let _ = writeln!(
        text,
        "\nThe server that computes every answer had at most {:.0} MB of memory resident.",
        megabytes(figures.memory)
    );
    text
}

#[expect(clippy::cast_precision_loss, reason = "no memory is that large")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
