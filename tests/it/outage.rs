//! What a database of PostgreSQL may do to its servers: go away in the middle of everything, and swallow their notifications.
//!
//! They run on PostgreSQL whatever this run of the tests is for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Database, DatabaseBackend, Statement};
use serde_json::json;
use tempfile::TempDir;
use tests::fault::scale;
use tests::postgres::{self, Cluster};
use tests::server::finish;
use tests::{Installation, Sender, Server, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::processes::{FEED, serve};
use crate::start::assert_refused;

/// What a sender was answered so far.
#[derive(Default)]
struct Answers {
    acknowledged: Mutex<Vec<String>>,
    refused: AtomicUsize,
    enough: AtomicBool,
}

impl Answers {
    fn acknowledged(&self) -> Vec<String> {
        self.acknowledged.lock().expect("no panic").clone()
    }

    /// Waits until `more` further webhooks are acknowledged.
    async fn further(&self, more: usize) {
        let until_now = self.acknowledged().len();
        until("webhooks are acknowledged", async || {
            (self.acknowledged().len() >= until_now + more).then_some(())
        })
        .await;
    }
}

/// Sends one webhook after the other, each once, until there are enough.
async fn send(sender: Sender, name: &str, answers: Arc<Answers>) {
    for number in 0.. {
        if answers.enough.load(Ordering::Relaxed) {
            return;
        }
        let id = format!("msg_{name}_{number}");
        let answer = sender.send(&id, "{}").await;
        match answer.status {
            204 => answers.acknowledged.lock().expect("no panic").push(id),
            503 => drop(answers.refused.fetch_add(1, Ordering::Relaxed)),
            _ => panic!("{id}: {answer:?}"),
        }
    }
}

async fn ready(server: &Server) -> u16 {
    let ask = server.client.get(server.url("/health/ready")).send().await;
    ask.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_loses_nothing_acknowledged_and_is_found_again() {
    let mut cluster = Cluster::start("-c fsync=off");
    let server = serve(&cluster.create_database(), "ingest,project,api").await;
    let mut feed = server.subscribe(FEED, json!({ "after": "0" })).await;
    let answers = Arc::new(Answers::default());
    let senders = ["a", "b", "c", "d"].map(|name| {
        let (sender, answers) = (server.sender(), Arc::clone(&answers));
        tokio::spawn(async move { send(sender, name, answers).await })
    });
    for outage in 1..=scale(2, 20) {
        answers.further(40).await;
        let refused = answers.refused.load(Ordering::Relaxed);
        cluster.crash();
        until("webhooks are refused", async || {
            let more = answers.refused.load(Ordering::Relaxed) - refused;
            (more >= 4).then_some(())
        })
        .await;
        assert_eq!(ready(&server).await, 503, "outage {outage}");
        cluster.restart();
        answers.further(40).await;
        assert_eq!(ready(&server).await, 200, "outage {outage}");
    }
    answers.enough.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.expect("it was answered 204 or 503");
    }
    server.settled().await;
    let head = server.head().await;
    // What was refused may be stored all the same: its sender sends it again.
    let mut stored = BTreeSet::new();
    let mut cursor = json!("0");
    while stored.len() < usize::try_from(head).expect("few") {
        match feed.item_or_close().await {
            Ok(mut item) => {
                let event = &item["event"];
                assert_eq!(event["position"], stored.len() + 1, "{event}");
                stored.insert(event["messageId"].as_str().expect("an id").to_owned());
                cursor = item["cursor"].take();
            }
            // What an outage does to an item that is just read: its subscriber resumes after the one before.
            Err(code) => {
                assert_eq!(code, 1013);
                feed = server.subscribe(FEED, json!({ "after": cursor })).await;
            }
        }
    }
    for id in answers.acknowledged() {
        assert!(
            stored.contains(&id),
            "{id} was acknowledged, and is not there"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_do_not_notice_that_the_database_has_ended_their_connections() {
    let url = postgres::shared().create_database();
    let server = serve(&url, "ingest,project,api").await;
    let db = Database::connect(&url).await.expect("a connection");
    let ended = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) AS ended FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN%'";
    for first in 1..=10 {
        // As many at once as there are connections, so that each has just been used.
        let ask = async || {
            let query = format!("{{ calls(first: {first}) {{ nodes {{ id }} totalCount }} }}");
            let all = (0..8).map(|_| server.graphql(&query, json!({})));
            for data in join_all(all).await {
                assert_eq!(data, json!({ "calls": { "nodes": [], "totalCount": 0 } }));
            }
        };
        ask().await;
        let end = Statement::from_string(DatabaseBackend::Postgres, ended);
        let row = db.query_one_raw(end).await.expect("an answer");
        let ended: i64 = row.expect("a row").try_get("", "ended").expect("a count");
        assert!(ended >= 1, "{ended}");
        ask().await;
    }
}

/// What a way to the database changes of what is said on it: each of these into something of the same length.
type Changes = &'static [(&'static [u8], &'static [u8])];

/// The names of all notifications: as good as none.
const NO_NOTIFICATIONS: Changes = &[
    (b"NOTIFY hookgraph", b"NOTIFY hookgrap_"),
    (b"LISTEN \"hookgraph", b"LISTEN \"hookgrap_"),
];

/// The search path of a new connection, into a setting that means nothing: as a pooler in transaction mode loses it.
const NO_SEARCH_PATH: Changes = &[(b"search_path=", b"search.path=")];

/// A way to the tests' cluster that changes what is said on it.
struct Way {
    folder: TempDir,
    met: Arc<AtomicUsize>,
}

impl Way {
    /// A way to the database at `url`, and its address.
    fn to(url: &str, changes: Changes) -> (Self, String) {
        let (rest, cluster) = url.split_once("?host=").expect("a socket's folder");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let way = Self {
            folder,
            met: Arc::default(),
        };
        let listener = UnixListener::bind(socket(way.folder.path())).expect("a socket");
        let (cluster, met) = (socket(Path::new(cluster)), Arc::clone(&way.met));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&cluster).await.expect("the cluster");
                tokio::spawn(pass(client, server, changes, Arc::clone(&met)));
            }
        });
        let url = format!("{rest}?host={}", way.folder.path().display());
        (way, url)
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join(".s.PGSQL.5432")
}

async fn pass(client: UnixStream, server: UnixStream, changes: Changes, met: Arc<AtomicUsize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
        let bytes = &mut bytes[..read];
        for (said, instead) in changes {
            let places = bytes.windows(said.len()).enumerate();
            let places = places.filter(|(_, window)| window == said);
            let places: Vec<_> = places.map(|(at, _)| at).collect();
            for at in places {
                bytes[at..at + said.len()].copy_from_slice(instead);
                met.fetch_add(1, Ordering::Relaxed);
            }
        }
        if to_server.write_all(bytes).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn without_notifications_news_still_arrive() {
    let url = postgres::shared().create_database();
    let (way, url) = Way::to(&url, NO_NOTIFICATIONS);
    let (api, ingest, _project) = tokio::join!(
        serve(&url, "api"),
        serve(&url, "ingest"),
        serve(&url, "project")
    );
    let mut feed = api.subscribe(FEED, json!({ "after": "0" })).await;
    for position in 1..=3 {
        let id = format!("msg_{position}");
        assert_eq!(ingest.sender().send(&id, "{}").await.status, 204);
        let event = feed.item().await["event"].take();
        assert_eq!(
            (&event["messageId"], &event["position"]),
            (&json!(id), &json!(position))
        );
    }
    // Each of the three listened, and each event was told of.
    assert!(way.met.load(Ordering::Relaxed) >= 6);
}

#[tokio::test]
async fn where_a_connection_loses_its_search_path_no_server_starts() {
    let url = postgres::shared().create_database();
    let (way, spoilt) = Way::to(&url, NO_SEARCH_PATH);
    let installation = Installation::new().on_postgres(&spoilt);
    let refused = finish(&mut installation.on_store(["serve", "--listen", "127.0.0.1:0"])).await;
    assert_refused(&refused, &["pooler", "transaction mode"]);
    assert!(way.met.load(Ordering::Relaxed) >= 1);
    let db = Database::connect(&url).await.expect("a connection");
    let tables = "SELECT count(*) AS tables FROM pg_tables WHERE schemaname = 'public'";
    let tables = Statement::from_string(DatabaseBackend::Postgres, tables);
    let tables = db.query_one_raw(tables).await.expect("tables");
    let tables: i64 = tables
        .expect("a count")
        .try_get("", "tables")
        .expect("a count");
    assert_eq!(tables, 0, "no store was made where it does not belong");
}
