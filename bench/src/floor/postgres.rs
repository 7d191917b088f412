//! PostgreSQL: a few connections, each with many statements under way at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{TryStreamExt, pin_mut};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::statement::{STATEMENTS, Value, for_postgres, values};
use super::write::{Row, Writer};
use crate::question::Case;

const CONNECTIONS: usize = 8;

/// The connections, and the statements prepared on each.
#[derive(Clone)]
pub struct Store {
    connections: Arc<[(Client, Vec<Statement>)]>,
    turn: Arc<AtomicUsize>,
}

impl Store {
    /// Connects and prepares.
    pub async fn open(url: &str, schema: &str) -> anyhow::Result<Self> {
        let mut config: Config = url.parse()?;
        config.options(format!("-c search_path={schema}"));
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            let mut statements = Vec::new();
            for statement in STATEMENTS {
                statements.push(client.prepare(&for_postgres(statement)).await?);
            }
            connections.push((client, statements));
        }
        Ok(Self {
            connections: connections.into(),
            turn: Arc::default(),
        })
    }

    /// The answer to the question at `at`.
    pub async fn answer(&self, at: usize, case: &Case) -> anyhow::Result<Vec<u8>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (client, statements) = &self.connections[turn % CONNECTIONS];
        let values = values(at, case)?;
        let values = values.iter().map(|value| -> &(dyn ToSql + Sync) {
            match value {
                Value::Text(text) => text,
                Value::Number(number) => number,
            }
        });
        let rows = client.query_raw(&statements[at], values).await?;
        pin_mut!(rows);
        let mut writer = Writer::new(at);
        while let Some(row) = rows.try_next().await? {
            writer.row(&row)?;
        }
        Ok(writer.end())
    }
}

impl Row for tokio_postgres::Row {
    fn text(&self, column: usize) -> anyhow::Result<Option<&str>> {
        Ok(self.try_get(column)?)
    }

    fn double(&self, column: usize) -> anyhow::Result<Option<f64>> {
        Ok(self.try_get(column)?)
    }

    fn whole(&self, column: usize) -> anyhow::Result<i64> {
        match self.try_get::<_, i32>(column) {
            Ok(number) => Ok(number.into()),
            Err(_) => Ok(self.try_get(column)?),
        }
    }
}
