//! One target and one question: for whoever changes the server and wants to know what came of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::load::{Target, run as load};
use crate::question::{Documents, QUESTIONS, values_of};
use crate::survey;

/// Ask a running server the questions, and print what was measured.
#[derive(Debug, clap::Args)]
pub struct AskArgs {
    /// Where Hookgraph listens
    #[arg(long, default_value = "127.0.0.1:8080")]
    address: std::net::SocketAddr,
    /// Where the floor listens, to be asked beside it
    #[arg(long)]
    floor: Option<std::net::SocketAddr>,
    /// Which questions; all without it
    questions: Vec<String>,
    /// Connections
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How long each is measured, in seconds
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only print each answer
    #[arg(long)]
    print: bool,
}

/// Runs the command.
pub async fn run(args: AskArgs) -> anyhow::Result<()> {
    let target = Target {
        address: args.address,
        path: "/graphql".to_owned(),
    };
    let cases = survey::cases(&target, 15_000).await?;
    let documents = Documents::of("hookgraph");
    for question in QUESTIONS {
        if !args.questions.is_empty() && !args.questions.iter().any(|name| name == question.name) {
            continue;
        }
        let text = documents.text(question.name).context("no document")?;
        let bodies: Vec<_> = cases
            .iter()
            .map(|case| documents.body(&text, case))
            .collect::<Result<_, _>>()?;
        let mut connection = crate::load::Connection::open(&target).await?;
        let answer = connection.post(bodies[0].clone()).await?;
        if args.print {
            println!("{}", String::from_utf8_lossy(&answer));
        }
        let values = values_of(&answer)?.len();
        let lasting = Duration::from_secs_f64(args.seconds);
        let measured = load(&target, Arc::from(bodies), args.connections, lasting).await?;
        println!(
            "{:10} {:8.0}/s  p50 {:7.2} ms  p99 {:7.2} ms  {:7.0} bytes  {values} values",
            question.name, measured.per_second, measured.p50, measured.p99, measured.bytes
        );
        let Some(address) = args.floor.filter(|_| question.has_floor()) else {
            continue;
        };
        let floor = Target {
            address,
            path: target.path.clone(),
        };
        let bodies: Vec<_> = cases.iter().map(|case| question.for_floor(case)).collect();
        let mut connection = crate::load::Connection::open(&floor).await?;
        let said = connection.post(bodies[0].clone()).await?;
        anyhow::ensure!(
            values_of(&said)? == values_of(&answer)?,
            "the floor says otherwise: {}",
            String::from_utf8_lossy(&said)
        );
        let on_floor = load(&floor, Arc::from(bodies), args.connections, lasting).await?;
        println!(
            "{:>10} {:8.0}/s  p50 {:7.2} ms, ratio {:.2}",
            "floor",
            on_floor.per_second,
            on_floor.p50,
            measured.per_second / on_floor.per_second
        );
    }
    Ok(())
}
