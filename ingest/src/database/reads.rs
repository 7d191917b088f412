//! Reading over connections that are kept at hand.
//!
//! sqlx tests a connection when it goes back to its pool, by a task of its own, and again when it is taken: each time a round trip to the
//! database, on SQLite to the connection's thread. Beside a read that finds its pages in memory these are most of the work. Here a
//! connection that has just answered is handed to the next statement as it is.
//!
//! Invariants: only a connection that has answered to the end is handed on. One whose statement failed or was given up half-way goes back
//! to the pool, which tests it; and a statement that finds its connection broken is asked once more, of one that was tested. So nothing but
//! reads may come through here. And who has a turn finds a connection: a turn ends when its connection is free again, not when its
//! reader has gone.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::Values;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::{PgDatabaseError, PgSeverity};
use sea_orm::sqlx::{self, Connection, Database, Executor, IntoArguments, Pool, Postgres, Sqlite};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, ExecResult,
    QueryResult, RuntimeErr, Statement,
};
use sea_query_sqlx::SqlxValues;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long a connection to a server may have had nothing to do and be handed on untested.
const FRESH: Duration = Duration::from_secs(1);

/// How long the test of another one may take.
const TEST_WITHIN: Duration = Duration::from_secs(1);

/// After how long without work a connection goes back to its pool.
const REST: Duration = Duration::from_secs(2);

/// After how long a connection goes back to its pool at work, which then looks at its age.
const LENT: Duration = Duration::from_mins(1);

/// A statement whose connection breaks later than this may be what has broken it, and is not asked again.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Statements that read, of one database.
#[derive(Debug)]
pub struct Reads {
    db: DatabaseConnection,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Sqlite(Arc<Shelf<Sqlite>>),
    Postgres(Arc<Shelf<Postgres>>),
}

impl Reads {
    /// Of this database. Whoever else takes connections of the same pool may have to wait until reads rest for a moment.
    pub(crate) fn of(db: DatabaseConnection) -> Self {
        let kept = match db.get_database_backend() {
            DatabaseBackend::Postgres => {
                let pool = db.get_postgres_connection_pool().clone();
                Kept::Postgres(Shelf::of(pool, Some(FRESH)))
            }
            // There is no server that could have gone away.
            _ => Kept::Sqlite(Shelf::of(db.get_sqlite_connection_pool().clone(), None)),
        };
        Self { db, kept }
    }

    /// Lets go of the connections at hand, without which their pool cannot close.
    pub(crate) fn let_go(&self) {
        match &self.kept {
            Kept::Sqlite(kept) => kept.lines().clear(),
            Kept::Postgres(kept) => kept.lines().clear(),
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
            Kept::Sqlite(kept) => kept.read(statement).await,
            Kept::Postgres(kept) => kept.read(statement).await,
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
    /// For how long one is as good as tested, if it ever is not.
    fresh: Option<Duration>,
    /// One for each connection that the pool may have.
    turns: Arc<Semaphore>,
    /// The last used at the end.
    lines: Mutex<Vec<Line<DB>>>,
}

/// A connection that has answered.
struct Line<DB: Database> {
    connection: PoolConnection<DB>,
    lent: Instant,
    used: Instant,
}

/// A connection that is answering, and the turn that it takes.
struct Busy<DB: Database>(Option<(Line<DB>, OwnedSemaphorePermit)>);

impl<DB: Database> Shelf<DB> {
    fn of(pool: Pool<DB>, fresh: Option<Duration>) -> Arc<Self> {
        let most = pool.options().get_max_connections();
        let most = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS);
        let shelf = Arc::new(Self {
            pool,
            fresh,
            turns: Arc::new(Semaphore::new(most)),
            lines: Mutex::default(),
        });
        tokio::spawn(tidy(Arc::downgrade(&shelf)));
        shelf
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Line<DB>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn turn(&self, by: Instant) -> Result<OwnedSemaphorePermit, DbErr> {
        match timeout_at(by, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)),
            Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
    }

    /// The connection that was used last, of those that answer.
    async fn at_hand(&self) -> Option<Line<DB>> {
        loop {
            let mut line = self.lines().pop()?;
            let is_fresh = self.fresh.is_none_or(|fresh| line.used.elapsed() < fresh);
            if is_fresh || line.answers().await {
                return Some(line);
            }
            drop(line.connection.detach());
        }
    }

    /// One of the pool's.
    async fn lent(&self, by: Instant) -> Result<Line<DB>, DbErr> {
        match timeout_at(by, self.pool.acquire()).await {
            Ok(Ok(connection)) => Ok(Line {
                connection,
                lent: Instant::now(),
                used: Instant::now(),
            }),
            Ok(Err(error)) => Err(acquire_error(error)),
            Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
    }

    /// Puts a connection where the next statement finds it.
    fn put(&self, mut busy: Busy<DB>) {
        if let Some((mut line, turn)) = busy.0.take() {
            line.used = Instant::now();
            if line.lent.elapsed() < LENT {
                self.lines().push(line);
            }
            drop(turn);
        }
    }
}

impl<DB: Database> Drop for Shelf<DB> {
    /// A pool takes its connections back by a task.
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            for line in std::mem::take(&mut *self.lines()) {
                drop(line.connection.detach());
            }
        }
    }
}

impl<DB: Database> Line<DB> {
    async fn answers(&mut self) -> bool {
        matches!(
            timeout(TEST_WITHIN, self.connection.ping()).await,
            Ok(Ok(()))
        )
    }
}

impl<DB: Database> Drop for Busy<DB> {
    /// Its statement has failed or was given up, and may be running still.
    fn drop(&mut self) {
        let Some((mut line, turn)) = self.0.take() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            drop(line.connection.detach());
            return;
        };
        runtime.spawn(async move {
            // It answers when the statement has ended. Whether it does is for its pool to judge, too.
            let _ = line.connection.ping().await;
            drop((line, turn));
        });
    }
}

/// Gives back to the pool what has no work, until the shelf is gone. One that does not answer is closed.
async fn tidy<DB: Database>(shelf: Weak<Shelf<DB>>) {
    loop {
        sleep(REST).await;
        let Some(shelf) = shelf.upgrade() else { return };
        let resting: Vec<_> = shelf
            .lines()
            .extract_if(.., |line| line.used.elapsed() >= REST)
            .collect();
        drop(shelf);
        for mut line in resting {
            if !line.answers().await {
                drop(line.connection.detach());
            }
        }
    }
}

impl<DB: Database> Shelf<DB>
where
    SqlxValues: IntoArguments<DB>,
    DB::Row: Into<QueryResult>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    async fn read(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let by = Instant::now() + self.pool.options().get_acquire_timeout();
        let mut turn = self.turn(by).await?;
        if let Some(line) = self.at_hand().await {
            let begun = Instant::now();
            match self.ask(line, turn, statement.clone()).await {
                Err(error) if is_broken(&error) && begun.elapsed() < AT_ONCE => {
                    tracing::debug!(%error, "a connection is gone; its statement is asked again of another");
                }
                answer => return answer.map_err(query_error),
            }
            turn = self.turn(by).await?;
        }
        let line = self.lent(by).await?;
        let answer = self.ask(line, turn, statement).await;
        answer.map_err(query_error)
    }

    async fn ask(
        &self,
        line: Line<DB>,
        turn: OwnedSemaphorePermit,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, sqlx::Error> {
        let values = statement.values.unwrap_or_else(|| Values(Vec::new()));
        let query =
            sqlx::query_with::<DB, _>(sqlx::AssertSqlSafe(statement.sql), SqlxValues(values));
        let mut busy = Busy(Some((line, turn)));
        let Some((line, _)) = &mut busy.0 else {
            return Ok(Vec::new());
        };
        let rows = query.fetch_all(&mut *line.connection).await?;
        self.put(busy);
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

/// Whether the connection has failed rather than the statement. PostgreSQL says how severe it is when it ends a session.
fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        error => {
            let error = error.as_database_error();
            let error = error.and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
            error.is_some_and(|error| {
                matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)
            })
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
