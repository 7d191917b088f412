//! Whether the read model is what the log says: the live generation against a fresh projection.
//!
//! The fresh one is made in SQLite files of a scratch folder, wherever the live one is: nothing is written to the installation,
//! and of the two databases each checks the other. The scratch folder holds all that events say, so it is its owner's alone, and
//! is removed at the end, be it an interruption.

use std::fmt::{Display, Write};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use ingest::comparison::{self, Differences, NAMED, Row, Snapshot};
use ingest::database::Location;
use ingest::generation::{Generation, Generations, ReadModel, Version};
use ingest::log::{Log, Position};
use ingest::projector::{BatchLimits, Batches, step};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::export::open_log;
use crate::cli::output;
use crate::cli::progress::{Length, Progress};
use crate::config::StoreArgs;

/// How near the fresh projection gets before the moment that is compared is chosen, which is held while the rest is projected.
const NEAR: Position = 1_000;

/// How often it is tried to get so near, should events come as fast as they are projected here.
const APPROACHES: usize = 5;

/// How often it is tried to remove the scratch folder, and how long to wait in between.
const REMOVALS: usize = 50;
const REMOVED_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Compares the read model in `store`.
pub(super) async fn run(store: &StoreArgs, scratch: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    // Before there is anything to be removed.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let parent = scratch.unwrap_or_else(std::env::temp_dir);
    let scratch = tempfile::Builder::new()
        .prefix("hookgraph-verify-")
        .tempdir_in(&parent)
        .with_context(|| format!("cannot make a scratch folder in {}", parent.display()))?;
    let done = tokio::select! {
        done = verify(store, scratch.path()) => Some(done),
        _ = interrupted.recv() => None,
        _ = terminated.recv() => None,
    };
    let path = scratch.path().to_owned();
    remove(scratch)
        .await
        .with_context(|| format!("cannot remove the scratch folder {}", path.display()))?;
    done.unwrap_or_else(|| {
        output::note("Interrupted: nothing was found out.");
        Ok(ExitCode::from(2))
    })
}

/// Removes the scratch folder. What was interrupted may have left threads of SQLite behind that still make a file in it: then it is
/// tried again a little later.
async fn remove(scratch: TempDir) -> io::Result<()> {
    let path = scratch.keep();
    for _ in 0..REMOVALS {
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tokio::time::sleep(REMOVED_AGAIN_AFTER).await;
            }
            _ => return Ok(()),
        }
    }
    fs::remove_dir_all(&path)
}

async fn verify(store: &StoreArgs, scratch: &Path) -> anyhow::Result<ExitCode> {
    let log = open_log(store).await?;
    let location = store.location().await?;
    let live = ReadModel::open(location.clone()).await.context(
        "there is no read model that this version can read: start a server of this version first",
    )?;
    let live = live.live();
    let (built_by, current) = (live.version(), Version::CURRENT);
    ensure!(
        built_by == current,
        "generation {} of the read model was built by another version of Hookgraph, by which the same events make other rows: use that version, or let a server of this one build the next generation",
        live.number()
    );
    match compare(&log, &live, scratch).await {
        Ok(report) => {
            output::result(&report.describe())?;
            Ok(report.exit_code())
        }
        Err(error) if is_replaced(&location, &live).await => Err(error.context(format!(
            "generation {} of the read model was replaced meanwhile: run it again",
            live.number()
        ))),
        Err(error) => Err(error),
    }
}

/// Whether a newer generation serves than `compared`, which may then be removed.
async fn is_replaced(location: &Location, compared: &Generation) -> bool {
    let newest = ReadModel::open(location.clone()).await;
    newest.is_ok_and(|newest| newest.live().number() > compared.number())
}

async fn compare(log: &Log, live: &Generation, scratch: &Path) -> anyhow::Result<Report> {
    let scratch = Location::Sqlite(scratch.to_owned());
    let fresh = Generations::open(scratch, Version::CURRENT)
        .await
        .context("cannot make a fresh projection in the scratch folder")?;
    let fresh = fresh.live();
    let snapshot = approach(log, live, fresh).await?;
    let mut report = Report {
        generation: live.number(),
        position: snapshot.position(),
        log_ends_at: fresh.position().await?,
        differences: Differences::default(),
    };
    if report.log_ends_at == report.position {
        let rows = comparison::rows(fresh).await?;
        let mut progress = Progress::start("compared", Length::Rows(rows));
        report.differences =
            comparison::compare(&snapshot, fresh, &mut || progress.advance(1, 0)).await?;
        progress.finish();
    }
    // The last one that closes a SQLite file takes its journal along.
    fresh.close().await?;
    Ok(report)
}

/// Takes hold of the live generation at one moment, and brings the fresh one to the same position, as far as the log goes.
async fn approach(log: &Log, live: &Generation, fresh: &Generation) -> anyhow::Result<Snapshot> {
    let mut until = live.position().await?;
    let length = Length::Events(u64::try_from(until).unwrap_or_default());
    let mut progress = Progress::start("projected", length);
    for _ in 0..APPROACHES {
        project(log, fresh, until, &mut progress).await?;
        let now = live.position().await?;
        progress.lengthen(u64::try_from(now - until).unwrap_or_default());
        let near = now - until <= NEAR;
        until = now;
        if near {
            break;
        }
    }
    let snapshot = Snapshot::of(live).await?;
    let more = u64::try_from(snapshot.position() - until).unwrap_or_default();
    progress.lengthen(more);
    project(log, fresh, snapshot.position(), &mut progress).await?;
    progress.finish();
    Ok(snapshot)
}

/// Projects up to the position `until`, or to the end of the log if that comes first.
async fn project(
    log: &Log,
    fresh: &Generation,
    until: Position,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut batches = Batches::of(log.clone(), BatchLimits::default());
    loop {
        let step = step(&mut batches, fresh, Version::CURRENT.rules, until).await?;
        if !step.moved() {
            return Ok(());
        }
        progress.advance(usize::try_from(step.to - step.from).unwrap_or_default(), 0);
    }
}

/// What was found.
struct Report {
    generation: i64,
    position: Position,
    /// Before `position` only when the log is not the one that the read model was made of.
    log_ends_at: Position,
    differences: Differences,
}

impl Report {
    fn exit_code(&self) -> ExitCode {
        if self.log_ends_at == self.position && self.differences.is_none() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn describe(&self) -> String {
        let (generation, position) = (self.generation, self.position);
        if self.log_ends_at != position {
            return format!(
                "Generation {generation} of the read model is at position {position}, and the log ends at {}: it was made of events that are not there any more.\n",
                self.log_ends_at
            );
        }
        let mut text = format!(
            "Compared generation {generation} of the read model with a fresh projection of the events up to position {position}.\n"
        );
        let mut line = |name: &str, counts: [&dyn Display; 4]| {
            let [equal, different, missing, additional] = counts;
            let _ = writeln!(
                text,
                "  {name:<16}{equal:>10}{different:>12}{missing:>10}{additional:>12}"
            );
        };
        line("", [&"equal", &"different", &"missing", &"additional"]);
        for table in &self.differences.tables {
            line(
                table.name,
                [
                    &table.equal,
                    &table.different,
                    &table.missing,
                    &table.additional,
                ],
            );
        }
        let differences = &self.differences;
        name_rows(&mut text, "Different", &differences.different);
        name_rows(&mut text, "Missing", &differences.missing);
        name_rows(&mut text, "Additional", &differences.additional);
        for table in differences
            .tables
            .iter()
            .filter(|table| table.unreadable > 0)
        {
            let _ = writeln!(
                text,
                "Of the missing in {}, {} may be there and cannot be read.",
                table.name, table.unreadable
            );
        }
        text.push_str(if differences.is_none() {
            "They are the same.\n"
        } else {
            "Queries do not answer what the events say: `hookgraph rebuild` makes the read model anew.\n"
        });
        text
    }
}

fn name_rows(text: &mut String, what: &str, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    let first = if rows.len() == NAMED {
        format!(" (the first {NAMED})")
    } else {
        String::new()
    };
    let _ = writeln!(text, "{what}{first}:");
    for row in rows {
        let _ = write!(text, "  {} {}", row.table, row.key);
        if !row.columns.is_empty() {
            let _ = write!(text, ": {}", row.columns.join(", "));
        }
        text.push('\n');
    }
}
