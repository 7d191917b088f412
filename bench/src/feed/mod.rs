//! The feed: how soon subscribers of `callCompleted` have a call, how many messages that makes at most, and what a subscriber costs
//! that waits; beside the floor of bare sockets.
//!
//! Invariant: server, subscribers and sender share the machine, in three processes. The floor gets messages of the size that
//! Hookgraph's have, by the same driver.

pub mod client;
mod drive;
pub mod floor;
mod report;
mod server;

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::load::median;
use crate::results;
use drive::Pace;
use server::{Floor, Hookgraph};

pub use report::section;

/// Calls a second while times are measured.
const CALLS_A_SECOND: u32 = 20;

/// Calls on their way while the most is measured.
const SATURATED: usize = 64;

/// Sockets while the most is measured, and while each has a filter of its own.
const MANY: usize = 1_000;

/// Measure subscriptions beside bare sockets.
#[derive(Debug, clap::Args)]
pub struct FeedArgs {
    /// The PostgreSQL database; SQLite without it
    #[arg(long)]
    database_url: Option<String>,
    /// Rounds, of which the median is told
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds that a measurement takes
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Only what has this in its name
    #[arg(long, default_value = "")]
    only: String,
}

/// One side of a scenario.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Side {
    /// From commit to delivery, in milliseconds.
    pub p50: f64,
    /// The 99th percentile of it.
    pub p99: f64,
    /// From sending the webhook to delivery: the 99th percentile.
    pub from_sending_p99: f64,
    /// Messages a second.
    pub per_second: f64,
    /// The mean size of a message in bytes.
    pub bytes: f64,
    /// Processor time that the server took, in seconds for each second.
    pub processors: f64,
    /// Bytes of memory that the server has more for each subscriber that waits.
    pub memory: f64,
}

/// A scenario, measured on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// How many subscribers.
    pub subscribers: usize,
    /// Hookgraph.
    pub hookgraph: Side,
    /// The floor; none where each subscriber has a filter, of which the floor knows nothing.
    pub floor: Option<Side>,
}

/// All that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// The database.
    pub database: String,
    /// How many rounds.
    pub rounds: usize,
    /// Each scenario's medians.
    pub scenarios: Vec<Scenario>,
}

/// What a scenario is.
#[derive(Clone, Copy)]
struct Plan {
    name: &'static str,
    subscribers: usize,
    pace: Pace,
    /// Whether each subscriber wants the calls of another user.
    filtered: bool,
}

const fn plans() -> [Plan; 4] {
    let at_pace = Pace::Every(Duration::from_millis(1_000 / CALLS_A_SECOND as u64));
    [
        Plan {
            name: "1,000 alike",
            subscribers: MANY,
            pace: at_pace,
            filtered: false,
        },
        Plan {
            name: "5,000 alike",
            subscribers: 5_000,
            pace: at_pace,
            filtered: false,
        },
        Plan {
            name: "1,000 alike, saturated",
            subscribers: MANY,
            pace: Pace::Saturated(SATURATED),
            filtered: false,
        },
        Plan {
            name: "1,000 with a filter each",
            subscribers: MANY,
            pace: at_pace,
            filtered: true,
        },
    ]
}

/// Measures, and writes the figures.
pub async fn measure(args: FeedArgs) -> anyhow::Result<()> {
    let lasting = Duration::from_secs(args.seconds);
    let mut scenarios = Vec::new();
    for plan in plans()
        .into_iter()
        .filter(|plan| plan.name.contains(&args.only))
    {
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds {
            let side = Hookgraph::start(args.database_url.as_deref())
                .await?
                .measure(&plan, lasting)
                .await;
            let side = side.with_context(|| plan.name)?;
            eprintln!("{}: {side:?}", plan.name);
            if !plan.filtered {
                let floor = Floor::start()
                    .await?
                    .measure(&plan, lasting, side.bytes)
                    .await?;
                eprintln!("  floor: {floor:?}");
                floors.push(floor);
            }
            ours.push(side);
        }
        scenarios.push(Scenario {
            name: plan.name.to_owned(),
            subscribers: plan.subscribers,
            hookgraph: medians(&ours),
            floor: (!floors.is_empty()).then(|| medians(&floors)),
        });
    }
    let database = if args.database_url.is_some() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    let figures = Figures {
        database: database.to_owned(),
        rounds: args.rounds,
        scenarios,
    };
    results::write("feed", &figures)?;
    println!("{}", section(&figures));
    Ok(())
}

fn medians(rounds: &[Side]) -> Side {
    let of = |figure: fn(&Side) -> f64| median(rounds.iter().map(figure).collect());
    Side {
        p50: of(|side| side.p50),
        p99: of(|side| side.p99),
        from_sending_p99: of(|side| side.from_sending_p99),
        per_second: of(|side| side.per_second),
        bytes: of(|side| side.bytes),
        processors: of(|side| side.processors),
        memory: of(|side| side.memory),
    }
}
