//! How long a stream lives, and what ends it.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{super::Hangup, PATIENCE, post, send};
use crate::http::{EdgeLimits, routes, toy};

#[tokio::test(start_paused = true)]
async fn silence_is_broken_every_few_seconds() {
    let (edge, ..) = toy::edge(EdgeLimits::default());
    let request = post(&json!({ "query": "subscription { silence }" }));
    let response = routes(edge).oneshot(request).await.expect("an answer");
    let mut body = response.into_body().into_data_stream();
    assert_eq!(
        body.next().await.expect("more").expect("bytes"),
        "retry: 2000\n\n"
    );
    for _ in 0..3 {
        let comment = timeout(Duration::from_millis(12_100), body.next()).await;
        assert_eq!(
            comment.expect("in time").expect("more").expect("bytes"),
            ":\n\n"
        );
    }
}

#[tokio::test]
async fn a_stop_ends_streams_without_completing_them() {
    let (edge, _, stop) = toy::edge(EdgeLimits::default());
    let request = post(&json!({ "query": "subscription { silence }" }));
    let silent = send(routes(edge.clone()), request);
    stop.cancel();
    assert_eq!(silent.await.results(), (vec![], false));
    let slow = send(routes(edge), post(&json!({ "query": "{ slow }" }))).await;
    assert_eq!(slow.results(), (vec![], false));
}

#[tokio::test]
async fn a_client_that_is_gone_ends_its_operation() {
    let (edge, probe, _) = toy::edge(EdgeLimits::default());
    let mut silences = probe.silences.subscribe();
    let request = post(&json!({ "query": "subscription { silence }" }));
    let response = routes(edge).oneshot(request).await.expect("an answer");
    let mut body = response.into_body().into_data_stream();
    assert!(body.next().await.is_some());
    assert!(body.next().now_or_never().is_none(), "nothing but silence");
    assert_eq!(*silences.borrow_and_update(), 1);
    drop(body);
    assert_eq!(*silences.borrow_and_update(), 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_back_its_stream_alone() {
    let (edge, probe, _) = toy::edge(EdgeLimits::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes(edge)).await });
    let mut client = TcpStream::connect(address).await.expect("a stream");
    let ask = "GET /graphql?query=subscription%7Bflood(bytes:100000)%7D HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    client.write_all(ask.as_bytes()).await.expect("it is sent");
    let made = || probe.flooded.load(Ordering::SeqCst);
    let held_back = async {
        loop {
            let before = made();
            tokio::time::sleep(Duration::from_millis(500)).await;
            if before > 0 && made() == before {
                break;
            }
        }
    };
    timeout(PATIENCE, held_back)
        .await
        .expect("it waits for its client");
    let bytes = 100_000 * made();
    assert!(bytes < 25_000_000, "{bytes} bytes were made");
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_hung_up_on_after_a_stop() {
    let (edge, _, stop) = toy::edge(EdgeLimits::default());
    let ask = async |query: &str| {
        let hangup = CancellationToken::new();
        let mut request = post(&json!({ "query": query }));
        request.extensions_mut().insert(Hangup(hangup.clone()));
        let response = routes(edge.clone())
            .oneshot(request)
            .await
            .expect("an answer");
        (response, hangup)
    };
    let (unread, hung_up) = ask("subscription { flood(bytes: 1) }").await;
    let (read, left_alone) = ask("subscription { count(to: 1) }").await;
    assert!(axum::body::to_bytes(read.into_body(), 1000).await.is_ok());
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(!hung_up.is_cancelled(), "it may read as slowly as it likes");
    stop.cancel();
    timeout(Duration::from_secs(2), hung_up.cancelled())
        .await
        .expect("it is cut off");
    assert!(
        !left_alone.is_cancelled(),
        "its connection may be of use to others"
    );
    drop(unread);
}
