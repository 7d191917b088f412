//! The subscribers: a process of its own that holds all the sockets, and tells how many messages came and how long each took.
//!
//! It is told what to do by lines of JSON on its standard input ([`Order`], then [`Sent`]) and answers in lines ([`Told`]).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::load::{count, percentile};

/// What comes before the key of a call in a message: the field under which the documents and the floor have it.
pub const KEY: &str = "\"key\":\"";

/// Sockets that are opened at the same moment.
const KNOCKING: usize = 64;

/// How often the number of messages is told.
const TELL_EVERY: Duration = Duration::from_millis(5);

/// How long the messages that are still on their way may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whom to subscribe to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// Where it listens.
    pub address: SocketAddr,
    /// The path of its sockets.
    pub path: String,
    /// How many sockets.
    pub sockets: usize,
    /// What the sockets subscribe with, in turn. None: the bare floor, where whoever connects is a subscriber.
    pub payloads: Vec<Value>,
}

/// What was sent: the key of each call, and the microseconds since 1970 at which it was sent and its commit was acknowledged.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sent {
    /// By key.
    pub times: HashMap<String, [u64; 2]>,
    /// How many messages that makes for all subscribers together.
    pub messages: usize,
}

/// What the process answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Told {
    /// Every socket is subscribed.
    Ready,
    /// So many messages came so far.
    Delivered(usize),
    /// All messages came.
    End(Delivered),
}

/// What came, all subscribers together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delivered {
    /// Messages.
    pub messages: usize,
    /// Their mean size in bytes.
    pub bytes: f64,
    /// From the commit's acknowledgement until a message came, in milliseconds: the median.
    pub p50: f64,
    /// The 99th percentile of it.
    pub p99: f64,
    /// From sending the webhook until a message came, in milliseconds: the 99th percentile.
    pub from_sending_p99: f64,
}

/// What the sockets share.
#[derive(Default)]
struct Inbox {
    came: AtomicUsize,
    bytes: AtomicUsize,
}

/// When the message of which call came.
type Arrivals = Vec<(String, u64)>;

/// Microseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Does what its standard input says.
pub async fn run() -> anyhow::Result<()> {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut lines = BufReader::new(stdin()).lines();
    let order = lines.next_line().await?.context("no order")?;
    let order: Order = serde_json::from_str(&order)?;
    let inbox = Arc::new(Inbox::default());
    let mut arrivals: Vec<Arc<Mutex<Arrivals>>> = Vec::with_capacity(order.sockets);
    let mut knocking = JoinSet::new();
    let mut listening = JoinSet::new();
    for number in 0..order.sockets {
        if knocking.len() >= KNOCKING {
            listen(
                knocking.join_next().await,
                &inbox,
                &mut arrivals,
                &mut listening,
            )?;
        }
        let payload = (!order.payloads.is_empty())
            .then(|| order.payloads[number % order.payloads.len()].clone());
        knocking.spawn(subscribe(order.address, order.path.clone(), payload));
    }
    while !knocking.is_empty() {
        listen(
            knocking.join_next().await,
            &inbox,
            &mut arrivals,
            &mut listening,
        )?;
    }
    tell(&Told::Ready)?;
    let mut told = 0;
    let sent = loop {
        tokio::select! {
            line = lines.next_line() => break line?.context("the order was taken back")?,
            ended = listening.join_next() => {
                ended.context("no sockets")???;
                bail!("a socket was closed");
            }
            () = tokio::time::sleep(TELL_EVERY) => {
                let came = inbox.came.load(Ordering::Relaxed);
                if came != told {
                    told = came;
                    tell(&Told::Delivered(came))?;
                }
            }
        }
    };
    let sent: Sent = serde_json::from_str(&sent)?;
    let all_came = async {
        while inbox.came.load(Ordering::Relaxed) < sent.messages {
            tokio::time::sleep(TELL_EVERY).await;
        }
    };
    if tokio::time::timeout(PATIENCE, all_came).await.is_err() {
        let came = inbox.came.load(Ordering::Relaxed);
        bail!("{came} messages came of {}", sent.messages);
    }
    tell(&Told::End(reckon(&inbox, &arrivals, &sent)?))
}

type Joined<T> = Option<Result<anyhow::Result<T>, tokio::task::JoinError>>;

fn listen(
    subscribed: Joined<WebSocketStream<TcpStream>>,
    inbox: &Arc<Inbox>,
    arrivals: &mut Vec<Arc<Mutex<Arrivals>>>,
    listening: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let socket = subscribed.context("no socket")???;
    let mine = Arc::new(Mutex::default());
    arrivals.push(Arc::clone(&mine));
    listening.spawn(hear(socket, Arc::clone(inbox), mine));
    Ok(())
}

async fn subscribe(
    address: SocketAddr,
    path: String,
    payload: Option<Value>,
) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{address}{path}").into_client_request()?;
    let protocol = HeaderValue::from_static("graphql-transport-ws");
    if payload.is_some() {
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
    }
    let small = WebSocketConfig::default().read_buffer_size(4096);
    let (mut socket, _) = client_async_with_config(request, stream, Some(small)).await?;
    let Some(payload) = payload else {
        return Ok(socket);
    };
    for message in [
        json!({ "type": "connection_init" }),
        json!({ "type": "subscribe", "id": "1", "payload": payload }),
    ] {
        socket.send(Message::text(message.to_string())).await?;
    }
    // The acknowledgement, and the checkpoint that comes at once.
    for sign in ["connection_ack", "\"next\""] {
        let message = socket.next().await.context("the socket was closed")??;
        let text = message.to_text()?;
        anyhow::ensure!(text.contains(sign), "{text}");
    }
    Ok(socket)
}

async fn hear(
    mut socket: WebSocketStream<TcpStream>,
    inbox: Arc<Inbox>,
    arrivals: Arc<Mutex<Arrivals>>,
) -> anyhow::Result<()> {
    while let Some(message) = socket.next().await {
        let text: Bytes = match message? {
            Message::Text(text) => text.into(),
            Message::Close(frame) => bail!("a socket was closed: {frame:?}"),
            _ => continue,
        };
        // A checkpoint has none.
        let Some(key) = key_of(std::str::from_utf8(&text)?) else {
            continue;
        };
        let arrival = (key.to_owned(), now());
        arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(arrival);
        inbox.bytes.fetch_add(text.len(), Ordering::Relaxed);
        inbox.came.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn key_of(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once(KEY)?;
    behind.split('"').next()
}

fn reckon(
    inbox: &Inbox,
    arrivals: &[Arc<Mutex<Arrivals>>],
    sent: &Sent,
) -> anyhow::Result<Delivered> {
    let mut since = [Vec::new(), Vec::new()];
    for arrivals in arrivals {
        let arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, came) in arrivals.iter() {
            let times = sent
                .times
                .get(key)
                .with_context(|| format!("{key} was not sent"))?;
            for (since, time) in since.iter_mut().zip(times) {
                // A message may overtake the acknowledgement on its way to the sender.
                since.push(Duration::from_micros(came.saturating_sub(*time)));
            }
        }
    }
    for since in &mut since {
        since.sort_unstable();
    }
    let messages = since[0].len();
    anyhow::ensure!(
        messages == sent.messages,
        "{messages} came of {}",
        sent.messages
    );
    let bytes = count(inbox.bytes.load(Ordering::Relaxed)) / count(messages.max(1));
    Ok(Delivered {
        messages,
        bytes,
        p50: percentile(&since[1], 0.5),
        p99: percentile(&since[1], 0.99),
        from_sending_p99: percentile(&since[0], 0.99),
    })
}

fn tell(told: &Told) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(told)?);
    Ok(())
}
