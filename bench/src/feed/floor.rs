//! The floor of the feed: sockets of axum and a broadcast of tokio, and nothing else. What is posted goes to every socket, as it is.
//! Whoever is too slow for it loses messages; Hookgraph's subscribers lose none.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, post};
use tokio::sync::broadcast;

/// Messages that may be on their way to the slowest socket.
const WAITING: usize = 1024;

type Sender = broadcast::Sender<Utf8Bytes>;

/// Serves until its standard input ends, on any free port, which it prints.
pub async fn serve() -> anyhow::Result<()> {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let (sender, _) = broadcast::channel(WAITING);
    let app = Router::new()
        .route("/post", post(publish))
        .route("/socket", any(subscribe))
        .with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/socket", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(crate::process::orphaned())
        .await?;
    Ok(())
}

async fn publish(State(sender): State<Sender>, body: Bytes) -> StatusCode {
    match Utf8Bytes::try_from(body) {
        Ok(text) => {
            let _ = sender.send(text);
            StatusCode::NO_CONTENT
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

async fn subscribe(State(sender): State<Sender>, upgrade: WebSocketUpgrade) -> Response {
    let messages = sender.subscribe();
    upgrade.on_upgrade(|socket| pass_on(socket, messages))
}

async fn pass_on(mut socket: WebSocket, mut messages: broadcast::Receiver<Utf8Bytes>) {
    // A gap shows in the count of messages, and fails the measurement.
    while let Ok(text) = messages.recv().await {
        if socket.send(Message::Text(text)).await.is_err() {
            return;
        }
    }
}
