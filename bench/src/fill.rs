//! Sends webhooks to a server, signed, over some connections at once.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use sample::Delivery;
use svix::webhooks::Webhook;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::company::{Amount, deliveries};

/// Fill a server with the data of the measurements.
#[derive(Debug, clap::Args)]
pub struct FillArgs {
    /// Where it listens
    #[arg(long, default_value = "127.0.0.1:8080")]
    address: SocketAddr,
    /// The secret to sign with
    #[arg(long, env = "HOOKGRAPH_WEBHOOK_SECRET", hide_env_values = true)]
    secret: String,
    /// How many calls
    #[arg(long, default_value_t = Amount::default().calls)]
    calls: usize,
    /// How many lines each has
    #[arg(long, default_value_t = Amount::default().lines)]
    lines: usize,
}

/// Runs the command.
pub async fn run(args: FillArgs) -> anyhow::Result<()> {
    let amount = Amount {
        calls: args.calls,
        lines: args.lines,
    };
    let (sent, took) = fill(args.address, &args.secret, deliveries(amount), 32).await?;
    println!("{sent} events in {took:.1?}");
    Ok(())
}

/// A connection that posts signed webhooks.
pub struct Sender {
    requests: SendRequest<Full<Bytes>>,
    host: String,
    signer: Webhook,
}

impl Sender {
    /// Connects to the server at `address`, to sign with `secret`.
    pub async fn open(address: SocketAddr, secret: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self {
            requests: sender,
            host: address.to_string(),
            signer: Webhook::new(secret).ok().context("not a signing secret")?,
        })
    }

    /// Posts one webhook, which must be accepted. Returns how long the answer took.
    pub async fn post(&mut self, delivery: &Delivery) -> anyhow::Result<Duration> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let timestamp = i64::try_from(now.as_secs())?;
        let body = delivery.body.as_bytes();
        let signature = self.signer.sign(&delivery.message_id, timestamp, body);
        let signature = signature.ok().context("the body cannot be signed")?;
        let request = Request::post(format!("/webhooks/salesmagic?type={}", delivery.event_type))
            .header("host", &self.host)
            .header("content-type", "application/json")
            .header("svix-id", &delivery.message_id)
            .header("svix-timestamp", timestamp)
            .header("svix-signature", signature)
            .body(Full::new(Bytes::copy_from_slice(body)))?;
        self.requests.ready().await?;
        let sent = Instant::now();
        let response = self.requests.send_request(request).await?;
        let status = response.status();
        response.into_body().collect().await?;
        if status != 204 {
            bail!("a webhook was answered {status}");
        }
        Ok(sent.elapsed())
    }
}

/// Posts all `deliveries` over `connections`. Returns how many they were and how long it took.
pub async fn fill(
    address: SocketAddr,
    secret: &str,
    deliveries: impl Iterator<Item = Delivery> + Send + 'static,
    connections: usize,
) -> anyhow::Result<(usize, Duration)> {
    let deliveries = Arc::new(Mutex::new(deliveries));
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..connections {
        let mut sender = Sender::open(address, secret).await?;
        let deliveries = Arc::clone(&deliveries);
        let next = move || {
            let mut deliveries = deliveries.lock().unwrap_or_else(PoisonError::into_inner);
            deliveries.next()
        };
        running.spawn(async move {
            let mut sent = 0;
            while let Some(delivery) = next() {
                sender.post(&delivery).await?;
                sent += 1;
            }
            anyhow::Ok(sent)
        });
    }
    let mut sent = 0;
    while let Some(ended) = running.join_next().await {
        sent += ended??;
    }
    Ok((sent, begin.elapsed()))
}
