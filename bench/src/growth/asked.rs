//! What is asked of each store: questions whose answers are as long however large it is, and reports over all that it has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::load::{Connection, Target, percentile, run as load};
use crate::question::{Case, Documents, values_of};

/// The questions, by the names of their documents.
const QUESTIONS: [&str; 3] = ["Q1", "Q2", "Q4"];

/// Connections that ask at once.
const CONNECTIONS: usize = 32;

/// How long each question is asked, and each report.
const LASTING: Duration = Duration::from_secs(1);

/// How often a report is asked at least.
const LEAST: usize = 3;

/// The reports: what they tell, and their documents.
const REPORTS: [(&str, &str); 7] = [
    (
        "callReport of all calls by USER",
        "{ callReport(groupBy: [USER], first: 1000) { rows { userId figures { calls meanScore } } total { calls meanScore } } }",
    ),
    (
        "callReport of all calls by MONTH and TEAM",
        "{ callReport(groupBy: [MONTH, TEAM], first: 1000) { rows { teamId period { date } figures { calls meanScore medianScore } } } }",
    ),
    (
        "callReport of one org's calls of 30 days by USER (Q3)",
        "query ($org: ID!, $from: DateTime!, $to: DateTime!) {
            callReport(groupBy: [USER], filter: { orgId: [$org], createdAt: { from: $from, to: $to } }) {
                rows { userId figures { calls meanScore } } } }",
    ),
    (
        "insightReport of the OBJECTIONS of all calls",
        "{ insightReport(kind: OBJECTIONS, first: 10) { rows { text calls share } totalCalls } }",
    ),
    (
        "searchTranscripts for a common word, 10 of all calls, with their number",
        "{ searchTranscripts(query: \"hello\", first: 10) { totalCount nodes { matchCount call { id title } } } }",
    ),
    (
        "leaderboard of all time by MEAN_SCORE",
        "{ leaderboard(metric: MEAN_SCORE, period: ALL_TIME, first: 20) { rows { rank value user { id name } } } }",
    ),
    (
        "leaderboard of one month by MEAN_SCORE",
        "query ($to: DateTime!) {
            leaderboard(metric: MEAN_SCORE, period: MONTH, asOf: $to, first: 20) { rows { rank value user { id name } } } }",
    ),
];

/// What a question takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// Its name.
    pub name: String,
    /// Median time of an answer to one connection, in milliseconds.
    pub alone: f64,
    /// Answers a second to 32 connections.
    pub per_second: f64,
}

/// What a report takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// What it tells.
    pub about: String,
    /// Median time of an answer to one connection, in milliseconds. None if the store has no lines to search, or if the server
    /// gave up at its time limit.
    pub took: Option<f64>,
}

/// Asks the questions.
pub async fn questions(target: &Target, cases: &[Case]) -> anyhow::Result<Vec<Question>> {
    let documents = Documents::of("hookgraph");
    let mut measured = Vec::new();
    for name in QUESTIONS {
        let text = documents.text(name).context("no document")?;
        let bodies: Vec<_> = cases
            .iter()
            .map(|case| documents.body(&text, case))
            .collect::<Result<_, _>>()?;
        let answer = Connection::open(target)
            .await?
            .post(bodies[0].clone())
            .await?;
        ensure!(
            !values_of(&answer)?.is_empty(),
            "{name} has an empty answer"
        );
        let bodies: Arc<[_]> = Arc::from(bodies);
        let alone = load(target, Arc::clone(&bodies), 1, LASTING).await?;
        let together = load(target, bodies, CONNECTIONS, LASTING).await?;
        measured.push(Question {
            name: name.to_owned(),
            alone: alone.p50,
            per_second: together.per_second,
        });
    }
    Ok(measured)
}

/// Asks the reports of a store whose calls have so many `lines`, one after the other on one connection.
pub async fn reports(target: &Target, case: &Case, lines: usize) -> anyhow::Result<Vec<Report>> {
    let documents = Documents::of("hookgraph");
    let mut connection = Connection::open(target).await?;
    let mut measured = Vec::new();
    for (about, text) in REPORTS {
        let body = documents.body(text, case)?;
        let answer = connection.post(body.clone()).await?;
        let nothing_to_search = lines == 0 && text.contains("searchTranscripts");
        if nothing_to_search || timed_out(&answer)? {
            measured.push(Report {
                about: about.to_owned(),
                took: None,
            });
            continue;
        }
        ensure!(
            values_of(&answer)?.len() > 3,
            "{about} has an empty answer: {}",
            String::from_utf8_lossy(&answer)
        );
        let begin = Instant::now();
        let mut times = Vec::new();
        while times.len() < LEAST || begin.elapsed() < LASTING {
            let sent = Instant::now();
            connection.post(body.clone()).await?;
            times.push(sent.elapsed());
        }
        times.sort_unstable();
        measured.push(Report {
            about: about.to_owned(),
            took: Some(percentile(&times, 0.5)),
        });
    }
    Ok(measured)
}

/// Whether the server stopped at the time that a query may take.
fn timed_out(answer: &[u8]) -> anyhow::Result<bool> {
    let answer: Value = serde_json::from_slice(answer)?;
    Ok(answer["errors"][0]["extensions"]["code"] == "TIMEOUT")
}
