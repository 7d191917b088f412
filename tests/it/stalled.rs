//! A thousand subscribers that never read: every buffer between the server and them is full, and that is all they cost. Webhooks
//! are stored and others read on; they themselves lose nothing, whether they read on or find themselves cut off.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tests::fault::scale;
use tests::{Installation, Server, within};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::CancellationToken;

const CALLS: &str = "subscription ($after: Cursor) {
    callCompleted(after: $after) { cursor event { position } call { id transcript { lines { prospectText speakerName } } } }
}";

/// How many calls there are, and the bytes of each: more than the kernel keeps for a socket (4 MiB) and the server for a subscriber.
const SENT: usize = 80;
const CALL: usize = 64 << 10;

/// What the server may keep of its own for each: eight results in the queue, one in the operation, one being written, and the
/// state of all that.
const MEMORY_EACH: usize = 24 * CALL;

/// What the server may take besides.
const MEMORY: usize = 256 << 20;

/// Sockets that the server may have besides: its connections to PostgreSQL, and those of this test's client.
const OTHERS: usize = 64;

/// How often a subscriber says that it is alive: the server waits at least twelve seconds for that.
const ALIVE_EVERY: Duration = Duration::from_secs(3);

/// How often the server is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A subscriber that does not read, unless it is told to.
struct Stalled {
    socket: WebSocketStream<TcpStream>,
}

impl Stalled {
    async fn subscribe(address: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // The sooner it is full.
        socket.set_recv_buffer_size(1).expect("a small buffer");
        let to = address.parse().expect("an address");
        let stream = within("a connection", socket.connect(to)).await;
        let url = format!("ws://{address}/graphql");
        let mut request = url.into_client_request().expect("a request");
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let upgraded = client_async(request, stream.expect("a connection"));
        let (socket, _) = within("a handshake", upgraded).await.expect("a handshake");
        let mut stalled = Self { socket };
        stalled.say(json!({ "type": "connection_init" })).await;
        let acknowledged = within("an answer", stalled.socket.next()).await;
        let acknowledged = acknowledged.expect("one").expect("a message");
        assert!(
            acknowledged
                .to_text()
                .expect("a text")
                .contains("connection_ack")
        );
        let payload = json!({ "query": CALLS, "variables": { "after": "0" } });
        let subscribe = json!({ "type": "subscribe", "id": "1", "payload": payload });
        stalled.say(subscribe).await;
        stalled
    }

    async fn say(&mut self, message: Value) {
        let message = Message::text(message.to_string());
        self.socket.send(message).await.expect("it is sent");
    }

    /// Says that it is alive, again and again and without having read that it was asked, until it is enough.
    async fn stay(&mut self, enough: &CancellationToken) {
        while !enough.is_cancelled() {
            // Who is cut off finds out when it reads.
            let _ = self.socket.send(Message::Pong(Bytes::new())).await;
            let pause = tokio::time::sleep(ALIVE_EVERY);
            enough.run_until_cancelled(pause).await;
        }
    }

    /// Reads all there is until it has as many calls as were sent, or is cut off: which positions, and the last one's cursor.
    async fn read_on(mut self) -> (Vec<usize>, Option<String>) {
        let (mut positions, mut cursor) = (Vec::new(), None);
        while positions.len() < SENT {
            match self.next().await {
                ControlFlow::Continue(item) => {
                    let position = item["event"]["position"].as_u64().expect("a position");
                    positions.push(usize::try_from(position).expect("few"));
                    let lines = item["call"]["transcript"]["lines"].as_array();
                    assert_eq!(lines.map(Vec::len), Some(LINES), "whole");
                    cursor = item["cursor"].as_str().map(str::to_owned);
                }
                ControlFlow::Break(()) => break,
            }
        }
        (positions, cursor)
    }

    async fn next(&mut self) -> ControlFlow<(), Value> {
        loop {
            let heard = within("an item or the end", self.socket.next()).await;
            let Some(Ok(message)) = heard else {
                return ControlFlow::Break(());
            };
            match message {
                Message::Text(text) => {
                    let mut message: Value = serde_json::from_str(&text).expect("JSON");
                    assert_eq!(message["type"], "next", "{message:#}");
                    let item = message["payload"]["data"]["callCompleted"].take();
                    return ControlFlow::Continue(item);
                }
                Message::Close(_) => return ControlFlow::Break(()),
                _ => {}
            }
        }
    }
}

/// Reads what a subscriber has in its buffers and what comes, and if it was cut off resumes behind that: how many calls it read
/// before it was cut off.
async fn read_all(server: &Server, subscriber: Stalled) -> usize {
    let (mut positions, cursor) = subscriber.read_on().await;
    let uncut = positions.len();
    if uncut < SENT {
        let after = json!({ "after": cursor.unwrap_or_else(|| "0".to_owned()) });
        let mut resumed = server.subscribe(CALLS, after).await;
        while positions.len() < SENT {
            let position = resumed.item().await["event"]["position"].as_u64();
            positions.push(usize::try_from(position.expect("one")).expect("few"));
        }
    }
    let all: Vec<usize> = (1..=SENT).collect();
    assert_eq!(
        positions, all,
        "every call, in order, {uncut} of them uncut"
    );
    uncut
}

const LINES: usize = 8;

/// The webhook of a call with a long transcript of few lines.
fn call(number: usize) -> String {
    let line = json!({ "speakerName": "Ada", "prospectText": "word ".repeat(CALL / 5 / LINES) });
    json!({
        "id": format!("evt_{number}"),
        "type": "call.completed",
        "timestamp": "2025-01-01T00:00:00Z",
        "payload": { "call": {
            "id": format!("call_{number}"),
            "orgId": "org",
            "transcript": vec![line; LINES],
        } },
    })
    .to_string()
}

/// How much memory a process has (`VmRSS`), or had at most (`VmHWM`), in bytes.
pub(crate) fn memory(process: u32, what: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kib = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    let kib: usize = kib.and_then(|kib| kib.parse().ok()).expect("a number");
    kib << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_that_never_read_cost_their_buffers_and_nobody_else_anything() {
    let subscribers = scale(200, 1000);
    rlimit::increase_nofile_limit(4096).expect("the limit can be asked for");
    // The server raises its own limit.
    let server = Installation::new().with_open_files(128).serve().await;
    // Half of them look alive, and stay; the others do not even answer pings, and are cut off.
    let (mut stalled, mut silent) = (JoinSet::new(), JoinSet::new());
    let enough = CancellationToken::new();
    let connected = Arc::new(Barrier::new(subscribers + 1));
    for number in 0..subscribers {
        let (address, enough) = (server.address().to_owned(), enough.clone());
        let connected = Arc::clone(&connected);
        let stays = number % 2 == 0;
        let kind = if stays { &mut stalled } else { &mut silent };
        kind.spawn(async move {
            let mut subscriber = Stalled::subscribe(&address).await;
            if stays {
                tokio::join!(connected.wait(), subscriber.stay(&enough));
            } else {
                connected.wait().await;
            }
            subscriber
        });
    }
    connected.wait().await;
    let before = memory(server.process(), "VmRSS");

    let mut reader = server.subscribe(CALLS, json!({ "after": "0" })).await;
    for number in 1..=SENT {
        let id = format!("msg_{number}");
        let answer = within("an answer", server.sender().send(&id, call(number))).await;
        assert_eq!(answer.status, 204, "{answer:?}");
    }
    for number in 1..=SENT {
        let item = reader.item().await;
        assert_eq!(item["call"]["id"], format!("call_{number}"));
    }
    settle(&server, subscribers / 2).await;
    let (after, most) = ["VmRSS", "VmHWM"]
        .map(|what| memory(server.process(), what))
        .into();
    eprintln!(
        "stalled: {subscribers} subscribers, {SENT} calls of {CALL} bytes; the server's memory before {before}, after {after}, at most {most} bytes"
    );
    assert!(
        most < before + MEMORY + subscribers * MEMORY_EACH,
        "{before} {most}"
    );
    enough.cancel();
    // A share of each kind, for the time it takes.
    let share = subscribers / 10;
    let mut uncut = BTreeSet::new();
    for subscriber in stalled.join_all().await.into_iter().step_by(share) {
        uncut.insert(read_all(&server, subscriber).await);
    }
    // On a machine that is too busy to hear them in time, some of them may be cut off.
    assert!(uncut.contains(&SENT), "who stays reads on: {uncut:?}");
    let mut cut = BTreeSet::new();
    for subscriber in silent.join_all().await.into_iter().step_by(share) {
        cut.insert(read_all(&server, subscriber).await);
    }
    assert!(!cut.contains(&SENT), "their buffers were full: {cut:?}");
    eprintln!(
        "stalled: who stayed read {uncut:?} calls, who was silent {cut:?} before it was cut off"
    );
    let answer = server.sender().send("msg_last", "{}").await;
    assert_eq!(answer.status, 204);
}

/// Waits until the server has cut off all but so many subscribers and a few others, and then has nothing left to do: what can be
/// full is full.
async fn settle(server: &Server, stalled: usize) {
    let (mut last, mut idle) = (0, 0);
    for look in 0.. {
        assert!(look < 1500, "the server is busy for ever");
        tokio::time::sleep(LOOK).await;
        let ticks = ticks(server.process());
        let is_idle = ticks <= last + 1 && sockets(server.process()) < stalled + OTHERS;
        idle = if is_idle { idle + 1 } else { 0 };
        last = ticks;
        if idle == 5 {
            return;
        }
    }
}

/// How many sockets a process has open.
fn sockets(process: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{process}/fd")).expect("it runs");
    let links = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

/// How much time a process has computed, in ticks of the kernel's clock.
fn ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let fields: Vec<_> = fields.split_whitespace().collect();
    let number = |at: usize| fields[at].parse::<u64>().expect("a number");
    // utime and stime, the 14th and 15th of all fields.
    number(11) + number(12)
}
