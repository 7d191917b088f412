//! The statements of the bare projection loop: one text a table, prepared once. SQLite runs it for each row, PostgreSQL for all rows
//! of a batch, whose columns it takes as arrays.

use std::path::Path;

use rusqlite::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

use super::rows::{Column, Rows, TABLES, Table};

/// What replaces the row that is there.
fn replace(table: &Table<'_>, key: &str) -> String {
    if key.is_empty() {
        return String::new();
    }
    let names = table
        .columns
        .iter()
        .map(|(name, _)| format!("{name} = excluded.{name}"));
    format!(
        "ON CONFLICT ({key}) DO UPDATE SET {}",
        names.collect::<Vec<_>>().join(", ")
    )
}

fn names(table: &Table<'_>) -> String {
    let names: Vec<_> = table.columns.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// A file of SQLite.
pub struct Sqlite(rusqlite::Connection);

impl Sqlite {
    /// Opens it as durable as the read model.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let connection = rusqlite::Connection::open(file)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        Ok(Self(connection))
    }

    /// Writes a batch in one transaction.
    pub fn write(&mut self, rows: &Rows<'_>, position: i64) -> anyhow::Result<()> {
        let transaction = self.0.transaction()?;
        transaction.execute("UPDATE checkpoint SET position = ?1", [position])?;
        for ((name, key), table) in TABLES.iter().zip(&rows.0) {
            if table.rows == 0 {
                continue;
            }
            let places = vec!["?"; table.columns.len()].join(", ");
            let text = format!(
                "INSERT INTO {name} ({}) VALUES ({places}) {}",
                names(table),
                replace(table, key)
            );
            let mut statement = transaction.prepare_cached(&text)?;
            for row in 0..table.rows {
                let values = table.columns.iter().map(|(_, column)| -> &dyn ToSql {
                    match column {
                        Column::Text(values) => &values[row],
                        Column::Made(values) => &values[row],
                        Column::Whole(values) => &values[row],
                        Column::Double(values) => &values[row],
                        Column::Flag(values) => &values[row],
                    }
                });
                statement.execute(values.collect::<Vec<_>>().as_slice())?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

/// A database of PostgreSQL.
pub struct Postgres {
    client: Client,
    statements: Vec<Statement>,
}

impl Postgres {
    /// Connects.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(Self {
            client,
            statements: Vec::new(),
        })
    }

    /// Writes a batch in one transaction.
    pub async fn write(&mut self, rows: &Rows<'_>, position: i64) -> anyhow::Result<()> {
        if self.statements.is_empty() {
            for ((name, key), table) in TABLES.iter().zip(&rows.0) {
                let arrays = (1..).zip(&table.columns).map(|(number, (_, column))| {
                    let of = match column {
                        Column::Text(_) | Column::Made(_) => "text",
                        Column::Whole(_) => "bigint",
                        Column::Double(_) => "double precision",
                        Column::Flag(_) => "boolean",
                    };
                    format!("${number}::{of}[]")
                });
                let text = format!(
                    "INSERT INTO {name} ({}) SELECT * FROM unnest({}) {}",
                    names(table),
                    arrays.collect::<Vec<_>>().join(", "),
                    replace(table, key)
                );
                self.statements.push(self.client.prepare(&text).await?);
            }
        }
        let transaction = self.client.transaction().await?;
        transaction
            .execute("UPDATE checkpoint SET position = $1", &[&position])
            .await?;
        for (statement, table) in self.statements.iter().zip(&rows.0) {
            let values = table.columns.iter().map(
                |(_, column)| -> &(dyn tokio_postgres::types::ToSql + Sync) {
                    match column {
                        Column::Text(values) => values,
                        Column::Made(values) => values,
                        Column::Whole(values) => values,
                        Column::Double(values) => values,
                        Column::Flag(values) => values,
                    }
                },
            );
            transaction
                .execute(statement, &values.collect::<Vec<_>>())
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
