//! What a socket knows: whether it was initialised, who is on the other side, what runs, and what waits to be sent.
//!
//! Invariant: an operation is in `running` exactly as long as its id is taken, and a message of an operation that is
//! not there any more is dropped.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use async_graphql::Executor;
use axum::extract::ws::Message;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value as Json;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{Code, Credentials, EdgeLimits, GraphqlEdge, graphql::Parameters, refusal::error},
    operation::{self, Running, Spoken, Word},
    protocol::{self, Close, Heard},
};
use crate::graphql::Viewer;

/// Results that may wait for the socket, beside the one that each operation may hold.
const TURNS: usize = 8;

/// Answers that may wait to be written before the socket stops listening.
const OUTBOX: usize = 32;

pub(super) struct Session<E> {
    edge: GraphqlEdge<E>,
    headers: HeaderMap,
    viewer: Option<Viewer>,
    init_by: Instant,
    pong_by: Option<Instant>,
    running: HashMap<Arc<str>, Running>,
    started: u64,
    turns: mpsc::Sender<Spoken>,
    results: mpsc::Receiver<Spoken>,
}

impl<E: Executor> Session<E> {
    pub(super) fn new(edge: GraphqlEdge<E>, headers: HeaderMap) -> Self {
        let (turns, results) = mpsc::channel(TURNS);
        Self {
            init_by: Instant::now() + edge.limits.init_within,
            edge,
            headers,
            viewer: None,
            pong_by: None,
            running: HashMap::new(),
            started: 0,
            turns,
            results,
        }
    }

    pub(super) fn limits(&self) -> &EdgeLimits {
        &self.edge.limits
    }

    pub(super) fn shutdown(&self) -> CancellationToken {
        self.edge.shutdown.clone()
    }

    /// When the socket closes unless something happens. The end of a token will be another such moment.
    pub(super) fn deadline(&self) -> Instant {
        let init_by = self.viewer.is_none().then_some(self.init_by);
        [init_by, self.pong_by]
            .into_iter()
            .flatten()
            .min()
            // Nothing is due: any moment that comes after the next ping will do.
            .unwrap_or_else(|| Instant::now() + 2 * self.edge.limits.ping_every)
    }

    /// Why the deadline that has passed closes the socket.
    pub(super) fn overdue(&self) -> Close {
        if self.viewer.is_none() && self.init_by <= Instant::now() {
            Close::init_timeout()
        } else {
            Close::silent()
        }
    }

    /// Pings, unless the last ping still waits for its answer.
    ///
    /// It is WebSocket's own ping: every client answers that below its program, a browser too, but only while it reads.
    pub(super) fn ping(&mut self, outbox: &mut Outbox) {
        if self.pong_by.is_none() {
            outbox.put(Message::Ping(Bytes::new()));
            self.pong_by = Some(Instant::now() + self.edge.limits.pong_within);
        }
    }

    pub(super) async fn next_result(&mut self) -> Option<Spoken> {
        self.results.recv().await
    }

    /// Passes a result on, unless its operation was completed meanwhile.
    pub(super) fn forward(&mut self, spoken: Spoken, outbox: &mut Outbox) -> Result<(), Close> {
        let current = self
            .running
            .get(&spoken.id)
            .is_some_and(|running| running.serial == spoken.serial);
        if !current {
            return Ok(());
        }
        match spoken.word {
            Word::Next(text) => outbox.say(text),
            Word::Last(text) => {
                self.running.remove(&spoken.id);
                outbox.say(text);
            }
            Word::Interrupted => return Err(Close::interrupted()),
        }
        Ok(())
    }

    /// Takes a message of the client.
    pub(super) async fn hear(
        &mut self,
        message: Message,
        outbox: &mut Outbox,
    ) -> Result<(), Close> {
        let heard = match message {
            Message::Text(text) => protocol::read(&text)?,
            Message::Binary(_) => return Err(Close::invalid("Messages are text")),
            Message::Pong(_) => Heard::Pong,
            // WebSocket's own pings are answered below; a close never gets here.
            Message::Ping(_) | Message::Close(_) => return Ok(()),
        };
        match heard {
            Heard::ConnectionInit(params) => self.init(params, outbox).await?,
            Heard::Ping(payload) => outbox.say(protocol::pong(payload)),
            Heard::Pong => self.pong_by = None,
            Heard::Subscribe { id, parameters } => self.subscribe(id, parameters, outbox)?,
            Heard::Complete { id } => {
                self.running.remove(id.as_str());
            }
        }
        Ok(())
    }

    async fn init(&mut self, params: Option<Json>, outbox: &mut Outbox) -> Result<(), Close> {
        if self.viewer.is_some() {
            return Err(Close::too_many_inits());
        }
        let admitted = self.edge.viewer(Credentials {
            headers: self.headers.clone(),
            connection_params: params,
        });
        let viewer = timeout_at(self.init_by, admitted)
            .await
            .map_err(|_| Close::init_timeout())?
            .map_err(|refusal| Close::forbidden(refusal.message))?;
        self.viewer = Some(viewer);
        outbox.say(protocol::connection_ack());
        Ok(())
    }

    fn subscribe(
        &mut self,
        id: String,
        parameters: Parameters,
        outbox: &mut Outbox,
    ) -> Result<(), Close> {
        let Some(viewer) = self.viewer.clone() else {
            return Err(Close::not_initialised());
        };
        if self.running.contains_key(id.as_str()) {
            return Err(Close::already_exists(&id));
        }
        let most = self.edge.limits.operations;
        if self.running.len() >= most {
            let full = error(
                Code::BadUserInput,
                format!(
                    "This socket runs {most} operations already: complete one first, or open another socket."
                ),
            );
            outbox.say(protocol::error(&id, &[full]));
            return Ok(());
        }
        self.started += 1;
        let id: Arc<str> = id.into();
        let running = operation::start(
            self.edge.clone(),
            viewer,
            Arc::clone(&id),
            self.started,
            parameters,
            self.turns.clone(),
        );
        self.running.insert(id, running);
        Ok(())
    }
}

/// Messages that wait to be written.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Message>,
    unflushed: bool,
}

impl Outbox {
    pub(super) fn has_work(&self) -> bool {
        self.unflushed || !self.waiting.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < OUTBOX
    }

    pub(super) fn take(&mut self) -> Option<Message> {
        let message = self.waiting.pop_front()?;
        self.unflushed = true;
        Some(message)
    }

    pub(super) fn flushed(&mut self) {
        self.unflushed = false;
    }

    fn say(&mut self, text: String) {
        self.put(Message::Text(text.into()));
    }

    fn put(&mut self, message: Message) {
        self.waiting.push_back(message);
    }
}
