//! One operation of a socket: a task of its own, which ends when its handle is dropped.
//!
//! Invariant: an operation holds at most one message that the socket has not taken, and waits for its turn in the order
//! in which operations had something to say: a stream that always has more gets no more turns than one that has little.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Executor, Response, parser::types::OperationType};
use futures_util::{FutureExt, StreamExt};
use tokio::{sync::mpsc, task::AbortHandle};

use super::{
    super::{
        GraphqlEdge,
        execute::{crashed, is_request_error, passes, refused, with_codes},
        graphql::Parameters,
    },
    protocol,
};
use crate::graphql::Viewer;

/// A running operation. Dropping it stops the operation.
pub(super) struct Running {
    /// Tells an operation from an earlier one of the same id, whose last messages may still wait to be sent.
    pub(super) serial: u64,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
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
}

/// Starts an operation. Its messages go to `turns`, a small channel that the socket's operations share: waiting
/// senders are served first come, first served, which is what keeps it fair.
pub(super) fn start<E: Executor>(
    edge: GraphqlEdge<E>,
    viewer: Viewer,
    id: Arc<str>,
    serial: u64,
    parameters: Parameters,
    turns: mpsc::Sender<Spoken>,
) -> Running {
    let voice = Voice { id, serial, turns };
    let task = tokio::spawn(async move {
        let run = AssertUnwindSafe(run(&edge, viewer, parameters, &voice)).catch_unwind();
        // The receiver is gone when the socket is: then there is nobody to tell.
        let _ = match run.await {
            Ok(Ok(())) => voice.complete().await,
            Ok(Err(Ended)) => Ok(()),
            Err(_) => voice.fail(&crashed()).await,
        };
    });
    Running {
        serial,
        task: task.abort_handle(),
    }
}

/// The operation's last message is out, or nobody listens.
struct Ended;

async fn run<E: Executor>(
    edge: &GraphqlEdge<E>,
    viewer: Viewer,
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
    let request = (edge.prepare)(request, viewer);
    if kind != OperationType::Subscription {
        return voice.result(edge.execute(request).await).await;
    }
    let mut responses = edge.executor.execute_stream(request, None);
    while let Some(response) = responses.next().await {
        let response = with_codes(response);
        if response.errors.iter().any(passes) {
            let _ = voice.say(Word::Interrupted).await;
            return Err(Ended);
        }
        voice.result(response).await?;
    }
    Ok(())
}

struct Voice {
    id: Arc<str>,
    serial: u64,
    turns: mpsc::Sender<Spoken>,
}

impl Voice {
    /// `next`, or `error` where nothing was executed.
    async fn result(&self, response: Response) -> Result<(), Ended> {
        if is_request_error(&response) {
            self.fail(&response).await
        } else {
            let next = protocol::next(&self.id, &response);
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
