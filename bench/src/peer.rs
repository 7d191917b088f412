//! The peers: what a user would pick instead of Hookgraph, as they come from their registries, over a schema such as they like.
//!
//! Invariant: each peer is at its best: production settings, prepared statements where it has them, an index for every question,
//! and the wording of a question that suits it. What it cannot answer it is not asked.

mod install;

use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_postgres::NoTls;

pub use install::{install, versions};

use crate::load::{Connection, Target};
use crate::process::Process;

/// The peers.
pub const PEERS: [Peer; 3] = [Peer::Postgraphile, Peer::Yoga, Peer::Seaography];

/// A server that Hookgraph is measured beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// `PostGraphile` 5: makes its schema and its SQL of the database.
    Postgraphile,
    /// GraphQL Yoga 5 with resolvers by hand, `DataLoader` and node-postgres.
    Yoga,
    /// Seaography 2: makes its schema of SeaORM's entities.
    Seaography,
}

impl Peer {
    /// Its name, and that of the folder of its questions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgraphile => "postgraphile",
            Self::Yoga => "yoga",
            Self::Seaography => "seaography",
        }
    }
}

/// The folder of what the peers are made of.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// Where cargo puts what it builds for the peers.
fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers")
}

/// Makes the peers' schema `peer` in the database, with the rows of Hookgraph's read model in the schema `read_schema`.
pub async fn fill(database_url: &str, read_schema: &str) -> anyhow::Result<()> {
    let path = folder().join("schema.sql");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (client, connection) = tokio_postgres::connect(database_url, NoTls).await?;
    tokio::spawn(connection);
    client
        .batch_execute(&text.replace("{READ}", read_schema))
        .await?;
    // Also marks what an index alone can answer, as the database's own upkeep does in time. Runs in no transaction.
    for table in [
        "orgs",
        "users",
        "prospects",
        "calls",
        "call_prospects",
        "transcript_lines",
        "analyses",
    ] {
        client
            .batch_execute(&format!("VACUUM (ANALYZE) peer.{table}"))
            .await?;
    }
    Ok(())
}

/// Starts a peer over the schema `peer` of the database.
pub async fn start(peer: Peer, database_url: &str) -> anyhow::Result<Process> {
    let folder = folder();
    let mut command = match peer {
        Peer::Postgraphile | Peer::Yoga => {
            let mut command = Command::new(folder.join("node_modules/.bin/node"));
            command.arg(folder.join(format!("{}.mjs", peer.name())));
            command.env("NODE_ENV", "production");
            command
        }
        Peer::Seaography => Command::new(target_folder().join("release/peer-seaography")),
    };
    command.env("DATABASE_URL", database_url);
    Process::start(&mut command).await.with_context(|| {
        format!(
            "{} does not run: `bench peer install` brings it",
            peer.name()
        )
    })
}

/// The cursor of the newest call but `depth - 1`, in the words of the peer: the page after it begins at `depth`. None when the
/// peer has no cursor for calls by time, and its question names the depth itself.
pub async fn cursor_at_depth(
    peer: Peer,
    target: &Target,
    depth: usize,
) -> anyhow::Result<Option<String>> {
    let mut connection = Connection::open(target).await?;
    let mut ask = async |text: &str, variables: Value| -> anyhow::Result<String> {
        let body = serde_json::to_vec(&json!({ "query": text, "variables": variables }))?;
        let answer: Value = serde_json::from_slice(&connection.post(Bytes::from(body)).await?)?;
        let cursor = answer
            .pointer("/data/calls/pageInfo/endCursor")
            .and_then(Value::as_str);
        Ok(cursor
            .with_context(|| format!("no cursor in {answer}"))?
            .to_owned())
    };
    match peer {
        Peer::Postgraphile => {
            let text = "query ($offset: Int!) {
                calls(first: 1, offset: $offset, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]) { pageInfo { endCursor } }
            }";
            ask(text, json!({ "offset": depth.saturating_sub(1) }))
                .await
                .map(Some)
        }
        Peer::Yoga => {
            let text = "query ($first: Int!, $after: String) { calls(first: $first, after: $after) { pageInfo { endCursor } } }";
            let (mut after, mut passed) = (None, 0);
            while passed < depth {
                let first = (depth - passed).min(100);
                after = Some(ask(text, json!({ "first": first, "after": after })).await?);
                passed += first;
            }
            Ok(after)
        }
        Peer::Seaography => Ok(None),
    }
}
