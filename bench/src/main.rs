//! Measures Hookgraph on the machine at hand, beside its floor (what the database and HTTP allow at best) and beside what
//! a user would pick instead, and writes `docs/benchmarks.md` of it.
//!
//! Invariant: what is compared is measured in one run, the sides in turn, and what is told of several rounds is their median.
//! Everything listens on the loopback interface only, and every load ends by itself.

mod ask;
mod build;
mod company;
mod database;
mod document;
mod feed;
mod fill;
mod floor;
mod growth;
mod ingest;
mod load;
mod machine;
mod peer;
mod process;
mod queries;
mod question;
mod results;
mod survey;

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
    /// Measure how fast webhooks are taken, stored and projected
    Ingest(ingest::IngestArgs),
    /// Measure subscriptions beside bare sockets
    Feed(feed::FeedArgs),
    /// Serve the floor of the feed, for the command `feed`
    FeedFloor,
    /// Subscribe as standard input says, for the command `feed`
    FeedClients,
    /// Fill a running server with the data of the measurements
    Fill(fill::FillArgs),
    /// Ask a running server the questions
    Ask(ask::AskArgs),
    /// Compare the answers to questions with those of the floor and the peers
    Queries(queries::QueriesArgs),
    /// Measure how answers, sizes and memory grow
    Growth(growth::GrowthArgs),
    /// Measure how long a build takes, and what comes of it
    Build(build::BuildArgs),
    /// Write docs/benchmarks.md of what was measured
    Document,
    /// Bring the peers onto this machine
    #[command(subcommand)]
    Peer(PeerCommand),
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum PeerCommand {
    /// Install and build the peers, in the versions of their lock files
    Install,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Floor(args) => floor::serve(args).await,
        Command::Feed(args) => feed::measure(args).await,
        Command::FeedFloor => feed::floor::serve().await,
        Command::FeedClients => feed::client::run().await,
        Command::Fill(args) => fill::run(args).await,
        Command::Ask(args) => ask::run(args).await,
        Command::Queries(args) => queries::run(args).await,
        Command::Growth(args) => growth::run(args).await,
        Command::Build(args) => build::run(&args),
        Command::Document => document::write(),
        Command::Peer(PeerCommand::Install) => peer::install().await,
        Command::Ingest(args) => ingest::run(args).await,
    }
}
