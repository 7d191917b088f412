//! HTTP load from one thread: connections that each send one request after the other, and what was measured of it.
//!
//! Invariant: every answer is read whole, and one with another status than 200 ends the measurement with an error. The
//! requests are made before the clock starts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Who is asked, and where.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens, on this machine.
    pub address: SocketAddr,
    /// The path of its GraphQL.
    pub path: String,
}

/// What was measured in one go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Answers a second.
    pub per_second: f64,
    /// Median time of an answer, in milliseconds.
    pub p50: f64,
    /// 99th percentile of it, in milliseconds.
    pub p99: f64,
    /// Mean size of an answer's body, in bytes.
    pub bytes: f64,
}

/// An open connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    target: Target,
}

impl Connection {
    /// Connects.
    pub async fn open(target: &Target) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            target: target.clone(),
        })
    }

    /// Posts `body` as JSON and returns the answer's body.
    pub async fn post(&mut self, body: Bytes) -> anyhow::Result<Bytes> {
        let request = Request::post(&self.target.path)
            .header("host", self.target.address.to_string())
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status != 200 {
            bail!(
                "{} answered {status}: {}",
                self.target.address,
                String::from_utf8_lossy(&body[..body.len().min(1_000)])
            );
        }
        Ok(body)
    }
}

/// Sends `bodies` in turn over `connections` for `lasting`, after a warm-up of a quarter of that.
pub async fn run(
    target: &Target,
    bodies: Arc<[Bytes]>,
    connections: usize,
    lasting: Duration,
) -> anyhow::Result<Measured> {
    let turn = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now() + lasting / 4;
    let end = begin + lasting;
    let mut running = JoinSet::new();
    for _ in 0..connections {
        let mut connection = Connection::open(target)
            .await
            .with_context(|| format!("nobody listens at {}", target.address))?;
        let (bodies, turn) = (Arc::clone(&bodies), Arc::clone(&turn));
        running.spawn(async move {
            let mut times = Vec::new();
            let mut size = 0;
            loop {
                let sent = Instant::now();
                if sent >= end {
                    return anyhow::Ok((times, size));
                }
                let body = &bodies[turn.fetch_add(1, Ordering::Relaxed) % bodies.len()];
                let answer = connection.post(body.clone()).await?;
                if sent >= begin {
                    times.push(sent.elapsed());
                    size += answer.len();
                }
            }
        });
    }
    let (mut times, mut size) = (Vec::new(), 0);
    while let Some(ended) = running.join_next().await {
        let (more, bytes) = ended??;
        times.extend(more);
        size += bytes;
    }
    times.sort_unstable();
    Ok(Measured {
        per_second: count(times.len()) / begin.elapsed().as_secs_f64(),
        p50: percentile(&times, 0.5),
        p99: percentile(&times, 0.99),
        bytes: count(size) / count(times.len().max(1)),
    })
}

/// The time below which this share of the sorted `times` lies, in milliseconds; 0 when there are none.
pub fn percentile(times: &[Duration], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is an index"
    )]
    let at = (count(times.len()) * share) as usize;
    let time = times.get(at.min(times.len().saturating_sub(1)));
    time.map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
}

/// A number of things, to reckon with.
#[expect(clippy::cast_precision_loss, reason = "nothing is counted that far")]
pub fn count(number: usize) -> f64 {
    number as f64
}

/// The middle one of some figures; 0 when there are none.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
