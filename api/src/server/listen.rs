//! Accepting connections, and letting go of those that do not get to the point.
//!
//! axum's own loop waits for a request's head for as long as the client likes; here a client that sends a byte a second is cut
//! off, and there are never more than [`CONNECTIONS`]: the next one waits until another ends. Otherwise it is the same: one
//! task a connection, HTTP/1.1 and HTTP/2, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::Layer;

use super::shares::Shares;
use super::stream::{Permit, Protocol, Stream, Wire};
use super::tls::{self, Tls};
use crate::http::{Hangup, Peer, TrustedProxies};

/// How long a request's head may take to arrive, counted from when the connection could have had one; before the first one the same for
/// TLS to shake hands, and to tell which protocol is spoken.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// The most that is kept of a request's head, in bytes, and of a body that nobody has asked for yet. No URI is over 64 KiB.
const HEAD_BYTES: usize = 72 << 10;

/// How many connections may be open, sockets among them.
pub(super) const CONNECTIONS: usize = 10_000;

/// How long to wait when no connection can be accepted: mostly for want of file descriptors, which others will give back.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// What a client is told that speaks HTTP where TLS is spoken.
const SPEAK_TLS: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 59\r\nconnection: close\r\n\r\nThis server speaks HTTPS here: write https:// in its place.";

/// Serves `app` on at most `most` connections until `stopping`; then accepts no more, and returns when every request that is under
/// way has been answered.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    most: usize,
    tls: Option<Arc<Tls>>,
    proxies: TrustedProxies,
    stopping: CancellationToken,
) {
    let connections = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(most));
    let shares = Shares::new(most / 2, proxies);
    let doorman = Doorman {
        builders: Arc::new(Builders::new()),
        app,
        tls,
        stopping: stopping.clone(),
    };
    // Those that are not accepted wait in the kernel's queue, and behind that their clients.
    let permitted = async || {
        let permit = Arc::clone(&permits).acquire_owned().await;
        (permit, listener.accept().await)
    };
    loop {
        let accepted = tokio::select! {
            accepted = permitted() => accepted,
            () = stopping.cancelled() => break,
        };
        let (Ok(permit), Ok((stream, peer))) = accepted else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let Some(share) = shares.take(peer.ip()) else {
            continue;
        };
        let permit = Permit {
            _open: permit,
            _share: share,
        };
        // A socket's small messages are not to wait for each other.
        let _ = stream.set_nodelay(true);
        let watcher = connections.watcher();
        tokio::spawn(doorman.clone().attend(stream, peer, permit, watcher));
    }
    drop((listener, doorman));
    connections.shutdown().await;
}

/// What a connection is answered with.
#[derive(Clone)]
struct Doorman {
    builders: Arc<Builders>,
    app: Router,
    tls: Option<Arc<Tls>>,
    stopping: CancellationToken,
}

/// How a connection is served: which protocol it speaks is known before.
struct Builders {
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
}

impl Builders {
    fn new() -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .max_buf_size(HEAD_BYTES)
            .header_read_timeout(HEAD_WITHIN);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(HEAD_WITHIN);
        Self {
            http1: builder.clone().http1_only(),
            http2: builder.http2_only(),
        }
    }
}

impl Doorman {
    async fn attend(self, stream: TcpStream, peer: SocketAddr, permit: Permit, watcher: Watcher) {
        let began = tokio::select! {
            began = tokio::time::timeout(HEAD_WITHIN, self.begin(stream, permit)) => began,
            () = self.stopping.cancelled() => return,
        };
        let Ok(Some((protocol, stream))) = began else {
            return;
        };
        let hangup = Hangup(CancellationToken::new());
        let app = Extension(hangup.clone()).layer(self.app);
        let app = Extension(Peer(peer.ip().to_canonical())).layer(app);
        let service = TowerToHyperService::new(app);
        let builder = match protocol {
            Protocol::Http1 => &self.builders.http1,
            Protocol::Http2 => &self.builders.http2,
        };
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        // How a connection ended concerns nobody but its client.
        tokio::select! {
            _ = watcher.watch(connection.into_owned()) => {}
            () = hangup.0.cancelled() => {}
        }
    }

    /// Shakes hands, and finds out which protocol is spoken. None: nothing came of it.
    async fn begin(&self, stream: TcpStream, permit: Permit) -> Option<(Protocol, Stream)> {
        let wire = match &self.tls {
            None => Wire::Plain(stream),
            Some(tls) => Wire::Encrypted(Box::new(shake_hands(tls, stream).await?)),
        };
        let mut stream = Stream::new(wire, permit);
        let protocol = stream.begin().await?;
        Some((protocol, stream))
    }
}

async fn shake_hands(
    tls: &Tls,
    mut stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let mut first = [0];
    let read = stream.peek(&mut first).await.ok()?;
    if read > 0 && first[0] != tls::HANDSHAKE {
        // What has arrived is read, or the kernel would take the answer back with a reset.
        let _ = stream.try_read(&mut [0; 4096]);
        let _ = stream.write_all(SPEAK_TLS.as_bytes()).await;
        let _ = stream.shutdown().await;
        return None;
    }
    tls.accept(stream).await.ok()
}

#[cfg(test)]
mod tests {
    use axum::extract::ws::WebSocketUpgrade;
    use axum::routing::{any, get};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn ask(stream: &mut TcpStream) {
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request).await.unwrap();
    }

    async fn hear(stream: &mut TcpStream) -> String {
        let mut answer = [0; 4096];
        let read = tokio::time::timeout(HEAD_WITHIN, stream.read(&mut answer)).await;
        let length = read.expect("an answer").expect("a connection");
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    #[tokio::test]
    async fn one_connection_more_waits_until_another_ends_and_a_socket_counts_too() {
        let app = Router::new().route("/", get(async || "here")).route(
            "/socket",
            any(async |upgrade: WebSocketUpgrade| {
                upgrade.on_upgrade(async |mut socket| while socket.recv().await.is_some() {})
            }),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stopping = CancellationToken::new();
        let served = tokio::spawn(serve(
            listener,
            app,
            2,
            None,
            TrustedProxies::default(),
            stopping.clone(),
        ));

        let url = format!("ws://{address}/socket");
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        ask(&mut second).await;
        assert!(hear(&mut second).await.ends_with("here"));
        let mut third = TcpStream::connect(address).await.unwrap();
        ask(&mut third).await;
        for _ in 0..20 {
            ask(&mut second).await;
            assert!(hear(&mut second).await.ends_with("here"));
        }
        let early = third.try_read(&mut [0]).unwrap_err();
        assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
        drop(socket);
        assert!(hear(&mut third).await.ends_with("here"));
        drop((second, third));
        stopping.cancel();
        served.await.unwrap();
    }
}
