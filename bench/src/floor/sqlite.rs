//! SQLite: a connection for each thread that serves, in whose thread the statement runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, params_from_iter};

use super::statement::{STATEMENTS, Value, values};
use super::write::{Row, Writer};
use crate::question::Case;

/// The connections that nobody uses in this moment.
#[derive(Clone)]
pub struct Store {
    file: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Store {
    /// The read model in this file.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let store = Self {
            file: file.to_owned(),
            idle: Arc::default(),
        };
        let first = store.connect()?;
        store.give_back(first);
        Ok(store)
    }

    fn connect(&self) -> anyhow::Result<Connection> {
        let read = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Connection::open_with_flags(&self.file, read)?)
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(connection);
    }

    /// The answer to the question at `at`.
    pub fn answer(&self, at: usize, case: &Case) -> anyhow::Result<Vec<u8>> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.pop()
        };
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let mut writer = Writer::new(at);
        {
            let mut statement = connection.prepare_cached(STATEMENTS[at])?;
            let mut rows = statement.query(params_from_iter(values(at, case)?))?;
            while let Some(row) = rows.next()? {
                writer.row(row)?;
            }
        }
        self.give_back(connection);
        Ok(writer.end())
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Number(number) => number.to_sql(),
        }
    }
}

impl Row for rusqlite::Row<'_> {
    fn text(&self, column: usize) -> anyhow::Result<Option<&str>> {
        Ok(self.get_ref(column)?.as_str_or_null()?)
    }

    fn double(&self, column: usize) -> anyhow::Result<Option<f64>> {
        Ok(match self.get_ref(column)? {
            // A whole number is stored as one.
            ValueRef::Integer(_) | ValueRef::Real(_) => Some(self.get(column)?),
            _ => None,
        })
    }

    fn whole(&self, column: usize) -> anyhow::Result<i64> {
        Ok(self.get(column)?)
    }
}
