//! `hookgraph status`: how an installation is, read from its stores, whether servers run or not.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use chrono::{DateTime, SecondsFormat};
use entity::read_model::event_index::{Column, Entity};
use ingest::generation::{self, Generation, State, Version};
use ingest::log::{Log, Position};
use ingest::pace::Pace;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde::Serialize;

use super::export::open_log;
use super::output;
use crate::config::StoreArgs;

/// For how long a generation that is being built is watched, to tell its pace.
const WATCHED: Duration = Duration::from_secs(1);

/// Show how an installation is: how many events it has, and how far the read model is
///
/// Servers may go on running, or none may run. It tells of each generation of the read model: the one that answers queries,
/// and, while one is being built, how far it is, how fast it goes and how long it will take.
///
/// Exit codes: 0 it was shown, 2 it could not be.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct StatusArgs {
    /// Print one JSON object, for scripts
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    version: &'static str,
    /// The position of the newest event.
    head: Position,
    last_received_at: Option<String>,
    serving: Option<Serving>,
    building: Vec<Building>,
    /// Generations that wait to be removed, or that another version of the program makes.
    other: Vec<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Serving {
    generation: i64,
    projected: Position,
    lag: Position,
    tables: i32,
    rules: i32,
    dead: u64,
    unrecognized: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Building {
    generation: i64,
    projected: Position,
    events_per_second: Option<f64>,
    seconds_left: Option<f64>,
}

/// Shows the installation that `args` name.
pub(super) async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let log = open_log(&args.store).await?;
    let location = args.store.location().await?;
    let generations = generation::all(&location)
        .await
        .context("cannot open the read model")?;
    let report = Report::of(&log, generations).await?;
    if args.json {
        let json = serde_json::to_string_pretty(&report)?;
        output::result(&format!("{json}\n"))?;
    } else {
        output::result(&report.describe())?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Report {
    async fn of(log: &Log, generations: Vec<(Generation, State)>) -> anyhow::Result<Self> {
        let head = log.head().await?;
        let last = log.last_received_at().await?;
        let last = last.and_then(DateTime::from_timestamp_micros);
        let mut report = Self {
            version: env!("CARGO_PKG_VERSION"),
            head,
            last_received_at: last.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            serving: None,
            building: Vec::new(),
            other: Vec::new(),
        };
        for (generation, state) in generations.into_iter().rev() {
            let version = generation.version();
            if report.serving.is_none() && state.ready && version.tables == Version::CURRENT.tables
            {
                report.serving = Some(Serving::of(&generation, state, head).await?);
            } else if report.serving.is_none() && !state.ready {
                report.building.push(Building::of(&generation, head).await?);
            } else {
                report.other.push(generation.number());
            }
        }
        Ok(report)
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<13}{value}");
        };
        line("Version", self.version.to_owned());
        let newest = match &self.last_received_at {
            Some(at) => format!("{}, the newest received at {at}", self.head),
            None => "0".to_owned(),
        };
        line("Events", newest);
        match &self.serving {
            None => line(
                "Read model",
                "none that this version can read: start a server, or run `hookgraph rebuild`"
                    .to_owned(),
            ),
            Some(serving) => {
                line("Read model", serving.describe());
                line(
                    "Not readable",
                    format!(
                        "{} dead, {} of an unknown type: `events` tells of them by `outcome`",
                        serving.dead, serving.unrecognized
                    ),
                );
            }
        }
        for building in &self.building {
            line("Building", building.describe(self.head));
        }
        if !self.other.is_empty() {
            let numbers: Vec<_> = self.other.iter().map(ToString::to_string).collect();
            line(
                "Others",
                format!(
                    "generation {}: replaced, or another version's",
                    numbers.join(", ")
                ),
            );
        }
        text
    }
}

impl Serving {
    async fn of(generation: &Generation, state: State, head: Position) -> anyhow::Result<Self> {
        let count = async |outcome: &str| {
            Entity::find()
                .filter(Column::Outcome.eq(outcome))
                .count(generation.db())
                .await
        };
        let Version { tables, rules } = generation.version();
        Ok(Self {
            generation: generation.number(),
            projected: state.position,
            lag: (head - state.position).max(0),
            tables,
            rules,
            dead: count("DEAD").await?,
            unrecognized: count("UNRECOGNIZED").await?,
        })
    }

    fn describe(&self) -> String {
        let of = if self.rules == Version::CURRENT.rules {
            ""
        } else {
            ", made by the rules of another version"
        };
        let behind = match self.lag {
            0 => "up to the newest event".to_owned(),
            lag => format!("up to position {}, {lag} behind", self.projected),
        };
        format!("generation {} answers, {behind}{of}", self.generation)
    }
}

impl Building {
    async fn of(generation: &Generation, head: Position) -> anyhow::Result<Self> {
        let mut pace = Pace::starting_at(generation.position().await?, Instant::now());
        tokio::time::sleep(WATCHED).await;
        let position = generation.position().await?;
        pace.moved_to(position, Instant::now());
        Ok(Self {
            generation: generation.number(),
            projected: position,
            events_per_second: pace.per_second(),
            seconds_left: pace.time_left(head).map(|left| left.as_secs_f64()),
        })
    }

    fn describe(&self, head: Position) -> String {
        let percent = self.projected.saturating_mul(100) / head.max(1);
        let pace = match (self.events_per_second, self.seconds_left) {
            (Some(per_second), Some(left)) => {
                format!("{per_second:.0} events/s, about {left:.0} s left")
            }
            _ if self.projected >= head => "it has caught up and is about to serve: a running server moves on to it within seconds, and so does `hookgraph rebuild`".to_owned(),
            _ => "it stands still: a running server goes on with it within seconds, and so does `hookgraph rebuild`".to_owned(),
        };
        format!(
            "generation {} is at position {}, {percent} %, {pace}",
            self.generation, self.projected
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_that_has_caught_up_does_not_stand_still() {
        let building = Building {
            generation: 2,
            projected: 10,
            events_per_second: None,
            seconds_left: None,
        };
        let text = building.describe(10);
        assert!(text.contains("100 %, it has caught up"), "{text}");
        assert!(!text.contains("stands still"), "{text}");
        assert!(building.describe(20).contains("50 %, it stands still"));
    }
}
