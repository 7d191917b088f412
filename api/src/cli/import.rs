//! `hookgraph import`: into the log what `hookgraph export` wrote.
//!
//! No event is stored without its signature having been checked, whenever it was signed. The lines are stored in their
//! order, and neither a secret nor a line's content is ever printed.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use chrono::DateTime;
use futures_util::future::{MaybeDone, maybe_done};
use futures_util::poll;
use http::{HeaderMap, HeaderValue};
use ingest::feed::Feed;
use ingest::log::append::Appended;
use ingest::log::{Appender, Arrival, Limits, Log, Unavailable};
use ingest::signature::{Secret, SignatureHeaders, verify_at_any_time};
use serde::Deserialize;

use super::export::counted;
use super::output;
use super::progress::{Length, Progress};
use crate::config::{KnownSecretArgs, StoreArgs};
use crate::server::DataFolder;

/// The only source whose secrets are known.
const SOURCE: &str = "salesmagic";

/// The longest line that is read: a webhook's body of 1 MiB, however much of it JSON has to escape, and the rest.
const LONGEST_LINE: usize = 8 << 20;

/// Events, and bytes of bodies, that are stored at once. With one more body they fit into the appender's queue.
const BATCH: (usize, usize) = (128, 8 << 20);

/// How many refused lines are named.
const NAMED: usize = 20;

/// Store events from a file that `hookgraph export` wrote
///
/// Every signature is checked, with the endpoint's present secrets and the retired ones, however long ago it was made;
/// what does not fit is refused and named by its line. The order of the lines and their receivedAt are kept, while
/// positions are given anew. An event that is there already, by its source and message id, is not stored again, so an
/// import that broke off can simply be repeated.
///
/// With SQLite no server may be running on the data folder; with PostgreSQL servers may go on.
///
/// Exit codes: 0 all is stored, 1 some lines were refused, 2 the import could not be done or did not come to its end.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ImportArgs {
    /// What to import [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    secrets: KnownSecretArgs,
}

/// What an event needs of its line. Its position and secret are found anew.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    source: String,
    message_id: String,
    received_at: String,
    type_hint: Option<String>,
    headers: SignatureHeaders,
    body: String,
}

/// Why a line is not stored. The text never repeats what stands in it.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it is not a JSON object such as `hookgraph export` writes")]
    NotAnEvent,
    #[error("it is cut off")]
    CutOff,
    #[error("it is longer than {LONGEST_LINE} bytes")]
    TooLong,
    #[error("its source is not {SOURCE}")]
    UnknownSource,
    #[error("its receivedAt is not a time")]
    ReceivedAt,
    #[error("its messageId is not the one that was signed")]
    MessageId,
    #[error("{0}")]
    Signature(#[from] ingest::signature::Refusal),
}

/// Imports what `args` name.
pub(super) async fn run(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let (input, length) = open(args.file.as_deref())?;
    let secrets = args.secrets.known(&args.store)?;
    ensure!(
        !secrets.is_empty(),
        "no secret to check the signatures with: set HOOKGRAPH_WEBHOOK_SECRET, or name earlier secrets with --retired-secrets"
    );
    // A server on these files would not learn of events that another process stores.
    let _folder = args.store.folder().map(DataFolder::claim).transpose()?;
    let log = Log::open(&args.store.location().await?)
        .await
        .context("cannot open the log")?;
    let (appender, writer) = Appender::start(log, Feed::default(), Limits::default());
    let mut import = Import {
        secrets,
        appender,
        progress: Progress::start("read", length),
        report: Report::default(),
    };
    let imported = import.read(input).await;
    import.progress.finish();
    // What is stored is stored, whether or not that can be said.
    let told = output::result(&import.report.describe());
    drop(import.appender);
    writer.await.context("the log's writer failed")?;
    imported.context("the import broke off; it can be repeated, which stores nothing twice")?;
    told.context("the import came to its end")?;
    Ok(match import.report.refused {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn open(file: Option<&Path>) -> anyhow::Result<(Box<dyn BufRead>, Length)> {
    let Some(path) = file else {
        return Ok((Box::new(BufReader::new(io::stdin())), Length::Unknown));
    };
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = opened.with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(!metadata.is_dir(), "{} is a folder", path.display());
    let length = if metadata.is_file() {
        Length::Bytes(metadata.len())
    } else {
        Length::Unknown
    };
    Ok((Box::new(BufReader::with_capacity(1 << 16, file)), length))
}

struct Import {
    secrets: Vec<Secret>,
    appender: Appender,
    progress: Progress,
    report: Report,
}

impl Import {
    async fn read(&mut self, mut input: Box<dyn BufRead>) -> anyhow::Result<()> {
        let mut line = Vec::new();
        let (mut batch, mut bodies) = (Vec::new(), 0);
        let (mut lines, mut bytes) = (0, 0);
        loop {
            line.clear();
            let read = read_line(&mut input, &mut line).context("cannot read the lines")?;
            let is_end = read == 0;
            if !is_end {
                lines += 1;
                bytes += read;
                match arrival(&line, read, &self.secrets) {
                    Ok(arrival) => {
                        bodies += arrival.body.len();
                        batch.push(arrival);
                    }
                    Err(refused) => self.report.refuse(&refused),
                }
                self.report.lines += 1;
            }
            if is_end || batch.len() == BATCH.0 || bodies >= BATCH.1 || lines == BATCH.0 {
                self.store(std::mem::take(&mut batch)).await?;
                self.progress.advance(lines, bytes);
                (bodies, lines, bytes) = (0, 0, 0);
            }
            if is_end {
                return Ok(());
            }
        }
    }

    /// Stores a batch in its order.
    async fn store(&mut self, batch: Vec<Arrival>) -> Result<(), Unavailable> {
        let mut waiting: Vec<Pin<Box<MaybeDone<_>>>> = Vec::with_capacity(batch.len());
        for arrival in batch {
            let mut append = Box::pin(maybe_done(self.appender.append(arrival)));
            // The first poll puts it into the queue: one after the other, to be committed together.
            let _ = poll!(append.as_mut());
            waiting.push(append);
        }
        let mut failed = None;
        for mut append in waiting {
            append.as_mut().await;
            match append.as_mut().take_output() {
                Some(Ok(Appended { repeated, .. })) => {
                    *if repeated {
                        &mut self.report.repeated
                    } else {
                        &mut self.report.stored
                    } += 1;
                }
                Some(Err(unavailable)) => failed = Some(unavailable),
                None => {}
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Reads a line into `line`, without what is behind [`LONGEST_LINE`]. Returns how long it is with its end; 0 behind the last.
fn read_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let read = (&mut *input)
        .take(LONGEST_LINE as u64 + 1)
        .read_until(b'\n', line)?;
    if read > LONGEST_LINE && line.last() != Some(&b'\n') {
        return Ok(read + input.skip_until(b'\n')?);
    }
    Ok(read)
}

/// The event of a line, once its signature is proven.
fn arrival(line: &[u8], length: usize, secrets: &[Secret]) -> Result<Arrival, Refused> {
    if length > line.len() {
        return Err(Refused::TooLong);
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| {
        if error.is_eof() && line.starts_with(b"{") {
            Refused::CutOff
        } else {
            Refused::NotAnEvent
        }
    })?;
    if line.source != SOURCE {
        return Err(Refused::UnknownSource);
    }
    let received_at =
        DateTime::parse_from_rfc3339(&line.received_at).map_err(|_| Refused::ReceivedAt)?;
    let headers = as_received(&line.headers)?;
    if headers.id != line.message_id {
        return Err(Refused::MessageId);
    }
    let secret = verify_at_any_time(secrets, &headers, line.body.as_bytes())?;
    Ok(Arrival {
        source: line.source,
        message_id: line.message_id,
        received_at: received_at.timestamp_micros(),
        // As at the webhook: PostgreSQL's texts cannot hold a NUL.
        type_hint: line.type_hint.map(|hint| hint.replace('\0', "\u{fffd}")),
        headers: serde_json::json!(headers).to_string(),
        secret_id: secret.id().to_owned(),
        body: line.body.into_bytes(),
    })
}

/// The headers, once they have passed what a request's have to.
fn as_received(headers: &SignatureHeaders) -> Result<SignatureHeaders, Refused> {
    let mut request = HeaderMap::new();
    for (name, value) in [
        ("svix-id", &headers.id),
        ("svix-timestamp", &headers.timestamp),
        ("svix-signature", &headers.signature),
    ] {
        // Without it, its header is the one that is missing or malformed.
        if let Ok(value) = HeaderValue::from_str(value) {
            request.insert(name, value);
        }
    }
    Ok(SignatureHeaders::from_request(&request)?)
}

#[derive(Default)]
struct Report {
    lines: usize,
    stored: usize,
    repeated: usize,
    refused: usize,
    named: Vec<String>,
}

impl Report {
    fn refuse(&mut self, refused: &Refused) {
        self.refused += 1;
        if self.named.len() < NAMED {
            self.named
                .push(format!("  line {}: {refused}\n", self.lines + 1));
        }
    }

    fn describe(&self) -> String {
        let mut text = format!(
            "Read {}: {} stored, {} already there, {} refused.\n",
            counted(self.lines, "line"),
            self.stored,
            self.repeated,
            self.refused
        );
        text.extend(self.named.iter().map(String::as_str));
        if self.refused > self.named.len() {
            let _ = writeln!(text, "  and {} more", self.refused - self.named.len());
        }
        text
    }
}
