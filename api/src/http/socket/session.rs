//! What a socket knows: whether it was initialised, who is on the other side, what runs, and what waits to be sent.
//!
//! Invariant: an operation is in `running` exactly as long as its id is taken, and a message of an operation that is
//! not there any more is dropped.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    task::{Context, Poll},
};

use async_graphql::Executor;
use axum::extract::ws::Message;
use bytes::Bytes;
use serde_json::Value as Json;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Code, Credentials, EdgeLimits, GraphqlEdge, Refusal, graphql::Parameters, refusal::error,
    },
    operation::{self, Running, Spoken, Voice, Word},
    protocol::{self, Close, Heard},
};
use crate::{
    graphql::Viewer,
    http::{
        Validity,
        live::{Member, Taken, Told},
    },
    rate::{Budget, Open},
};

/// Results that may wait for the socket, beside the one that each operation may hold.
const TURNS: usize = 8;

/// Answers that may wait to be written before the socket stops listening.
const OUTBOX: usize = 32;

pub(super) struct Session<E> {
    edge: GraphqlEdge<E>,
    credentials: Option<Credentials>,
    /// Who is on the other side, once they have said so.
    sender: Option<Sender>,
    validity: Option<Validity>,
    init_by: Instant,
    pong_by: Option<Instant>,
    running: HashMap<Arc<str>, Operation>,
    started: u64,
    /// The subscriptions that have caught up, the one whose turn it is first.
    live: VecDeque<Live>,
    turns: mpsc::Sender<Spoken>,
    results: mpsc::Receiver<Spoken>,
}

/// Who was let in.
#[derive(Clone)]
struct Sender {
    viewer: Viewer,
    budget: Budget,
}

/// An operation that runs.
struct Operation {
    serial: u64,
    /// Counts it for its sender.
    _open: Open,
    /// None: it has caught up, and is among the live ones.
    task: Option<Running>,
}

/// A subscription that has caught up.
struct Live {
    id: Arc<str>,
    serial: u64,
    member: Member,
}

/// What there is to say.
pub(super) enum News {
    /// By the task of an operation.
    Spoken(Spoken),
    /// By the subscription of this number, of which it was the turn; it is the last one now.
    Told(Taken, Vec<Told>),
}

impl<E: Executor> Session<E> {
    pub(super) fn new(edge: GraphqlEdge<E>, credentials: Credentials) -> Self {
        let (turns, results) = mpsc::channel(TURNS);
        Self {
            init_by: Instant::now() + edge.limits.init_within,
            edge,
            credentials: Some(credentials),
            sender: None,
            validity: None,
            pong_by: None,
            running: HashMap::new(),
            started: 0,
            live: VecDeque::new(),
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

    /// When the socket closes unless something happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let init_by = self.sender.is_none().then_some(self.init_by);
        [init_by, self.pong_by].into_iter().flatten().min()
    }

    /// Why the deadline that has passed closes the socket.
    pub(super) fn overdue(&self) -> Close {
        if self.sender.is_none() && self.init_by <= Instant::now() {
            Close::init_timeout()
        } else {
            Close::silent()
        }
    }

    /// Until when the client may see anything: told once, after it was admitted.
    pub(super) fn take_validity(&mut self) -> Option<Validity> {
        self.validity.take()
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

    /// Waits until there is something to say.
    pub(super) async fn news(&mut self) -> News {
        std::future::poll_fn(|context| self.poll_news(context)).await
    }

    fn poll_news(&mut self, context: &mut Context<'_>) -> Poll<News> {
        if let Poll::Ready(Some(spoken)) = self.results.poll_recv(context) {
            return Poll::Ready(News::Spoken(spoken));
        }
        let mut told = Vec::new();
        for _ in 0..self.live.len() {
            let Some(mut live) = self.live.pop_front() else {
                break;
            };
            let taken = live.member.poll_take(context, &mut told);
            self.live.push_back(live);
            if let Poll::Ready(taken) = taken {
                return Poll::Ready(News::Told(taken, told));
            }
        }
        Poll::Pending
    }

    /// Passes on what there is to say, unless its operation was completed meanwhile.
    pub(super) fn forward(&mut self, news: News, outbox: &mut Outbox) -> Result<(), Close> {
        match news {
            News::Spoken(spoken) => {
                let running = self.running.get_mut(&spoken.id);
                let Some(running) = running.filter(|running| running.serial == spoken.serial)
                else {
                    return Ok(());
                };
                if let Word::Live(member) = spoken.word {
                    running.task = None;
                    let Spoken { id, serial, .. } = spoken;
                    self.live.push_back(Live { id, serial, member });
                    return Ok(());
                }
                self.say(&spoken.id, spoken.word, outbox)
            }
            News::Told(taken, told) => {
                let Some(last) = self.live.back() else {
                    return Ok(());
                };
                let id = Arc::clone(&last.id);
                for told in told {
                    self.say(&id, Word::of(&told, &id), outbox)?;
                }
                if taken == Taken::Behind {
                    self.catch_up();
                }
                Ok(())
            }
        }
    }

    fn say(&mut self, id: &Arc<str>, word: Word, outbox: &mut Outbox) -> Result<(), Close> {
        match word {
            Word::Next(text) => outbox.say(text),
            Word::Last(text) => {
                self.end(id);
                outbox.say(text);
            }
            Word::Interrupted => return Err(Close::interrupted()),
            Word::Live(_) => {}
        }
        Ok(())
    }

    /// Has the subscription that is the last of the live ones catch up.
    fn catch_up(&mut self) {
        let Some(Live { id, serial, member }) = self.live.pop_back() else {
            return;
        };
        let voice = self.voice(&id, serial);
        if let Some(running) = self.running.get_mut(&id) {
            running.task = Some(operation::catch_up(self.edge.clone(), member, voice));
        }
    }

    fn end(&mut self, id: &str) {
        self.running.remove(id);
        self.live.retain(|live| *live.id != *id);
    }

    fn voice(&self, id: &Arc<str>, serial: u64) -> Voice {
        Voice {
            id: Arc::clone(id),
            serial,
            turns: self.turns.clone(),
        }
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
                self.end(&id);
            }
        }
        Ok(())
    }

    async fn init(&mut self, params: Option<Json>, outbox: &mut Outbox) -> Result<(), Close> {
        let Some(credentials) = self.credentials.take() else {
            return Err(Close::too_many_inits());
        };
        let admitted = self.edge.admission(Credentials {
            connection_params: params,
            ..credentials
        });
        let admission = timeout_at(self.init_by, admitted)
            .await
            .map_err(|_| Close::init_timeout())?
            .map_err(|refusal| Close::forbidden(refusal.message))?;
        self.sender = Some(Sender {
            viewer: admission.viewer,
            budget: admission.budget,
        });
        self.validity = Some(admission.validity);
        outbox.say(protocol::connection_ack());
        Ok(())
    }

    fn subscribe(
        &mut self,
        id: String,
        parameters: Parameters,
        outbox: &mut Outbox,
    ) -> Result<(), Close> {
        let Some(Sender { viewer, budget }) = self.sender.clone() else {
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
        let spent = budget.spend(1).map_err(Refusal::rate_limited);
        let open = spent.and_then(|()| budget.open().map_err(Refusal::too_many_open));
        let open = match open {
            Ok(open) => open,
            Err(refusal) => {
                outbox.say(protocol::error(&id, &[refusal.to_error()]));
                return Ok(());
            }
        };
        self.started += 1;
        let id: Arc<str> = id.into();
        let voice = self.voice(&id, self.started);
        let running = Operation {
            serial: self.started,
            _open: open,
            task: Some(operation::start(
                self.edge.clone(),
                viewer,
                budget,
                parameters,
                voice,
            )),
        };
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
