//! `hookgraph send`: signed webhooks of an invented company, as Svix would deliver them.
//!
//! The clock is read here for two things only: the signature's timestamp, and the day at which the company's history ends
//! unless `--ends-at` says so. Neither the secret nor a body is ever printed.

mod progress;
mod report;
mod sender;

use super::output;
use anyhow::{Context, ensure};
use chrono::{DateTime, NaiveTime, Utc};
use futures_util::{StreamExt, stream};
use progress::Progress;
use report::Report;
use sample::{
    Delivery, catalogue,
    company::{Company, Size},
    delivery::{shuffled, with_duplicates},
};
use sender::{Outcome, Sender};
use std::{
    pin::pin,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{Interval, interval};

/// Send signed sample webhooks to a Hookgraph server, as SalesMagic would.
///
/// Without options: the recent history of a small invented company with 2 orgs, 12 users and 50 practice calls. The same
/// options on the same day send the same events under the same message ids, which the server recognises and stores once;
/// another seed sends another company.
///
/// Exit codes: 0 every event was accepted, 1 some were not, 2 nobody answers at the URL.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct SendArgs {
    /// Where to send [default: the webhook route of the server on this machine]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Send the six examples of SalesMagic's event catalogue instead of a company.
    ///
    /// They go out as published, four of them with the type "string", and under new message ids each time unless --seed
    /// is given: like the Testing tab of the Svix portal.
    #[arg(verbatim_doc_comment, long, conflicts_with_all = ["calls", "users", "orgs", "days", "ends_at"])]
    examples: bool,

    /// Completed practice calls, each with transcript and analysis, about 35 kB
    #[arg(long, value_name = "N", default_value_t = 50)]
    calls: usize,

    /// Users, in all orgs together
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = at_least_one)]
    users: usize,

    /// Orgs; from three on, one of them is deleted on the way
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = at_least_one)]
    orgs: usize,

    /// Days of history before --ends-at
    #[arg(long, value_name = "D", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,

    /// When the history ends, such as 2025-06-02T00:00:00Z [default: the last midnight, UTC]
    ///
    /// The default stays the same for a day, so that sending again on that day repeats the very same events.
    #[arg(verbatim_doc_comment, long, value_name = "TIME")]
    ends_at: Option<DateTime<Utc>>,

    /// Another number, another company [default: 1]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// Events a second [default: as fast as they are accepted]
    #[arg(long, value_name = "R", value_parser = rate)]
    rate: Option<f64>,

    /// Events under way at the same time; 1 keeps their order
    #[arg(long, value_name = "C", default_value_t = 8, value_parser = at_least_one)]
    concurrency: usize,

    /// Deliver out of order: no event moves by WINDOW places or more [default without a number: 100]
    #[arg(long, value_name = "WINDOW", num_args = 0..=1, default_missing_value = "100")]
    shuffle: Option<usize>,

    /// Deliver a share of the events twice [default without a number: 0.05]
    ///
    /// Half of the repeats keep their message id, as retries do; the others come under a new one.
    #[arg(verbatim_doc_comment, long, value_name = "SHARE", num_args = 0..=1, default_missing_value = "0.05", value_parser = share)]
    duplicates: Option<f64>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("not a whole number".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    // Below that a pause would not fit into a Duration, and nobody waits for it.
    text.parse()
        .ok()
        .filter(|rate| (0.000_1..=1e6).contains(rate))
        .ok_or("a number between 0.0001 and 1000000".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or("a number between 0 and 1".to_owned())
}

/// Sends what `args` ask for, signed with `secret` (`whsec_…`), and prints what was answered.
pub async fn run(args: SendArgs, secret: &str, default_url: &str) -> anyhow::Result<ExitCode> {
    let url = args.url.as_deref().unwrap_or(default_url);
    let sender = Arc::new(Sender::new(url, secret)?);
    let mut progress = Progress::start(args.expected());
    let started = Instant::now();
    let mut report = Report::default();
    let pace = args
        .rate
        .map(|rate| interval(Duration::from_secs_f64(1.0 / rate)));
    let mut outcomes = pin!(
        stream::unfold((args.deliveries()?, pace), next_in_pace)
            .map(|delivery| {
                let sender = Arc::clone(&sender);
                // A task of its own: signing and sending share the cores with the making of the next bodies.
                async move { tokio::spawn(async move { sender.send(&delivery).await }).await }
            })
            .buffer_unordered(args.concurrency)
    );
    let mut stopped = None;
    while let Some(sent) = outcomes.next().await {
        let sent = sent.context("a delivery was aborted")?;
        report.count(&sent);
        progress.count(&sent, &report);
        // What the first event meets, all others would meet as well.
        if matches!(sent.outcome, Outcome::Unreachable | Outcome::Answered(401)) {
            stopped = Some(sent.outcome);
            break;
        }
    }
    progress.finish();
    if report.answers() > 0 {
        let described = report.describe(started.elapsed());
        output::result(&format!("{described}\n"))?;
    }
    Ok(match stopped {
        Some(Outcome::Unreachable) => {
            output::note(format_args!(
                "Nobody answers at {}: start the server with `hookgraph serve`, or name another one with --url.",
                sender.place()
            ));
            ExitCode::from(2)
        }
        _ if report.all_accepted() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

type Deliveries = Box<dyn Iterator<Item = Delivery> + Send>;

async fn next_in_pace(
    (mut deliveries, mut pace): (Deliveries, Option<Interval>),
) -> Option<(Delivery, (Deliveries, Option<Interval>))> {
    let delivery = deliveries.next()?;
    if let Some(pace) = &mut pace {
        pace.tick().await;
    }
    Some((delivery, (deliveries, pace)))
}

impl SendArgs {
    fn deliveries(&self) -> anyhow::Result<Deliveries> {
        let seed = self.seed.unwrap_or(1);
        let mut deliveries: Deliveries = if self.examples {
            Box::new(catalogue::deliveries(
                self.seed.unwrap_or_else(new_every_time),
            ))
        } else {
            let ends_at = self.ends_at.unwrap_or_else(|| last_midnight(now()));
            ensure!(
                ends_at.timestamp() > 86_400 * i64::from(self.days),
                "--ends-at leaves no room for {} days",
                self.days
            );
            let size = Size {
                orgs: self.orgs,
                users: self.users,
                calls: self.calls,
                seed,
                ends_at,
                days: self.days,
            };
            Box::new(Company::new(size).deliveries())
        };
        if let Some(share) = self.duplicates {
            deliveries = Box::new(with_duplicates(deliveries, seed, share));
        }
        if let Some(window) = self.shuffle {
            deliveries = Box::new(shuffled(deliveries, seed, window));
        }
        Ok(deliveries)
    }

    /// How many calls, or events of the catalogue, will about be sent. How often users change is only known on the way.
    fn expected(&self) -> progress::Expected {
        if self.examples {
            progress::Expected::Events(catalogue::EXAMPLES.len())
        } else {
            progress::Expected::Calls(self.calls)
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command is the edge: signatures carry the current time"
)]
fn now() -> DateTime<Utc> {
    Utc::now()
}

fn last_midnight(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive().and_time(NaiveTime::MIN).and_utc()
}

fn new_every_time() -> u64 {
    // Nanoseconds since 1970 fit until 2262; any number would do afterwards.
    now()
        .timestamp_nanos_opt()
        .unwrap_or_default()
        .cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        send: SendArgs,
    }

    fn args(line: &str) -> Result<SendArgs, clap::Error> {
        Cli::try_parse_from(std::iter::once("send").chain(line.split_whitespace()))
            .map(|cli| cli.send)
    }

    #[test]
    fn flags_may_stand_without_a_number() {
        let bare = args("--shuffle --duplicates").unwrap();
        assert_eq!((bare.shuffle, bare.duplicates), (Some(100), Some(0.05)));
        let given = args("--duplicates 0.1 --shuffle 7").unwrap();
        assert_eq!((given.shuffle, given.duplicates), (Some(7), Some(0.1)));
        let without = args("").unwrap();
        assert_eq!((without.shuffle, without.duplicates), (None, None));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "--duplicates 2",
            "--rate 0",
            "--rate NaN",
            "--users 0",
            "--days 0",
            "--examples --calls 3",
            "--ends-at today",
        ] {
            assert!(args(line).is_err(), "{line}");
        }
        assert!(
            args("--ends-at 1970-01-05T00:00:00Z")
                .unwrap()
                .deliveries()
                .is_err()
        );
    }

    #[test]
    fn the_same_flags_send_the_same_events_for_a_day() {
        let read = |line: &str| {
            args(line)
                .unwrap()
                .deliveries()
                .unwrap()
                .collect::<Vec<_>>()
        };
        let line = "--calls 3 --users 4 --ends-at 2025-06-02T00:00:00Z --shuffle --duplicates 0.5";
        assert_eq!(read(line), read(line));
        assert_ne!(read(line), read(&format!("{line} --seed 2")));
        let midnight = last_midnight("2025-06-02T23:59:59.5Z".parse().unwrap());
        assert_eq!(
            midnight,
            last_midnight("2025-06-02T00:00:00Z".parse().unwrap())
        );
    }

    #[test]
    fn examples_have_new_message_ids_unless_seeded() {
        let ids = |line: &str| {
            args(line)
                .unwrap()
                .deliveries()
                .unwrap()
                .map(|delivery| delivery.message_id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("--examples").len(), 6);
        assert_ne!(ids("--examples"), ids("--examples"));
        assert_eq!(ids("--examples --seed 4"), ids("--examples --seed 4"));
    }
}
