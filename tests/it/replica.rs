//! A server that answers from a streaming replica: whatever the replica does not have yet is neither announced nor hidden, and
//! either database may stop.
//!
//! They run on PostgreSQL whatever this run of the tests is for.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use sample::Delivery;
use sample::company::{Company, Size};
use sea_orm::{ConnectionTrait, Database, DatabaseBackend, Statement};
use serde_json::{Value, json};
use tests::graphql::number;
use tests::replica::Pair;
use tests::server::finish;
use tests::{Installation, PATIENCE, Sender, Server, until};

use crate::processes::{FEED, serve};
use crate::start::assert_refused;

/// A server that writes to the primary, and one that answers from the replica.
async fn servers(pair: &Pair) -> (Server, Server) {
    let writes = serve(&pair.url(), "ingest,project").await;
    (writes, on_replica(pair).serve().await)
}

fn on_replica(pair: &Pair) -> Installation {
    Installation::new()
        .on_postgres(&pair.url())
        .reading_from(&pair.read_url())
        .with_roles("api")
}

/// What a server says about how far it is.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    head: i64,
    projected: i64,
    lag: i64,
    replication_lag: Option<i64>,
}

async fn status(server: &Server) -> Status {
    let query = "{ status { head projected lag replicationLag } }";
    let status = server.graphql(query, json!({})).await["status"].take();
    let replication_lag = &status["replicationLag"];
    Status {
        head: number(&status["head"]),
        projected: number(&status["projected"]),
        lag: number(&status["lag"]),
        replication_lag: (!replication_lag.is_null()).then(|| number(replication_lag)),
    }
}

/// Waits until `server` answers with everything that was sent, and knows it.
async fn caught_up(server: &Server, head: i64) {
    let expected = Status {
        head,
        projected: head,
        lag: 0,
        replication_lag: Some(0),
    };
    until("the replica has everything", async || {
        (status(server).await == expected).then_some(())
    })
    .await;
}

/// Posts news of an org, `msg_<number>`.
async fn post(sender: &Sender, numbers: impl IntoIterator<Item = i64>) {
    for number in numbers {
        let body = format!(
            r#"{{"id":"e-{number}","type":"org.updated","payload":{{"org":{{"id":"o-{number}"}}}}}}"#
        );
        let answer = sender.send(&format!("msg_{number}"), body).await;
        assert_eq!(answer.status, 204, "{answer:?}");
    }
}

async fn orgs(server: &Server) -> Value {
    let data = server.graphql("{ orgs { totalCount } }", json!({})).await;
    data["orgs"]["totalCount"].clone()
}

async fn ready(server: &Server) -> u16 {
    let ask = server.client.get(server.url("/health/ready")).send().await;
    ask.expect("an answer").status().as_u16()
}

/// Subscribes, and at each item at once asks `query` about it, with the item's `event` and `call` as variables; `found` looks
/// at the answer. Ends after so many items, and stores the position of each in `announced`.
async fn ask_about_each(
    api: Arc<Server>,
    subscription: &'static str,
    query: &'static str,
    items: usize,
    announced: Arc<AtomicI64>,
    found: fn(&Value) -> bool,
) -> Vec<i64> {
    let mut feed = api.subscribe(subscription, json!({})).await;
    let mut positions = Vec::new();
    for _ in 0..items {
        let item = feed.item().await;
        let position = number(&item["event"]["position"]);
        announced.fetch_max(position, Ordering::SeqCst);
        positions.push(position);
        let variables =
            json!({ "position": item["event"]["position"], "call": item["call"]["id"] });
        let answer = api.graphql(query, variables).await;
        assert!(
            found(&answer),
            "{position} was announced, and asking brings {answer}"
        );
    }
    positions
}

/// Numbers that are as good as random for choosing moments.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let seed = RandomState::new().hash_one(0) | 1;
        eprintln!("the moments come from the seed {seed}");
        Self(seed)
    }

    /// From 1 to `most`.
    fn up_to(&mut self, most: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most + 1).expect("few")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_is_answered_however_far_the_replica_is_behind() {
    let pair = Pair::start();
    let (ingest, api) = servers(&pair).await;
    let api = Arc::new(api);
    let calls = 200;
    let size = Size {
        calls,
        ..Size::default()
    };
    let deliveries: Vec<Delivery> = Company::new(size).deliveries().collect();
    let (events, announced) = (deliveries.len(), Arc::new(AtomicI64::new(0)));
    let feed = tokio::spawn(ask_about_each(
        Arc::clone(&api),
        "subscription { eventFeed(after: \"0\") { event { position } } }",
        "query ($position: Position) { event(position: $position) { body outcome } }",
        events,
        Arc::clone(&announced),
        |answer| answer["event"]["outcome"] == "PROJECTED",
    ));
    let calls = tokio::spawn(ask_about_each(
        Arc::clone(&api),
        "subscription { callCompleted(after: \"0\") { event { position } call { id } } }",
        "query ($call: ID!) { call(id: $call) { lastEvent { messageId } transcript { lineCount } } }",
        calls,
        Arc::clone(&announced),
        |answer| number(&answer["call"]["transcript"]["lineCount"]) > 0,
    ));

    let sent = Arc::new(AtomicUsize::new(0));
    let sending = tokio::spawn({
        let (sender, sent) = (ingest.sender(), Arc::clone(&sent));
        async move {
            for delivery in &deliveries {
                sender.deliver([delivery]).await;
                sent.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let sent_further = async |more: usize| {
        let enough = (sent.load(Ordering::SeqCst) + more).min(events);
        until("more is sent", async || {
            (sent.load(Ordering::SeqCst) >= enough).then_some(())
        })
        .await;
    };
    let (mut moments, mut pauses) = (Moments::new(), 0);
    while sent.load(Ordering::SeqCst) < events {
        sent_further(moments.up_to(20)).await;
        pair.pause().await;
        let before = status(&api).await;
        let meanwhile = sent.load(Ordering::SeqCst);
        sent_further(moments.up_to(40)).await;
        let meanwhile = i64::try_from(sent.load(Ordering::SeqCst) - meanwhile).expect("few");
        let after = status(&api).await;
        assert_eq!(after.projected, before.projected, "nothing is replayed");
        assert!(
            after.replication_lag >= Some(meanwhile),
            "{meanwhile} were sent: {after:?}"
        );
        assert!(
            announced.load(Ordering::SeqCst) <= before.projected,
            "announced while nothing was replayed"
        );
        pair.resume().await;
        pauses += 1;
    }
    assert!(pauses >= 3, "{pauses} pauses");
    sending.await.expect("everything is acknowledged");
    let in_order: Vec<_> = (1..=i64::try_from(events).expect("few")).collect();
    let positions = feed.await.expect("each event is found");
    assert_eq!(positions, in_order, "no gap, no repeat");
    let positions = calls.await.expect("each call is found");
    assert!(positions.is_sorted_by(|one, next| one < next));
    caught_up(&api, in_order.len().try_into().expect("few")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_how_far_the_replica_is_behind() {
    let pair = Pair::start();
    let (ingest, api) = servers(&pair).await;
    let at_primary = serve(&pair.url(), "api").await;
    let sender = ingest.sender();
    post(&sender, 1..=3).await;
    caught_up(&api, 3).await;

    pair.pause().await;
    post(&sender, 4..=8).await;
    at_primary.settled().await;
    let expected = Status {
        head: 8,
        projected: 3,
        lag: 5,
        replication_lag: Some(5),
    };
    assert_eq!(status(&api).await, expected);
    let without_replica = Status {
        head: 8,
        projected: 8,
        lag: 0,
        replication_lag: None,
    };
    assert_eq!(status(&at_primary).await, without_replica);

    pair.resume().await;
    caught_up(&api, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_the_replica_has_not_reached_is_waited_for() {
    let pair = Pair::start();
    let (ingest, api) = servers(&pair).await;
    let at_primary = serve(&pair.url(), "api").await;
    let sender = ingest.sender();
    post(&sender, 1..=1).await;
    caught_up(&api, 1).await;

    pair.pause().await;
    post(&sender, 2..=3).await;
    at_primary.settled().await;
    let data = at_primary.graphql("{ status { cursor } }", json!({})).await;
    let cursor = &data["status"]["cursor"];
    let mut feed = api.subscribe(FEED, json!({ "after": cursor })).await;
    let future = json!({ "after": "4" });
    let code = api.subscribe(FEED, future).await.error_code().await;
    assert_eq!(code, "BAD_USER_INPUT", "the primary has no such event");
    post(&sender, 4..=4).await;
    pair.resume().await;
    assert_eq!(feed.item().await["event"]["messageId"], "msg_4");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_primary_is_away_the_replica_answers() {
    let mut pair = Pair::start();
    let (ingest, api) = servers(&pair).await;
    let sender = ingest.sender();
    let mut feed = api.subscribe(FEED, json!({ "after": "0" })).await;
    post(&sender, 1..=3).await;
    caught_up(&api, 3).await;

    pair.primary.crash();
    assert_eq!(orgs(&api).await, 3);
    let expected = Status {
        head: 3,
        projected: 3,
        lag: 0,
        replication_lag: None,
    };
    assert_eq!(status(&api).await, expected);
    assert_eq!(ready(&api).await, 200, "it answers");
    assert_eq!(ready(&ingest).await, 503, "it can store nothing");
    let mut again = api.subscribe(FEED, json!({ "after": "0" })).await;
    for position in 1..=3 {
        for subscription in [&mut feed, &mut again] {
            assert_eq!(subscription.item().await["event"]["position"], position);
        }
    }
    // One that starts now needs the primary, to learn whether the log is of a version that it knows.
    let late = on_replica(&pair);
    let refused = finish(&mut late.server()).await;
    assert_refused(&refused, &["cannot connect", "PostgreSQL"]);

    pair.primary.restart();
    until("webhooks are stored again", async || {
        (ready(&ingest).await == 200).then_some(())
    })
    .await;
    post(&sender, 4..=4).await;
    for subscription in [&mut feed, &mut again] {
        assert_eq!(subscription.item().await["event"]["position"], 4);
    }
    caught_up(&api, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_stops_is_told_by_a_code_and_found_again() {
    let mut pair = Pair::start();
    let (ingest, api) = servers(&pair).await;
    let sender = ingest.sender();
    let mut feed = api.subscribe(FEED, json!({ "after": "0" })).await;
    post(&sender, 1..=3).await;
    for position in 1..=3 {
        assert_eq!(feed.item().await["event"]["position"], position);
    }

    pair.standby.crash();
    let code = api.error_code("{ orgs { totalCount } }", json!({})).await;
    assert_eq!(code, "INTERNAL");
    assert_eq!(ready(&api).await, 503, "it cannot answer");
    post(&sender, 4..=5).await;
    assert_eq!(ready(&ingest).await, 200, "it needs no replica");

    pair.standby.restart();
    for position in 4..=5 {
        assert_eq!(feed.item().await["event"]["position"], position);
    }
    assert_eq!(orgs(&api).await, 5);
    assert_eq!(ready(&api).await, 200);
    caught_up(&api, 5).await;
}

/// Asks the same again and again until `enough`; returns how often it was answered, each time without an error.
async fn keep_asking(api: Arc<Server>, enough: Arc<AtomicBool>) -> usize {
    let mut answered = 0;
    while !enough.load(Ordering::SeqCst) {
        let query = "{ orgs(first: 10) { totalCount nodes { id lastEvent { body } } } }";
        let data = api.graphql(query, json!({})).await;
        assert_eq!(data["orgs"]["nodes"].as_array().map(Vec::len), Some(10));
        answered += 1;
    }
    answered
}

/// Waits until the primary has no such schema.
async fn until_gone(pair: &Pair, schema: &str) {
    let db = Database::connect(pair.url()).await.expect("the primary");
    let schemas = format!("SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'");
    let schemas = Statement::from_string(DatabaseBackend::Postgres, schemas);
    while !(db.query_all_raw(schemas.clone()).await)
        .expect("an answer")
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn generation(server: &Server) -> i64 {
    let data = server.graphql("{ status { generation } }", json!({})).await;
    number(&data["status"]["generation"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_generation_reaches_a_replica_without_a_failed_query() {
    let pair = Pair::start();
    let (ingest, api) = servers(&pair).await;
    let (api, enough) = (Arc::new(api), Arc::new(AtomicBool::new(false)));
    let sender = ingest.sender();
    let mut feed = api.subscribe(FEED, json!({ "after": "0" })).await;
    post(&sender, 1..=50).await;
    caught_up(&api, 50).await;
    let asking = tokio::spawn(keep_asking(Arc::clone(&api), Arc::clone(&enough)));

    pair.pause().await;
    let mut command = ingest.installation.on_store(["rebuild"]);
    let (rebuilt, ()) = tokio::join!(finish(&mut command), post(&sender, 51..=100));
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    assert_eq!(generation(&api).await, 1, "it is not there yet");
    pair.resume().await;
    until("the new generation answers", async || {
        (generation(&api).await == 2).then_some(())
    })
    .await;
    post(&sender, 101..=110).await;
    caught_up(&api, 110).await;
    enough.store(true, Ordering::SeqCst);
    assert!(asking.await.expect("no query fails") > 0);
    for position in 1..=110 {
        assert_eq!(feed.item().await["event"]["position"], position);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_so_far_behind_that_the_old_generation_is_gone_fails_no_query() {
    let pair = Pair::start();
    let (ingest, api) = servers(&pair).await;
    let (api, enough) = (Arc::new(api), Arc::new(AtomicBool::new(false)));
    post(&ingest.sender(), 1..=10).await;
    caught_up(&api, 10).await;
    let asking = tokio::spawn(keep_asking(Arc::clone(&api), Arc::clone(&enough)));

    pair.pause().await;
    let rebuilt = finish(&mut ingest.installation.on_store(["rebuild"])).await;
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    // It stays for half a minute.
    for patience in 1.. {
        let gone = until_gone(&pair, "hookgraph_read_1");
        if tokio::time::timeout(PATIENCE, gone).await.is_ok() {
            break;
        }
        assert!(patience < 3, "the old generation stays");
    }
    pair.resume().await;
    until("the new generation answers", async || {
        (generation(&api).await == 2).then_some(())
    })
    .await;
    enough.store(true, Ordering::SeqCst);
    assert!(asking.await.expect("no query fails") > 0);
}
