//! The questions, asked of Hookgraph, of the floor and of the peers in turn.
//!
//! Hookgraph stands in the table twice: computing every answer (`--kept-answers 0`), and as it is shipped, where an answer is
//! given again as long as nothing new was received.

mod contestant;
mod section;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::company::Amount;
use crate::database::Database;
use crate::fill;
use crate::load::{self, Measured};
use crate::machine::Machine;
use crate::peer;
use crate::question::{QUESTIONS, Question, values_of};
use crate::results;
use crate::survey;
use contestant::Contestant;
use store::{SECRET, Store};

pub use section::section;

/// Where the page at depth begins.
const DEPTH: usize = 15_000;

/// How many pages at depth are asked for in turn: each contestant has to be asked for each of its cursors first.
const PAGES: usize = 10;

/// How many cases must be answered alike before a question is measured.
const COMPARED: usize = 10;

/// Calls that are received each second while the shipped server is asked.
const RECEIVED: f64 = 20.0;

/// Compare the answers to questions with those of the floor and the peers.
#[derive(Debug, clap::Args)]
pub struct QueriesArgs {
    /// The database
    #[arg(long, value_enum)]
    database: Database,
    /// Rounds, of which the median is told
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each contestant is asked each question in each round, in seconds
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Connections, each with one request after the other
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Leave the peers out
    #[arg(long)]
    no_peers: bool,
    /// Which questions; all without it
    questions: Vec<String>,
}

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figures {
    /// The database.
    pub database: Database,
    /// Rounds, of which each figure is the median.
    pub rounds: usize,
    /// Seconds of each measurement.
    pub seconds: f64,
    /// Connections.
    pub connections: usize,
    /// On what it was measured.
    pub machine: Machine,
    /// What the peers are made of.
    pub peers: Vec<(String, String)>,
    /// By question.
    pub questions: Vec<Asked>,
    /// The same of the shipped server while webhooks arrive.
    pub receiving: BTreeMap<String, Measured>,
    /// Bytes that the server which computes had resident, at most.
    pub memory: u64,
}

/// What was measured of one question.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// What it asks for.
    pub about: String,
    /// By contestant.
    pub measured: BTreeMap<String, Measured>,
}

/// Runs the command.
pub async fn run(args: QueriesArgs) -> anyhow::Result<()> {
    let store = Store::fill(args.database, Amount::default()).await?;
    let contestants = store.contestants(!args.no_peers).await?;
    let cases = survey::cases(&contestants[0].process.target, DEPTH).await?;
    let cases = contestant::with_cursors(&contestants, cases, DEPTH, PAGES).await?;
    let asked = |question: &Question| {
        args.questions.is_empty() || args.questions.iter().any(|name| name == question.name)
    };
    let lasting = Duration::from_secs_f64(args.seconds);
    let mut questions = Vec::new();
    for question in QUESTIONS.iter().filter(|question| asked(question)) {
        let about = if question.name == "Q4" {
            PAGES
        } else {
            cases.len()
        };
        let mut measured = BTreeMap::new();
        let sides = sides(&contestants, question, &cases[..about]).await?;
        for _ in 0..args.rounds {
            for (contestant, bodies) in &sides {
                let target = &contestant.process.target;
                let one = load::run(target, Arc::clone(bodies), args.connections, lasting).await;
                let one = one.with_context(|| format!("{} {}", contestant.name, question.name))?;
                let all: &mut Vec<Measured> = measured.entry(contestant.name).or_default();
                all.push(one);
            }
        }
        let measured: BTreeMap<String, Measured> = measured
            .into_iter()
            .filter_map(|(name, rounds)| Some((name.to_owned(), middle(rounds)?)))
            .collect();
        println!("{}", section::line(question.name, &measured));
        questions.push(Asked {
            name: question.name.to_owned(),
            about: question.about.to_owned(),
            measured,
        });
    }
    let shipped = contestants.iter().find(|one| one.name == "shipped");
    let shipped = shipped.context("the shipped server")?;
    let mut receiving = BTreeMap::new();
    let arriving = tokio::spawn(arrive(shipped.process.target.address));
    for question in QUESTIONS
        .iter()
        .filter(|question| question.has_floor() && asked(question))
    {
        let about = if question.name == "Q4" {
            PAGES
        } else {
            cases.len()
        };
        let bodies = shipped
            .bodies(question, &cases[..about])?
            .context("a document")?;
        let target = &shipped.process.target;
        let one = load::run(target, bodies, args.connections, lasting).await?;
        receiving.insert(question.name.to_owned(), one);
    }
    ensure!(
        !arriving.is_finished(),
        "the webhooks ended: {:?}",
        arriving.await
    );
    arriving.abort();
    let figures = Figures {
        database: args.database,
        rounds: args.rounds,
        seconds: args.seconds,
        connections: args.connections,
        machine: Machine::here(),
        peers: if args.no_peers {
            Vec::new()
        } else {
            peer::versions()?
        },
        questions,
        receiving,
        memory: contestants[0].process.memory()?.1,
    };
    results::write(&format!("queries-{}", args.database.name()), &figures)?;
    println!("{}", section(&figures));
    Ok(())
}

/// Who answers `question`, with the requests in which it is asked. All of them must answer the same.
async fn sides<'c>(
    contestants: &'c [Contestant],
    question: &Question,
    cases: &[crate::question::Case],
) -> anyhow::Result<Vec<(&'c Contestant, Arc<[Bytes]>)>> {
    // Seaography names its page at depth by number: it is asked for the first one always.
    let compared = if question.name == "Q4" { 1 } else { COMPARED };
    let mut sides = Vec::new();
    let mut expected = None;
    for contestant in contestants {
        let Some(bodies) = contestant.bodies(question, cases)? else {
            continue;
        };
        let mut connection = load::Connection::open(&contestant.process.target).await?;
        let mut values = Vec::new();
        for body in &bodies[..compared.min(bodies.len())] {
            let answer = connection.post(body.clone()).await?;
            values.push(values_of(&answer).with_context(|| contestant.name.to_owned())?);
        }
        // An org may have no calls in a period; not all of them have none.
        ensure!(
            values.iter().any(|values| !values.is_empty()),
            "{} has no values for {}",
            contestant.name,
            question.name
        );
        let expected = expected.get_or_insert_with(|| values.clone());
        ensure!(
            *expected == values,
            "{} answers {} otherwise than {}",
            contestant.name,
            question.name,
            contestants[0].name
        );
        sides.push((contestant, bodies));
    }
    Ok(sides)
}

/// Posts calls at an even pace, until it is aborted.
async fn arrive(address: std::net::SocketAddr) -> anyhow::Result<()> {
    let mut sender = fill::Sender::open(address, SECRET).await?;
    let mut pace = tokio::time::interval(Duration::from_secs_f64(1.0 / RECEIVED));
    for delivery in crate::company::more(Amount::default()) {
        pace.tick().await;
        sender.post(&delivery).await?;
    }
    Ok(())
}

/// The round in the middle, by answers a second.
fn middle(mut rounds: Vec<Measured>) -> Option<Measured> {
    rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    let middle = rounds.len() / 2;
    (middle < rounds.len()).then(|| rounds.swap_remove(middle))
}
