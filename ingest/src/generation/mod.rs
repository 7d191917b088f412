//! Generations of the read model: which one serves, which one is being built.
//!
//! A generation is a database of its own (a SQLite file, or a schema of PostgreSQL), and its checkpoint row says by what it was
//! built and how far it is. It appears whole, with its tables and its checkpoint. The live one is the newest that is ready.
//! [`Generations`] is the projector's side: it makes, switches and removes them. [`ReadModel`] is the readers' side: it follows
//! to a newer one, and a reader keeps the generation that it began with. The two meet in the database only, so they may as well
//! be in different processes, and any number of them.

mod read_model;
mod succession;

use std::sync::atomic::{AtomicI32, Ordering};

use entity::read_model::checkpoint::{ActiveModel, Column, Entity, Model};
use migration::read_model as schema;
use sea_orm::sea_query::{LockBehavior, LockType, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseConnection,
    DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect, RuntimeErr, sqlx,
};
use sqlx::error::DatabaseError;

use crate::database::{self, Draft, Location, Reads};
use crate::log::Position;
use crate::projection;

pub use read_model::{Building, ReadModel};
pub use succession::Generations;

/// By what a generation was built. Two generations of the same version from the same log hold the same rows; a later version
/// is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Of the tables; generations with other tables cannot be read.
    pub tables: i32,
    /// Of the projection's rules.
    pub rules: i32,
}

impl Version {
    /// What this program builds.
    pub const CURRENT: Self = Self {
        tables: schema::TABLES,
        rules: projection::RULES,
    };
}

/// One generation of the read model.
#[derive(Debug)]
pub struct Generation {
    number: i64,
    tables: i32,
    /// As they were seen last: a program of other rules may have begun to keep it up.
    rules: AtomicI32,
    db: DatabaseConnection,
    reads: Reads,
}

/// All generations at `location` that can be read, rising by their numbers.
pub async fn all(location: &Location) -> Result<Vec<(Generation, State)>, DbErr> {
    let mut all = Vec::new();
    for number in location.generations().await? {
        match Generation::open(location, number).await {
            Ok(found) => all.push(found),
            Err(error) if is_garbage(&error) => {
                tracing::warn!(generation = number, %error, "a generation of the read model cannot be read");
            }
            // One that was replaced may go between being listed and being opened.
            Err(error) if location.generations().await?.contains(&number) => return Err(error),
            Err(error) => {
                tracing::debug!(generation = number, %error, "a generation was removed in this moment");
            }
        }
    }
    Ok(all)
}

/// How a generation is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Every event up to this position is in it.
    pub position: Position,
    /// Whether it has caught up once, and may serve.
    pub ready: bool,
}

impl Generation {
    /// Makes the generation, unless another process has made it first.
    async fn create(location: &Location, number: i64, version: Version) -> Result<(), DbErr> {
        let draft = Draft::begin(location, number).await?;
        schema::create(draft.txn()).await?;
        Entity::insert(ActiveModel {
            id: Set(1),
            position: Set(0),
            generation: Set(number),
            tables: Set(version.tables),
            rules: Set(version.rules),
            ready: Set(false),
        })
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .exec_without_returning(draft.txn())
        .await?;
        draft.finish().await
    }

    /// Opens the generation.
    ///
    /// # Errors
    /// The database is away, or this is no generation that can be read.
    pub async fn open(location: &Location, number: i64) -> Result<(Self, State), DbErr> {
        let db = location.open_generation(number).await?;
        let row = checkpoint(&db).await?;
        let generation = Self {
            number,
            tables: row.tables,
            rules: AtomicI32::new(row.rules),
            reads: Reads::of(db.clone()),
            db,
        };
        Ok((generation, State::of(&row)))
    }

    /// Counts up from 1 with every generation that is built.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// By what it was built, as far as it was seen: [`MIXED`] rules when by several.
    pub fn version(&self) -> Version {
        Version {
            tables: self.tables,
            rules: self.rules.load(Ordering::Relaxed),
        }
    }

    /// The database, for what answers queries: single statements that read.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The database, for all else that reads.
    pub fn db(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Closes its database; nobody may be reading it.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.reads.let_go();
        self.db.clone().close().await
    }

    /// How it is now, for whoever writes it or looks now and then.
    pub async fn state(&self) -> Result<State, DbErr> {
        Ok(self.seen(&checkpoint(&self.db).await?))
    }

    /// How far it is: every event up to this position is in it. For whoever reads it.
    pub async fn position(&self) -> Result<Position, DbErr> {
        Ok(self.seen(&checkpoint(&self.reads).await?).position)
    }

    fn seen(&self, row: &Model) -> State {
        self.rules.store(row.rules, Ordering::Relaxed);
        State::of(row)
    }

    pub(crate) async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        let txn = database::begin_write(&self.db).await?;
        if txn.get_database_backend() == DatabaseBackend::Sqlite {
            // Room for all that a batch changes: without, pages go to the file in the middle of it and come back. Only the connection
            // that writes has it.
            txn.execute_unprepared("PRAGMA cache_size = -65536").await?;
        }
        Ok(txn)
    }

    async fn mark_ready(&self) -> Result<(), DbErr> {
        let mark = || Entity::update_many().col_expr(Column::Ready, true.into());
        for _ in 0..BUSY_RETRIES {
            match mark().exec(&self.db).await {
                Err(error) if is_busy(&error) => {}
                marked => return marked.map(drop),
            }
        }
        mark().exec(&self.db).await.map(drop)
    }
}

/// The rules of a generation that was built by several: less than any version's.
pub const MIXED: i32 = -1;

/// How often to try again to mark a generation of SQLite that another process is writing, for a quarter of a second each.
const BUSY_RETRIES: usize = 40;

impl State {
    fn of(row: &Model) -> Self {
        Self {
            position: row.position,
            ready: row.ready,
        }
    }
}

/// Takes hold of the checkpoint for the rest of the transaction, and says where it is. None while another projector holds it:
/// it works, and there is nothing to wait for.
pub(crate) async fn lock(txn: &DatabaseTransaction) -> Result<Option<Position>, DbErr> {
    let mut select = Entity::find_by_id(1).select_only().column(Column::Position);
    // On SQLite the transaction itself is the lock.
    if txn.get_database_backend() == DatabaseBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    select.into_tuple().one(txn).await
}

/// Moves the checkpoint, in the transaction that applies the events between, from the position that the caller read. False
/// when another projector has moved it meanwhile; the transaction must then be given up. If `by_other_rules`, the generation says
/// from then on that it was built by several, so that every version replaces it.
pub(crate) async fn advance(
    txn: &DatabaseTransaction,
    from: Position,
    to: Position,
    by_other_rules: bool,
) -> Result<bool, DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::Position, to.into())
        .filter(Column::Position.eq(from));
    if by_other_rules {
        update = update.col_expr(Column::Rules, MIXED.into());
    }
    let moved = update.exec(txn).await?;
    Ok(moved.rows_affected == 1)
}

async fn checkpoint(db: &impl ConnectionTrait) -> Result<Model, DbErr> {
    Entity::find_by_id(1)
        .one(db)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("the checkpoint of the read model".to_owned()))
}

/// Whether another process is writing this database of SQLite now.
pub(crate) fn is_busy(error: &DbErr) -> bool {
    let (DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    let code = error.as_database_error().and_then(DatabaseError::code);
    // The lower byte says SQLITE_BUSY, those above it why.
    code.and_then(|code| code.parse::<i32>().ok())
        .is_some_and(|code| code < 10_000 && code & 0xff == 5)
}

/// Whether this surely is no generation of ours, as against a database that is locked, away or out of means. Only then may it
/// be removed: a good one would take long to build again.
pub(crate) fn is_garbage(error: &DbErr) -> bool {
    let error = match error {
        DbErr::RecordNotFound(_) => return true,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => error,
        _ => return false,
    };
    let Some(code) = error.as_database_error().and_then(DatabaseError::code) else {
        return matches!(
            **error,
            sqlx::Error::ColumnNotFound(_) | sqlx::Error::ColumnDecode { .. }
        );
    };
    // SQLite: no such table or column, corrupt, not a database. PostgreSQL: undefined table, column.
    matches!(&*code, "1" | "11" | "26" | "42P01" | "42703")
}
