//! Growth: the same questions of stores that hold ten and a hundred times as many calls.
//!
//! Invariant: the stores hold calls of the same shape, all are filled through the door of a server before anything is measured,
//! and in each round every store has its turn, with a server that has just been started and keeps no answers.

mod asked;
mod report;
mod store;

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use self::asked::{Question, Report};
use self::store::{Host, Store, Volume};
use crate::company::Amount;
use crate::database::Database;
use crate::load::median;
use crate::results;

pub use self::report::section;

/// Calls of the largest store, which needs tens of gigabytes and more than an hour.
const LARGEST: usize = 2_000_000;

/// Measure how answers, sizes and memory grow with the number of calls.
#[derive(Debug, clap::Args)]
pub struct GrowthArgs {
    /// The database
    #[arg(long)]
    database: Database,
    /// How many calls the stores have, the smallest first
    #[arg(long, value_delimiter = ',', default_values_t = [2_000, 20_000, 200_000])]
    sizes: Vec<usize>,
    /// How many lines each call has
    #[arg(long, default_value_t = 4)]
    lines: usize,
    /// One more store, of two million calls without transcripts
    #[arg(long)]
    largest: bool,
    /// How many rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What was measured on one database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// The name of the database, as people write it.
    pub database: String,
    /// Rounds, of which the figures are the medians.
    pub rounds: usize,
    /// What calls with whole transcripts take on disk.
    pub whole: Volume,
    /// The stores, the smallest first.
    pub stores: Vec<Measured>,
}

/// What was measured of one store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// What it takes on disk.
    pub volume: Volume,
    /// The medians of its rounds.
    pub round: Round,
}

/// What one round measured of one store, or the median of several.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Round {
    /// From the start of the process until it has answered a first query, in milliseconds.
    pub start_up: f64,
    /// Resident memory after that, in bytes.
    pub idle: f64,
    /// Resident memory after all that follows.
    pub after: f64,
    /// The most that was resident.
    pub most: f64,
    /// The questions.
    pub questions: Vec<Question>,
    /// The reports.
    pub reports: Vec<Report>,
}

/// Runs the rounds and writes the figures to `target/bench`.
pub async fn run(args: GrowthArgs) -> anyhow::Result<()> {
    ensure!(args.rounds > 0, "there is no round to measure in");
    let host = Host::start(args.database);
    let mut amounts: Vec<Amount> = args
        .sizes
        .iter()
        .map(|&calls| Amount {
            calls,
            lines: args.lines,
        })
        .collect();
    if args.largest {
        amounts.push(Amount {
            calls: LARGEST,
            lines: 0,
        });
    }
    let smallest = amounts.first().map_or(0, |amount| amount.calls);
    ensure!(smallest > 0, "there is no store to measure");
    let sample = Amount {
        calls: smallest.min(2_000),
        lines: Amount::default().lines,
    };
    let whole = Store::fill(&host, sample).await?.volume;
    let mut stores = Vec::new();
    for amount in amounts {
        let store = Store::fill(&host, amount).await?;
        println!(
            "{} calls: {}",
            amount.calls,
            serde_json::to_string(&store.volume)?
        );
        stores.push((store, Vec::new()));
    }
    for number in 1..=args.rounds {
        for (store, rounds) in &mut stores {
            let round = store.round().await?;
            println!(
                "round {number}, {} calls: {}",
                store.volume.calls,
                serde_json::to_string(&round)?
            );
            rounds.push(round);
        }
    }
    let figures = Figures {
        database: args.database.title().to_owned(),
        rounds: args.rounds,
        whole,
        stores: stores
            .into_iter()
            .map(|(store, rounds)| Measured {
                volume: store.volume,
                round: Round::median(&rounds),
            })
            .collect(),
    };
    results::write(&format!("growth-{}", args.database.name()), &figures)?;
    println!("{}", section(&figures));
    Ok(())
}

impl Round {
    /// The median of each figure.
    fn median(rounds: &[Self]) -> Self {
        let of = |figure: &dyn Fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        let first = &rounds[0];
        let questions = first
            .questions
            .iter()
            .enumerate()
            .map(|(at, question)| Question {
                name: question.name.clone(),
                alone: of(&|round| round.questions[at].alone),
                per_second: of(&|round| round.questions[at].per_second),
            });
        let reports = first.reports.iter().enumerate().map(|(at, report)| Report {
            about: report.about.clone(),
            took: rounds
                .iter()
                .map(|round| round.reports[at].took)
                .collect::<Option<_>>()
                .map(median),
        });
        Self {
            start_up: of(&|round| round.start_up),
            idle: of(&|round| round.idle),
            after: of(&|round| round.after),
            most: of(&|round| round.most),
            questions: questions.collect(),
            reports: reports.collect(),
        }
    }
}
