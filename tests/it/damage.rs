//! Files that are gone or spoilt: what can be made again from the log is made again, and the log itself is never touched.
//!
//! On SQLite, whose files they are, unless a test says otherwise.

use std::fs;
use std::path::PathBuf;

use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use tests::{Backend, Installation, Server, until};

use crate::rebuild::fill;
use crate::start::{SERVE, assert_refused};

/// A server that has stopped after it has projected some calls, and their ids with the newest first.
async fn stopped(calls: usize) -> (Server, Value) {
    let mut server = Installation::new().on_sqlite().serve().await;
    fill(&server, calls).await;
    let answered = answered(&server).await;
    assert_eq!(answered["calls"]["totalCount"], calls);
    assert_eq!(server.stop().await.code(), Some(0));
    (server, answered)
}

async fn answered(server: &Server) -> Value {
    let query = "{ calls(first: 100) { totalCount nodes { id title lastEvent { body } transcript { lineCount } } }
        users { totalCount nodes { id name } } orgs { totalCount nodes { id name } } }";
    server.graphql(query, json!({})).await
}

/// Makes of a file's bytes what is found in its place.
type Spoil = fn(Vec<u8>) -> Vec<u8>;

/// The read model's files, without those of its journal.
fn read_models(server: &Server) -> Vec<PathBuf> {
    let files = fs::read_dir(server.installation.data_dir()).expect("the data folder");
    let files = files.map(|file| file.expect("a file").path());
    let read_model = |file: &PathBuf| {
        let name = file.file_name().expect("a name").to_string_lossy();
        name.starts_with("read-") && name.ends_with(".db")
    };
    let found: Vec<_> = files.filter(read_model).collect();
    assert!(!found.is_empty(), "there is a read model");
    found
}

fn remove_journal(file: &std::path::Path) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", file.display()));
    }
}

#[tokio::test]
async fn a_read_model_that_is_gone_is_made_again_and_announces_no_old_call() {
    // So many that the projector is still at work when the subscription begins.
    let (mut server, before) = stopped(500).await;
    for file in read_models(&server) {
        remove_journal(&file);
        fs::remove_file(file).expect("it is removed");
    }
    server.start_again().await;
    let query =
        "subscription { callCompleted(checkpoints: true) { call { id } event { messageId } } }";
    let mut subscription = server.subscribe(query, json!({})).await;
    assert_eq!(subscription.item().await["event"], Value::Null);
    let new =
        r#"{"id":"e-new","type":"call.completed","payload":{"call":{"id":"new","orgId":"o"}}}"#;
    assert_eq!(server.sender().send("msg_new", new).await.status, 204);
    let mut item = subscription.item().await;
    while item["event"].is_null() {
        item = subscription.item().await;
    }
    let expected = json!({ "call": { "id": "new" }, "event": { "messageId": "msg_new" } });
    assert_eq!(item, expected);
    let total = &answered(&server).await["calls"]["totalCount"];
    let count = before["calls"]["totalCount"].as_i64().expect("a count");
    assert_eq!(*total, count + 1);
}

#[tokio::test]
async fn a_read_model_that_is_garbage_is_made_again_from_the_log() {
    let (mut server, before) = stopped(20).await;
    let text = |_: Vec<u8>| b"These are not the rows that you are looking for.\n".repeat(500);
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let first_page = |bytes: Vec<u8>| bytes[..4096].to_vec();
    let torn = |bytes: Vec<u8>| bytes[..1_000].to_vec();
    let empty = |_: Vec<u8>| Vec::new();
    let ways: [(&str, Spoil); 5] = [
        ("a text", text),
        ("the first half", half),
        ("the first page", first_page),
        ("a part of a page", torn),
        ("nothing", empty),
    ];
    for (what, spoil) in ways {
        for file in read_models(&server) {
            remove_journal(&file);
            let bytes = fs::read(&file).expect("a file");
            fs::write(&file, spoil(bytes)).expect("it is spoilt");
        }
        server.start_again().await;
        server.settled().await;
        assert_eq!(answered(&server).await, before, "{what}");
        assert_eq!(server.stop().await.code(), Some(0), "{what}");
    }
}

#[tokio::test]
async fn a_log_that_is_garbage_is_refused_and_left_as_it_is() {
    let (server, _) = stopped(1).await;
    let file = server.installation.data_dir().join("log.db");
    remove_journal(&file);
    let garbage = b"These are not the events that you are looking for.\n".repeat(500);
    fs::write(&file, &garbage).expect("it is spoilt");
    assert_refused(&server.installation.run(SERVE).await, &["log"]);
    let left = fs::read(&file).expect("it is still there");
    assert!(left == garbage, "the log was touched");
}

#[tokio::test]
async fn a_log_of_a_newer_version_is_refused() {
    let (server, _) = stopped(1).await;
    let file = server.installation.data_dir().join("log.db");
    let log = Database::connect(format!("sqlite://{}", file.display())).await;
    let log = log.expect("a database");
    log.execute_unprepared("INSERT INTO log_migrations VALUES ('m9999_of_the_future', 0)")
        .await
        .expect("a row");
    log.close().await.expect("it is closed");
    assert_refused(&server.installation.run(SERVE).await, &["newer version"]);
}

/// A server with calls, which goes on running.
async fn running(installation: Installation, calls: usize) -> (Server, Value) {
    let server = installation.serve().await;
    fill(&server, calls).await;
    let answers = answered(&server).await;
    (server, answers)
}

/// Waits until the server answers as before, by a generation that it has built since.
async fn assert_healed(server: &Server, before: &Value) {
    until("another generation serves", async || {
        let query = "{ status { generation } }";
        let status = server.answer(query, json!({})).await;
        (status["data"]["status"]["generation"] == 2).then_some(())
    })
    .await;
    let event = r#"{"id":"e-more","type":"org.updated","payload":{"org":{"id":"more"}}}"#;
    assert_eq!(server.sender().send("msg_more", event).await.status, 204);
    server.settled().await;
    let mut after = answered(server).await;
    after["orgs"] = before["orgs"].clone();
    assert_eq!(after, *before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_that_is_removed_beside_a_running_server_is_built_again() {
    let (server, before) = running(Installation::new().on_sqlite(), 20).await;
    for file in read_models(&server) {
        remove_journal(&file);
        fs::remove_file(file).expect("it is removed");
    }
    // More than there are open connections: whoever opens one meets no file, and must not make an empty one.
    let asked = (0..32).map(|_| server.answer("{ calls { totalCount } }", json!({})));
    futures_util::future::join_all(asked).await;
    assert_healed(&server, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_that_is_damaged_beside_a_running_server_is_built_again() {
    let (server, before) = running(Installation::new(), 20).await;
    let (url, table) = match server.installation.backend() {
        Backend::Postgres(url) => (url.clone(), "hookgraph_read_1.insights"),
        Backend::Sqlite => {
            let file = server.installation.data_dir().join("read-1.db");
            (format!("sqlite://{}", file.display()), "insights")
        }
    };
    let db = Database::connect(url).await.expect("a connection");
    db.execute_unprepared(&format!("DROP TABLE {table}"))
        .await
        .expect("it is dropped");
    // A call is what the projector cannot write now.
    let call = r#"{"id":"e-c","type":"call.completed","payload":{"call":{"id":"c","orgId":"o","analysis":[{"objections":["none"]}]}}}"#;
    assert_eq!(server.sender().send("msg_c", call).await.status, 204);
    until("another generation serves", async || {
        let status = server
            .answer("{ status { generation lag } }", json!({}))
            .await;
        (status["data"]["status"] == json!({ "generation": 2, "lag": 0 })).then_some(())
    })
    .await;
    let after = answered(&server).await;
    let count = |answers: &Value| answers["calls"]["totalCount"].as_i64().expect("a count");
    assert_eq!(count(&after), count(&before) + 1);
    assert!(server.output().contains("damaged=true"), "the log says so");
}
