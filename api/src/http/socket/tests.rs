//! The socket, spoken to by a client that is not ours.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};
use tokio_util::sync::CancellationToken;

use crate::http::{EdgeLimits, GraphqlEdge, Refusal, routes, toy};

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    address: std::net::SocketAddr,
    edge: GraphqlEdge<toy::ToySchema>,
    probe: toy::Probe,
    shutdown: CancellationToken,
}

impl Server {
    async fn start(limits: EdgeLimits) -> Self {
        Self::start_with(limits, |edge| edge).await
    }

    async fn start_with(
        limits: EdgeLimits,
        change: impl FnOnce(GraphqlEdge<toy::ToySchema>) -> GraphqlEdge<toy::ToySchema>,
    ) -> Self {
        let (edge, probe, shutdown) = toy::edge(limits);
        let edge = change(edge);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = routes(edge.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            edge,
            probe,
            shutdown,
        }
    }

    async fn connect_with(&self, subprotocol: Option<&str>) -> Client {
        let stream = TcpStream::connect(self.address).await.expect("a stream");
        let mut request = format!("ws://{}/graphql", self.address)
            .into_client_request()
            .expect("a request");
        if let Some(name) = subprotocol {
            let name = name.parse().expect("a header");
            request.headers_mut().insert("sec-websocket-protocol", name);
        }
        let (socket, _) = client_async(request, stream).await.expect("a socket");
        Client(socket)
    }

    async fn connect(&self) -> Client {
        self.connect_with(Some("graphql-transport-ws")).await
    }

    async fn ready(&self) -> Client {
        let mut client = self.connect().await;
        client.say(json!({ "type": "connection_init" })).await;
        assert_eq!(client.hear().await, json!({ "type": "connection_ack" }));
        client
    }
}

struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn say(&mut self, message: Value) {
        self.say_text(&message.to_string()).await;
    }

    async fn say_text(&mut self, text: &str) {
        self.0
            .send(Message::text(text))
            .await
            .expect("an open socket");
    }

    async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(json!({ "type": "subscribe", "id": id, "payload": { "query": query } }))
            .await;
    }

    async fn next(&mut self) -> Message {
        timeout(PATIENCE, self.0.next())
            .await
            .expect("a message in time")
            .expect("an open socket")
            .expect("a frame")
    }

    async fn hear(&mut self) -> Value {
        loop {
            match self.next().await {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) => {}
                other => panic!("not a message: {other:?}"),
            }
        }
    }

    /// The code with which the server closes, whatever it says before.
    async fn close(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.next().await {
                let frame = frame.expect("a reason");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }
}

fn briefly() -> EdgeLimits {
    EdgeLimits {
        init_within: Duration::from_millis(50),
        ping_every: Duration::from_millis(50),
        pong_within: Duration::from_millis(200),
        execution: Duration::from_millis(100),
        ..EdgeLimits::default()
    }
}

#[tokio::test]
async fn a_subscription_runs_and_completes() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut client = server.ready().await;
    client.subscribe("a", "subscription { count(to: 3) }").await;
    for n in 1..=3 {
        assert_eq!(
            client.hear().await,
            json!({ "type": "next", "id": "a", "payload": { "data": { "count": n } } })
        );
    }
    let complete = json!({ "type": "complete", "id": "a" });
    assert_eq!(client.hear().await, complete);

    // The id is free again, and a query is an operation too.
    client.subscribe("a", "{ hello knowsViewer }").await;
    assert_eq!(
        client.hear().await["payload"],
        json!({ "data": { "hello": "hello you", "knowsViewer": true } })
    );
    assert_eq!(client.hear().await, complete);
}

#[tokio::test]
async fn the_subprotocol_is_asked_for() {
    let server = Server::start(EdgeLimits::default()).await;
    assert_eq!(server.connect_with(None).await.close().await.0, 4406);
}

#[tokio::test]
async fn a_socket_that_says_nothing_is_closed() {
    let server = Server::start(briefly()).await;
    assert_eq!(
        server.connect().await.close().await,
        (4408, "Connection initialisation timeout".to_owned())
    );
}

#[tokio::test]
async fn init_comes_first_and_once() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut client = server.connect().await;
    client.subscribe("a", "{ hello }").await;
    assert_eq!(client.close().await.0, 4401);

    let mut client = server.ready().await;
    client.say(json!({ "type": "connection_init" })).await;
    assert_eq!(
        client.close().await,
        (4429, "Too many initialisation requests".to_owned())
    );
}

#[tokio::test]
async fn messages_of_other_shapes_close_the_socket() {
    let server = Server::start(EdgeLimits::default()).await;
    let long = json!({ "type": "é".repeat(300) }).to_string();
    for text in ["nonsense", "{}", r#"{"type":"start"}"#, &long] {
        let mut client = server.ready().await;
        client.say_text(text).await;
        let (code, reason) = client.close().await;
        assert_eq!(code, 4400, "{text}");
        assert!(!reason.is_empty() && reason.len() <= 123, "{reason}");
    }
    let mut client = server.ready().await;
    let binary = Message::binary(b"{\"type\":\"ping\"}".to_vec());
    client.0.send(binary).await.expect("an open socket");
    assert_eq!(client.close().await.0, 4400);
}

#[tokio::test]
async fn an_id_is_used_once_at_a_time() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut client = server.ready().await;
    client.subscribe("a", "subscription { silence }").await;
    client.subscribe("a", "{ hello }").await;
    assert_eq!(
        client.close().await,
        (4409, "Subscriber for a already exists".to_owned())
    );
}

#[tokio::test]
async fn a_refused_init_closes_the_socket() {
    let server = Server::start_with(EdgeLimits::default(), |edge| {
        edge.admitting(|credentials| {
            let params = credentials.connection_params.unwrap_or_default();
            std::future::ready(if params["authorization"] == "Bearer good" {
                Ok(crate::http::Admission::forever(
                    crate::graphql::Viewer::everything(),
                ))
            } else {
                Err(Refusal::unauthenticated("Send a token."))
            })
            .boxed()
        })
    })
    .await;
    let init = |token| json!({ "type": "connection_init", "payload": { "authorization": token } });
    let mut client = server.connect().await;
    client.say(init("Bearer bad")).await;
    assert_eq!(client.close().await, (4403, "Send a token.".to_owned()));
    let mut client = server.connect().await;
    client.say(init("Bearer good")).await;
    assert_eq!(client.hear().await["type"], "connection_ack");
}

#[tokio::test]
async fn a_slow_init_is_over_in_time() {
    let server = Server::start_with(briefly(), |edge| {
        edge.admitting(|_| std::future::pending().boxed())
    })
    .await;
    let mut client = server.connect().await;
    client.say(json!({ "type": "connection_init" })).await;
    assert_eq!(client.close().await.0, 4408);
}

#[tokio::test]
async fn pings_are_answered() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut client = server.connect().await;
    client
        .say(json!({ "type": "ping", "payload": { "n": 1 } }))
        .await;
    assert_eq!(
        client.hear().await,
        json!({ "type": "pong", "payload": { "n": 1 } })
    );
    client.say(json!({ "type": "ping" })).await;
    assert_eq!(client.hear().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let limits = briefly();
    let until = tokio::time::Instant::now() + limits.ping_every + 2 * limits.pong_within;
    let server = Server::start(limits).await;
    let mut client = server.ready().await;
    let mut pings = 0;
    while tokio::time::Instant::now() < until {
        // The client library answers by itself.
        assert!(matches!(client.next().await, Message::Ping(_)));
        pings += 1;
    }
    assert!(pings > 2);
    client.subscribe("a", "{ hello }").await;
    assert_eq!(client.hear().await["type"], "next");
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_back_its_streams_and_is_gone_in_time() {
    let server = Server::start(EdgeLimits {
        ping_every: Duration::from_secs(1),
        pong_within: Duration::from_secs(1),
        ..EdgeLimits::default()
    })
    .await;
    let mut client = server.ready().await;
    client
        .subscribe("a", "subscription { flood(bytes: 100000) }")
        .await;
    timeout(PATIENCE, server.edge.sockets_closed())
        .await
        .expect("the socket is given up");
    // Loopback's own buffers take about five megabytes; a server that does not hold back makes a hundred meanwhile.
    let bytes = 100_000 * server.probe.flooded.load(Ordering::SeqCst);
    assert!(bytes > 0);
    assert!(bytes < 25_000_000, "{bytes} bytes were made");
    drop(client);
}

#[tokio::test]
async fn complete_stops_an_operation() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut silences = server.probe.silences.subscribe();
    let mut client = server.ready().await;
    client.subscribe("a", "subscription { silence }").await;
    let started = silences.wait_for(|n| *n == 1);
    let _ = timeout(PATIENCE, started).await.expect("a stream");
    client.say(json!({ "type": "complete", "id": "a" })).await;
    let stopped = silences.wait_for(|n| *n == 0);
    let _ = timeout(PATIENCE, stopped).await.expect("no stream");

    // A socket that goes takes its operations with it.
    client.subscribe("a", "subscription { silence }").await;
    let started = silences.wait_for(|n| *n == 1);
    let _ = timeout(PATIENCE, started).await.expect("a stream");
    drop(client);
    let stopped = silences.wait_for(|n| *n == 0);
    let _ = timeout(PATIENCE, stopped).await.expect("no stream");
}

#[tokio::test]
async fn an_id_that_is_used_again_hears_nothing_of_its_past() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut client = server.ready().await;
    for _ in 0..50 {
        client
            .subscribe("a", "subscription { flood(bytes: 1) }")
            .await;
        assert!(client.hear().await["payload"]["data"]["flood"].is_string());
        // In one breath, so that the server still holds results of the first when the second begins. What it says after
        // the pong, it says knowing of the complete.
        client.say(json!({ "type": "complete", "id": "a" })).await;
        client.say(json!({ "type": "ping" })).await;
        client.subscribe("a", "{ hello }").await;
        while client.hear().await["type"] != "pong" {}
        assert_eq!(client.hear().await["payload"]["data"]["hello"], "hello you");
        assert_eq!(client.hear().await["type"], "complete");
    }
}

#[tokio::test]
async fn what_was_not_executed_is_an_error_message() {
    let server = Server::start(briefly()).await;
    for (query, code) in [
        ("{", "BAD_USER_INPUT"),
        ("{ nothing }", "BAD_USER_INPUT"),
        ("subscription { nothing }", "BAD_USER_INPUT"),
        ("subscription($n: Int!) { count(to: $n) }", "BAD_USER_INPUT"),
        ("query A { hello } query B { hello }", "BAD_USER_INPUT"),
        ("mutation { anything }", "BAD_USER_INPUT"),
        ("{ slow }", "TIMEOUT"),
        ("{ crash }", "INTERNAL"),
    ] {
        let mut client = server.ready().await;
        client.subscribe("a", query).await;
        let heard = client.hear().await;
        assert_eq!(heard["type"], "error", "{query}: {heard}");
        assert_eq!(heard["id"], "a");
        assert_eq!(heard["payload"][0]["extensions"]["code"], code, "{query}");
        // Nothing follows, and the id is free.
        client.subscribe("a", "{ hello }").await;
        assert_eq!(client.hear().await["type"], "next", "{query}");
    }
}

#[tokio::test]
async fn a_field_error_is_a_result() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut client = server.ready().await;
    for query in ["{ fail }", "subscription { refuse }"] {
        client.subscribe("a", query).await;
        let heard = client.hear().await;
        assert_eq!(heard["type"], "next", "{heard}");
        assert_eq!(heard["payload"]["data"], Value::Null);
        assert_eq!(client.hear().await["type"], "complete");
    }
}

#[tokio::test]
async fn a_panic_ends_its_operation_and_no_other() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut client = server.ready().await;
    client.subscribe("a", "subscription { crash }").await;
    assert_eq!(client.hear().await["type"], "next");
    let heard = client.hear().await;
    assert_eq!(heard["payload"][0]["extensions"]["code"], "INTERNAL");
    client.subscribe("b", "{ hello }").await;
    assert_eq!(client.hear().await["type"], "next");
}

#[tokio::test]
async fn operations_are_bounded() {
    let server = Server::start(EdgeLimits {
        operations: 2,
        ..EdgeLimits::default()
    })
    .await;
    let mut client = server.ready().await;
    for id in ["a", "b", "c"] {
        client.subscribe(id, "subscription { silence }").await;
    }
    let heard = client.hear().await;
    assert_eq!(
        (&heard["type"], &heard["id"]),
        (&json!("error"), &json!("c"))
    );
    client.say(json!({ "type": "complete", "id": "a" })).await;
    client.subscribe("c", "{ hello }").await;
    assert_eq!(client.hear().await["type"], "next");
}

#[tokio::test]
async fn messages_are_bounded() {
    let server = Server::start(EdgeLimits {
        message_bytes: 1000,
        ..EdgeLimits::default()
    })
    .await;
    let mut client = server.ready().await;
    client
        .subscribe("a", &format!("{{hello}} #{}", "x".repeat(800)))
        .await;
    assert_eq!(client.hear().await["type"], "next");
    client
        .subscribe("b", &format!("{{hello}} #{}", "x".repeat(1000)))
        .await;
    assert_eq!(client.close().await.0, 1009);
}

#[tokio::test]
async fn a_busy_operation_does_not_starve_the_others() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut client = server.ready().await;
    client
        .subscribe("busy", "subscription { flood(bytes: 1) }")
        .await;
    assert_eq!(client.hear().await["id"], "busy");
    client
        .subscribe("count", "subscription { count(to: 100) }")
        .await;
    // From its first word on, the small one has about every second turn.
    let mut between = 0;
    let mut counted = 0;
    loop {
        let heard = client.hear().await;
        match (heard["id"].as_str(), heard["type"].as_str()) {
            (Some("count"), Some("complete")) => break,
            (Some("count"), _) => counted += 1,
            _ if counted > 0 => between += 1,
            _ => {}
        }
    }
    assert_eq!(counted, 100);
    assert!(
        between < 1000,
        "{between} turns of the busy one between 100 of the other"
    );
}

#[tokio::test]
async fn shutdown_closes_every_socket_so_that_clients_come_back() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut waiting = server.connect().await;
    let mut busy = server.ready().await;
    busy.subscribe("a", "subscription { flood(bytes: 10) }")
        .await;
    assert_eq!(busy.hear().await["type"], "next");
    let mut deaf = server.ready().await;
    deaf.subscribe("a", "subscription { flood(bytes: 100000) }")
        .await;

    server.shutdown.cancel();
    let restart = (1012, "service restart".to_owned());
    assert_eq!(waiting.close().await, restart);
    assert_eq!(busy.close().await, restart);
    timeout(PATIENCE, server.edge.sockets_closed())
        .await
        .expect("no socket is left, not even that of a client that does not read");
}

#[tokio::test]
async fn a_broken_handshake_is_answered_in_graphql() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.expect("a stream");
    let ask = "GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: close, upgrade\r\n\r\n";
    let mut answer = String::new();
    tokio::io::AsyncWriteExt::write_all(&mut stream, ask.as_bytes())
        .await
        .expect("an open stream");
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer)
        .await
        .expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("BAD_USER_INPUT"), "{answer}");
}

#[tokio::test]
async fn an_item_that_cannot_be_read_makes_the_client_resume_before_it() {
    let server = Server::start(EdgeLimits::default()).await;
    let mut client = server.ready().await;
    client.subscribe("1", "subscription { falter }").await;
    let first = client.hear().await;
    assert_eq!(first["payload"]["data"], json!({ "falter": 1 }));
    assert_eq!(client.close().await.0, 1013);
}
