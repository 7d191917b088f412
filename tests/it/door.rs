//! The open door: without tokens only this machine reads, and a tunnel to the webhook publishes nothing.

use std::fmt::Write;

use serde_json::{Value, json};
use tests::{Answer, Server, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Headers of requests that do not come from this machine's user.
const FOREIGN: [(&str, &str); 7] = [
    ("host", "hooks.example"),
    ("host", "localhost.evil.example"),
    ("origin", "https://evil.example"),
    ("origin", "null"),
    ("x-forwarded-for", "192.0.2.1"),
    ("x-forwarded-host", "127.0.0.1"),
    ("forwarded", "for=192.0.2.1"),
];

#[tokio::test]
async fn foreign_requests_read_nothing() {
    let server = Server::start().await;
    for (name, value) in FOREIGN {
        let query = json!({ "query": "{ status { version } }" });
        for ask in [
            server.client.post(server.url("/graphql")).json(&query),
            server
                .client
                .get(server.url("/graphql?query=%7Bstatus%7Bversion%7D%7D")),
        ] {
            let answer = ask.header(name, value).send().await.expect("an answer");
            assert_eq!(answer.status(), 403, "{name}: {value}");
            let body: Value = answer.json().await.expect("JSON");
            assert_eq!(body["errors"][0]["extensions"]["code"], "FORBIDDEN");
            assert!(body.get("data").is_none(), "{body}");
        }
        let page = server
            .client
            .get(server.url("/playground"))
            .header(name, value);
        assert_eq!(
            page.send().await.expect("an answer").status(),
            403,
            "{name}: {value}"
        );
        let refused = server.handshake(&[(name, value)]).await;
        assert_eq!(refused.err(), Some(403), "{name}: {value}");
    }
}

#[tokio::test]
async fn this_machine_reads_under_each_of_its_names() {
    let server = Server::start().await;
    let (_, port) = server.address().split_once(':').expect("a port");
    for name in ["localhost", "127.0.0.1", "[::1]"] {
        let host = format!("{name}:{port}");
        let origin = format!("http://{host}");
        let asked = server
            .client
            .post(server.url("/graphql"))
            .header("host", &host);
        let query = json!({ "query": "{ __typename }" });
        let answer = asked.header("origin", &origin).json(&query).send().await;
        assert_eq!(answer.expect("an answer").status(), 200, "{host}");
        let opened = server
            .handshake(&[("host", &host), ("origin", &origin)])
            .await;
        assert!(opened.is_ok(), "{host}");
    }
}

#[tokio::test]
async fn webhooks_and_health_answer_everybody() {
    let server = Server::start().await;
    for (number, (name, value)) in FOREIGN.into_iter().enumerate() {
        let request = server.sender().sign(&format!("msg_{number}"), "{}");
        let answer = server.sender().post(request.with(name, value)).await;
        assert_eq!(answer.status, 204, "{name}: {value}");
        for path in ["/health/live", "/health/ready"] {
            let ask = server.client.get(server.url(path)).header(name, value);
            let answer = Answer::of(ask.send().await.expect("an answer")).await;
            assert_eq!(answer.status, 200, "{path} with {name}: {value}");
        }
    }
}

/// Sends a request by HTTP/1.0 and returns its answer.
async fn by_old_http(server: &Server, path: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address())
        .await
        .expect("a connection");
    let request = format!(
        "POST {path} HTTP/1.0\r\nhost: {}\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        server.address(),
        body.len()
    );
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("the request is sent");
    let mut answer = String::new();
    let read = within("an answer", stream.read_to_string(&mut answer)).await;
    read.expect("an answer");
    answer
}

#[tokio::test]
async fn a_proxy_that_speaks_old_http_reaches_only_the_webhook() {
    let server = Server::start().await;
    let query = r#"{"query":"{ status { version } }"}"#;
    let json = "content-type: application/json\r\n";
    let answer = by_old_http(&server, "/graphql", json, query).await;
    assert_eq!(answer.split(' ').nth(1), Some("403"), "{answer}");
    assert!(answer.contains("HTTP/1.1"), "it says what to do: {answer}");
    let signed = server.sender().sign("msg_1", "{}");
    let mut headers = String::new();
    for (name, value) in &signed.headers {
        let _ = write!(headers, "{name}: {}\r\n", String::from_utf8_lossy(value));
    }
    let answer = by_old_http(&server, "/webhooks/salesmagic", &headers, "{}").await;
    assert_eq!(answer.split(' ').nth(1), Some("204"), "{answer}");
    assert_eq!(server.head().await, 1);
}
