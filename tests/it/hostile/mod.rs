//! Queries that mean harm, or come from a broken program: each is answered by an error that says what to do, in bounded time and
//! memory, over HTTP and over a socket, and the server answers others as before.

mod harmless;
mod kept;
mod table;
mod tokens;

use futures_util::{SinkExt, StreamExt, stream};
use serde_json::{Value, json};
use tests::graphql::check_words;
use tests::{Server, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use self::harmless::harmless;
use self::table::{BAD, Case, documents};
use crate::stalled::memory;

/// What the server may take at most, above what it had before: for all of the table, eight queries at once.
const MEMORY: usize = 250_000_000;

fn check(name: &str, errors: &Value, code: &str, told: &str) {
    let errors = errors
        .as_array()
        .unwrap_or_else(|| panic!("{name}: no errors: {errors}"));
    assert!(
        (1..=100).contains(&errors.len()),
        "{name}: {} errors",
        errors.len()
    );
    let found = &errors[0]["extensions"]["code"];
    let message = errors[0]["message"].as_str().expect("a message");
    assert_eq!(found, code, "{name}: {message}");
    assert!(message.contains(told), "{name}: {message}");
    for error in errors {
        check_words(error);
    }
}

/// Sends a body, and returns the status and the answer.
async fn post(server: &Server, token: Option<&str>, name: &str, body: String) -> (u16, Value) {
    let mut request = server
        .client
        .post(server.url("/graphql"))
        .header("accept", "application/graphql-response+json")
        .header("content-type", "application/json")
        .body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = within(name, request.send()).await;
    let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
    let status = answer.status().as_u16();
    let text = within(name, answer.text()).await.expect("a body");
    assert!(text.len() < 100_000, "{name}: {} bytes", text.len());
    let value = serde_json::from_str(&text);
    (
        status,
        value.unwrap_or_else(|_| panic!("{name}: not JSON: {text}")),
    )
}

async fn still_answers(server: &Server) {
    let answer = within("an answer", server.graphql("{ __typename }", json!({}))).await;
    assert_eq!(answer["__typename"], "Query");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_hostile_query_is_refused_over_http_and_the_server_goes_on() {
    let server = Server::start().await;
    still_answers(&server).await;
    let before = memory(server.process(), "VmRSS");
    let cases = documents();
    stream::iter(&cases)
        .for_each_concurrent(8, async |case| {
            let (status, answer) = post(&server, None, case.name, case.payload.to_string()).await;
            check(case.name, &answer["errors"], case.code, case.told);
            // A field error has a path and data; what is refused here is refused as a whole, or in that field.
            let refused = answer.get("data").is_none();
            assert_eq!(status, if refused { 400 } else { 200 }, "{}", case.name);
            still_answers(&server).await;
        })
        .await;
    let harmless = harmless();
    stream::iter(&harmless)
        .for_each_concurrent(8, async |(name, payload)| {
            let (status, answer) = post(&server, None, name, payload.to_string()).await;
            assert_eq!(status, 200, "{name}: {answer}");
            assert!(answer["data"].is_object(), "{name}: {answer}");
            assert!(answer["errors"].is_null(), "{name}: {answer}");
        })
        .await;
    still_answers(&server).await;
    let peak = memory(server.process(), "VmHWM");
    eprintln!(
        "hostile: {} queries; the server's memory before {before}, at most {peak} bytes",
        cases.len() + harmless.len()
    );
    assert!(peak < before + MEMORY, "{before} {peak}");
    let output = server.output();
    for word in ["panicked", "ERROR"] {
        assert!(!output.contains(word), "{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_at_all_is_refused_over_http() {
    let server = Server::start().await;
    let request = |query: &str| json!({ "query": query }).to_string();
    let long = "x".repeat(1 << 20);
    let one = json!({ "query": "{ __typename }" });
    for (name, body, status, told) in [
        (
            "a comment over the limit",
            request(&format!("{{ __typename }} # {long}")),
            413,
            "larger than 1048576 bytes",
        ),
        (
            "a string over the limit",
            request(&format!("{{ call(id: \"{long}\") {{ id }} }}")),
            413,
            "larger than 1048576 bytes",
        ),
        (
            "variables beyond the depth of JSON",
            format!(
                r#"{{"query":"{{__typename}}","variables":{{"a":{}1{}}}}}"#,
                "[".repeat(50_000),
                "]".repeat(50_000)
            ),
            400,
            "not JSON",
        ),
        (
            "an object without an end",
            r#"{"a":"#.repeat(100_000),
            400,
            "not JSON",
        ),
        (
            "a number beyond everything",
            r#"{"query":"{__typename}","variables":{"a":1e999}}"#.to_owned(),
            400,
            "not JSON",
        ),
        (
            "a null byte in the body",
            "{\"query\":\"{__typename}\u{0}\"}".to_owned(),
            400,
            "not JSON",
        ),
        (
            "half a surrogate pair",
            r#"{"query":"{__typename} # \ud800"}"#.to_owned(),
            400,
            "not JSON",
        ),
        (
            "a batch over the limit",
            Value::Array(vec![one.clone(); 11]).to_string(),
            400,
            "send at most 10",
        ),
        (
            "a batch of batches",
            json!([[one]]).to_string(),
            400,
            "JSON object",
        ),
        (
            "a batch of a hundred thousand",
            Value::Array(vec![json!(1); 100_000]).to_string(),
            400,
            "send at most 10",
        ),
        (
            "an operation's name without an end",
            json!({ "query": "{ __typename }", "operationName": long[..500_000] }).to_string(),
            400,
            "no operation named",
        ),
        ("nothing", String::new(), 400, "not JSON"),
    ] {
        let (found, answer) = post(&server, None, name, body).await;
        assert_eq!(found, status, "{name}: {answer}");
        check(name, &answer["errors"], BAD, told);
        still_answers(&server).await;
    }
    // A head has its own limit, below GraphQL. The harness's client would not send this.
    let address = server.address();
    let head = format!(
        "GET /graphql?query=%7B__typename%7D%23{} HTTP/1.1\r\nhost: {address}\r\n\r\n",
        "x".repeat(80 << 10)
    );
    let connected = within("a connection", TcpStream::connect(address)).await;
    let mut stream = connected.expect("a connection");
    let _ = within("it is taken", stream.write_all(head.as_bytes())).await;
    let mut answer = [0; 12];
    let read = within("an answer", stream.read_exact(&mut answer)).await;
    read.expect("an answer");
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 414");
    still_answers(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_hostile_query_is_refused_over_a_socket_and_the_socket_goes_on() {
    let server = Server::start().await;
    still_answers(&server).await;
    let before = memory(server.process(), "VmRSS");
    let mut socket = server.handshake(&[]).await.expect("a socket");
    let mut say = json!({ "type": "connection_init" }).to_string();
    let mut cases = documents().into_iter();
    let mut asked: Option<Case> = None;
    loop {
        within("the socket takes it", socket.send(Message::text(say)))
            .await
            .expect("an open socket");
        let answer: Value = loop {
            match within("an answer", socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let answer: Value = serde_json::from_str(&text).expect("JSON");
                    // What ends an operation that had a field error.
                    if answer["type"] != "complete" {
                        break answer;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                end => panic!("{:?}: {end:?}", asked.map(|case| case.name)),
            }
        };
        match &asked {
            None => assert_eq!(answer["type"], "connection_ack"),
            Some(case) => {
                let errors = match answer["type"].as_str() {
                    Some("error") => &answer["payload"],
                    _ => &answer["payload"]["errors"],
                };
                check(case.name, errors, case.code, case.told);
            }
        }
        let Some(case) = cases.next() else { break };
        say = json!({ "type": "subscribe", "id": case.name, "payload": case.payload }).to_string();
        asked = Some(case);
    }
    still_answers(&server).await;
    let peak = memory(server.process(), "VmHWM");
    assert!(peak < before + MEMORY, "{before} {peak}");
}

#[tokio::test]
async fn a_message_that_is_none_closes_its_socket_alone() {
    let server = Server::start().await;
    let long = "x".repeat(1 << 20);
    let subscribe =
        |payload: &str| format!(r#"{{"type":"subscribe","id":"1","payload":{payload}}}"#);
    for (name, message, code) in [
        (
            "a message over the limit",
            subscribe(&format!(r#"{{"query":"{{__typename}} # {long}"}}"#)),
            1009,
        ),
        (
            "variables beyond the depth of JSON",
            subscribe(&format!(
                r#"{{"query":"{{__typename}}","variables":{{"a":{}"#,
                "[".repeat(50_000)
            )),
            4400,
        ),
        ("a batch", subscribe(r#"[{"query":"{__typename}"}]"#), 4400),
        (
            "an id without an end",
            format!(
                r#"{{"type":"subscribe","id":"{}","payload":{{"query":"{{__typename}}"}}}}"#,
                &long[..300]
            ),
            4400,
        ),
        ("no message", "x".repeat(1_000), 4400),
    ] {
        let mut socket = server.handshake(&[]).await.expect("a socket");
        let init = Message::text(json!({ "type": "connection_init" }).to_string());
        socket.send(init).await.expect("an open socket");
        // The server may hang up before it has all of it.
        let _ = within(name, socket.send(Message::text(message))).await;
        let closed = loop {
            match within(name, socket.next()).await {
                Some(Ok(Message::Close(frame))) => break frame.map(|frame| u16::from(frame.code)),
                Some(Ok(_)) => {}
                end => panic!("{name}: {end:?}"),
            }
        };
        assert_eq!(closed, Some(code), "{name}");
        still_answers(&server).await;
    }
}
