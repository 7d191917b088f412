//! 503: when the log cannot take an event now. In this process, since the log must be held up from outside.
//!
//! Nothing of this may hang: the sender is answered, with `Retry-After`, and repeats.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::RETRY_AFTER;
use axum::http::{Request, StatusCode};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use ingest::body::Room;
use ingest::feed::Feed;
use ingest::log::{Appender, Limits, Log};
use ingest::refused::Recorder;
use ingest::signature::Secret;
use ingest::webhook::{self, Webhooks};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, TransactionTrait};
use tests::places::Places;
use tests::server::secret;
use tests::{until, within};
use tower::ServiceExt;

/// The moment at which everything here happens.
const NOW: i64 = 1_736_831_960;

struct Door {
    places: Places,
    log: Log,
    app: Router,
}

impl Door {
    async fn open(limits: Limits) -> Self {
        Self::with_room(limits, Room::default()).await
    }

    async fn with_room(limits: Limits, body_room: Room) -> Self {
        let places = Places::new();
        let log = Log::open(&places.named("log").await).await.expect("a log");
        let (appender, _) = Appender::start(log.clone(), Feed::default(), limits);
        let secrets = vec![Secret::parse(&secret(1)).expect("a secret")];
        let app = webhook::routes(Webhooks {
            sources: Arc::new(HashMap::from([("salesmagic".to_owned(), secrets)])),
            appender,
            recorder: Recorder::start(log.clone()).0,
            clock: Arc::new(|| DateTime::<Utc>::from_timestamp(NOW, 0).expect("a time")),
            body_limit: webhook::BODY_LIMIT,
            body_timeout: Duration::from_secs(1),
            body_room,
        });
        Self { places, log, app }
    }

    /// A connection that is not the log's own, to hold it up with.
    async fn stranger(&self) -> DatabaseConnection {
        let url = self.places.url("log");
        Database::connect(url).await.expect("a connection")
    }

    async fn post(&self, message_id: &str) -> (StatusCode, Option<String>) {
        let signature = svix::webhooks::Webhook::new(&secret(1))
            .and_then(|key| key.sign(message_id, NOW, b"{}"))
            .expect("a signature");
        let request = Request::post("/webhooks/salesmagic")
            .header("svix-id", message_id)
            .header("svix-timestamp", NOW)
            .header("svix-signature", signature)
            .body(Body::from("{}"))
            .expect("a request");
        let answer = within("an answer", self.app.clone().oneshot(request))
            .await
            .expect("an answer");
        let retry_after = answer.headers().get(RETRY_AFTER);
        let retry_after = retry_after.map(|value| value.to_str().expect("a text").to_owned());
        (answer.status(), retry_after)
    }
}

/// Keeps the log from being written for as long as the transaction that it returns lives.
async fn lock(db: &DatabaseConnection) -> sea_orm::DatabaseTransaction {
    let options = sea_orm::TransactionOptions {
        sqlite_transaction_mode: Some(sea_orm::SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let txn = db.begin_with_options(options).await.expect("a transaction");
    if txn.get_database_backend() == sea_orm::DatabaseBackend::Postgres {
        txn.execute_unprepared("LOCK TABLE hookgraph_log.events IN ACCESS EXCLUSIVE MODE")
            .await
            .expect("a lock");
    }
    txn
}

fn unavailable(answer: &(StatusCode, Option<String>)) -> bool {
    answer.0 == StatusCode::SERVICE_UNAVAILABLE && answer.1.as_deref() == Some("1")
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_503_and_what_is_repeated_later_is_stored_once() {
    let door = Door::open(Limits {
        commit_timeout: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    let db = door.stranger().await;
    let held = lock(&db).await;
    let answer = door.post("msg_1").await;
    assert!(unavailable(&answer), "{answer:?}");
    held.rollback().await.expect("the lock is given back");
    until("the log takes events again", async || {
        (door.post("msg_1").await.0 == StatusCode::NO_CONTENT).then_some(())
    })
    .await;
    assert_eq!(door.log.head().await.expect("a head"), 1);
}

#[tokio::test]
async fn a_full_queue_is_503_at_once() {
    let door = Arc::new(
        Door::open(Limits {
            queued: 1,
            group: 1,
            commit_timeout: Duration::from_secs(5),
            ..Limits::default()
        })
        .await,
    );
    let db = door.stranger().await;
    let held = lock(&db).await;
    // One is being committed, one waits; of the rest each is refused while these two stand.
    let posts: Vec<_> = (0..8)
        .map(|number| {
            let door = Arc::clone(&door);
            tokio::spawn(async move { door.post(&format!("msg_{number}")).await })
        })
        .collect();
    let ended = async || posts.iter().filter(|post| post.is_finished()).count();
    until("six are refused", async || {
        (ended().await >= 6).then_some(())
    })
    .await;
    held.rollback().await.expect("the lock is given back");
    let mut stored = 0;
    for post in posts {
        let answer = post.await.expect("an answer");
        if answer.0 == StatusCode::NO_CONTENT {
            stored += 1;
        } else {
            assert!(unavailable(&answer), "{answer:?}");
        }
    }
    assert!((1..=2).contains(&stored), "{stored} are stored");
    assert_eq!(door.log.head().await.expect("a head"), stored);
}

#[tokio::test]
async fn bodies_that_take_too_much_of_the_queue_are_503() {
    let door = Door::open(Limits {
        queued_bytes: 1,
        ..Limits::default()
    })
    .await;
    let answer = door.post("msg_1").await;
    assert!(unavailable(&answer), "{answer:?}");
}

#[tokio::test]
async fn the_body_that_has_been_arriving_longest_gives_way_to_a_signed_one_and_is_503() {
    // Room for the first part of one body and no more.
    let door = Door::with_room(Limits::default(), Room::new(4 << 10)).await;
    let (rest, mut waiting) = tokio::sync::mpsc::channel::<()>(1);
    let (read, reading) = tokio::sync::oneshot::channel();
    let first = stream::once(async { Ok::<_, std::io::Error>(vec![b'x'; 4 << 10]) });
    let last = stream::once(async move {
        let _ = read.send(());
        waiting.recv().await;
        Ok(vec![b'x'])
    });
    let request = Request::post("/webhooks/salesmagic")
        .header("svix-id", "msg_1")
        .header("svix-timestamp", NOW)
        .header("svix-signature", "v1,AAAA")
        .body(Body::from_stream(first.chain(last)))
        .expect("a request");
    let held = tokio::spawn(door.app.clone().oneshot(request));
    within("the first part is read", reading)
        .await
        .expect("it is read");
    assert_eq!(door.post("msg_2").await.0, StatusCode::NO_CONTENT);
    drop(rest);
    let answer = within("an answer", held)
        .await
        .expect("a task")
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key(RETRY_AFTER));
    assert_eq!(door.log.head().await.expect("a head"), 1);
}

#[tokio::test]
async fn a_writer_that_has_stopped_is_503() {
    let door = Door::open(Limits::default()).await;
    let (stopped, writer) = Appender::start(door.log.clone(), Feed::default(), Limits::default());
    writer.abort();
    assert!(writer.await.expect_err("it was stopped").is_cancelled());
    let secrets = vec![Secret::parse(&secret(1)).expect("a secret")];
    let app = webhook::routes(Webhooks {
        sources: Arc::new(HashMap::from([("salesmagic".to_owned(), secrets)])),
        appender: stopped,
        recorder: Recorder::start(door.log.clone()).0,
        clock: Arc::new(|| DateTime::<Utc>::from_timestamp(NOW, 0).expect("a time")),
        body_limit: webhook::BODY_LIMIT,
        body_timeout: Duration::from_secs(1),
        body_room: Room::default(),
    });
    let door = Door { app, ..door };
    let answer = door.post("msg_1").await;
    assert!(unavailable(&answer), "{answer:?}");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_408() {
    let door = Door::open(Limits::default()).await;
    let body = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request = Request::post("/webhooks/salesmagic")
        .body(body)
        .expect("a request");
    let answer = within("an answer", door.app.oneshot(request))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
}
