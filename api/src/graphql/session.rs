//! What lives as long as one request: its reader, and the loaders that gather what its fields need into few statements.
//!
//! async-graphql's `DataLoader` gathers keys until its task runs. Left to the runtime, that is a matter of luck; here the
//! tasks of a request run only when the request itself can go no further ([`Tasks::drive`]), so every key that can be
//! known is known, and the number of statements depends on the fields of a query alone.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use async_graphql::Context;
use async_graphql::dataloader::DataLoader;
use futures_util::future::{BoxFuture, poll_fn};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt};
use sea_orm::{ConnectionTrait, DatabaseBackend, QueryTrait, Select};

use super::Store;
use super::asked::{Asked, Slim};
use super::beside::Passing;
use super::error::Result;
use super::filter::Sight;
use super::viewer::Viewer;

/// Keys that one statement takes at most: what SQLite has parameters for.
pub const MOST_KEYS: usize = 30_000;

/// Reads the stores for one viewer. The loaders are implemented on it.
#[derive(Clone)]
pub struct Reader {
    /// The stores.
    pub store: Arc<Store>,
    /// Who reads.
    pub viewer: Viewer,
    /// The fields that the request's document asks for.
    pub asked: Arc<Asked>,
    /// Whether what is read is of its moment only.
    pub passing: Passing,
}

impl Reader {
    /// The rows of `select`, with the columns that the document asks for.
    pub async fn rows<E: Slim>(&self, select: Select<E>) -> Result<Vec<E::Model>> {
        let columns = E::asked(&self.asked);
        let select = E::only(select, &columns).into_query();
        let generation = self.store.read_model.live();
        let rows = generation.reads().query_all(&select).await?;
        let models = rows.iter().map(|row| E::model(row, &columns));
        Ok(models.collect::<std::result::Result<_, _>>()?)
    }

    /// For whom conditions are written, and for which database.
    pub fn sight(&self) -> Sight<'_> {
        Sight {
            backend: self.backend(),
            scope: self.viewer.scope(),
        }
    }

    /// Which database the read model is in.
    pub fn backend(&self) -> DatabaseBackend {
        self.store.read_model.live().reads().get_database_backend()
    }
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
    pub fn new(store: Arc<Store>, viewer: Viewer, asked: Arc<Asked>) -> (Arc<Self>, Tasks) {
        let tasks = Tasks::default();
        let spawner = tasks.clone();
        let reader = Reader {
            store,
            viewer,
            asked,
            passing: Passing::default(),
        };
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
        let mut driver = Driver::of(self);
        poll_fn(|cx| driver.poll(cx, |cx| request.as_mut().poll(cx))).await
    }

    /// As [`Tasks::drive`], for the items of a subscription.
    pub fn drive_stream<'s, S: Stream + Send + 's>(
        self,
        stream: S,
    ) -> impl Stream<Item = S::Item> + Send + 's {
        let mut stream = Box::pin(stream);
        let mut driver = Driver::of(self);
        futures_util::stream::poll_fn(move |cx| driver.poll(cx, |cx| stream.poll_next_unpin(cx)))
    }
}

/// Tasks in rounds: those that a request left when it could go no further run together, and the next ones only when all of
/// them have ended and the request has gone on from there.
struct Driver {
    tasks: Tasks,
    running: FuturesUnordered<Task>,
}

impl Driver {
    fn of(tasks: Tasks) -> Self {
        Self {
            tasks,
            running: FuturesUnordered::new(),
        }
    }

    fn poll<T>(
        &mut self,
        cx: &mut std::task::Context<'_>,
        mut request: impl FnMut(&mut std::task::Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        loop {
            let alarm = Arc::new(Alarm {
                rung: AtomicBool::new(false),
                waker: cx.waker().clone(),
            });
            let waker = Arc::clone(&alarm).into();
            let polled = request(&mut std::task::Context::from_waker(&waker));
            if polled.is_ready() {
                return polled;
            }
            // A long list polls a part of itself, wakes itself and lets others go first: it has more keys to tell.
            if alarm.rung.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            if self.running.is_empty() {
                self.running.extend(self.tasks.take());
                if self.running.is_empty() {
                    return Poll::Pending;
                }
            }
            while let Poll::Ready(Some(())) = self.running.poll_next_unpin(cx) {}
            if !self.running.is_empty() {
                return Poll::Pending;
            }
        }
    }
}

/// Wakes, and remembers that it did.
struct Alarm {
    rung: AtomicBool,
    waker: Waker,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }
}
