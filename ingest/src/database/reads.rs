//! Reading over connections that are kept at hand.
//!
//! sqlx tests a connection when it goes back to its pool, by a task of its own, and again when it is taken: each time a round trip to the
//! database, on SQLite to the connection's thread. Beside a read that finds its pages in memory these are most of the work. Here a
//! connection that has just answered is handed to the next statement as it is.
//!
//! Invariant: only a connection that has answered to the end is handed on. One whose statement failed or was given up half-way goes back
//! to the pool, which tests it; and a statement that finds its connection broken is asked once more, of one that the pool has tested.
//! So nothing but reads may come through here.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sea_orm::sea_query::Values;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, Database, Executor, IntoArguments, Pool, Postgres, Sqlite};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, ExecResult,
    QueryResult, RuntimeErr, Statement,
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a connection may have had nothing to do and be handed on untested.
const IDLE: Duration = Duration::from_secs(1);

/// After how long a connection goes back to its pool all the same, which then looks at its age.
const LENT: Duration = Duration::from_secs(60);

/// Statements that read, of one database.
#[derive(Debug)]
pub struct Reads {
    db: DatabaseConnection,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Sqlite(Shelf<Sqlite>),
    Postgres(Shelf<Postgres>),
}

impl Reads {
    /// Of this database. Whoever else takes connections of the same pool may have to wait until reads need theirs no more.
    pub(crate) fn of(db: DatabaseConnection) -> Self {
        let kept = match db.get_database_backend() {
            DatabaseBackend::Postgres => {
                Kept::Postgres(Shelf::of(db.get_postgres_connection_pool().clone()))
            }
            _ => Kept::Sqlite(Shelf::of(db.get_sqlite_connection_pool().clone())),
        };
        Self { db, kept }
    }

    /// Lets go of the connections at hand, without which their pool cannot close.
    pub(crate) fn let_go(&self) {
        match &self.kept {
            Kept::Sqlite(shelf) => shelf.lines().clear(),
            Kept::Postgres(shelf) => shelf.lines().clear(),
        }
    }
}

#[async_trait]
impl ConnectionTrait for Reads {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.db.get_database_backend()
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.kept {
            Kept::Sqlite(shelf) => shelf.read(statement).await,
            Kept::Postgres(shelf) => shelf.read(statement).await,
        }
    }

    /// The first row; the statement itself says that it wants no more.
    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    /// Nothing that is read: it goes the pool's own way.
    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.db.execute_raw(statement).await
    }

    /// Nothing that is read: it goes the pool's own way.
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.db.execute_unprepared(sql).await
    }
}

/// The connections that are at hand.
struct Shelf<DB: Database> {
    pool: Pool<DB>,
    /// One for each connection that the pool may have: who holds one finds a connection here or there.
    turns: Semaphore,
    /// The last used at the back.
    lines: Mutex<VecDeque<Line<DB>>>,
}

/// A connection that has answered.
struct Line<DB: Database> {
    connection: PoolConnection<DB>,
    lent: Instant,
    used: Instant,
}

impl<DB: Database> Shelf<DB> {
    fn of(pool: Pool<DB>) -> Self {
        let most = pool.options().get_max_connections();
        Self {
            pool,
            turns: Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)),
            lines: Mutex::default(),
        }
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, DbErr> {
        let within = self.pool.options().get_acquire_timeout();
        match tokio::time::timeout(within, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)),
            Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, VecDeque<Line<DB>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last, unless it has been idle or away for too long.
    fn at_hand(&self) -> Option<Line<DB>> {
        let line = self.lines().pop_back()?;
        (line.used.elapsed() < IDLE && line.lent.elapsed() < LENT).then_some(line)
    }

    fn put(&self, connection: PoolConnection<DB>, lent: Instant) {
        let used = Instant::now();
        let mut lines = self.lines();
        // One a time, so that no statement pays for all.
        let stale = lines.pop_front_if(|line| used.duration_since(line.used) >= IDLE);
        lines.push_back(Line {
            connection,
            lent,
            used,
        });
        drop(lines);
        drop(stale);
    }
}

impl<DB: Database> Shelf<DB>
where
    SqlxValues: IntoArguments<DB>,
    DB::Row: Into<QueryResult>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    async fn read(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let _turn = self.turn().await?;
        if let Some(line) = self.at_hand() {
            match self
                .ask(line.connection, line.lent, statement.clone())
                .await
            {
                Err(error) if is_broken(&error) => {
                    tracing::debug!(%error, "a connection is gone; its statement is asked again of another");
                }
                answer => return answer.map_err(query_error),
            }
        }
        let connection = self.pool.acquire().await.map_err(acquire_error)?;
        let answer = self.ask(connection, Instant::now(), statement).await;
        answer.map_err(query_error)
    }

    async fn ask(
        &self,
        mut connection: PoolConnection<DB>,
        lent: Instant,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, sqlx::Error> {
        let values = statement.values.unwrap_or_else(|| Values(Vec::new()));
        let query =
            sqlx::query_with::<DB, _>(sqlx::AssertSqlSafe(statement.sql), SqlxValues(values));
        let rows = query.fetch_all(&mut *connection).await?;
        self.put(connection, lent);
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl<DB: Database> fmt::Debug for Shelf<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf")
            .field("lines", &self.lines().len())
            .finish_non_exhaustive()
    }
}

/// Whether the connection has failed rather than the statement. PostgreSQL's class 57P says why it has ended a session.
fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        error => {
            let code = error.as_database_error().and_then(DatabaseError::code);
            code.is_some_and(|code| code.starts_with("57P"))
        }
    }
}

fn query_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn acquire_error(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}
