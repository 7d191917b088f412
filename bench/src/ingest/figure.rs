//! The figures of ingest, and what is told of them.

use serde::{Deserialize, Serialize};

use super::CONNECTIONS;
use super::door::Answers;
use crate::load::median;

/// What one round has measured, or the medians of several.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Mean size of a body, in bytes.
    pub bytes: f64,
    /// Events a second in the bare append loop, in groups of 128.
    pub append_grouped: f64,
    /// The same, one by one.
    pub append_single: f64,
    /// At the door: as fast as 64 connections go.
    pub door: Answers,
    /// At the door of a server that does nothing else, where roles can be divided.
    pub door_alone: Option<Answers>,
    /// At half the rate of `door`.
    pub half: Answers,
    /// The longest that the projection was behind meanwhile, in seconds.
    pub half_lag: f64,
    /// Calls a second in the bare projection loop.
    pub project_bare: f64,
    /// Events a second that the server projects of what is in the log.
    pub project: f64,
    /// Events a second that `hookgraph rebuild` projects, its start and end included.
    pub rebuild: f64,
}

impl Figures {
    /// The median of each figure.
    pub fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        let answers = |of_round: fn(&Self) -> Option<&Answers>| {
            let of = |figure: fn(&Answers) -> f64| {
                median(rounds.iter().filter_map(of_round).map(figure).collect())
            };
            Answers {
                count: rounds
                    .first()
                    .and_then(of_round)
                    .map_or(0, |first| first.count),
                per_second: of(|answers| answers.per_second),
                p50: of(|answers| answers.p50),
                p99: of(|answers| answers.p99),
                longest: of(|answers| answers.longest),
            }
        };
        let alone = rounds.iter().any(|round| round.door_alone.is_some());
        Self {
            bytes: of(|round| round.bytes),
            append_grouped: of(|round| round.append_grouped),
            append_single: of(|round| round.append_single),
            door: answers(|round| Some(&round.door)),
            door_alone: alone.then(|| answers(|round| round.door_alone.as_ref())),
            half: answers(|round| Some(&round.half)),
            half_lag: of(|round| round.half_lag),
            project_bare: of(|round| round.project_bare),
            project: of(|round| round.project),
            rebuild: of(|round| round.rebuild),
        }
    }
}

/// What `docs/benchmarks.md` says of ingest on one database.
pub fn section(figures: &Figures) -> String {
    let of = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let mut rows = vec![
        (
            "bare append loop, groups of 128".to_owned(),
            format!("{:.0}/s", figures.append_grouped),
            String::new(),
        ),
        (
            "bare append loop, one by one".to_owned(),
            format!("{:.0}/s", figures.append_single),
            String::new(),
        ),
        (
            format!("webhooks answered over {CONNECTIONS} connections, projected meanwhile"),
            format!(
                "{:.0}/s, p50 {:.0} ms, p99 {:.0} ms",
                figures.door.per_second, figures.door.p50, figures.door.p99
            ),
            format!(
                "{:.2} of the bare append loop",
                of(figures.door.per_second, figures.append_grouped)
            ),
        ),
    ];
    if let Some(alone) = &figures.door_alone {
        rows.push((
            "the same at a server of the role `ingest`".to_owned(),
            format!(
                "{:.0}/s, p50 {:.0} ms, p99 {:.0} ms",
                alone.per_second, alone.p50, alone.p99
            ),
            format!(
                "{:.2} of the bare append loop",
                of(alone.per_second, figures.append_grouped)
            ),
        ));
    }
    rows.extend([
        (
            "webhooks at half that rate".to_owned(),
            format!(
                "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
                figures.half.per_second, figures.half.p50, figures.half.p99
            ),
            format!("the projection at most {:.2} s behind", figures.half_lag),
        ),
        (
            "bare projection loop".to_owned(),
            format!("{:.0}/s", figures.project_bare),
            String::new(),
        ),
        (
            "projection of a full log".to_owned(),
            format!("{:.0}/s", figures.project),
            format!(
                "{:.2} of the bare projection loop",
                of(figures.project, figures.project_bare)
            ),
        ),
        (
            "`hookgraph rebuild`".to_owned(),
            format!("{:.0}/s", figures.rebuild),
            format!(
                "{:.2} of the projection",
                of(figures.rebuild, figures.project)
            ),
        ),
    ]);
    let rows = rows
        .iter()
        .map(|(what, figure, ratio)| format!("| {what} | {figure} | {ratio} |\n"));
    format!(
        "Mean size of a webhook: {:.1} kB.\n\n| what | figure | ratio |\n| --- | --- | --- |\n{}",
        figures.bytes / 1_000.0,
        rows.collect::<String>()
    )
}
