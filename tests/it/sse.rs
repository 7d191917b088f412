//! Event streams as they come over the wire: who may have one, where it resumes, and that it holds nothing up.

use reqwest::{RequestBuilder, Response};
use sample::Delivery;
use serde_json::{Value, json};
use tests::{Server, until, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

const FEED: &str =
    "subscription ($after: Cursor) { eventFeed(after: $after) { cursor event { position } } }";

/// A request for the feed from its beginning, by `variables`.
fn feed(server: &Server) -> RequestBuilder {
    server
        .client
        .post(server.url("/graphql"))
        .header("accept", "text/event-stream")
        .header("accept-encoding", "gzip, br")
        .json(&json!({ "query": FEED, "variables": { "after": "0" } }))
}

async fn send(request: RequestBuilder) -> Response {
    let answer = within("an answer", request.send()).await;
    answer.expect("an answer")
}

/// Reads on until there are so many results, or the end, and returns the ids and the results.
async fn read(answer: &mut Response, most: usize) -> Vec<(Option<String>, Value)> {
    let mut text = String::new();
    loop {
        let (whole, _) = text.rsplit_once("\n\n").unwrap_or_default();
        let results = whole
            .split("\n\n")
            .filter(|event| event.contains("event: next"));
        let results: Vec<_> = results
            .map(|event| {
                let field = |name| event.lines().find_map(|line| line.strip_prefix(name));
                let data = field("data: ").expect("data");
                let id = field("id: ").map(str::to_owned);
                (id, serde_json::from_str(data).expect("JSON"))
            })
            .collect();
        if results.len() >= most {
            return results;
        }
        let chunk = within("more", answer.chunk())
            .await
            .expect("a whole stream");
        let Some(chunk) = chunk else { return results };
        text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
    }
}

fn deliveries(count: usize, bytes: usize) -> Vec<Delivery> {
    let delivery = |n| Delivery {
        message_id: format!("msg_{n}"),
        event_type: String::new(),
        body: json!({ "type": "team.created", "n": n, "pad": "x".repeat(bytes) }).to_string(),
    };
    (1..=count).map(delivery).collect()
}

#[tokio::test]
async fn the_last_event_id_is_where_it_resumes() {
    let server = Server::start().await;
    server.sender().deliver(&deliveries(5, 1)).await;
    server.settled().await;
    let mut stream = send(feed(&server)).await;
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    // Compressed it would wait for more.
    assert!(!stream.headers().contains_key("content-encoding"));
    let all = read(&mut stream, 5).await;
    for (id, result) in &all {
        let item = &result["data"]["eventFeed"];
        assert_eq!(id.as_deref(), item["cursor"].as_str(), "{result}");
    }
    let streams = async || {
        let metrics = send(server.client.get(server.url("/metrics"))).await;
        let metrics = metrics.text().await.expect("a text");
        let line = |line: &str| {
            line.strip_prefix("hookgraph_event_streams ")
                .map(str::to_owned)
        };
        metrics.lines().find_map(line)
    };
    assert_eq!(streams().await.as_deref(), Some("1"));
    drop(stream);
    until("the stream is over", async || {
        (streams().await? == "0").then_some(())
    })
    .await;

    let third = all[2].0.as_deref().expect("an id");
    let mut stream = send(feed(&server).header("last-event-id", third)).await;
    assert_eq!(read(&mut stream, 2).await, all[3..]);

    for foreign in ["ffffffff-1", "x", "é"] {
        let mut stream = send(feed(&server).header("last-event-id", foreign)).await;
        let results = read(&mut stream, usize::MAX).await;
        let [(None, result)] = &results[..] else {
            panic!("{foreign}: {results:#?}");
        };
        let error = &result["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{result}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains("cursor"), "{message}");
    }
    let done = send(feed(&server).header("last-event-id", "complete")).await;
    assert_eq!(done.status(), 204);
}

#[tokio::test]
async fn the_door_is_before_it() {
    let server = Server::start().await;
    for (name, value) in [
        ("host", "evil.example"),
        ("origin", "http://evil.example"),
        ("x-forwarded-for", "192.0.2.1"),
    ] {
        for id in ["", "complete"] {
            let request = feed(&server)
                .header(name, value)
                .header("last-event-id", id);
            let answer = send(request).await;
            assert_eq!(answer.status(), 403, "{name}");
            let media = &answer.headers()["content-type"];
            assert_eq!(media, "application/json; charset=utf-8", "{name}");
        }
    }
}

#[tokio::test]
async fn who_does_not_read_holds_up_neither_others_nor_a_stop() {
    let mut server = Server::start().await;
    // More than the kernel keeps for a connection (4 MiB) and the server for a stream.
    server.sender().deliver(&deliveries(12, 900 << 10)).await;
    server.settled().await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(1).expect("a small buffer");
    let connecting = socket.connect(server.address().parse().expect("an address"));
    let mut stalled = within("a connection", connecting)
        .await
        .expect("a connection");
    let query = "subscription%7BeventFeed(after:%220%22)%7Bevent%7Bpayload%7D%7D%7D";
    let ask = format!(
        "GET /graphql?query={query} HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n\r\n",
        server.address()
    );
    stalled.write_all(ask.as_bytes()).await.expect("it is sent");
    let mut begin = [0; 1000];
    let read_exact = stalled.read_exact(&mut begin);
    within("the beginning", read_exact)
        .await
        .expect("it begins");
    let begin = String::from_utf8_lossy(&begin);
    assert!(begin.contains("event: next\n"), "{begin}");

    let mut stream = send(feed(&server)).await;
    assert_eq!(read(&mut stream, 12).await.len(), 12);
    assert_eq!(server.stop().await.code(), Some(0));
    assert!(
        read(&mut stream, usize::MAX).await.is_empty(),
        "the stream has an orderly end"
    );
    let output = server.output();
    assert!(!output.contains("did not end in time"), "{output}");
    drop(stalled);
}
