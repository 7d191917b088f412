//! What was measured of the feed, as a section of `docs/benchmarks.md`.

use std::fmt::Write;

use super::{Figures, Scenario};

/// The section.
pub fn section(figures: &Figures) -> String {
    let mut text = format!(
        "Subscriptions of `callCompleted` over WebSocket on {}, 20 calls a second unless it says otherwise; server, subscribers and sender on the \
         same machine. The floor is a bare axum server that passes messages of the same size from a tokio broadcast to its sockets. Times are from the moment \
         the sender had its 204, which comes after the commit; in brackets from the moment it sent the webhook. Medians of {} rounds.\n\n\
         | subscribers | what | Hookgraph | floor | ratio |\n| --- | --- | --- | --- | --- |\n",
        figures.database, figures.rounds,
    );
    for scenario in &figures.scenarios {
        rows(&mut text, scenario);
    }
    text
}

fn rows(text: &mut String, scenario: &Scenario) {
    let Scenario {
        name,
        hookgraph,
        floor,
        ..
    } = scenario;
    let mut row = |what: &str, ours: String, theirs: Option<String>, ratio: Option<f64>| {
        let theirs = theirs.unwrap_or_else(|| "–".to_owned());
        let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| {name} | {what} | {ours} | {theirs} | {ratio} |");
    };
    let floor = floor.as_ref();
    row(
        "commit → delivered, p50",
        format!("{:.1} ms", hookgraph.p50),
        floor.map(|floor| format!("{:.1} ms", floor.p50)),
        None,
    );
    row(
        "commit → delivered, p99",
        format!(
            "{:.0} ms ({:.0} ms)",
            hookgraph.p99, hookgraph.from_sending_p99
        ),
        floor.map(|floor| format!("{:.0} ms ({:.0} ms)", floor.p99, floor.from_sending_p99)),
        None,
    );
    row(
        "messages a second",
        format!("{:.0}", hookgraph.per_second),
        floor.map(|floor| format!("{:.0}", floor.per_second)),
        floor.map(|floor| hookgraph.per_second / floor.per_second),
    );
    row(
        "server's processors",
        format!("{:.2}", hookgraph.processors),
        floor.map(|floor| format!("{:.2}", floor.processors)),
        floor.map(|floor| hookgraph.processors / floor.processors),
    );
    row(
        "memory for each idle subscriber",
        format!("{:.1} kB", hookgraph.memory / 1_000.0),
        floor.map(|floor| format!("{:.1} kB", floor.memory / 1_000.0)),
        None,
    );
}
