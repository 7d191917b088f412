//! `hookgraph export`: the log as JSON Lines.
//!
//! A line has all that is stored of one event, with the body's exact text, so that an import can prove it again. It is only
//! read, in batches, and may be read while servers write.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow, ensure};
use chrono::{DateTime, SecondsFormat};
use entity::log::event;
use ingest::log::{Log, Position};
use ingest::signature::SignatureHeaders;
use serde::Serialize;

use super::progress::{Length, Progress};
use crate::config::StoreArgs;

/// Events, and bytes of bodies, that are read at once.
pub(super) const BATCH: (u64, usize) = (500, 8 << 20);

/// Write the stored events to a file, one JSON object a line
///
/// In the order of the log, up to the newest event at the start. Servers may go on running. Each line has position, source,
/// messageId, receivedAt, typeHint, headers (id, timestamp and signature), secretId, and body: the exact text that was
/// signed, so that `hookgraph import` can check it. Whoever has the file can read every transcript.
///
/// At the end, stderr says how to continue from there: with --after and the last position.
///
/// Exit codes: 0 all was written, 2 it was not.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ExportArgs {
    /// Only events behind this position
    #[arg(long, value_name = "POSITION", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    after: Position,

    /// Write to this new file, which only its owner can read [default: standard output]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'e> {
    position: Position,
    source: &'e str,
    message_id: &'e str,
    received_at: String,
    type_hint: Option<&'e str>,
    headers: SignatureHeaders,
    secret_id: &'e str,
    body: &'e str,
}

impl<'e> Line<'e> {
    /// None when the event has been spoilt so that no line can hold it.
    fn of(event: &'e event::Model) -> Option<Self> {
        let received_at = DateTime::from_timestamp_micros(event.received_at)?;
        Some(Self {
            position: event.position,
            source: &event.source,
            message_id: &event.message_id,
            received_at: received_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            type_hint: event.type_hint.as_deref(),
            headers: serde_json::from_str(&event.headers).ok()?,
            secret_id: &event.secret_id,
            body: str::from_utf8(&event.body).ok()?,
        })
    }
}

/// Opens a log that is there already.
pub(super) async fn open_log(store: &StoreArgs) -> anyhow::Result<Log> {
    if let Some(folder) = store.folder() {
        // Opening would make a new one.
        ensure!(
            folder.join("log.db").exists(),
            "there is no log in {}: name the server's data folder with --data-dir, or its PostgreSQL database with --database-url",
            folder.display()
        );
    }
    Log::open_for_reading(&store.location().await?)
        .await
        .context("cannot open the log: has a server of this version been started on it?")
}

/// Exports what `args` ask for.
pub(super) async fn run(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let log = open_log(&args.store).await?;
    let until = log.head().await?;
    let mut output: Box<dyn Write + Send> = match &args.to {
        None => Box::new(io::stdout()),
        Some(path) => {
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
            Box::new(file)
        }
    };
    let mut exported = Exported {
        events: 0,
        last: args.after,
    };
    let written = exported.write(&log, until, &mut output).await;
    if let Err(error) = &written
        && (error.downcast_ref::<io::Error>()).is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
    {
        // Whoever read has read enough.
        return Ok(ExitCode::SUCCESS);
    }
    let Exported { events, last } = exported;
    written.with_context(|| {
        format!("after {events} events the export stopped at position {last}: continue there with --after {last}")
    })?;
    if events == 0 {
        eprintln!("Exported no event: there is none behind position {last}.");
    } else {
        let events = counted(events, "event");
        eprintln!(
            "Exported {events}, the last one at position {last}. To continue there later: --after {last}"
        );
    }
    Ok(ExitCode::SUCCESS)
}

struct Exported {
    events: usize,
    /// Up to here all is written.
    last: Position,
}

impl Exported {
    async fn write(
        &mut self,
        log: &Log,
        until: Position,
        output: &mut (dyn Write + Send),
    ) -> anyhow::Result<()> {
        let expected = u64::try_from(until - self.last).unwrap_or_default();
        let mut progress = Progress::start("exported", Length::Events(expected));
        let mut output = BufWriter::with_capacity(1 << 16, output);
        while self.last < until {
            let batch = log.read_after(self.last, BATCH.0, BATCH.1).await?;
            let mut last = self.last;
            let mut written = 0;
            let mut spoilt = None;
            for event in batch.iter().take_while(|event| event.position <= until) {
                let Some(line) = Line::of(event) else {
                    spoilt = Some(event.position);
                    break;
                };
                serde_json::to_writer(&mut output, &line).map_err(io::Error::from)?;
                output.write_all(b"\n")?;
                last = event.position;
                written += 1;
            }
            output.flush()?;
            (self.last, self.events) = (last, self.events + written);
            progress.advance(written, 0);
            if let Some(position) = spoilt {
                return Err(anyhow!(
                    "the event at position {position} is damaged, `hookgraph verify` says more; --after {position} leaves it out"
                ));
            }
            if written == 0 {
                break;
            }
        }
        progress.finish();
        Ok(())
    }
}

/// "1 event", "2 events"
pub(super) fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
