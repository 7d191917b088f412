//! Two thousand clients that send a byte a second: they are cut off, and hold up nobody.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Installation, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How many of each kind.
const CLIENTS: usize = 1000;

/// How many of those that send a query.
const QUERIES: usize = 50;

/// Longer than the server waits for a request's head (10 s) or body (15 s).
const CUT_OFF_WITHIN: Duration = Duration::from_secs(20);

/// Sends `head`, then a byte a second; returns what the server answers before it closes.
async fn drip(stream: TcpStream, head: String) -> String {
    let (mut from, mut to) = stream.into_split();
    to.write_all(head.as_bytes()).await.expect("it is taken");
    let dripping = tokio::spawn(async move {
        while to.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(CUT_OFF_WITHIN, from.read_to_end(&mut answer)).await;
    dripping.abort();
    let ended = ended.expect("it is cut off in time");
    let answer = String::from_utf8_lossy(&answer);
    match ended {
        Ok(_) => answer.into_owned(),
        Err(error) => format!("{answer}\n{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_drip_are_cut_off_and_hold_up_nobody() {
    rlimit::increase_nofile_limit(8192).expect("the limit can be asked for");
    // The server raises its own limit.
    let server = Installation::new().with_open_files(256).serve().await;
    let line = "POST /webhooks/salesmagic HTTP/1.1\r\nhost: localhost\r\n";
    let mut heads = JoinSet::new();
    let mut bodies = JoinSet::new();
    for _ in 0..QUERIES {
        let stream = TcpStream::connect(server.address()).await;
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n",
            server.address()
        );
        bodies.spawn(drip(stream.expect("a connection"), head));
    }
    for _ in 0..CLIENTS {
        // One after the other: how many may knock at the same moment is the kernel's business.
        let connect = || TcpStream::connect(server.address());
        let [head, body] = [connect().await, connect().await].map(|s| s.expect("a connection"));
        heads.spawn(drip(head, format!("{line}x-dripping: ")));
        bodies.spawn(drip(body, format!("{line}content-length: 1000\r\n\r\n")));
    }
    let begun = Instant::now();
    let mut number = 0;
    while !(heads.is_empty() && bodies.is_empty()) {
        number += 1;
        let id = format!("msg_{number}");
        let answer = within("an answer", server.sender().send(&id, "{}")).await;
        assert_eq!(answer.status, 204);
        while let Some(ended) = heads.try_join_next() {
            ended.expect("it is cut off");
        }
        while let Some(answered) = bodies.try_join_next() {
            let answer = answered.expect("it is cut off");
            assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        begun.elapsed() > Duration::from_secs(5),
        "they were given time"
    );
    assert_eq!(server.head().await, number);
    server.graphql("{ status { head } }", json!({})).await;
}
