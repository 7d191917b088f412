//! Webhooks at the door: signed requests over connections that stay open, from one thread.
//!
//! Invariant: each request is sent once, and its answer is 204, or the measurement ends with an error.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::load::{count, percentile};

/// How senders keep time.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Each connection sends as soon as it was answered.
    Closed,
    /// So many a second, whatever is answered: the time of an answer counts from when its request was due.
    Open(f64),
}

/// What was measured at the door.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Answers {
    /// How many.
    pub count: usize,
    /// Answers a second.
    pub per_second: f64,
    /// Median time of an answer, in milliseconds.
    pub p50: f64,
    /// 99th percentile of it.
    pub p99: f64,
    /// The longest.
    pub longest: f64,
}

/// Sends `requests` over `connections` until all are answered or `lasting` is over. Blocks the thread.
pub fn send(
    address: SocketAddr,
    requests: &Arc<Vec<Vec<u8>>>,
    connections: usize,
    pace: Pace,
    lasting: Duration,
) -> anyhow::Result<Answers> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let next = Arc::new(AtomicUsize::new(0));
        let begin = Instant::now();
        let mut sending = JoinSet::new();
        for stream in streams {
            let (requests, next) = (Arc::clone(requests), Arc::clone(&next));
            sending.spawn(connection(stream, requests, next, pace, begin, lasting));
        }
        let mut times = Vec::new();
        while let Some(sent) = sending.join_next().await {
            times.extend(sent??);
        }
        let elapsed = begin.elapsed();
        times.sort_unstable();
        Ok(Answers {
            count: times.len(),
            per_second: count(times.len()) / elapsed.as_secs_f64(),
            p50: percentile(&times, 0.5),
            p99: percentile(&times, 0.99),
            longest: percentile(&times, 1.0),
        })
    })
}

async fn connection(
    mut stream: TcpStream,
    requests: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    pace: Pace,
    begin: Instant,
    lasting: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let due = match pace {
            Pace::Closed => Instant::now(),
            Pace::Open(per_second) => begin + Duration::from_secs_f64(count(at) / per_second),
        };
        if at >= requests.len() || due >= begin + lasting {
            return Ok(times);
        }
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        post(&mut stream, &requests[at]).await?;
        times.push(due.elapsed());
    }
}

async fn post(stream: &mut TcpStream, request: &[u8]) -> anyhow::Result<()> {
    stream.write_all(request).await?;
    let mut answer = [0; 1024];
    let mut length = 0;
    while !answer[..length].ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut answer[length..]).await?;
        ensure!(read > 0, "the server hung up");
        length += read;
        // A 204 has no body; any other answer is not waited for.
        let status = answer[..length].get(9..12);
        ensure!(
            status.is_none_or(|status| status == b"204"),
            "answered {}",
            String::from_utf8_lossy(&answer[..length])
        );
    }
    Ok(())
}
