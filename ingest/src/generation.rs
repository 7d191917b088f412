//! Generations of the read model: which one serves, which one is being built, and the files they live in.
//!
//! A generation is one SQLite file, `read-<number>.db`, and its checkpoint row says by what it was built and how far it is.
//! The live one is the newest that is ready. Replacing it is one commit (`ready`) and one pointer: who reads holds on to the
//! generation it began with, and the file of a replaced one goes when the last reader lets go of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use entity::read_model::checkpoint::{ActiveModel, Column, Entity, Model};
use migration::read_model;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait,
    QueryFilter,
};

use crate::database::{self, Durability};
use crate::log::Position;
use crate::projection;

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
    file: PathBuf,
    retired: AtomicBool,
}

impl Generation {
    async fn create(folder: &Path, number: i64, version: Version) -> Result<Self, DbErr> {
        let file = file_of(folder, number);
        let db = database::open(&file, Durability::Rebuildable).await?;
        read_model::create(&db).await?;
        Entity::insert(ActiveModel {
            id: Set(1),
            position: Set(0),
            generation: Set(number),
            tables: Set(version.tables),
            rules: Set(version.rules),
            ready: Set(false),
        })
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .exec_without_returning(&db)
        .await?;
        Ok(Self::of(number, version, db, file))
    }

    async fn open(folder: &Path, number: i64) -> Result<(Self, Model), DbErr> {
        let file = file_of(folder, number);
        let db = database::open(&file, Durability::Rebuildable).await?;
        let row = checkpoint(&db).await?;
        let version = Version {
            tables: row.tables,
            rules: row.rules,
        };
        Ok((Self::of(number, version, db, file), row))
    }

    fn of(number: i64, version: Version, db: DatabaseConnection, file: PathBuf) -> Self {
        Self {
            number,
            version,
            db,
            file,
            retired: AtomicBool::new(false),
        }
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

    pub(crate) async fn mark_ready(&self) -> Result<(), DbErr> {
        Entity::update_many()
            .col_expr(Column::Ready, true.into())
            .exec(&self.db)
            .await?;
        Ok(())
    }

    /// Lets the files go as soon as nobody reads them.
    fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Acquire) {
            remove_files(&self.file);
        }
    }
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

/// The pointer to the live generation, for everyone who reads.
#[derive(Debug)]
pub struct ReadModel {
    live: ArcSwap<Generation>,
    folder: PathBuf,
}

impl ReadModel {
    /// The generation to read from. Hold it for one query or one item of a stream, not longer.
    pub fn live(&self) -> Arc<Generation> {
        self.live.load_full()
    }

    /// Makes `next`, which has caught up, the live generation and lets the present one go.
    pub(crate) async fn switch_to(&self, next: Arc<Generation>) -> Result<(), DbErr> {
        next.mark_ready().await?;
        let number = next.number;
        let previous = self.live.swap(next);
        previous.retire();
        tracing::info!(
            generation = number,
            replaced = previous.number,
            "a new generation of the read model serves"
        );
        Ok(())
    }

    /// Begins a generation beside the live one.
    pub async fn begin_next(&self, version: Version) -> Result<Arc<Generation>, DbErr> {
        let number = self.live().number + 1;
        remove_files(&file_of(&self.folder, number));
        Generation::create(&self.folder, number, version)
            .await
            .map(Arc::new)
    }
}

/// Finds the live generation in `folder`, or begins the first one, and the next one if `version` demands one.
///
/// Files that are no readable generation, or one with other tables, are removed: they can be built again from the log.
pub async fn open(
    folder: &Path,
    version: Version,
) -> Result<(Arc<ReadModel>, Option<Arc<Generation>>), DbErr> {
    let numbers = numbers(folder);
    let newest = numbers.last().copied().unwrap_or(0);
    let mut live: Option<(Generation, Model)> = None;
    let mut unfinished: Option<(Generation, Model)> = None;
    for &number in numbers.iter().rev() {
        let found = match Generation::open(folder, number).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(generation = number, %error, "a generation of the read model cannot be read; it is built again from the log");
                remove_files(&file_of(folder, number));
                continue;
            }
        };
        if found.1.ready && found.1.tables == version.tables && live.is_none() {
            live = Some(found);
        } else if !found.1.ready
            && found.0.version == version
            && unfinished.is_none()
            && live.is_none()
        {
            unfinished = Some(found);
        } else {
            found.0.retire();
        }
    }
    let (live, next) = match (live, unfinished) {
        (Some((live, _)), next) if live.version == version => {
            if let Some((next, _)) = next {
                next.retire();
            }
            (live, None)
        }
        (Some((live, _)), Some((next, _))) => (live, Some(next)),
        (Some((live, _)), None) => {
            let next = Generation::create(folder, newest + 1, version).await?;
            (live, Some(next))
        }
        // With nothing older to read from, the one that is being built serves what it has.
        (None, Some((unfinished, _))) => (unfinished, None),
        (None, None) => (Generation::create(folder, newest + 1, version).await?, None),
    };
    if next.is_none() {
        live.mark_ready().await?;
    }
    let read_model = ReadModel {
        live: ArcSwap::from_pointee(live),
        folder: folder.to_owned(),
    };
    Ok((Arc::new(read_model), next.map(Arc::new)))
}

fn file_of(folder: &Path, number: i64) -> PathBuf {
    folder.join(format!("read-{number}.db"))
}

/// The numbers of the generations in `folder`, rising.
fn numbers(folder: &Path) -> Vec<i64> {
    let mut numbers: Vec<i64> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix("read-")?.strip_suffix(".db")?;
            number.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

/// A file that is not there, or cannot be removed now, is met again at the next start.
fn remove_files(file: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        let _ = fs::remove_file(PathBuf::from(name));
    }
}
