//! The log as JSON Lines.
//!
//! A line has all that is stored of one event, with the body's exact text, so that an import can prove it again. It is read
//! in batches.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use chrono::{DateTime, SecondsFormat};
use entity::log::event;
use ingest::log::{Log, Position};
use ingest::signature::SignatureHeaders;
use serde::Serialize;

use super::super::output::note;
use super::super::progress::{Length, Progress};
use super::{counted, is_broken_pipe, open_log, output};
use crate::config::StoreArgs;

/// Events, and bytes of bodies, that are read at once.
pub(in super::super) const BATCH: (u64, usize) = (500, 8 << 20);

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

/// Exports the events behind `after`.
pub(super) async fn export(
    store: &StoreArgs,
    after: Position,
    to: Option<&Path>,
) -> anyhow::Result<()> {
    let log = open_log(store).await?;
    let until = log.head().await?;
    let mut output = output(to)?;
    let mut exported = Exported {
        events: 0,
        last: after,
    };
    let written = exported.write(&log, until, &mut output).await;
    let Exported { events, last } = exported;
    match written {
        Err(error) if is_broken_pipe(&error) => return Err(error),
        written => written.with_context(|| {
            format!("after {events} events the export stopped at position {last}: continue there with --after {last}")
        })?,
    }
    if events == 0 {
        note(format_args!(
            "Exported no event: there is none behind position {last}."
        ));
    } else {
        let events = counted(events, "event");
        note(format_args!(
            "Exported {events}, the last one at position {last}. To continue there later: --after {last}"
        ));
    }
    Ok(())
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
