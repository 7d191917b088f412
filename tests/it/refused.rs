//! Refused requests: each is kept with its reason, for whoever sets the webhook up; the newest of each reason, and nothing of
//! what was in them.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chrono::DateTime;
use entity::log::refused_request::{Entity, Model, Reason};
use futures_util::future::join_all;
use ingest::body::Room;
use ingest::feed::Feed;
use ingest::log::{Appender, Limits, Log};
use ingest::refused::{self, Recorder};
use ingest::signature::Secret;
use ingest::webhook::{self, Webhooks};
use sea_orm::{
    ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, EntityTrait, Statement,
};

use serde_json::{Value, json};
use tests::places::Places;
use tests::sender::Signed;
use tests::server::secret;
use tests::{Backend, Installation, Sender, Server, postgres, until, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::processes::serve;

/// A word of the bodies that are sent here, which nothing may repeat.
const OF_A_BODY: &str = "kingfisher";

const BODY: &str = r#"{"id":"e","type":"org.updated","payload":{"org":{"name":"kingfisher"}}}"#;

/// The refused requests, newest first, once `enough` of them are there.
async fn kept(server: &Server, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let query = "{ refusedRequests(first: 100) {
        nodes { receivedAt source status reason detail messageId size } } }";
    until("the refused requests are written down", async || {
        let mut data = server.graphql(query, json!({})).await;
        let nodes = data["refusedRequests"]["nodes"].take();
        let nodes = nodes.as_array().expect("nodes").clone();
        enough(&nodes).then_some(nodes)
    })
    .await
}

/// Whether the newest one has this message id.
fn newest_is(id: &str) -> impl Fn(&[Value]) -> bool {
    move |nodes| nodes.first().is_some_and(|node| node["messageId"] == id)
}

/// How many of this reason there are.
async fn total(server: &Server, reason: &str) -> Value {
    let query = "query ($reason: [RefusalReason!]) { refusedRequests(filter: { reason: $reason }) { totalCount } }";
    let mut data = server.graphql(query, json!({ "reason": [reason] })).await;
    data["refusedRequests"]["totalCount"].take()
}

/// A sender whose requests no secret of the server matches.
fn stranger(server: &Server) -> Sender {
    server.sender().secret(&secret(9))
}

/// Sends so many requests that no secret matches, `msg_<from>` first.
async fn flood(server: &Server, numbers: std::ops::Range<usize>) {
    let sender = stranger(server);
    for number in numbers {
        let answer = sender.send(&format!("msg_{number}"), BODY).await;
        assert_eq!(answer.status, 401);
    }
}

/// The log's database, and what its table of refused requests is called there.
async fn table(server: &Server) -> (DatabaseConnection, &'static str) {
    let (url, name) = match server.installation.backend() {
        Backend::Sqlite => {
            let file = server.installation.data_dir().join("log.db");
            (format!("sqlite://{}", file.display()), "refused_requests")
        }
        Backend::Postgres(url) => (url.clone(), "hookgraph_log.refused_requests"),
    };
    let db = Database::connect(url).await.expect("a connection");
    (db, name)
}

/// Posts the head of a request and a part of its body, ends the sending, and returns the status that is answered.
async fn raw_post(server: &Server, head: &str, part: &str) -> String {
    let stream = TcpStream::connect(server.address()).await;
    let mut stream = stream.expect("a connection");
    let request = format!(
        "POST /webhooks/salesmagic HTTP/1.1\r\nhost: {}\r\n{head}\r\n\r\n{part}",
        server.address()
    );
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("it is sent");
    stream.shutdown().await.expect("the sending ends");
    let mut answer = [0; 12];
    let read = within("an answer", stream.read_exact(&mut answer)).await;
    read.expect("a status line");
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

/// A request in one of the ways that are refused: the reason, the status, words of the detail, its message id, its size.
type Case = (
    &'static str,
    u16,
    &'static str,
    Option<&'static str>,
    Option<usize>,
);

/// Sends one request for each reason that a sender can cause, and returns them as they must be kept, the last one first.
async fn refuse_each(server: &Server) -> Vec<Case> {
    let sender = server.sender();
    let post = async |request: Signed, status| {
        assert_eq!(sender.post(request).await.status, status);
    };
    let sign = |id| sender.sign(id, BODY);
    let size = Some(BODY.len());

    let elsewhere = Sender::new(&server.url("/webhooks/other"), &secret(1));
    assert_eq!(elsewhere.send("msg_1", BODY).await.status, 404);
    let declared = raw_post(server, "svix-id: msg_2\r\ncontent-length: 9999999", "").await;
    assert_eq!(declared, "413");
    let cut_off = raw_post(server, "svix-id: msg_3\r\ncontent-length: 99", BODY).await;
    assert_eq!(cut_off, "400");
    post(sign("msg_4").with("svix-timestamp", "soon"), 400).await;
    post(sign("msg_5").without("svix-id"), 400).await;
    let long: &'static str = "msg_6".repeat(60).leak();
    post(sign(long), 400).await;
    let not_text = Signed {
        body: b"\xff".to_vec(),
        ..sign("msg_7")
    };
    post(not_text, 400).await;
    assert_eq!(stranger(server).send("msg_8", BODY).await.status, 401);
    let late = sender.clone().ahead_by(-4_000).sign("msg_9", BODY);
    post(late, 401).await;
    vec![
        ("OUTSIDE_TOLERANCE", 401, " s behind ", Some("msg_9"), size),
        ("NO_SECRET_MATCHES", 401, "secret", Some("msg_8"), size),
        ("NOT_UTF8", 400, "UTF-8", Some("msg_7"), Some(1)),
        (
            "MESSAGE_ID_TOO_LONG",
            400,
            "256",
            Some(&long[..256]),
            Some(BODY.len()),
        ),
        ("HEADER", 400, "webhook-id", None, size),
        ("HEADER", 400, "svix-timestamp", Some("msg_4"), size),
        ("BODY_CUT_OFF", 400, "early", Some("msg_3"), None),
        ("BODY_TOO_LARGE", 413, "1048576", Some("msg_2"), None),
        ("UNKNOWN_SOURCE", 404, "source", Some("msg_1"), None),
    ]
}

#[tokio::test]
async fn each_reason_is_kept_with_its_status_and_nothing_of_what_was_sent() {
    let server = Server::start().await;
    let expected = refuse_each(&server).await;
    let nodes = kept(&server, |nodes| nodes.len() == expected.len()).await;
    for (node, (reason, status, detail, message_id, size)) in nodes.iter().zip(expected) {
        let source = match reason {
            "UNKNOWN_SOURCE" => "other",
            _ => "salesmagic",
        };
        let facts = json!([source, status, reason, message_id, size]);
        let kept =
            ["source", "status", "reason", "messageId", "size"].map(|field| node[field].clone());
        assert_eq!(json!(kept), facts);
        let words = node["detail"].as_str().expect("a text");
        assert!(words.contains(detail), "{reason}: {words}");
        assert!(node["receivedAt"].is_string(), "{node}");
    }
    assert_eq!(server.head().await, 0, "a refused request is no event");

    let (db, table) = table(&server).await;
    let backend = db.get_database_backend();
    let mut secrets = vec![OF_A_BODY.to_owned(), "v1,".to_owned(), "whsec_".to_owned()];
    secrets.extend([1, 9].map(|number| secret(number)["whsec_".len()..].to_owned()));
    let stored = match backend {
        DatabaseBackend::Postgres => {
            let rows = format!("SELECT t::text AS whole FROM {table} t");
            let rows = db.query_all_raw(Statement::from_string(backend, rows));
            let rows = rows.await.expect("rows").into_iter();
            rows.map(|row| row.try_get("", "whole").expect("a text"))
                .collect::<Vec<String>>()
                .join("\n")
        }
        _ => ["log.db", "log.db-wal"]
            .map(|file| fs::read(server.installation.data_dir().join(file)).expect("a file"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat(),
    };
    assert!(stored.contains("msg_8"), "it is where it was looked for");
    for secret in secrets {
        assert!(!stored.contains(&secret), "{secret} is kept");
    }
}

#[tokio::test]
async fn a_url_with_a_slash_too_many_or_no_source_is_kept_as_an_unknown_source() {
    let server = Server::start().await;
    for path in [
        "/webhooks",
        "/webhooks/",
        "/webhooks/salesmagic/",
        "/webhooks/a/b",
        "/webhooks/%00x",
    ] {
        let sender = Sender::new(&server.url(path), &secret(1));
        let answer = sender.send("msg_1", BODY).await;
        assert_eq!(answer.status, 404, "{path}");
        let helps = answer.body.contains("/webhooks/salesmagic");
        assert!(helps, "{path}: {answer:?}");
    }
    let nodes = kept(&server, |nodes| nodes.len() == 5).await;
    let sources: Vec<_> = nodes.iter().map(|node| &node["source"]).collect();
    assert_eq!(sources, ["\u{fffd}x", "a/b", "salesmagic/", "", ""]);
}

#[tokio::test]
async fn of_a_flood_the_newest_hundred_are_kept_and_no_other_reason_is_pushed_out() {
    let server = Server::start().await;
    let other = server.sender().sign("msg_header", BODY);
    let other = other.without("svix-signature");
    assert_eq!(server.sender().post(other).await.status, 400);
    // In two parts, so that the second meets rows of the first.
    flood(&server, 0..80).await;
    kept(&server, newest_is("msg_79")).await;
    flood(&server, 80..150).await;
    let nodes = kept(&server, newest_is("msg_149")).await;
    let ids = nodes.iter().map(|node| node["messageId"].clone());
    let ids: Vec<_> = ids.collect();
    let newest: Vec<_> = (50..150)
        .rev()
        .map(|number| json!(format!("msg_{number}")))
        .collect();
    assert_eq!(ids, newest);
    assert_eq!(total(&server, "NO_SECRET_MATCHES").await, 100);
    assert_eq!(total(&server, "HEADER").await, 1);
    let sent = server.sender().send("msg_good", BODY).await;
    assert_eq!(sent.status, 204, "and a good one is taken");
}

#[tokio::test]
async fn what_was_refused_just_before_an_orderly_stop_is_there_after_a_restart() {
    let mut server = Server::start().await;
    flood(&server, 0..1).await;
    kept(&server, |nodes| nodes.len() == 1).await;
    flood(&server, 1..3).await;
    assert_eq!(server.stop().await.code(), Some(0));
    server.start_again().await;
    let data = server
        .graphql(
            "{ refusedRequests { nodes { messageId } totalCount } }",
            json!({}),
        )
        .await;
    let expected = json!({
        "nodes": [{ "messageId": "msg_2" }, { "messageId": "msg_1" }, { "messageId": "msg_0" }],
        "totalCount": 3,
    });
    assert_eq!(data["refusedRequests"], expected);
}

#[tokio::test]
async fn they_are_paged_by_cursor_in_both_directions() {
    let server = Server::start().await;
    flood(&server, 0..23).await;
    let header = server.sender().sign("msg_header", BODY).without("svix-id");
    assert_eq!(server.sender().post(header).await.status, 400);
    kept(&server, |nodes| nodes.len() == 24).await;
    for (size, bound, next, end) in [
        ("first", "after", "hasNextPage", "endCursor"),
        ("last", "before", "hasPreviousPage", "startCursor"),
    ] {
        let query = format!(
            "query ($cursor: String) {{ refusedRequests({size}: 5, {bound}: $cursor, filter: {{ reason: [NO_SECRET_MATCHES, NOT_UTF8] }}) {{
                totalCount nodes {{ messageId }} pageInfo {{ {next} {end} }} }} }}"
        );
        let mut visited = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let data = server.graphql(&query, json!({ "cursor": cursor })).await;
            let page = &data["refusedRequests"];
            assert_eq!(page["totalCount"], 23);
            let mut nodes = page["nodes"].as_array().expect("nodes").clone();
            if size == "last" {
                nodes.reverse();
            }
            visited.append(&mut nodes);
            if page["pageInfo"][next] == false {
                break;
            }
            cursor = page["pageInfo"][end].clone();
        }
        if size == "first" {
            visited.reverse();
        }
        let all: Vec<_> = (0..23)
            .map(|number| json!({ "messageId": format!("msg_{number}") }))
            .collect();
        assert_eq!(visited, all, "{size}");
    }
    for arguments in ["first: 101", r#"after: "nonsense""#, "first: 1, last: 1"] {
        let query = format!("{{ refusedRequests({arguments}) {{ totalCount }} }}");
        let code = server.error_code(&query, json!({})).await;
        assert_eq!(code, "BAD_USER_INPUT", "{arguments}");
    }
}

#[tokio::test]
async fn what_cannot_be_written_waits_and_the_log_says_so_once() {
    let server = Server::start().await;
    let (db, table) = table(&server).await;
    let rename = async |from: &str, to: &str| {
        let rename = format!("ALTER TABLE {from} RENAME TO {to}");
        db.execute_unprepared(&rename).await.expect("it is renamed");
    };
    rename(table, "elsewhere").await;
    flood(&server, 0..150).await;
    let line = "cannot be written down";
    until("the log says so", async || {
        server.output().contains(line).then_some(())
    })
    .await;
    flood(&server, 150..151).await;
    rename(
        &table.replace("refused_requests", "elsewhere"),
        "refused_requests",
    )
    .await;
    let nodes = kept(&server, newest_is("msg_150")).await;
    assert_eq!(nodes[99]["messageId"], "msg_51");
    assert_eq!(server.output().matches(line).count(), 1);
}

/// The webhook's door in this process, with bounds that a test can reach.
fn door(log: &Log, limits: Limits) -> Router {
    let (appender, _) = Appender::start(log.clone(), Feed::default(), limits);
    let secrets = vec![Secret::parse(&secret(1)).expect("a secret")];
    webhook::routes(Webhooks {
        sources: Arc::new(HashMap::from([("salesmagic".to_owned(), secrets)])),
        appender,
        recorder: Recorder::start(log.clone()).0,
        clock: Arc::new(|| DateTime::from_timestamp(1_736_831_960, 0).expect("a time")),
        body_limit: webhook::BODY_LIMIT,
        body_timeout: Duration::from_millis(50),
        body_room: Room::default(),
    })
}

#[tokio::test]
async fn a_body_that_does_not_arrive_and_a_full_queue_are_kept_too() {
    let places = Places::new();
    let log = Log::open(&places.named("log").await).await.expect("a log");
    let limits = Limits {
        queued_bytes: 1,
        ..Limits::default()
    };
    let app = door(&log, limits);
    let post = async |id: &str, body: Body| {
        let signature = svix::webhooks::Webhook::new(&secret(1))
            .and_then(|key| key.sign(id, 1_736_831_960, b"{}"))
            .expect("a signature");
        let request = Request::post("/webhooks/salesmagic")
            .header("webhook-id", id)
            .header("webhook-timestamp", 1_736_831_960)
            .header("webhook-signature", signature)
            .body(body)
            .expect("a request");
        let answer = within("an answer", app.clone().oneshot(request)).await;
        answer.expect("an answer").status().as_u16()
    };
    let endless = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    assert_eq!(post("msg_1", Body::from_stream(endless)).await, 408);
    assert_eq!(post("msg_2", Body::from("{}")).await, 503);
    let rows = until("both are written down", async || {
        let all = Entity::find().order_by_id_asc();
        let rows = refused::read(&log, all).await.expect("rows");
        (rows.len() == 2).then_some(rows)
    })
    .await;
    let fact = |row: &Model| (row.reason, row.status, row.message_id.clone(), row.size);
    assert_eq!(
        rows.iter().map(fact).collect::<Vec<_>>(),
        [
            (Reason::BodyTooSlow, 408, Some("msg_1".to_owned()), None),
            (Reason::Unavailable, 503, Some("msg_2".to_owned()), Some(2)),
        ]
    );
}

#[tokio::test]
async fn several_servers_share_one_table_and_its_bound() {
    let url = postgres::shared().create_database();
    let one = serve(&url, "ingest,project,api").await;
    let other = serve(&url, "ingest").await;
    flood(&one, 0..1).await;
    kept(&one, |nodes| nodes.len() == 1).await;
    // Both write in the same moments.
    join_all([flood(&one, 1..91), flood(&other, 1..91)]).await;
    let last = |nodes: &[Value]| {
        let of_last = nodes.iter().filter(|node| node["messageId"] == "msg_90");
        of_last.count() == 2
    };
    assert_eq!(kept(&one, last).await.len(), 100);
    assert_eq!(total(&one, "NO_SECRET_MATCHES").await, 100);
    let restricted = Installation::new().on_postgres(&url).with_roles("api");
    let reader = restricted.serve().await;
    assert_eq!(total(&reader, "NO_SECRET_MATCHES").await, 100);
}
