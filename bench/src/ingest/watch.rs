//! How far a server's read model is behind its log, read from their databases beside the server.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use tests::server::{Backend, Installation};
use tokio_postgres::{Client, NoTls};

/// The stores of an installation, read only.
pub enum Watch {
    /// The log's file; the read model's is beside it.
    Sqlite(Connection, PathBuf),
    /// The database.
    Postgres(Client),
}

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(20);

impl Watch {
    /// Of the stores of an installation.
    pub async fn of(installation: &Installation) -> anyhow::Result<Self> {
        Ok(match installation.backend() {
            Backend::Sqlite => {
                let folder = installation.data_dir();
                Self::Sqlite(open(&folder.join("log.db"))?, folder.join("read-1.db"))
            }
            Backend::Postgres(url) => {
                let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
                tokio::spawn(connection);
                Self::Postgres(client)
            }
        })
    }

    /// The newest position of the log.
    pub async fn head(&self) -> anyhow::Result<i64> {
        let head = "SELECT COALESCE(MAX(position), 0) FROM ";
        Ok(match self {
            Self::Sqlite(log, _) => {
                log.query_row(&format!("{head} events"), [], |row| row.get(0))?
            }
            Self::Postgres(client) => {
                let row = client
                    .query_one(&format!("{head} hookgraph_log.events"), &[])
                    .await?;
                row.get(0)
            }
        })
    }

    /// The checkpoint of the first generation; none before there is one.
    pub async fn checkpoint(&self) -> anyhow::Result<Option<i64>> {
        let checkpoint = "SELECT position FROM ";
        match self {
            Self::Sqlite(_, file) if !file.exists() => Ok(None),
            Self::Sqlite(_, file) => Ok(open(file)?
                .query_row(&format!("{checkpoint} checkpoint"), [], |row| row.get(0))
                .optional()?),
            Self::Postgres(client) => {
                let there = "SELECT to_regclass('hookgraph_read_1.checkpoint') IS NOT NULL";
                if !client.query_one(there, &[]).await?.get::<_, bool>(0) {
                    return Ok(None);
                }
                let select = format!("{checkpoint} hookgraph_read_1.checkpoint");
                Ok(client.query_opt(&select, &[]).await?.map(|row| row.get(0)))
            }
        }
    }

    /// For how long the oldest event that is not projected has been in the log; zero when there is none.
    pub async fn lag(&self) -> anyhow::Result<Duration> {
        let next = self.checkpoint().await?.unwrap_or_default() + 1;
        let received = "SELECT received_at FROM ";
        let received: Option<i64> = match self {
            Self::Sqlite(log, _) => log
                .query_row(
                    &format!("{received} events WHERE position = ?1"),
                    [next],
                    |row| row.get(0),
                )
                .optional()?,
            Self::Postgres(client) => client
                .query_opt(
                    &format!("{received} hookgraph_log.events WHERE position = $1"),
                    &[&next],
                )
                .await?
                .map(|row| row.get(0)),
        };
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
        let lag = received.map_or(0, |received| now - received);
        Ok(Duration::from_micros(
            u64::try_from(lag).unwrap_or_default(),
        ))
    }

    /// The longest lag until `done` is over.
    pub async fn longest_lag(&self, done: impl Future<Output = ()>) -> anyhow::Result<Duration> {
        tokio::pin!(done);
        let mut longest = Duration::ZERO;
        loop {
            tokio::select! {
                () = &mut done => return Ok(longest),
                () = tokio::time::sleep(EVERY) => longest = longest.max(self.lag().await?),
            }
        }
    }

    /// Waits until everything is projected, and returns how many events a second were on the way, from the first that was
    /// seen to be on.
    pub async fn caught_up(&self) -> anyhow::Result<f64> {
        let head = self.head().await?;
        let mut first: Option<(i64, Instant)> = None;
        let begin = Instant::now();
        loop {
            let at = self.checkpoint().await?.unwrap_or_default();
            if at >= head {
                let (from, since) = first.context("all of it had been projected")?;
                let events = u32::try_from(at - from)?;
                return Ok(f64::from(events) / since.elapsed().as_secs_f64());
            }
            if at > 0 || first.is_none() {
                first = first
                    .filter(|(from, _)| *from > 0)
                    .or(Some((at, Instant::now())));
            }
            if begin.elapsed() > Duration::from_mins(2) {
                bail!("the read model is at {at} of {head} after two minutes");
            }
            tokio::time::sleep(EVERY / 4).await;
        }
    }
}

fn open(file: &std::path::Path) -> anyhow::Result<Connection> {
    let read = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(file, read)?)
}
