//! How many SQL statements a query costs: it depends on the fields that are asked for, never on how many rows there are.
//!
//! The statements are counted by the events that the database driver traces, in the whole process: hence one test in a
//! binary of its own.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::graphql::{Graphql, Store, Viewer};
use async_graphql::{Executor, Request};
use chrono::DateTime;
use ingest::feed::Feed;
use ingest::generation::{Generations, ReadModel, Version};
use ingest::log::{Appender, Limits, Log};
use ingest::projector::{BatchLimits, Projector};
use ingest::webhook::Clock;
use sample::company::{Company, Size};
use serde_json::Value;
use tests::history::{Message, received_at};
use tests::places::Places;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The statements so far, each cut to its beginning.
static STATEMENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn statements() -> Vec<String> {
    STATEMENTS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// Keeps what the driver traces: one event a statement.
struct Witness;

impl<S: Subscriber> Layer<S> for Witness {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            event.record(&mut Statement);
        }
    }
}

/// Takes the statement out of an event, without the settings of a connection that the pool opens.
struct Statement;

impl Visit for Statement {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" && !value.starts_with("PRAGMA") {
            STATEMENTS
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(value.to_owned());
        }
    }
}

/// The statements once they stand still: the driver's thread tells of one a moment after its rows have come.
async fn settled() -> Vec<String> {
    let mut known = statements();
    let mut still = 0;
    while still < 5 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let now = statements();
        still = if now.len() == known.len() {
            still + 1
        } else {
            0
        };
        known = now;
    }
    known
}

/// An installation that has a company's webhooks.
struct Installation {
    _places: Places,
    graphql: Graphql,
}

impl Installation {
    async fn of(orgs: usize, users: usize, calls: usize) -> Self {
        let places = Places::new();
        let location = places.named("stores").await;
        let log = Log::open(&location).await.unwrap();
        let generations = Generations::open(location.clone(), Version::CURRENT)
            .await
            .unwrap();
        let feed = Feed::default();
        let (appender, _) = Appender::start(log.clone(), feed.clone(), Limits::default());
        let company = Company::new(Size {
            orgs,
            users,
            calls,
            ..Size::default()
        });
        for (nth, delivery) in company.deliveries().enumerate() {
            let message = Message::new(delivery.body);
            appender
                .append(message.arrival(received_at(nth)))
                .await
                .unwrap();
        }
        let mut projector = Projector::new(
            log.clone(),
            generations,
            feed.clone(),
            BatchLimits::default(),
        );
        while projector.turn().await.unwrap() {}
        let read_model = Arc::new(ReadModel::open(location).await.unwrap());
        let graphql = Graphql::new(Store {
            primary: None.into(),
            log: log.into(),
            read_model,
            feed,
            old: 0,
            clock: (Arc::new(|| DateTime::UNIX_EPOCH) as Clock).into(),
            quiet_after: Duration::from_hours(1),
            version: "0",
        })
        .unwrap();
        Self {
            _places: places,
            graphql,
        }
    }

    /// What `query` answers, and the statements that it took.
    async fn ask(&self, query: &str) -> (Value, Vec<String>) {
        let before = settled().await.len();
        let request = Request::new(query).data(Viewer::everything());
        let response = self.graphql.execute(request).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        let took = settled().await.split_off(before);
        (response.data.into_json().unwrap(), took)
    }
}

/// Calls with the persons in them: the calls; their users, orgs and who takes part; the prospects.
const CALLS: &str =
    "{ calls(first: 100) { nodes { title user { name } org { name } prospects { name } } } }";

/// The first page of a dashboard: the log's head and the checkpoint; the calls, how many they are, and their analyses.
const OVERVIEW: &str = "{ status { head projected }
    calls(first: 100) { totalCount nodes { title score analysis { analysisType score } } } }";

/// From the orgs down to the words of each call and the event that it comes from. The list of orgs, a page and a count of
/// users, and a page of calls; then at once the calls' orgs, users, prospects' ids, analyses, transcripts, and their events'
/// envelopes, index rows and bodies; then the prospects, the speakers, the analyses' lists and the events' calls; then the
/// prospects' events and the events' calls' users.
const DEEP: &str = "{ orgs(first: 10) { nodes { name
    users(first: 5) { totalCount nodes { name
      calls(first: 4) { nodes { title
        org { name }
        user { name }
        prospects { name details { difficulty } lastEvent { messageId } }
        personas { difficulty prospect { name } }
        analysis { analysisType score summary objections competitors actionItems dealDrivers }
        transcript { lineCount lines { prospectText speakerKind speaker { ... on User { name } ... on Prospect { name } } } }
        lastEvent { messageId type outcome body subject { ... on Call { title user { name } } } } } } } } } } }";

/// The users with what changed of them and by which event, their calls with what their events wrote, and some users at two moments. The
/// list of users, a page and a count of their changes, a page of their calls; the events' envelopes, index rows and bodies; the calls,
/// users and prospects that they describe; and one for each moment.
const HISTORY: &str = r#"{ users(first: 100) { nodes { name
    calls(first: 4) { nodes { title lastEvent { ignored projected { kind values isCurrent subject { ... on User { name } } } } } }
    history(first: 3) { totalCount nodes { type deleted changes { field before after } user { name } event { messageId outcome ignored } } } } }
    a: user(id: "a", asOf: "2025-01-14T00:00:00Z") { name }
    b: user(id: "b", asOf: "2025-01-14T00:00:00Z") { name }
    c: org(id: "c", asOf: "2025-01-14T00:00:00Z") { name }
    d: user(id: "a", asOf: "2025-01-15T00:00:00Z") { name } }"#;

/// Who practises how well, and how long ago: the users, their newest calls' times, and a page of calls in an order of its own.
const ORDERED: &str = "{ users(first: 100, orderBy: { field: NAME, direction: ASC }) { nodes { name lastCallAt
    calls(first: 4, filter: { not: { example: true } }, orderBy: { field: SCORE, direction: DESC }) { nodes { title score } } } } }";

/// How events differ from the catalogue: the types, their fields and values, and the envelopes of the first and last events.
const DRIFT: &str = "{ schemaDrift { type events missingFields firstEvent { messageId } lastEvent { messageId }
    unknownFields { path firstEvent { messageId } } values { path value events firstEvent { messageId } lastEvent { messageId } } }
    calls(first: 100) { nodes { title } } }";

/// What was said, by whom, and in which calls: the calls that are found and how many they are; then at once these calls and their
/// transcripts; then the users and the prospects who speak.
const SEARCH: &str = "{ searchTranscripts(query: \"the OR to\", first: 100) { totalCount nodes { matchCount call { title user { name } }
    lines(first: 5) { line { prospectText speaker { ... on User { name } ... on Prospect { name } } } highlights { start end } } } } }";

#[tokio::test]
async fn the_number_of_statements_depends_on_the_fields_alone() {
    let subscriber = tracing_subscriber::registry().with(Witness);
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let installations = [
        Installation::of(1, 1, 1).await,
        Installation::of(1, 6, 10).await,
        Installation::of(4, 24, 100).await,
    ];
    for (query, expected) in [
        (CALLS, 5),
        (OVERVIEW, 5),
        (DEEP, 18),
        (SEARCH, 6),
        (ORDERED, 3),
        (HISTORY, 12),
        (DRIFT, 4),
    ] {
        let mut calls = 0;
        for installation in &installations {
            let (answer, statements) = installation.ask(query).await;
            // The query really reads more each time.
            let now = answer.to_string().matches("\"title\"").count();
            assert!(now > calls, "{now} calls behind {calls}: {query}");
            calls = now;
            assert_eq!(
                statements.len(),
                expected,
                "{calls} calls: {query}\n{statements:#?}"
            );
        }
    }
}
