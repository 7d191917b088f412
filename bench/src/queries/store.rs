//! The store that is asked: filled through a real server, then served to every contestant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;
use tests::postgres::Cluster;
use tokio::process::Command;
use tokio_postgres::NoTls;

use super::contestant::{Contestant, Words};
use crate::company::{Amount, deliveries};
use crate::database::Database;
use crate::fill::fill;
use crate::load::{Connection, Target};
use crate::peer::{self, PEERS};
use crate::process::Process;

/// With what webhooks are signed here.
pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

/// Where the first generation of the read model is, in PostgreSQL.
const READ_SCHEMA: &str = "hookgraph_read_1";

/// A filled store.
pub struct Store {
    folder: TempDir,
    /// The cluster and the address of the database in it; none for SQLite.
    postgres: Option<(Cluster, String)>,
}

impl Store {
    /// Sends `amount` to a server of its own, and waits until all of it can be queried.
    pub async fn fill(database: Database, amount: Amount) -> anyhow::Result<Self> {
        let store = Self {
            folder: TempDir::with_prefix("hookgraph-bench-")?,
            postgres: (database == Database::Postgres).then(|| {
                // Reading is measured here: how commits reach the disk is not.
                let cluster = Cluster::start("-c fsync=off -c shared_buffers=1GB");
                let url = cluster.create_database();
                (cluster, url)
            }),
        };
        let server = store.serve("data", &[]).await?;
        let (events, took) = fill(server.target.address, SECRET, deliveries(amount), 32).await?;
        println!("{events} events were sent in {took:.1?}");
        settle(&server.target).await?;
        drop(server);
        if let Some((_, url)) = &store.postgres {
            // What the database's own upkeep does in time.
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            client.batch_execute("VACUUM (ANALYZE)").await?;
        }
        Ok(store)
    }

    /// Starts everyone who is compared, Hookgraph without kept answers first.
    pub async fn contestants(&self, peers: bool) -> anyhow::Result<Vec<Contestant>> {
        let hookgraph = |name, process| Contestant {
            name,
            process,
            asked: Words::Hookgraph,
        };
        let mut floor = Command::new(std::env::current_exe()?);
        floor.arg("floor");
        let (computed, shipped) = if let Some((_, url)) = &self.postgres {
            floor.args(["--database-url", url, "--schema", READ_SCHEMA]);
            let shipped = self.serve("data", &[]).await?;
            // The one projects, both answer.
            let computed = self.serve("other", &["--role", "api", "--kept-answers", "0"]);
            (computed.await?, shipped)
        } else {
            // One server a folder.
            copy(
                &self.folder.path().join("data"),
                &self.folder.path().join("other"),
            )?;
            floor
                .arg("--file")
                .arg(self.folder.path().join("other/read-1.db"));
            let computed = self.serve("other", &["--kept-answers", "0"]).await?;
            (computed, self.serve("data", &[]).await?)
        };
        let mut all = vec![
            hookgraph("computed", computed),
            hookgraph("shipped", shipped),
        ];
        all.push(Contestant {
            name: "floor",
            process: Process::start(&mut floor).await?,
            asked: Words::Floor,
        });
        if let Some((_, url)) = self.postgres.as_ref().filter(|_| peers) {
            peer::fill(url, READ_SCHEMA).await?;
            for peer in PEERS {
                all.push(Contestant {
                    name: peer.name(),
                    process: peer::start(peer, url).await?,
                    asked: Words::Peer(peer),
                });
            }
        }
        Ok(all)
    }

    /// A server on this store, with its files in `data`.
    async fn serve(&self, data: &str, flags: &[&str]) -> anyhow::Result<Process> {
        let mut command = Command::new(hookgraph()?);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(self.folder.path().join(data))
            .args(flags)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOOKGRAPH_LOG", "warn")
            .env("HOOKGRAPH_WEBHOOK_SECRET", SECRET);
        if let Some((_, url)) = &self.postgres {
            command.env("HOOKGRAPH_DATABASE_URL", url);
        }
        let mut server = Process::start(&mut command).await?;
        "/graphql".clone_into(&mut server.target.path);
        Ok(server)
    }
}

/// The server's binary, beside this one.
pub fn hookgraph() -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("hookgraph");
    ensure!(
        binary.is_file(),
        "there is no {}: build it first",
        binary.display()
    );
    Ok(binary)
}

/// Waits until everything that was sent is in the answers.
pub async fn settle(target: &Target) -> anyhow::Result<()> {
    let mut server = Connection::open(target).await?;
    loop {
        let asked = Bytes::from_static(br#"{"query":"{ status { lag } }"}"#);
        let answer: Value = serde_json::from_slice(&server.post(asked).await?)?;
        let lag = answer.pointer("/data/status/lag").context("a lag")?;
        if *lag == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
