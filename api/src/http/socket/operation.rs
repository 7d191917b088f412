//! One operation of a socket: a task of its own, which ends when its handle is dropped. A subscription has it until it has caught up:
//! then it goes on as a [`Member`], which the socket holds itself.
//!
//! Invariant: an operation holds at most one message that the socket has not taken, and waits for its turn in the order
//! in which operations had something to say: a stream that always has more gets no more turns than one that has little.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Executor, Response, parser::types::OperationType};
use futures_util::FutureExt;
use tokio::{sync::mpsc, task::AbortHandle};

use super::{
    super::{
        GraphqlEdge,
        execute::{crashed, is_request_error, refused},
        graphql::Parameters,
        live::{Arrived, CatchingUp, Member, Told, json},
    },
    protocol,
};
use crate::{graphql::Viewer, rate::Budget};

/// The task of an operation. Dropping it stops the operation.
pub(super) struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What an operation says.
pub(super) struct Spoken {
    pub(super) id: Arc<str>,
    pub(super) serial: u64,
    pub(super) word: Word,
}

/// A word of an operation.
pub(super) enum Word {
    /// A message for the client, and more may follow.
    Next(String),
    /// The last message for the client: the id is free again.
    Last(String),
    /// An item of a subscription could not be read, for a reason that passes. Sent with its cursor it would be lost, so the
    /// client is made to connect again and to resume behind the item before.
    Interrupted,
    /// It has caught up, and the socket is to hold it now.
    Live(Member),
}

impl Word {
    /// The word by which the client of a subscription is told.
    pub(super) fn of(told: &Told, id: &str) -> Self {
        match told {
            Told::Next(written) => Self::Next(protocol::next(id, &written.json)),
            Told::Failed(response) => Self::Last(protocol::error(id, &response.errors)),
            Told::Complete => Self::Last(protocol::complete(id)),
            Told::Interrupted => Self::Interrupted,
        }
    }
}

/// Starts an operation.
pub(super) fn start<E: Executor>(
    edge: GraphqlEdge<E>,
    viewer: Viewer,
    budget: Budget,
    parameters: Parameters,
    voice: Voice,
) -> Running {
    spawn(async move {
        let run = AssertUnwindSafe(run(&edge, viewer, budget, parameters, &voice)).catch_unwind();
        // The receiver is gone when the socket is: then there is nobody to tell.
        let _ = match run.await {
            Ok(Ok(())) => voice.complete().await,
            Ok(Err(Ended)) => Ok(()),
            Err(_) => voice.fail(&crashed()).await,
        };
    })
}

/// Has a subscription catch up again.
pub(super) fn catch_up<E: Executor>(edge: GraphqlEdge<E>, member: Member, voice: Voice) -> Running {
    spawn(async move {
        let catching_up = member.catch_up(&edge);
        let Ended = follow(&edge, catching_up, &voice).await;
    })
}

fn spawn(run: impl Future<Output = ()> + Send + 'static) -> Running {
    Running(tokio::spawn(run).abort_handle())
}

/// The operation's last message is out, or nobody listens.
struct Ended;

async fn run<E: Executor>(
    edge: &GraphqlEdge<E>,
    viewer: Viewer,
    budget: Budget,
    parameters: Parameters,
    voice: &Voice,
) -> Result<(), Ended> {
    let read = parameters
        .into_sent()
        .map_err(|refusal| vec![refusal.to_error()])
        .and_then(|sent| edge.documents.read(sent, &edge.limits));
    let (request, kind) = match read {
        Ok(read) => read,
        Err(errors) => return voice.fail(&refused(errors)).await,
    };
    let request = request.data(budget);
    if kind != OperationType::Subscription {
        let request = (edge.prepare)(request, viewer);
        return voice.result(edge.execute(request).await).await;
    }
    let catching_up = CatchingUp::begin(edge, viewer, request, None);
    Err(follow(edge, catching_up, voice).await)
}

/// Tells what a subscription has not seen, until the socket holds it or it is over.
async fn follow<E: Executor>(
    edge: &GraphqlEdge<E>,
    mut catching_up: CatchingUp,
    voice: &Voice,
) -> Ended {
    loop {
        while let Some(told) = catching_up.next().await {
            if voice.say(Word::of(&told, &voice.id)).await.is_err() {
                return Ended;
            }
        }
        match catching_up.arrive(edge) {
            Arrived::Over => return Ended,
            Arrived::Behind(again) => catching_up = again,
            Arrived::Live(member) => {
                let _ = voice.say(Word::Live(member)).await;
                return Ended;
            }
        }
    }
}

/// How an operation is heard: through a small channel that the socket's operations share. Waiting senders are served first come, first
/// served, which is what keeps it fair.
pub(super) struct Voice {
    pub(super) id: Arc<str>,
    /// Tells an operation from an earlier one of the same id, whose last messages may still wait to be sent.
    pub(super) serial: u64,
    pub(super) turns: mpsc::Sender<Spoken>,
}

impl Voice {
    /// `next`, or `error` where nothing was executed.
    async fn result(&self, response: Response) -> Result<(), Ended> {
        if is_request_error(&response) {
            self.fail(&response).await
        } else {
            let next = protocol::next(&self.id, &json(&response));
            self.say(Word::Next(next)).await
        }
    }

    async fn fail(&self, response: &Response) -> Result<(), Ended> {
        let error = protocol::error(&self.id, &response.errors);
        let _ = self.say(Word::Last(error)).await;
        Err(Ended)
    }

    async fn complete(&self) -> Result<(), Ended> {
        self.say(Word::Last(protocol::complete(&self.id))).await
    }

    async fn say(&self, word: Word) -> Result<(), Ended> {
        let spoken = Spoken {
            id: Arc::clone(&self.id),
            serial: self.serial,
            word,
        };
        self.turns.send(spoken).await.map_err(|_| Ended)
    }
}
