//! Several servers on one PostgreSQL database: whatever is posted to any of them is stored once, projected once, and read by
//! all in one order, and any of them may die.
//!
//! They run on PostgreSQL whatever this run of the tests is for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use sample::Delivery;
use sample::company::{Company, Size};
use sea_orm::{ConnectionTrait, Database, DatabaseBackend, Statement};
use serde_json::{Value, json};
use tests::graphql::number;
use tests::{Installation, Sender, Server, Subscription, postgres, until};

pub use tests::load::FEED;

/// A server with these roles on the database at `url`.
pub async fn serve(url: &str, roles: &'static str) -> Server {
    let installation = Installation::new().on_postgres(url).with_roles(roles);
    installation.serve().await
}

/// The webhooks of a company that made so many calls.
fn company(calls: usize) -> Vec<Delivery> {
    let size = Size {
        calls,
        ..Size::default()
    };
    Company::new(size).deliveries().collect()
}

fn message_ids(deliveries: &[Delivery]) -> BTreeSet<String> {
    let ids = deliveries.iter().map(|delivery| &delivery.message_id);
    ids.cloned().collect()
}

/// Reads the feed's first items, checks that they are projected and that their positions count up from 1, and returns their
/// message ids in order.
async fn from_the_first(feed: &mut Subscription, items: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for position in 1..=items {
        let event = feed.item().await["event"].take();
        assert_eq!(event["position"], position, "{event}");
        assert_eq!(event["outcome"], "PROJECTED", "{event}");
        ids.push(event["messageId"].as_str().expect("an id").to_owned());
    }
    ids
}

async fn projected(api: &Server) -> i64 {
    let data = api.graphql("{ status { projected } }", json!({})).await;
    number(&data["status"]["projected"])
}

/// Checks that everything that can be queried is there once.
async fn assert_complete(api: &Server, deliveries: &[Delivery]) {
    api.settled().await;
    assert_eq!(
        api.head().await,
        i64::try_from(deliveries.len()).expect("few")
    );
    let calls: Vec<Value> = deliveries
        .iter()
        .filter(|delivery| delivery.event_type == "call.completed")
        .map(|delivery| serde_json::from_str(&delivery.body).expect("JSON"))
        .collect();
    let data = api.graphql("{ calls { totalCount } }", json!({})).await;
    assert_eq!(data["calls"]["totalCount"], calls.len());
    for event in calls {
        let call = &event["payload"]["call"];
        let query =
            "query ($id: ID!) { call(id: $id) { transcript { lineCount } analysis { index } } }";
        let data = api.graphql(query, json!({ "id": call["id"] })).await;
        let length = |list: &Value| list.as_array().map_or(0, Vec::len);
        assert_eq!(
            data["call"]["transcript"]["lineCount"],
            length(&call["transcript"])
        );
        assert_eq!(length(&data["call"]["analysis"]), length(&call["analysis"]));
    }
}

#[tokio::test]
async fn what_two_receive_and_two_project_a_third_reads_once_and_in_one_order() {
    let url = postgres::shared().create_database();
    let _projects = serve(&url, "project").await;
    let (api, one, other, _waits) = tokio::join!(
        serve(&url, "api"),
        serve(&url, "ingest"),
        serve(&url, "ingest"),
        serve(&url, "project"),
    );
    let mut feed = api.subscribe(FEED, json!({ "after": "0" })).await;
    let calls = "subscription { callCompleted(after: \"0\") { event { messageId } } }";
    let mut announced = api.subscribe(calls, json!({})).await;

    let deliveries = company(100);
    let [left, right] = [0, 1].map(|half| deliveries.iter().skip(half).step_by(2));
    let senders = [one.sender(), other.sender()];
    tokio::join!(senders[0].deliver(left), senders[1].deliver(right));

    let live = from_the_first(&mut feed, deliveries.len()).await;
    assert_eq!(
        live.iter().cloned().collect::<BTreeSet<_>>(),
        message_ids(&deliveries)
    );
    let mut again = api.subscribe(FEED, json!({ "after": "0" })).await;
    assert_eq!(from_the_first(&mut again, deliveries.len()).await, live);
    let calls: BTreeSet<_> = deliveries
        .iter()
        .filter(|delivery| delivery.event_type == "call.completed")
        .map(|delivery| delivery.message_id.as_str())
        .collect();
    for id in live.iter().filter(|id| calls.contains(id.as_str())) {
        let item = announced.item().await;
        assert_eq!(item["event"]["messageId"], *id, "in the feed's order");
    }
    assert_complete(&api, &deliveries).await;
}

/// Sends a company's webhooks, and then news of further orgs until there are enough; returns what was sent.
async fn load(sender: Sender, enough: Arc<AtomicBool>) -> Vec<Delivery> {
    let mut sent = company(100);
    sender.deliver(&sent).await;
    for number in 0.. {
        if enough.load(Ordering::Relaxed) {
            break;
        }
        let org = Delivery {
            message_id: format!("msg_more_{number}"),
            event_type: "org.updated".to_owned(),
            body: format!(
                r#"{{"id":"more-{number}","type":"org.updated","payload":{{"org":{{"id":"more-{number}"}}}}}}"#
            ),
        };
        sender.deliver([&org]).await;
        sent.push(org);
    }
    sent
}

#[tokio::test]
async fn one_projector_is_enough_whichever_is_killed() {
    let url = postgres::shared().create_database();
    let mut first = serve(&url, "project").await;
    let (api, ingest, mut second) = tokio::join!(
        serve(&url, "api"),
        serve(&url, "ingest"),
        serve(&url, "project"),
    );
    let mut feed = api.subscribe(FEED, json!({ "after": "0" })).await;
    let enough = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn(load(ingest.sender(), Arc::clone(&enough)));
    let moves_on = async || {
        let head = api.head().await;
        until("what came meanwhile is projected", async || {
            (projected(&api).await >= head + 20).then_some(())
        })
        .await;
    };
    moves_on().await;
    first.kill().await;
    moves_on().await;
    let _third = serve(&url, "project").await;
    moves_on().await;
    second.kill().await;
    moves_on().await;
    enough.store(true, Ordering::Relaxed);
    let sent = sending.await.expect("everything is acknowledged");
    let read = from_the_first(&mut feed, sent.len()).await;
    let ids: Vec<_> = sent.iter().map(|d| d.message_id.clone()).collect();
    assert_eq!(read, ids, "one sender's order is the log's");
    assert_complete(&api, &sent).await;
}

#[tokio::test]
async fn of_one_message_posted_to_two_at_once_one_is_stored() {
    let url = postgres::shared().create_database();
    let (one, other) = tokio::join!(serve(&url, "ingest"), serve(&url, "ingest,project,api"));
    let senders = [one.sender(), other.sender()];
    for number in 1..=20 {
        let id = format!("msg_{number}");
        let sent = senders.iter().map(|sender| sender.send(&id, "{}"));
        for answer in join_all(sent).await {
            assert_eq!(answer.status, 204, "{answer:?}");
        }
        assert_eq!(other.head().await, number);
    }
    other.settled().await;
    let mut positions = BTreeSet::new();
    for id in (1..=20).map(|number| format!("msg_{number}")) {
        let query = "query ($id: String!) { event(messageId: $id) { position duplicateOf } }";
        let event = other.graphql(query, json!({ "id": id })).await["event"].take();
        positions.insert(number(&event["position"]));
    }
    assert!(positions.into_iter().eq(1..=20));
}

#[tokio::test]
async fn five_that_start_at_once_on_an_empty_database_are_one_installation() {
    // Who comes first is chance.
    for _ in 0..5 {
        start_five(&postgres::shared().create_database()).await;
    }
}

async fn start_five(url: &str) {
    let servers = join_all((0..5).map(|_| serve(url, "ingest,project,api"))).await;
    let mut cursors = BTreeSet::new();
    for server in &servers {
        let data = server.graphql("{ status { cursor } }", json!({})).await;
        cursors.insert(data["status"]["cursor"].as_str().expect("one").to_owned());
    }
    assert_eq!(cursors.len(), 1, "one identity: {cursors:?}");

    let db = Database::connect(url).await.expect("a connection");
    let schemas =
        "SELECT nspname::text AS name FROM pg_namespace WHERE nspname LIKE 'hookgraph%' ORDER BY 1";
    let schemas = Statement::from_string(DatabaseBackend::Postgres, schemas);
    let schemas = db.query_all_raw(schemas).await.expect("schemas");
    let schemas: Vec<String> = schemas
        .iter()
        .map(|row| row.try_get("", "name").expect("a name"))
        .collect();
    assert_eq!(schemas, ["hookgraph_log", "hookgraph_read_1"]);

    for (number, server) in servers.iter().enumerate() {
        let id = format!("msg_{number}");
        assert_eq!(server.sender().send(&id, "{}").await.status, 204);
    }
    for server in &servers {
        server.settled().await;
        assert_eq!(server.head().await, 5);
    }
}
