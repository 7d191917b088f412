//! A store of one size, and the servers that are started on it one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tests::postgres::Cluster;
use tests::server::{Backend, Installation, Server};
use tokio_postgres::NoTls;

use super::{Round, asked};
use crate::company::{Amount, deliveries};
use crate::database::Database;
use crate::fill::fill;
use crate::load::{Connection, Target, count};
use crate::process::memory;
use crate::question::Case;
use crate::survey;

/// Connections over which a store is filled.
const SENDERS: usize = 32;

/// How long the read model may stand still before the fill has failed.
const STANDSTILL: Duration = Duration::from_mins(1);

/// How long a server is left alone before its idle memory is read.
const SETTLED: Duration = Duration::from_secs(1);

/// The server of the database, if it needs one.
pub struct Host(Option<Cluster>);

impl Host {
    /// Starts it.
    pub fn start(database: Database) -> Self {
        // As installed, `fsync` included, but for the room that any server of this size would be given.
        let start = || Cluster::start("-c shared_buffers=512MB -c max_wal_size=1GB");
        Self((database == Database::Postgres).then(start))
    }

    fn installation(&self) -> Installation {
        let installation = Installation::new()
            .with_log("warn")
            .with_variable("HOOKGRAPH_KEPT_ANSWERS", "0");
        match &self.0 {
            None => installation.on_sqlite(),
            Some(cluster) => installation.on_postgres(&cluster.create_database()),
        }
    }
}

/// What a store takes on disk. All but the counts and the rate are bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Volume {
    /// Practice calls.
    pub calls: usize,
    /// Lines of each.
    pub lines: usize,
    /// Events: the calls, and what happened to orgs and users.
    pub events: usize,
    /// The bodies as they were sent.
    pub raw: u64,
    /// The log.
    pub log: u64,
    /// The read model.
    pub read_model: u64,
    /// Events a second, from the first that is sent until the last can be queried.
    pub filled_per_second: f64,
}

/// A filled store. No server runs on it between the rounds.
pub struct Store {
    server: Server,
    cases: Vec<Case>,
    /// Its size.
    pub volume: Volume,
}

impl Store {
    /// Fills a new one, and learns what can be asked of it.
    pub async fn fill(host: &Host, amount: Amount) -> anyhow::Result<Self> {
        let mut server = host.installation().serve().await;
        let raw = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&raw);
        let deliveries = deliveries(amount).inspect(move |delivery| {
            counted.fetch_add(delivery.body.len() as u64, Ordering::Relaxed);
        });
        let secret = server.installation.secrets()[0].clone();
        let begin = Instant::now();
        let (events, _) = fill(server.address().parse()?, &secret, deliveries, SENDERS).await?;
        let target = target(&server)?;
        caught_up(&target).await?;
        let filled_per_second = count(events) / begin.elapsed().as_secs_f64();
        // A page at three quarters of the calls, wherever that is.
        let cases = survey::cases(&target, amount.calls * 3 / 4).await?;
        server.stop().await;
        let (log, read_model) = on_disk(&server.installation).await?;
        Ok(Self {
            server,
            cases,
            volume: Volume {
                calls: amount.calls,
                lines: amount.lines,
                events,
                raw: raw.load(Ordering::Relaxed),
                log,
                read_model,
                filled_per_second,
            },
        })
    }

    /// Starts a server, measures, and stops it.
    pub async fn round(&mut self) -> anyhow::Result<Round> {
        let begin = Instant::now();
        self.server.start_again().await;
        let target = target(&self.server)?;
        while self
            .server
            .client
            .get(self.server.url("/health/ready"))
            .send()
            .await?
            .status()
            != 200
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        status(&mut Connection::open(&target).await?).await?;
        let start_up = begin.elapsed().as_secs_f64() * 1_000.0;
        tokio::time::sleep(SETTLED).await;
        let process = self.server.process();
        let (idle, _) = memory(process)?;
        let questions = asked::questions(&target, &self.cases).await?;
        // The newest org, of the first case, is the one that is deleted on the way: it has no calls in that period.
        let reports = asked::reports(&target, &self.cases[1], self.volume.lines).await?;
        let (after, most) = memory(process)?;
        self.server.stop().await;
        Ok(Round {
            start_up,
            idle: bytes(idle),
            after: bytes(after),
            most: bytes(most),
            questions,
            reports,
        })
    }
}

/// Where a running server answers.
fn target(server: &Server) -> anyhow::Result<Target> {
    Ok(Target {
        address: server.address().parse()?,
        path: "/graphql".to_owned(),
    })
}

/// What the server has stored, and how much of it can be queried.
async fn status(server: &mut Connection) -> anyhow::Result<(u64, u64)> {
    let query = Bytes::from_static(br#"{ "query": "{ status { head projected } }" }"#);
    let answer: Value = serde_json::from_slice(&server.post(query).await?)?;
    let position = |name: &str| {
        let position = &answer["data"]["status"][name];
        let text = position.as_str().map(str::to_owned);
        let text = text.unwrap_or_else(|| position.to_string());
        text.parse()
            .with_context(|| format!("no {name} in {answer}"))
    };
    Ok((position("head")?, position("projected")?))
}

/// Waits until all that is stored can be queried, for as long as it moves on.
async fn caught_up(target: &Target) -> anyhow::Result<()> {
    let mut server = Connection::open(target).await?;
    let (mut at, mut since) = (0, Instant::now());
    loop {
        let (head, projected) = status(&mut server).await?;
        if projected == head {
            return Ok(());
        }
        if projected != at {
            (at, since) = (projected, Instant::now());
        }
        if since.elapsed() > STANDSTILL {
            bail!("the read model stands at {projected} of {head}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Bytes of the log and of the read model, indexes included, once no server runs.
async fn on_disk(installation: &Installation) -> anyhow::Result<(u64, u64)> {
    match installation.backend() {
        Backend::Sqlite => {
            let (mut log, mut read_model) = (0, 0);
            for file in std::fs::read_dir(installation.data_dir())? {
                let file = file?;
                let name = file.file_name();
                let of = match name.to_string_lossy() {
                    name if name.starts_with("log.db") => &mut log,
                    name if name.starts_with("read-") => &mut read_model,
                    _ => continue,
                };
                *of += file.metadata()?.len();
            }
            ensure!(log > 0 && read_model > 0, "the store has no files");
            Ok((log, read_model))
        }
        Backend::Postgres(url) => {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            // What autovacuum does in its own time, and would do in the middle of a round.
            client.batch_execute("VACUUM (ANALYZE)").await?;
            let select = "SELECT COALESCE(SUM(pg_total_relation_size(class.oid)), 0)::bigint
                FROM pg_class class JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
                WHERE class.relkind = 'r' AND namespace.nspname LIKE $1";
            let mut sizes = [0; 2];
            for (size, schema) in sizes
                .iter_mut()
                .zip(["hookgraph\\_log", "hookgraph\\_read\\_%"])
            {
                *size =
                    u64::try_from(client.query_one(select, &[&schema]).await?.get::<_, i64>(0))?;
            }
            let [log, read_model] = sizes;
            Ok((log, read_model))
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no process has that much memory"
)]
fn bytes(number: u64) -> f64 {
    number as f64
}
