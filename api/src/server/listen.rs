//! Accepting connections, and letting go of those that do not get to the point.
//!
//! axum's own loop waits for a request's head for as long as the client likes; here a client that sends a byte a second is cut
//! off. Otherwise it is the same: one task a connection, HTTP/1.1 and HTTP/2, and an orderly end.

use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a request's head may take to arrive, counted from when the connection could have had one.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait when no connection can be accepted: mostly for want of file descriptors, which others will give back.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// Serves `app` until `stopping`; then accepts no more, and returns when every request that is under way has been answered.
pub(super) async fn serve(listener: TcpListener, app: Router, stopping: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_WITHIN);
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        // A socket's small messages are not to wait for each other.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(app.clone());
        let builder = builder.clone();
        let watcher = connections.watcher();
        let stopping = stopping.clone();
        tokio::spawn(async move {
            // hyper counts the time from the first byte, by which it tells HTTP/1.1 from HTTP/2.
            let mut first = [0];
            let first = tokio::select! {
                first = tokio::time::timeout(HEAD_WITHIN, stream.peek(&mut first)) => first,
                () = stopping.cancelled() => return,
            };
            if matches!(first, Ok(Ok(1))) {
                let connection =
                    builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
                // How a connection ended concerns nobody but its client.
                let _ = watcher.watch(connection.into_owned()).await;
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}
