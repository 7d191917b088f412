//! `hookgraph export`: the log as JSON Lines, or a table of the read model as CSV.
//!
//! It only reads, and may read while servers write.

mod csv;
mod jsonl;
mod table;

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, ensure};
use clap::ValueEnum;
use ingest::log::{Log, Position};

use crate::config::StoreArgs;

pub(super) use jsonl::BATCH;
use table::Table;

/// Write the stored events to a file, one JSON object a line; or calls, analyses or insights as CSV
///
/// Servers may go on running. Whoever has the file can read what people said.
///
/// --format jsonl: the events in the order of the log, up to the newest one at the start. Each line has position, source,
/// messageId, receivedAt, typeHint, headers (id, timestamp and signature), secretId, and body: the exact text that was
/// signed, so that `hookgraph import` can check it. At the end, stderr says how to continue from there: with --after and
/// the last position.
///
/// --format csv: one table of what the server made of the events, for spreadsheets and pandas. All rows are of one moment,
/// and stderr says up to which position of the log they go. UTF-8 (without byte order mark), commas, a row of names first,
/// then the rows in the order of their call's time and id. Times are UTC as RFC 3339 writes them, to the microsecond; what
/// is missing is an empty cell; `example` says whether a row comes from the catalogue's examples, which reports leave out.
/// Names are as last described, manager and team as at the time of the call.
///   calls     one row a call. `prospect_ids` and `prospect_names` are separated by semicolons, in the same order.
///   analyses  one row an analysis, with its call's time, org, user, team and manager.
///   insights  one row an entry of one of an analysis's nine lists; kind is the list's name, such as objections.
///
/// Cells are exactly what was sent. Many spreadsheets take a cell that begins with = + - or @ for a formula, and names and
/// texts come from other people: --escape-formulas puts a ' before those. That is not the default, since every other reader
/// would take the ' for data.
///
/// Exit codes: 0 all was written, 2 it was not.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ExportArgs {
    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    format: Format,

    /// Which table; with --format csv alone
    #[arg(long, value_name = "TABLE")]
    table: Option<Table>,

    /// Put a ' before texts that a spreadsheet would take for a formula; with --format csv alone
    #[arg(long)]
    escape_formulas: bool,

    /// Only events behind this position; with --format jsonl alone
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(0..))]
    after: Option<Position>,

    /// Write to this new file, which only its owner can read [default: standard output]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Every stored event, with its signature
    Jsonl,
    /// A table of the read model
    Csv,
}

/// Exports what `args` ask for.
pub(super) async fn run(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let to = args.to.as_deref();
    let exported = match args.format {
        Format::Jsonl => {
            ensure!(
                args.table.is_none() && !args.escape_formulas,
                "--table and --escape-formulas are for --format csv: the log is exported as it is"
            );
            jsonl::export(&args.store, args.after.unwrap_or(0), to).await
        }
        Format::Csv => {
            ensure!(
                args.after.is_none(),
                "--after is for --format jsonl: a table is exported as it is now, with all its rows"
            );
            let table = args.table.context(
                "--format csv writes one table: name it with --table calls, analyses or insights",
            )?;
            csv::export(&args.store, table, args.escape_formulas, to).await
        }
    };
    match exported {
        // Whoever read has read enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        exported => exported.map(|()| ExitCode::SUCCESS),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Checks that a log is in the folder of the SQLite files, if they are meant: opening would make a new one.
pub(super) fn find_log(store: &StoreArgs) -> anyhow::Result<()> {
    let Some(folder) = store.folder() else {
        return Ok(());
    };
    match fs::metadata(folder.join("log.db")) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(anyhow!(
            "there is no log in {}: name the server's data folder with --data-dir, or its PostgreSQL database with --database-url",
            folder.display()
        )),
        found => found.map(drop).with_context(|| {
            format!(
                "the data folder {} cannot be read: allow this user to enter it, or name another with --data-dir",
                folder.display()
            )
        }),
    }
}

/// Opens a log that is there already.
pub(super) async fn open_log(store: &StoreArgs) -> anyhow::Result<Log> {
    find_log(store)?;
    Log::open_for_reading(&store.location().await?)
        .await
        .context("cannot open the log (has a server of this version been started on it?)")
}

/// Where to write: the new file `to`, else standard output.
fn output(to: Option<&Path>) -> anyhow::Result<Box<dyn Write + Send>> {
    let Some(path) = to else {
        return Ok(Box::new(io::stdout()));
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let file = options
        .open(path)
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                anyhow!("it is there already, and would be overwritten: name another file")
            }
            _ => error.into(),
        })
        .with_context(|| format!("cannot write to {}", path.display()))?;
    Ok(Box::new(file))
}

/// "1 event", "2 events"
pub(super) fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
