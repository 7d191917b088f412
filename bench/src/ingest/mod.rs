//! Ingest: how fast webhooks are taken, stored and projected, beside bare loops that only store and only project.
//!
//! In each round every side has its turn, with fresh stores and the same webhooks: the bare append loop, the server at its door, the
//! bare projection loop, the server's projection, a rebuild. The senders and the database are on the same machine.

mod append;
mod body;
mod door;
mod place;
mod project;
mod table;
mod watch;
mod webhook;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sample::Delivery;
use serde::{Deserialize, Serialize};
use tests::server::{Installation, Server};

use self::door::{Answers, Pace};
use self::place::{Database, Host, Place};
use self::watch::Watch;
use crate::load::{count, median};

/// Senders at the door.
const CONNECTIONS: usize = 64;

/// Measure how fast webhooks are taken, stored and projected.
#[derive(Debug, clap::Args)]
pub struct IngestArgs {
    /// The database
    #[arg(long)]
    database: Database,
    /// How many webhooks are sent in a round
    #[arg(long, default_value_t = 8_000)]
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
    let folder = std::path::Path::new("target/bench");
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("ingest-{}.json", args.database.name()));
    std::fs::write(&file, serde_json::to_vec_pretty(&figures)?)?;
    println!("{}", section(args.database.name(), &figures));
    Ok(())
}

async fn round(host: &Host, deliveries: &Arc<Vec<Delivery>>, parts: &[Part]) -> anyhow::Result<Figures> {
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
async fn send(server: &Server, requests: &Arc<Vec<Vec<u8>>>, pace: Pace) -> anyhow::Result<Answers> {
    let address = server.address().parse()?;
    let requests = Arc::clone(requests);
    let lasting = Duration::from_secs(60);
    let sent = tokio::task::spawn_blocking(move || door::send(address, &requests, CONNECTIONS, pace, lasting));
    sent.await?
}

fn signed(server: &Server, deliveries: &[Delivery]) -> anyhow::Result<Arc<Vec<Vec<u8>>>> {
    let secret = &server.installation.secrets()[0];
    Ok(Arc::new(webhook::sign(deliveries, secret, server.address().parse()?)?))
}

/// The first half of the webhooks as fast as it goes, the other half at half of that rate.
async fn at_the_door(host: &Host, deliveries: &[Delivery], figures: &mut Figures) -> anyhow::Result<Server> {
    let (fast, slow) = deliveries.split_at(deliveries.len() / 2);
    if let Place::Postgres(url) = host.place()? {
        let alone = Installation::new().with_log("warn").on_postgres(&url).with_roles("ingest");
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
            client.batch_execute("DROP SCHEMA hookgraph_read_1 CASCADE").await?;
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

impl Figures {
    /// The median of each figure.
    fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        let answers = |of_round: fn(&Self) -> Option<&Answers>| {
            let of = |figure: fn(&Answers) -> f64| {
                median(rounds.iter().filter_map(of_round).map(figure).collect())
            };
            Answers {
                answers: rounds.first().and_then(of_round).map_or(0, |first| first.answers),
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
pub fn section(database: &str, figures: &Figures) -> String {
    let database = match database {
        "postgres" => "PostgreSQL",
        _ => "SQLite",
    };
    let of = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let mut rows = vec![
        ("bare append loop, groups of 128".to_owned(), format!("{:.0}/s", figures.append_grouped), String::new()),
        ("bare append loop, one by one".to_owned(), format!("{:.0}/s", figures.append_single), String::new()),
        (
            format!("webhooks answered over {CONNECTIONS} connections, projected meanwhile"),
            format!("{:.0}/s, p50 {:.0} ms, p99 {:.0} ms", figures.door.per_second, figures.door.p50, figures.door.p99),
            format!("{:.2} of the bare append loop", of(figures.door.per_second, figures.append_grouped)),
        ),
    ];
    if let Some(alone) = &figures.door_alone {
        rows.push((
            "the same at a server of the role `ingest`".to_owned(),
            format!("{:.0}/s, p50 {:.0} ms, p99 {:.0} ms", alone.per_second, alone.p50, alone.p99),
            format!("{:.2} of the bare append loop", of(alone.per_second, figures.append_grouped)),
        ));
    }
    rows.extend([
        (
            "webhooks at half that rate".to_owned(),
            format!("{:.0}/s, p50 {:.1} ms, p99 {:.1} ms", figures.half.per_second, figures.half.p50, figures.half.p99),
            format!("the projection at most {:.2} s behind", figures.half_lag),
        ),
        ("bare projection loop".to_owned(), format!("{:.0}/s", figures.project_bare), String::new()),
        (
            "projection of a full log".to_owned(),
            format!("{:.0}/s", figures.project),
            format!("{:.2} of the bare projection loop", of(figures.project, figures.project_bare)),
        ),
        (
            "`hookgraph rebuild`".to_owned(),
            format!("{:.0}/s", figures.rebuild),
            format!("{:.2} of the projection", of(figures.rebuild, figures.project)),
        ),
    ]);
    let rows = rows.iter().map(|(what, figure, ratio)| format!("| {what} | {figure} | {ratio} |\n"));
    format!(
        "### Ingest on {database}\n\nMean size of a webhook: {:.1} kB.\n\n| what | figure | ratio |\n| --- | --- | --- |\n{}",
        figures.bytes / 1_000.0,
        rows.collect::<String>()
    )
}
