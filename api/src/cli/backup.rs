//! `hookgraph backup`: a copy of the data folder from which everything can be had again, while the server runs.
//!
//! The copy is made beside its place under another name, checked, and put on the disk; only then does it get its name. What has
//! the name is whole. The running server is not in the way, nor is it held up: SQLite copies what one reader sees.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use entity::log::{event, identity};
use indicatif::HumanBytes;
use ingest::log::Position;
use sea_orm::{
    ColumnTrait, ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection,
    DbErr, EntityTrait, QueryFilter, QuerySelect, Statement,
};
use tokio::signal::unix::{SignalKind, signal};

use super::export::{counted, find_log};
use super::output;
use super::progress::{Length, Progress};
use crate::config::{SECRET_FILE, StoreArgs, quoted};

const LOG_FILE: &str = "log.db";

/// How often the progress is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Copy the log and the kept secret to a new folder, which a server can be started on
///
/// For SQLite; servers may go on running. The copy has every event that was acknowledged before this command began. It is
/// complete once it is in DIR: an interrupted backup leaves nothing there, at most a folder DIR.incomplete-…, which can be
/// removed. Only its owner can read it. The read model is not copied: a server makes it again from the log.
///
/// With PostgreSQL use `pg_dump`: this command then says how.
///
/// Exit codes: 0 the backup is complete and was checked, 2 there is none, or that it is there could not be written.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct BackupArgs {
    /// The folder to make: not there yet, or empty
    #[arg(value_name = "DIR")]
    to: PathBuf,

    #[command(flatten)]
    store: StoreArgs,
}

/// Makes the backup that `args` ask for.
pub(super) async fn run(args: BackupArgs) -> anyhow::Result<ExitCode> {
    if let Some(connection) = args.store.postgres_flags()? {
        bail!(
            "the data is in PostgreSQL, whose own tool makes the backup: pg_dump --format=custom --schema=hookgraph_log {connection} --file=FILE (it asks for the password if there is one)"
        );
    }
    find_log(&args.store)?;
    let from = args.store.folder().context("no folder")?;
    let place = Place::find(&args.to)?;
    let made = tokio::select! {
        made = place.fill(from) => made?,
        interrupted = interrupted() => return Err(interrupted),
    };
    place.name()?;
    output::result(&report(&made, from, &args.to)).context("the backup is complete")?;
    Ok(ExitCode::SUCCESS)
}

/// Ends at the signal that ends the process; what was made so far is then removed.
async fn interrupted() -> anyhow::Error {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    anyhow!("interrupted: there is no backup")
}

/// Where the backup will be, and the folder beside it in which it is made. That goes when this is dropped.
struct Place {
    target: PathBuf,
    parent: PathBuf,
    incomplete: tempfile::TempDir,
}

/// What a backup has in it.
struct Made {
    head: Position,
    events: i64,
    size: u64,
    has_secret: bool,
}

impl Place {
    fn find(to: &Path) -> anyhow::Result<Self> {
        let shown = to.display();
        let target = match fs::canonicalize(to) {
            Ok(there) => {
                let mut entries = fs::read_dir(&there).with_context(|| {
                    format!("{shown} is not a folder that can be read: name another")
                })?;
                ensure!(
                    entries.next().is_none(),
                    "{shown} is not empty: name a new folder for each backup"
                );
                there
            }
            Err(error) if error.kind() == ErrorKind::NotFound => std::path::absolute(to)?,
            Err(error) => return Err(error).with_context(|| format!("cannot write to {shown}")),
        };
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            bail!("{shown} cannot be a backup: name a new folder");
        };
        let parent = parent.to_owned();
        let mut prefix = name.to_owned();
        prefix.push(".incomplete-");
        // Only its owner can enter it.
        let incomplete = tempfile::Builder::new()
            .prefix(&prefix)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&parent)
            .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
        Ok(Self {
            target,
            parent,
            incomplete,
        })
    }

    /// Copies the data of the folder `from`, checks it and puts it on the disk.
    async fn fill(&self, from: &Path) -> anyhow::Result<Made> {
        let folder = self.incomplete.path();
        let (log, copy) = (from.join(LOG_FILE), folder.join(LOG_FILE));
        let source = open(&log).await.context("cannot open the log")?;
        let before = extent(&source, Position::MAX)
            .await
            .context("cannot read the log: has a server of this version been started on it?")?;
        copy_log(&source, &log, &copy)
            .await
            .context("cannot copy the log")?;
        let found = check(&copy).await?;
        let expected = extent(&source, found.head).await?;
        source.close().await?;
        ensure!(
            found == expected && found.head >= before.head,
            "the copy is not what the log is: the log has {expected:?}, the copy {found:?}"
        );
        let has_secret = copy_secret(&from.join(SECRET_FILE), &folder.join(SECRET_FILE))
            .with_context(|| format!("cannot copy the secret in {}", from.display()))?;
        File::open(&copy)?.sync_all()?;
        File::open(folder)?.sync_all()?;
        Ok(Made {
            head: found.head,
            events: found.events,
            size: fs::metadata(&copy)?.len(),
            has_secret,
        })
    }

    /// Gives the backup its name, for good.
    fn name(self) -> anyhow::Result<()> {
        // This replaces a folder that is empty, and no other.
        fs::rename(self.incomplete.path(), &self.target).with_context(|| {
            format!(
                "cannot give the backup the name {}: name a new folder, and if that one is where a disk is mounted, a folder in it",
                self.target.display()
            )
        })?;
        // It is no longer there to be removed.
        let _ = self.incomplete.keep();
        File::open(&self.parent)?.sync_all()?;
        Ok(())
    }
}

/// Opens a database that is there; it is not made.
async fn open(file: &Path) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new("sqlite://");
    let file = file.to_owned();
    options
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |options| {
            options
                .filename(&file)
                .create_if_missing(false)
                .busy_timeout(Duration::from_secs(10))
                .foreign_keys(false)
        });
    Database::connect(options).await
}

/// Copies the log while others write to it.
async fn copy_log(source: &DatabaseConnection, log: &Path, copy: &Path) -> anyhow::Result<()> {
    // SQLite takes an empty file for none, and this one only its owner can read.
    new_file(copy)?;
    let path = copy.to_str().context("its path is not UTF-8")?;
    let vacuum = Statement::from_sql_and_values(
        DatabaseBackend::Sqlite,
        "VACUUM INTO ?",
        [path.to_owned().into()],
    );
    let size = |file: &Path| fs::metadata(file).map_or(0, |metadata| metadata.len());
    let mut progress = Progress::start("copied", Length::Bytes(size(log)));
    let mut seen = 0;
    let mut copying = std::pin::pin!(source.execute_raw(vacuum));
    loop {
        tokio::select! {
            done = &mut copying => {
                done?;
                break;
            }
            () = tokio::time::sleep(LOOK_EVERY) => {
                let now = size(copy);
                progress.advance(0, usize::try_from(now.saturating_sub(seen)).unwrap_or(0));
                seen = now;
            }
        }
    }
    progress.finish();
    Ok(())
}

/// Whose log it is, and what is in it.
#[derive(Debug, PartialEq, Eq)]
struct Extent {
    identity: String,
    head: Position,
    events: i64,
}

/// What is in a log up to `until`.
async fn extent(db: &DatabaseConnection, until: Position) -> Result<Extent, DbErr> {
    let (head, events): (Option<Position>, i64) = event::Entity::find()
        .filter(event::Column::Position.lte(until))
        .select_only()
        .column_as(event::Column::Position.max(), "head")
        .column_as(event::Column::Position.count(), "events")
        .into_tuple()
        .one(db)
        .await?
        .unwrap_or_default();
    let identity = identity::Entity::find_by_id(1).one(db).await?;
    Ok(Extent {
        identity: identity.map(|row| row.identity).unwrap_or_default(),
        head: head.unwrap_or(0),
        events,
    })
}

/// Has SQLite check all of the copy, and says what is in it.
async fn check(copy: &Path) -> anyhow::Result<Extent> {
    let db = open(copy).await.context("cannot open the copy")?;
    let check = Statement::from_string(DatabaseBackend::Sqlite, "PRAGMA integrity_check");
    let row = db.query_one_raw(check).await?;
    let said: String = row.context("SQLite says nothing")?.try_get_by_index(0)?;
    ensure!(
        said == "ok",
        "the copy is damaged, as the log may be: {said}"
    );
    let extent = extent(&db, Position::MAX).await?;
    db.close().await?;
    Ok(extent)
}

/// Copies the secret that the server keeps. False when it keeps none.
fn copy_secret(from: &Path, to: &Path) -> std::io::Result<bool> {
    let secret = match fs::read(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        read => read?,
    };
    let mut file = new_file(to)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    Ok(true)
}

/// A new file that only its owner can read.
fn new_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)
}

fn report(made: &Made, from: &Path, to: &Path) -> String {
    let events = usize::try_from(made.events).unwrap_or(usize::MAX);
    let mut text = format!(
        "Backed up to {}:\n  {LOG_FILE:<16}{}, up to position {} of the log, {}\n",
        to.display(),
        counted(events, "event"),
        made.head,
        HumanBytes(made.size)
    );
    if made.has_secret {
        let _ = writeln!(
            text,
            "  {SECRET_FILE:<16}the signing secret that the server made"
        );
    } else {
        let _ = writeln!(
            text,
            "The server keeps no secret in {}: keep the one that is configured, too.",
            from.display()
        );
    }
    let folder = quoted(&to.display().to_string());
    let _ = writeln!(
        text,
        "Check it:              hookgraph verify --data-dir {folder}"
    );
    let _ = writeln!(
        text,
        "Start a server on it:  hookgraph serve --data-dir {folder}"
    );
    text
}
