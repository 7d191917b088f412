//! Load: senders that send one webhook after the other, each again until it is acknowledged, as Svix does.
//!
//! Invariants: a message's id and body are the same at every attempt. Whatever is answered is 204, or 503 with `Retry-After`, or a
//! status that the test has named, or nothing because the server is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use serde_json::json;
use tokio::task::JoinSet;

use crate::fault::Chance;
use crate::graphql::number;
use crate::{Route, Sender, Server, until, within};

/// How long a sender waits before it sends a message again. Svix waits longer; nothing here depends on how long.
const AGAIN_AFTER: Duration = Duration::from_millis(10);

/// What a subscriber asks of every event.
pub const FEED: &str = "subscription ($after: Cursor) { eventFeed(after: $after) { cursor event { messageId position outcome } } }";

/// Running senders. They end when it is dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    senders: JoinSet<()>,
}

/// What the senders share, and the test changes while they run.
#[derive(Debug)]
struct Shared {
    /// Attempts go to these in turn.
    routes: Vec<Route>,
    attempts: AtomicUsize,
    /// What a sender signs with, each one its own.
    secrets: Vec<Mutex<String>>,
    /// How many seconds ahead the senders' clocks are.
    ahead: AtomicI64,
    /// Bytes of each body, and more.
    padding: usize,
    tolerated: Vec<u16>,
    acknowledged: Mutex<Vec<String>>,
    answers: Mutex<BTreeMap<u16, usize>>,
    enough: AtomicBool,
}

/// What load will be.
#[derive(Clone, Debug)]
pub struct Plan {
    routes: Vec<Route>,
    secret: String,
    senders: usize,
    padding: usize,
    tolerated: Vec<u16>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The webhook of a user that has the message's own id, and behind it so many characters that no database can compress and no
/// projection looks at.
pub fn user(id: &str, padding: usize) -> String {
    let mut chance = Chance::new(id);
    let padding: String = (0..padding)
        .map(|_| {
            char::from(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                    [chance.below(64)],
            )
        })
        .collect();
    format!(
        r#"{{"id":"{id}","type":"user.created","timestamp":"2025-01-01T00:00:00Z","payload":{{"user":{{"id":"{id}"}}}},"padding":"{padding}"}}"#
    )
}

impl Plan {
    /// Four senders to these servers in turn, which all know the secret of the first.
    pub fn to<'s>(servers: impl IntoIterator<Item = &'s Server>) -> Self {
        let servers: Vec<_> = servers.into_iter().collect();
        Self {
            routes: servers.iter().map(|server| server.route()).collect(),
            secret: servers[0].installation.secrets()[0].clone(),
            senders: 4,
            padding: 0,
            tolerated: Vec::new(),
        }
    }

    /// The same with so many senders.
    #[must_use]
    pub fn senders(mut self, senders: usize) -> Self {
        self.senders = senders;
        self
    }

    /// The same with so many more bytes in each body.
    #[must_use]
    pub fn padding(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }

    /// The same, and this status may be answered too.
    #[must_use]
    pub fn tolerating(mut self, status: u16) -> Self {
        self.tolerated.push(status);
        self
    }

    /// Begins; `name` tells the messages from those of other loads.
    pub fn start(self, name: &str) -> Load {
        let shared = Arc::new(Shared {
            routes: self.routes,
            attempts: AtomicUsize::new(0),
            secrets: vec![self.secret; self.senders]
                .into_iter()
                .map(Mutex::new)
                .collect(),
            ahead: AtomicI64::new(0),
            padding: self.padding,
            tolerated: self.tolerated,
            acknowledged: Mutex::default(),
            answers: Mutex::default(),
            enough: AtomicBool::new(false),
        });
        let mut senders = JoinSet::new();
        for number in 0..self.senders {
            let name = format!("msg_{name}_{number}");
            senders.spawn(Arc::clone(&shared).send(number, name));
        }
        Load { shared, senders }
    }
}

impl Shared {
    async fn send(self: Arc<Self>, sender: usize, name: String) {
        let through = Sender::new("", "");
        for number in 0.. {
            let id = format!("{name}_{number}");
            let body = user(&id, self.padding);
            while !self.attempt(&through, sender, &id, &body).await {
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            locked(&self.acknowledged).push(id);
            if self.enough.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Sends a message once; whether it was acknowledged.
    async fn attempt(&self, through: &Sender, sender: usize, id: &str, body: &str) -> bool {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let route = &self.routes[attempt % self.routes.len()];
        let sender = through
            .clone()
            .to(&route.address())
            .secret(&locked(&self.secrets[sender]))
            .ahead_by(self.ahead.load(Ordering::Relaxed));
        let Ok(response) = sender.request(sender.sign(id, body)).send().await else {
            return false;
        };
        let status = response.status().as_u16();
        *locked(&self.answers).entry(status).or_default() += 1;
        match status {
            204 => true,
            503 => {
                let again = response.headers().get(RETRY_AFTER);
                assert!(again.is_some(), "{id}: 503 without Retry-After");
                false
            }
            other => {
                assert!(self.tolerated.contains(&other), "{id}: answered {other}");
                false
            }
        }
    }
}

impl Load {
    /// How often this status was answered.
    pub fn answered(&self, status: u16) -> usize {
        locked(&self.shared.answers)
            .get(&status)
            .copied()
            .unwrap_or(0)
    }

    /// Waits until a status has been answered so many times more.
    ///
    /// # Panics
    /// When that takes too long, or a sender was answered what it must not be.
    pub async fn answered_further(&mut self, status: u16, more: usize) {
        let until_now = self.answered(status);
        until(&format!("{more} more are answered {status}"), async || {
            if let Some(ended) = self.senders.try_join_next() {
                ended.expect("a sender goes on");
            }
            (self.answered(status) >= until_now + more).then_some(())
        })
        .await;
    }

    /// Waits until so many more webhooks are acknowledged.
    pub async fn further(&mut self, more: usize) {
        self.answered_further(204, more).await;
    }

    /// How many senders there are.
    pub fn senders(&self) -> usize {
        self.shared.secrets.len()
    }

    /// From now on this sender signs with this secret.
    pub fn sign_with(&self, sender: usize, secret: &str) {
        secret.clone_into(&mut locked(&self.shared.secrets[sender]));
    }

    /// From now on the senders' clocks are so many seconds ahead.
    pub fn ahead_by(&self, seconds: i64) {
        self.shared.ahead.store(seconds, Ordering::Relaxed);
    }

    /// What is acknowledged so far.
    pub fn acknowledged(&self) -> Vec<String> {
        locked(&self.shared.acknowledged).clone()
    }

    /// Lets each sender finish the message that it has begun, and returns what is acknowledged.
    ///
    /// # Panics
    /// When a sender was answered what it must not be.
    pub async fn end(mut self) -> Vec<String> {
        self.shared.enough.store(true, Ordering::Relaxed);
        while let Some(ended) = within("the last acknowledgements", self.senders.join_next()).await
        {
            ended.expect("a sender ends by itself");
        }
        self.acknowledged()
    }
}

impl Server {
    /// Checks that what was acknowledged is in the log, each once; that positions have no gap; that everything is projected.
    /// Returns the message ids in the order of positions.
    ///
    /// # Panics
    /// When that is not so.
    pub async fn assert_stored(&self, acknowledged: &[String]) -> Vec<String> {
        let distinct: BTreeSet<_> = acknowledged.iter().collect();
        assert_eq!(distinct.len(), acknowledged.len(), "an id was sent twice");
        self.settled().await;
        let head = self.head().await;
        let mut feed = self.subscribe(FEED, json!({ "after": "0" })).await;
        let mut ids = Vec::new();
        for position in 1..=head {
            let event = feed.item().await["event"].take();
            assert_eq!(number(&event["position"]), position, "{event}");
            assert_eq!(event["outcome"], "PROJECTED", "{event}");
            ids.push(event["messageId"].as_str().expect("an id").to_owned());
        }
        let stored: BTreeSet<_> = ids.iter().collect();
        assert_eq!(stored.len(), ids.len(), "a message stands twice");
        for id in acknowledged {
            assert!(
                stored.contains(id),
                "{id} was acknowledged, and is not there"
            );
        }
        ids
    }

    /// The same for a log that load alone has filled: what is projected is a user for each message.
    ///
    /// # Panics
    /// When that is not so.
    pub async fn assert_holds(&self, acknowledged: &[String]) -> Vec<String> {
        let ids = self.assert_stored(acknowledged).await;
        let data = self.graphql("{ users { totalCount } }", json!({})).await;
        assert_eq!(data["users"]["totalCount"], ids.len());
        ids
    }
}
