//! Generations of the read model: which one serves, which one is being built.
//!
//! A generation is a database of its own (a SQLite file, or a schema of PostgreSQL), and its checkpoint row says by what it was
//! built and how far it is. The live one is the newest that is ready. [`Generations`] is the projector's side: it makes, switches
//! and removes them. [`ReadModel`] is the readers' side: it follows to a newer one, and a reader keeps the generation that it
//! began with. The two meet in the database only, so they may as well be in different processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use entity::read_model::checkpoint::{ActiveModel, Column, Entity, Model};
use migration::read_model;
use sea_orm::sea_query::{LockBehavior, LockType, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseConnection,
    DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect, RuntimeErr, sqlx,
};
use sqlx::error::DatabaseError;

use crate::database::{self, Location};
use crate::log::Position;
use crate::projection;

/// How long a generation that was replaced stays, so that every process has moved on before it goes.
const GRACE: Duration = Duration::from_secs(30);

/// By what a generation was built. Two generations of the same version from the same log hold the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Of the tables; generations with other tables cannot be read.
    pub tables: i32,
    /// Of the projection's rules.
    pub rules: i32,
}

impl Version {
    /// What this program builds.
    pub const CURRENT: Self = Self {
        tables: read_model::TABLES,
        rules: projection::RULES,
    };
}

/// One generation of the read model.
#[derive(Debug)]
pub struct Generation {
    number: i64,
    version: Version,
    db: DatabaseConnection,
}

impl Generation {
    /// Makes the generation, or finds it if another process has made it first.
    async fn create(location: &Location, number: i64, version: Version) -> Result<Self, DbErr> {
        let db = location.open_generation(number, true).await?;
        let txn = database::begin_generation(&db, number).await?;
        read_model::create(&txn).await?;
        Entity::insert(ActiveModel {
            id: Set(1),
            position: Set(0),
            generation: Set(number),
            tables: Set(version.tables),
            rules: Set(version.rules),
            ready: Set(false),
        })
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .exec_without_returning(&txn)
        .await?;
        txn.commit().await?;
        Ok(Self {
            number,
            version,
            db,
        })
    }

    async fn open(location: &Location, number: i64) -> Result<(Self, Model), DbErr> {
        let db = location.open_generation(number, false).await?;
        let row = checkpoint(&db).await?;
        let version = Version {
            tables: row.tables,
            rules: row.rules,
        };
        Ok((
            Self {
                number,
                version,
                db,
            },
            row,
        ))
    }

    /// Counts up from 1 with every generation that is built.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// By what it was built.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The database, for reading.
    pub fn db(&self) -> &DatabaseConnection {
        &self.db
    }

    /// How far it is: every event up to this position is in it.
    pub async fn position(&self) -> Result<Position, DbErr> {
        Ok(checkpoint(&self.db).await?.position)
    }

    pub(crate) async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        database::begin_write(&self.db).await
    }

    async fn mark_ready(&self) -> Result<(), DbErr> {
        Entity::update_many()
            .col_expr(Column::Ready, true.into())
            .exec(&self.db)
            .await?;
        Ok(())
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
/// when another projector has moved it meanwhile; the transaction must then be given up.
pub(crate) async fn advance(
    txn: &DatabaseTransaction,
    from: Position,
    to: Position,
) -> Result<bool, DbErr> {
    let moved = Entity::update_many()
        .col_expr(Column::Position, to.into())
        .filter(Column::Position.eq(from))
        .exec(txn)
        .await?;
    Ok(moved.rows_affected == 1)
}

async fn checkpoint(db: &DatabaseConnection) -> Result<Model, DbErr> {
    Entity::find_by_id(1)
        .one(db)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("the checkpoint of the read model".to_owned()))
}

/// The projector's side: the generation that serves, the one that is being built, and those that wait to be removed.
#[derive(Debug)]
pub struct Generations {
    location: Location,
    live: Arc<Generation>,
    next: Option<Arc<Generation>>,
    retired: Vec<(i64, Instant)>,
}

impl Generations {
    /// Finds the live generation, or makes the first one, and the next one if `version` demands one.
    ///
    /// What is no readable generation, or has other tables, is removed: it can be built again from the log.
    pub async fn open(location: Location, version: Version) -> Result<Self, DbErr> {
        let numbers = location.generations().await?;
        let newest = numbers.last().copied().unwrap_or(0);
        let mut live: Option<Generation> = None;
        let mut unfinished: Option<Generation> = None;
        let mut useless = Vec::new();
        for &number in numbers.iter().rev() {
            match Generation::open(&location, number).await {
                Ok((found, row)) if row.ready && row.tables == version.tables && live.is_none() => {
                    live = Some(found);
                }
                Ok((found, row))
                    if !row.ready
                        && found.version == version
                        && live.is_none()
                        && unfinished.is_none() =>
                {
                    unfinished = Some(found);
                }
                Ok(_) => useless.push(number),
                Err(error) if !is_garbage(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(generation = number, %error, "a generation of the read model cannot be read; it is built again from the log");
                    useless.push(number);
                }
            }
        }
        let (live, next) = match (live, unfinished) {
            (Some(live), unfinished) if live.version == version => {
                useless.extend(unfinished.map(|unfinished| unfinished.number));
                (live, None)
            }
            (Some(live), Some(next)) => (live, Some(next)),
            (Some(live), None) => {
                let next = Generation::create(&location, newest + 1, version).await?;
                (live, Some(next))
            }
            // With nothing older to read from, the one that is being built serves what it has.
            (None, Some(unfinished)) => (unfinished, None),
            (None, None) => {
                let first = Generation::create(&location, newest + 1, version).await?;
                (first, None)
            }
        };
        if next.is_none() {
            live.mark_ready().await?;
        }
        let retired = useless.into_iter().map(|number| (number, Instant::now()));
        let mut generations = Self {
            live: Arc::new(live),
            next: next.map(Arc::new),
            retired: retired.collect(),
            location,
        };
        // Whoever has this folder is alone with it.
        if matches!(generations.location, Location::Sqlite(_)) {
            generations.remove_retired(Duration::ZERO).await?;
        }
        Ok(generations)
    }

    /// The one that serves.
    pub fn live(&self) -> &Arc<Generation> {
        &self.live
    }

    /// The one that is being built.
    pub fn next(&self) -> Option<&Arc<Generation>> {
        self.next.as_ref()
    }

    /// Begins a generation beside the live one, even if that is of the same version.
    pub async fn begin_next(&mut self, version: Version) -> Result<(), DbErr> {
        let number = self.live.number + 1;
        self.location.remove_generation(number).await?;
        let next = Generation::create(&self.location, number, version).await?;
        self.next = Some(Arc::new(next));
        Ok(())
    }

    /// Makes the next generation, which has caught up, the live one.
    pub(crate) async fn switch(&mut self) -> Result<(), DbErr> {
        let Some(next) = self.next.take() else {
            return Ok(());
        };
        next.mark_ready().await?;
        tracing::info!(
            generation = next.number,
            replaced = self.live.number,
            "a new generation of the read model serves"
        );
        self.retired.push((self.live.number, Instant::now()));
        self.live = next;
        Ok(())
    }

    /// Removes what was replaced long enough ago.
    pub(crate) async fn remove_old(&mut self) -> Result<(), DbErr> {
        self.remove_retired(GRACE).await
    }

    async fn remove_retired(&mut self, grace: Duration) -> Result<(), DbErr> {
        while let Some((number, _)) = self
            .retired
            .iter()
            .find(|(_, since)| since.elapsed() >= grace)
            .copied()
        {
            self.location.remove_generation(number).await?;
            self.retired.retain(|(retired, _)| *retired != number);
        }
        Ok(())
    }
}

/// Whether this surely is no generation of ours, as against a database that is locked, away or out of means. Only then may it
/// be removed: a good one would take long to build again.
fn is_garbage(error: &DbErr) -> bool {
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

/// The readers' side: the newest generation that is ready.
#[derive(Debug)]
pub struct ReadModel {
    location: Location,
    live: ArcSwap<Generation>,
}

impl ReadModel {
    /// Opens the live generation at `location`: the database that answers queries, which may be a replica.
    ///
    /// # Errors
    /// The database is away, or has no generation yet with the tables that this program reads.
    pub async fn open(location: Location) -> Result<Self, DbErr> {
        let live = newest(&location, 0).await?.ok_or_else(|| {
            DbErr::RecordNotFound(
                "a generation of the read model that this version can read".into(),
            )
        })?;
        Ok(Self {
            location,
            live: ArcSwap::from_pointee(live),
        })
    }

    /// The generation to read from. Hold it for one query or one item of a stream, not longer.
    pub fn live(&self) -> Arc<Generation> {
        self.live.load_full()
    }

    /// Follows to a newer generation, if one is ready that has everything up to `position`: what was announced stays answered.
    pub(crate) async fn refresh(&self, position: Position) -> Result<(), DbErr> {
        let newer = newest(&self.location, self.live().number).await?;
        if let Some(newer) = newer
            && newer.position().await? >= position
        {
            self.live.store(Arc::new(newer));
        }
        Ok(())
    }
}

/// The newest ready generation behind number `than`.
async fn newest(location: &Location, than: i64) -> Result<Option<Generation>, DbErr> {
    let numbers = location.generations().await?;
    for &number in numbers.iter().rev().take_while(|number| **number > than) {
        match Generation::open(location, number).await {
            Ok((found, row)) if row.ready && row.tables == Version::CURRENT.tables => {
                return Ok(Some(found));
            }
            Err(error) if !is_garbage(&error) => return Err(error),
            // Being made, being removed, or of another version.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}
