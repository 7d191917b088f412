//! A table of the read model as CSV.
//!
//! All of it, and the position that it goes up to, is read in one snapshot of the generation that serves, row by row: neither
//! this process nor the file ever holds more than it must.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::pin::pin;

use anyhow::Context;
use chrono::{DateTime, SecondsFormat};
use csv::{ErrorKind, Writer, WriterBuilder};
use entity::read_model::checkpoint;
use futures_util::TryStreamExt;
use ingest::generation::ReadModel;
use ingest::log::Position;
use sea_orm::{
    AccessMode, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait,
    IsolationLevel, QuerySelect, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use super::super::output::note;
use super::super::progress::{Length, Progress};
use super::table::{Analysis, Call, Insight, Row, Table};
use super::{counted, is_broken_pipe, open_log, output};
use crate::config::StoreArgs;

/// Exports a table.
pub(super) async fn export(
    store: &StoreArgs,
    table: Table,
    escape_formulas: bool,
    to: Option<&Path>,
) -> anyhow::Result<()> {
    // Read first: what arrives from now on is no news that the figures lack.
    let head = open_log(store).await?.head().await?;
    let read_model = match ReadModel::open(store.location().await?).await {
        Err(DbErr::RecordNotFound(_)) => Err(anyhow::anyhow!(
            "there is no read model yet that this version can read: start the server once or run `hookgraph rebuild`"
        )),
        opened => opened.context("cannot open the read model"),
    }?;
    // Held until the end, so that its connections stay.
    let live = read_model.live();
    let snapshot = snapshot(live.db())
        .await
        .context("cannot read the read model")?;
    let position = position(&snapshot)
        .await
        .context("cannot read the read model")?;
    let mut cells = Cells::new(output(to)?, escape_formulas);
    let mut rows = 0;
    let written = match table {
        Table::Calls => write::<Call>(&snapshot, &mut cells, &mut rows).await,
        Table::Analyses => write::<Analysis>(&snapshot, &mut cells, &mut rows).await,
        Table::Insights => write::<Insight>(&snapshot, &mut cells, &mut rows).await,
    };
    match written {
        Err(error) if is_broken_pipe(&error) => return Err(error),
        written => written.with_context(|| {
            let rows = counted(rows, "row");
            format!("the export stopped after {rows}: the file is not whole")
        })?,
    }
    let rows = counted(rows, "row");
    note(format_args!(
        "Exported {rows} of {table}: figures up to position {position} of the log."
    ));
    if head > position {
        let missing = counted(
            usize::try_from(head - position).unwrap_or(usize::MAX),
            "event",
        );
        note(format_args!(
            "Warning: the log went up to position {head} already, so {missing} are not in these figures: the server has still to read them, or does not run."
        ));
    }
    Ok(())
}

/// Begins a transaction in which every statement sees the same rows, whatever is written meanwhile.
async fn snapshot(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let is_postgres = db.get_database_backend() == DatabaseBackend::Postgres;
    db.begin_with_options(TransactionOptions {
        isolation_level: is_postgres.then_some(IsolationLevel::RepeatableRead),
        access_mode: is_postgres.then_some(AccessMode::ReadOnly),
        // Where a transaction begins as a reader, its first statement takes the snapshot, and no lock is in anybody's way.
        sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
    })
    .await
}

async fn position(snapshot: &DatabaseTransaction) -> Result<Position, DbErr> {
    let position = checkpoint::Entity::find_by_id(1)
        .select_only()
        .column(checkpoint::Column::Position)
        .into_tuple()
        .one(snapshot)
        .await?;
    position.ok_or_else(|| DbErr::RecordNotFound("the checkpoint".to_owned()))
}

/// Writes the row of names, and all rows in their order. `written` counts them.
async fn write<R: Row>(
    snapshot: &DatabaseTransaction,
    cells: &mut Cells,
    written: &mut usize,
) -> anyhow::Result<()> {
    for name in R::NAMES {
        cells.text(Some(name))?;
    }
    cells.end()?;
    let mut progress = Progress::start("exported", Length::Rows(R::count(snapshot).await?));
    let mut parts = pin!(R::select().into_model::<R>().stream(snapshot).await?);
    let mut next = parts.try_next().await?;
    while let Some(mut row) = next {
        next = parts.try_next().await?;
        while let Some(part) = next.take_if(|part| row.continues_in(part)) {
            row.take(part);
            next = parts.try_next().await?;
        }
        row.write(cells)?;
        cells.end()?;
        *written += 1;
        progress.advance(1, 0);
    }
    cells.flush()?;
    progress.finish();
    Ok(())
}

/// Writes cell by cell.
pub(super) struct Cells {
    writer: Writer<Box<dyn Write + Send>>,
    escape_formulas: bool,
}

impl Cells {
    fn new(output: Box<dyn Write + Send>, escape_formulas: bool) -> Self {
        let mut builder = WriterBuilder::new();
        Self {
            writer: builder.buffer_capacity(1 << 16).from_writer(output),
            escape_formulas,
        }
    }

    /// A text that was sent.
    pub(super) fn text(&mut self, text: Option<&str>) -> io::Result<()> {
        let text = text.unwrap_or_default();
        if self.escape_formulas && begins_a_formula(text) {
            self.cell(&format!("'{text}"))
        } else {
            self.cell(text)
        }
    }

    /// A time in microseconds. Always with six digits: then the text sorts as the time does, and pandas sees one format.
    pub(super) fn time(&mut self, micros: Option<i64>) -> io::Result<()> {
        let time = micros.and_then(DateTime::from_timestamp_micros);
        let text = time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true));
        self.cell(&text.unwrap_or_default())
    }

    /// A number, which is written without an exponent, or `true` or `false`.
    pub(super) fn plain(&mut self, value: Option<impl Display>) -> io::Result<()> {
        let text = value.map(|value| value.to_string());
        self.cell(&text.unwrap_or_default())
    }

    fn cell(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_field(text).map_err(cause)
    }

    fn end(&mut self) -> io::Result<()> {
        self.writer.write_record(None::<&[u8]>).map_err(cause)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// What failed: the file or the pipe.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Whether a spreadsheet might compute this instead of showing it. Spreadsheets skip tabs and line ends before a formula.
fn begins_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])
}
