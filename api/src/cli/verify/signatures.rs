//! Whether the log still is what was sent: every signature again, and every position.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use entity::log::event;
use ingest::log::Position;
use ingest::signature::{Secret, SignatureHeaders, verify_at_any_time};

use crate::cli::export::{BATCH, counted, open_log};
use crate::cli::output;
use crate::cli::progress::{Length, Progress};
use crate::config::{KnownSecretArgs, StoreArgs};

/// How many positions are named, of each kind.
const NAMED: usize = 20;

/// Verifies the log in `store`.
pub(super) async fn run(store: &StoreArgs, secrets: &KnownSecretArgs) -> anyhow::Result<ExitCode> {
    let secrets = secrets.known(store)?;
    let log = open_log(store).await?;
    let until = log.head().await?;
    let expected = u64::try_from(until).unwrap_or_default();
    let mut progress = Progress::start("checked", Length::Events(expected));
    let mut report = Report::default();
    while report.last < until {
        let mut batch = log.read_after(report.last, BATCH.0, BATCH.1).await?;
        batch.retain(|event| event.position <= until);
        if batch.is_empty() {
            break;
        }
        for event in &batch {
            report.count(event, &secrets);
        }
        progress.advance(batch.len(), 0);
    }
    progress.finish();
    output::result(&report.describe())?;
    Ok(if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[derive(Default)]
struct Report {
    last: Position,
    verified: usize,
    /// By the fingerprint of the secret that is not there.
    unverifiable: BTreeMap<String, usize>,
    failed: Positions,
    gaps: Positions,
}

/// A count, and the first of what was counted.
#[derive(Default)]
struct Positions {
    count: usize,
    named: Vec<String>,
}

impl Positions {
    fn add(&mut self, count: usize, name: impl FnOnce() -> String) {
        self.count += count;
        if self.named.len() < NAMED {
            self.named.push(name());
        } else if self.named.len() == NAMED {
            self.named.push("…".to_owned());
        }
    }

    fn describe(&self) -> String {
        if self.count == 0 {
            return "0".to_owned();
        }
        format!("{:<7}at {}", self.count, self.named.join(", "))
    }
}

impl Report {
    fn count(&mut self, event: &event::Model, secrets: &[Secret]) {
        let (expected, found) = (self.last + 1, event.position);
        if found > expected {
            let missing = usize::try_from(found - expected).unwrap_or(usize::MAX);
            self.gaps.add(missing, || match found - 1 {
                last if last == expected => expected.to_string(),
                last => format!("{expected} to {last}"),
            });
        }
        self.last = found;
        let Some(secret) = secrets.iter().find(|s| s.id() == event.secret_id) else {
            // What stands there may be anything, in a log that was tampered with.
            let id = event.secret_id.escape_default().take(40).collect();
            *self.unverifiable.entry(id).or_default() += 1;
            return;
        };
        if is_as_signed(event, secret) {
            self.verified += 1;
        } else {
            self.failed.add(1, || found.to_string());
        }
    }

    fn is_good(&self) -> bool {
        self.failed.count == 0 && self.gaps.count == 0
    }

    fn describe(&self) -> String {
        let unverifiable: usize = self.unverifiable.values().sum();
        let events = self.verified + unverifiable + self.failed.count;
        let mut text = format!(
            "Checked {}, up to position {}.\n",
            counted(events, "event"),
            self.last
        );
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "  {name:<14}{value}");
        };
        line("verified", &self.verified.to_string());
        line("unverifiable", &unverifiable.to_string());
        line("failed", &self.failed.describe());
        line("missing", &self.gaps.describe());
        for (secret, count) in &self.unverifiable {
            let events = counted(*count, "event");
            let _ = writeln!(
                text,
                "The secret with the fingerprint {secret} is not known here, so {events} could not be checked: name it with --retired-secrets or HOOKGRAPH_RETIRED_SECRETS."
            );
        }
        if self.failed.count > 0 {
            text.push_str("What failed is not what was sent: the log was changed from outside.\n");
        }
        if self.gaps.count > 0 {
            text.push_str("What is missing was removed from outside.\n");
        }
        text
    }
}

/// The message id is proven by its header, so both have to be the same.
fn is_as_signed(event: &event::Model, secret: &Secret) -> bool {
    let headers: Option<SignatureHeaders> = serde_json::from_str(&event.headers).ok();
    headers.is_some_and(|headers| {
        headers.id == event.message_id
            && verify_at_any_time(std::slice::from_ref(secret), &headers, &event.body).is_ok()
    })
}
