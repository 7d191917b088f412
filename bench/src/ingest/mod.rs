//! Ingest: how fast webhooks are taken, stored and projected, beside bare loops that only store and only project.
//!
//! In each round every side has its turn, with fresh stores and the same webhooks: the bare append loop, the server at its door, the
//! bare projection loop, the server's projection, a rebuild. The senders and the database are on the same machine.

mod append;
mod body;
mod door;
mod figure;
mod place;
mod project;
mod rows;
mod table;
mod watch;
mod webhook;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sample::Delivery;
use tests::server::{Installation, Server};

use self::door::{Answers, Pace};
pub use self::figure::{Figures, section};
use self::place::{Host, Place};
use self::watch::Watch;
use crate::database::Database;
use crate::load::count;
use crate::results;

/// Senders at the door.
const CONNECTIONS: usize = 64;

/// Measure how fast webhooks are taken, stored and projected.
#[derive(Debug, clap::Args)]
pub struct IngestArgs {
    /// The database
    #[arg(long)]
    database: Database,
    /// How many webhooks are sent in a round
    #[arg(long, default_value_t = 12_000)]
    events: usize,
    /// How many rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these parts, to look at one of them
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Append, Part::Door, Part::Projection])]
    parts: Vec<Part>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The bare append loop
    Append,
    /// The server's door
    Door,
    /// The bare projection loop, the server's projection, and a rebuild of what it projected
    Projection,
}

/// Runs the rounds and writes the figures to `target/bench`.
pub async fn run(args: IngestArgs) -> anyhow::Result<()> {
    let deliveries = Arc::new(webhook::deliveries(args.events));
    let host = Host::start(args.database);
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        let figures = round(&host, &deliveries, &args.parts).await?;
        println!("round {number}: {}", serde_json::to_string(&figures)?);
        rounds.push(figures);
    }
    let figures = Figures::median(&rounds);
    results::write(&format!("ingest-{}", args.database.name()), &figures)?;
    println!("{}", section(&figures));
    Ok(())
}

async fn round(
    host: &Host,
    deliveries: &Arc<Vec<Delivery>>,
    parts: &[Part],
) -> anyhow::Result<Figures> {
    let mut figures = Figures {
        bytes: webhook::mean_size(deliveries),
        ..Figures::default()
    };
    if parts.contains(&Part::Append) {
        figures.append_grouped = append::grouped(&host.place()?, deliveries).await?;
        let few = &deliveries[..deliveries.len() / 4];
        figures.append_single = append::single(&host.place()?, few).await?;
    }
    let mut server = None;
    if parts.contains(&Part::Door) {
        server = Some(at_the_door(host, deliveries, &mut figures).await?);
    }
    if parts.contains(&Part::Projection) {
        figures.project_bare = project::project(&host.place()?, deliveries).await?;
        let mut server = match server {
            Some(server) => server,
            None => filled(host, deliveries).await?,
        };
        server.stop().await;
        projection(server, &mut figures).await?;
    }
    Ok(figures)
}

fn installation(place: Place) -> Installation {
    let installation = Installation::new().with_log("warn");
    match place {
        Place::Sqlite(_) => installation.on_sqlite(),
        Place::Postgres(url) => installation.on_postgres(&url),
    }
}

/// Sends in a thread of its own, as fast as it goes or at a pace.
async fn send(
    server: &Server,
    requests: &Arc<Vec<Vec<u8>>>,
    pace: Pace,
) -> anyhow::Result<Answers> {
    let address = server.address().parse()?;
    let requests = Arc::clone(requests);
    let lasting = Duration::from_mins(1);
    let sent = tokio::task::spawn_blocking(move || {
        door::send(address, &requests, CONNECTIONS, pace, lasting)
    });
    sent.await?
}

fn signed(server: &Server, deliveries: &[Delivery]) -> anyhow::Result<Arc<Vec<Vec<u8>>>> {
    let secret = &server.installation.secrets()[0];
    Ok(Arc::new(webhook::sign(
        deliveries,
        secret,
        server.address().parse()?,
    )?))
}

/// The first third of the webhooks as fast as it goes, the others at half of that rate, which lasts four times as long.
async fn at_the_door(
    host: &Host,
    deliveries: &[Delivery],
    figures: &mut Figures,
) -> anyhow::Result<Server> {
    let (fast, slow) = deliveries.split_at(deliveries.len() / 3);
    if let Place::Postgres(url) = host.place()? {
        let alone = Installation::new()
            .with_log("warn")
            .on_postgres(&url)
            .with_roles("ingest");
        let mut server = alone.serve().await;
        let requests = signed(&server, fast)?;
        figures.door_alone = Some(send(&server, &requests, Pace::Closed).await?);
        server.stop().await;
    }
    let server = installation(host.place()?).serve().await;
    let watch = Watch::of(&server.installation).await?;
    let requests = signed(&server, fast)?;
    figures.door = send(&server, &requests, Pace::Closed).await?;
    drop(requests);
    watch.caught_up().await?;
    let requests = signed(&server, slow)?;
    let pace = Pace::Open(figures.door.per_second / 2.0);
    let (sent, done) = tokio::sync::oneshot::channel();
    let (answers, lag) = tokio::join!(
        async {
            let answers = send(&server, &requests, pace).await;
            let _ = sent.send(());
            answers
        },
        watch.longest_lag(async { drop(done.await) })
    );
    figures.half = answers?;
    figures.half_lag = lag?.as_secs_f64();
    Ok(server)
}

/// A server whose log has these webhooks.
async fn filled(host: &Host, deliveries: &[Delivery]) -> anyhow::Result<Server> {
    let server = installation(host.place()?).serve().await;
    let requests = signed(&server, deliveries)?;
    send(&server, &requests, Pace::Closed).await?;
    Ok(server)
}

/// What a server projects that finds a full log and no read model; and a rebuild of that without a server.
async fn projection(mut server: Server, figures: &mut Figures) -> anyhow::Result<()> {
    let watch = Watch::of(&server.installation).await?;
    match &watch {
        Watch::Sqlite(..) => {
            for entry in std::fs::read_dir(server.installation.data_dir())?.flatten() {
                if entry.file_name().to_string_lossy().starts_with("read-") {
                    std::fs::remove_file(entry.path())?;
                }
            }
        }
        Watch::Postgres(client) => {
            client
                .batch_execute("DROP SCHEMA hookgraph_read_1 CASCADE")
                .await?;
        }
    }
    let head = watch.head().await?;
    server.start_again().await;
    figures.project = watch.caught_up().await?;
    server.stop().await;
    let begin = Instant::now();
    let status = server
        .installation
        .on_store(["rebuild"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .await
        .context("hookgraph rebuild")?;
    ensure!(status.success(), "hookgraph rebuild ended with {status}");
    figures.rebuild = count(usize::try_from(head)?) / begin.elapsed().as_secs_f64();
    Ok(())
}
