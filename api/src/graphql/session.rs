//! What lives as long as one request: its reader, and the loaders that gather what its fields need into few statements.
//!
//! async-graphql's `DataLoader` gathers keys until its task runs. Left to the runtime, that is a matter of luck; here the
//! tasks of a request run only when the request itself can go no further ([`Tasks::drive`]), so every key that can be
//! known is known, and the number of statements depends on the fields of a query alone.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_graphql::Context;
use async_graphql::dataloader::DataLoader;
use futures_util::future::{BoxFuture, poll_fn};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt};

use super::Store;
use super::viewer::Viewer;

/// Keys that one statement takes at most: what SQLite has parameters for.
const MOST_KEYS: usize = 30_000;

/// Reads the stores for one viewer. The loaders are implemented on it.
#[derive(Clone)]
pub struct Reader {
    /// The stores.
    pub store: Arc<Store>,
    /// Who reads.
    pub viewer: Viewer,
}

/// A request's reader and loaders.
pub struct Session {
    /// Reads at once.
    pub reader: Reader,
    /// Reads together with others. Without a cache: a subscription's items would otherwise grow old.
    pub loader: DataLoader<Reader>,
}

impl Session {
    /// A session for `viewer`, and the tasks that its loaders leave to be driven.
    pub fn new(store: Arc<Store>, viewer: Viewer) -> (Arc<Self>, Tasks) {
        let tasks = Tasks::default();
        let spawner = tasks.clone();
        let reader = Reader { store, viewer };
        let loader = DataLoader::new(reader.clone(), move |task| spawner.push(Box::pin(task)))
            .delay(Duration::ZERO)
            .max_batch_size(MOST_KEYS);
        (Arc::new(Self { reader, loader }), tasks)
    }

    /// The session of the request that `ctx` belongs to.
    pub fn of<'c>(ctx: &Context<'c>) -> &'c Arc<Self> {
        ctx.data_unchecked()
    }
}

type Task = BoxFuture<'static, ()>;

/// The loading that a request has begun. It belongs to the request and ends with it.
#[derive(Clone, Default)]
pub struct Tasks(Arc<Mutex<Vec<Task>>>);

impl Tasks {
    fn push(&self, task: Task) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(task);
    }

    fn take(&self) -> Vec<Task> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `request`, and its tasks whenever it waits.
    pub async fn drive<F: Future>(self, request: F) -> F::Output {
        let mut request = pin!(request);
        let mut running = FuturesUnordered::new();
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(output) = request.as_mut().poll(cx) {
                    return Poll::Ready(output);
                }
                running.extend(self.take());
                if !advance(&mut running, cx) {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// As [`Tasks::drive`], for the items of a subscription.
    pub fn drive_stream<'s, S: Stream + Send + 's>(
        self,
        stream: S,
    ) -> impl Stream<Item = S::Item> + Send + 's {
        let mut stream = Box::pin(stream);
        let mut running = FuturesUnordered::new();
        futures_util::stream::poll_fn(move |cx| {
            loop {
                if let Poll::Ready(item) = stream.poll_next_unpin(cx) {
                    return Poll::Ready(item);
                }
                running.extend(self.take());
                if !advance(&mut running, cx) {
                    return Poll::Pending;
                }
            }
        })
    }
}

/// Lets the tasks go on. True when one has ended, so that the request can go on too.
fn advance(running: &mut FuturesUnordered<Task>, cx: &mut std::task::Context<'_>) -> bool {
    let mut ended = false;
    while let Poll::Ready(Some(())) = running.poll_next_unpin(cx) {
        ended = true;
    }
    ended
}
