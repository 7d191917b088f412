//! An event that the read model's database itself refuses, in one batch with good ones: it becomes a dead letter, alone.
//!
//! No body is known that passes the rules and fails in the database, so the test makes the database refuse one: with a constraint
//! of its own on a table of the read model.

use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, TransactionTrait,
};
use serde_json::json;
use tests::load::user;
use tests::{Backend, Server};

use crate::processes::FEED;

/// Good events before, between and behind the bad ones.
const GOOD: usize = 20;

/// A connection to the read model that is not the server's.
async fn stranger(server: &Server) -> DatabaseConnection {
    let url = match server.installation.backend() {
        Backend::Sqlite => {
            let file = server.installation.data_dir().join("read-1.db");
            format!("sqlite://{}", file.display())
        }
        Backend::Postgres(url) => format!("{url}&options=-csearch_path%3Dhookgraph_read_1"),
    };
    Database::connect(url).await.expect("a connection")
}

/// Makes the database refuse every user whose id begins with `poison`.
async fn refuse(db: &DatabaseConnection, server: &Server) {
    let statements: &[&str] = match server.installation.backend() {
        Backend::Sqlite => &[
            "CREATE TRIGGER poison BEFORE INSERT ON users WHEN NEW.id LIKE 'poison%'
             BEGIN SELECT RAISE(ABORT, 'poison'); END",
        ],
        // Integrity violation (23) for one, data exception (22) for the other.
        Backend::Postgres(_) => &[
            "ALTER TABLE users ADD CONSTRAINT poison CHECK (id <> 'poison-1')",
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = '22003'; END $$",
            "CREATE TRIGGER poison BEFORE INSERT ON users FOR EACH ROW
             WHEN (NEW.id = 'poison-2') EXECUTE FUNCTION poison()",
        ],
    };
    for statement in statements {
        db.execute_unprepared(statement).await.expect(statement);
    }
}

/// Holds the checkpoint, so that no projector moves it for as long as the transaction lives.
async fn hold(db: &DatabaseConnection) -> DatabaseTransaction {
    let options = sea_orm::TransactionOptions {
        sqlite_transaction_mode: Some(sea_orm::SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let txn = db.begin_with_options(options).await.expect("a transaction");
    if txn.get_database_backend() == sea_orm::DatabaseBackend::Postgres {
        let lock = "SELECT 1 FROM checkpoint FOR UPDATE";
        txn.execute_unprepared(lock).await.expect("a lock");
    }
    txn
}

#[tokio::test]
async fn of_one_batch_only_what_the_database_refuses_becomes_a_dead_letter() {
    let server = Server::start().await;
    let db = stranger(&server).await;
    refuse(&db, &server).await;
    let checkpoint = hold(&db).await;
    let mut events = Vec::new();
    for part in 1..=3 {
        for good in 1..=GOOD {
            events.push((format!("good-{part}-{good}"), "PROJECTED"));
        }
        if part < 3 {
            events.push((format!("poison-{part}"), "DEAD"));
        }
    }
    let mut feed = server.subscribe(FEED, json!({ "after": "0" })).await;
    for (id, _) in &events {
        assert_eq!(server.sender().send(id, user(id, 0)).await.status, 204);
    }
    let head = i64::try_from(events.len()).expect("few");
    let waits = server.graphql("{ status { head lag } }", json!({})).await["status"].take();
    assert_eq!(waits["lag"], waits["head"], "all of it waits");
    checkpoint
        .rollback()
        .await
        .expect("the checkpoint is given back");

    server.settled().await;
    assert_eq!(server.head().await, head);
    for (position, (id, outcome)) in (1..).zip(&events) {
        let event = feed.item().await["event"].take();
        let expected = json!({ "messageId": id, "position": position, "outcome": outcome });
        assert_eq!(event, expected);
        let query = "query ($id: ID!, $message: String!) { user(id: $id) { id } event(messageId: $message) { reason } }";
        let found = server
            .graphql(query, json!({ "id": id, "message": id }))
            .await;
        if *outcome == "PROJECTED" {
            assert_eq!(found["user"]["id"], *id);
            assert!(found["event"]["reason"].is_null());
        } else {
            assert!(found["user"].is_null(), "{found:#}");
            let reason = found["event"]["reason"].as_str().expect("a reason");
            assert!(reason.contains("database"), "{reason}");
            assert!(!reason.contains("poison"), "{reason}");
        }
    }
    let output = server.output();
    let told = output.matches("refuses what an event holds").count();
    assert_eq!(told, 2, "one line for each");
    // What comes later is not held up either.
    let answer = server.sender().send("later", user("later", 0)).await;
    assert_eq!(answer.status, 204);
    assert_eq!(feed.item().await["event"]["outcome"], "PROJECTED");
}
