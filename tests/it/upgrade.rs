//! A log that an earlier version made: it is brought to the present form by starting the server, and every event in it is
//! there as before.
//!
//! The earlier forms are written out here, as those versions made them, and are never edited: such logs exist.

use std::fs;

use entity::log::{event, identity};
use sample::{Delivery, catalogue};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, EntityTrait,
};
use serde_json::{Value, json};
use tests::server::secret;
use tests::{Backend, Installation, until};

/// The first form, which had no table of refused requests.
const FIRST_SQLITE: &str = r#"
PRAGMA journal_mode = WAL;
CREATE TABLE "log_migrations" ( "version" varchar NOT NULL PRIMARY KEY, "applied_at" integer NOT NULL );
INSERT INTO log_migrations VALUES ('m0001_events', 1763000000);
CREATE TABLE events (
    position    INTEGER NOT NULL PRIMARY KEY,
    source      TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    type_hint   TEXT,
    headers     TEXT NOT NULL,
    secret_id   TEXT NOT NULL,
    body        BLOB NOT NULL,
    CHECK (position > 0)
);
CREATE UNIQUE INDEX events_message ON events (message_id, source);
CREATE TABLE log_identity (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    identity TEXT NOT NULL
);
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event cannot be changed'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event cannot be deleted'); END;
CREATE TRIGGER events_no_replace BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE position = NEW.position)
  OR EXISTS (SELECT 1 FROM events WHERE source = NEW.source AND message_id = NEW.message_id)
BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event cannot be replaced'); END;
"#;

const FIRST_POSTGRES: &str = r#"
CREATE SCHEMA hookgraph_log;
SET search_path TO hookgraph_log;
CREATE TABLE "log_migrations" ( "version" varchar NOT NULL PRIMARY KEY, "applied_at" bigint NOT NULL );
INSERT INTO log_migrations VALUES ('m0001_events', 1763000000);
CREATE TABLE events (
    position    BIGINT NOT NULL PRIMARY KEY,
    source      TEXT COLLATE "C" NOT NULL,
    message_id  TEXT COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    type_hint   TEXT,
    headers     TEXT NOT NULL,
    secret_id   TEXT NOT NULL,
    body        BYTEA COMPRESSION lz4 NOT NULL,
    CHECK (position > 0)
);
CREATE UNIQUE INDEX events_message ON events (message_id, source);
CREATE TABLE log_identity (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    identity TEXT NOT NULL
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the log is append-only: % is refused', TG_OP; END $$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"#;

const IDENTITY: &str = "0badcafe";

/// An empty database where the log of `installation` belongs, with one connection.
async fn database(installation: &Installation) -> DatabaseConnection {
    let url = match installation.backend() {
        Backend::Sqlite => {
            fs::create_dir(installation.data_dir()).expect("a folder");
            let file = installation.data_dir().join("log.db");
            format!("sqlite://{}?mode=rwc", file.display())
        }
        Backend::Postgres(url) => url.clone(),
    };
    let mut options = ConnectOptions::new(url);
    options.max_connections(1);
    Database::connect(options).await.expect("a database")
}

/// Fills a log of the first form.
async fn make_first(db: &DatabaseConnection, deliveries: &[Delivery]) {
    let schema = match db.get_database_backend() {
        DatabaseBackend::Postgres => FIRST_POSTGRES,
        _ => FIRST_SQLITE,
    };
    db.execute_unprepared(schema).await.expect("a log");
    let events = deliveries.iter().zip(1..).map(|(delivery, position)| {
        let headers = json!({ "id": delivery.message_id, "timestamp": "0", "signature": "v1,-" });
        event::ActiveModel {
            position: Set(position),
            source: Set("salesmagic".to_owned()),
            message_id: Set(delivery.message_id.clone()),
            received_at: Set(1_763_000_000_000_000 + position),
            type_hint: Set(Some(delivery.event_type.clone())),
            headers: Set(headers.to_string()),
            secret_id: Set("0123456789ab".to_owned()),
            body: Set(delivery.body.clone().into_bytes()),
        }
    });
    let inserted = event::Entity::insert_many(events).exec_without_returning(db);
    inserted.await.expect("events");
    let identity = identity::ActiveModel {
        id: Set(1),
        identity: Set(IDENTITY.to_owned()),
        key: NotSet,
    };
    let inserted = identity::Entity::insert(identity).exec_without_returning(db);
    inserted.await.expect("an identity");
}

#[tokio::test]
async fn a_log_of_the_first_form_is_migrated_by_a_start_and_keeps_its_events() {
    let deliveries: Vec<Delivery> = catalogue::deliveries(1).collect();
    let installation = Installation::new();
    let db = database(&installation).await;
    make_first(&db, &deliveries).await;
    db.close().await.expect("it is closed");

    let mut server = installation.serve().await;
    server.settled().await;
    let query = "{ status { head cursor } calls { totalCount }
        events(last: 100) { nodes { position messageId type typeHint receivedAt body outcome } } }";
    let data = server.graphql(query, json!({})).await;
    assert_eq!(data["status"]["head"], deliveries.len());
    let cursor = data["status"]["cursor"].as_str().expect("a cursor");
    assert!(cursor.starts_with(IDENTITY), "{cursor}");
    assert_eq!(data["calls"]["totalCount"], 1);
    let events = data["events"]["nodes"].as_array().expect("events");
    assert_eq!(events.len(), deliveries.len());
    for ((event, delivery), position) in events.iter().rev().zip(&deliveries).zip(1..) {
        let expected = json!({
            "position": position,
            "messageId": delivery.message_id,
            "type": delivery.event_type,
            "typeHint": delivery.event_type,
            "receivedAt": format!("2025-11-13T02:13:20.{position:06}Z"),
            "body": delivery.body,
            "outcome": "PROJECTED",
        });
        assert_eq!(*event, expected);
    }

    // What is new in the present form works, and the events go on where they were.
    let stranger = server.sender().secret(&secret(9));
    assert_eq!(stranger.send("msg_wrong", "{}").await.status, 401);
    until("the refused request is written down", async || {
        let query = "{ refusedRequests { nodes { messageId } } }";
        let mut data = server.graphql(query, json!({})).await;
        let nodes = data["refusedRequests"]["nodes"].take();
        (nodes == json!([{ "messageId": "msg_wrong" }])).then_some(())
    })
    .await;
    server.sender().deliver(&deliveries[..1]).await;
    assert_eq!(server.sender().send("msg_next", "{}").await.status, 204);
    let next = "{ event(messageId: \"msg_next\") { position } }";
    let before: Value = server.graphql(next, json!({})).await;
    assert_eq!(before["event"]["position"], deliveries.len() + 1);

    // A migrated log is migrated once.
    assert_eq!(server.stop().await.code(), Some(0));
    server.start_again().await;
    assert_eq!(server.graphql(next, json!({})).await, before);
}
