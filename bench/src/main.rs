//! Measures Hookgraph on the machine at hand, beside its floor (what the database and HTTP allow at best) and beside what
//! a user would pick instead, and writes `docs/benchmarks.md` of it.
//!
//! Invariant: what is compared is measured in one run, the sides in turn, and what is told of several rounds is their median.
//! Everything listens on the loopback interface only, and every load ends by itself.

mod floor;
mod ingest;
mod load;
mod process;
mod question;

use clap::{Parser, Subcommand};

/// Measure Hookgraph beside its floor and its peers.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the floor's answers, for the other commands
    Floor(floor::FloorArgs),
    /// How fast webhooks are taken, stored and projected
    Ingest(ingest::IngestArgs),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Floor(args) => floor::serve(args).await,
        Command::Ingest(args) => ingest::run(args).await,
    }
}
