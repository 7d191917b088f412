//! What answers may read beside the read model, and how it is known that one did.
//!
//! The read model is a function of the log up to its checkpoint, so an answer that reads nothing else stays the same as long
//! as the checkpoint does, and may be given again ([`State`]). Invariant: a resolver reaches the log, the clock and the
//! like only through [`Beside::read`], which notes it in the request's [`Passing`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, Shared};
use ingest::generation::ReadModel;

/// Something that changes while the read model stands still.
#[derive(Debug)]
pub struct Beside<T>(T);

impl<T> Beside<T> {
    /// For an answer to a query, which is then of this moment only.
    pub(super) fn read(&self, passing: &Passing) -> &T {
        passing.0.store(true, Ordering::Relaxed);
        &self.0
    }

    /// For what is no answer to a query: the feed, and whoever runs the server.
    pub fn follow(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Beside<T> {
    fn from(what: T) -> Self {
        Self(what)
    }
}

/// Whether an answer is of its moment only. Belongs to one request.
#[derive(Clone, Debug, Default)]
pub struct Passing(Arc<AtomicBool>);

impl Passing {
    /// Whether something beside the read model was read.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the read model is in a moment: in equal states, equal queries of equal viewers have equal answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Which generation.
    pub generation: i64,
    /// How far it is.
    pub position: i64,
}

type Reading = Shared<BoxFuture<'static, Option<State>>>;

/// Reads the state for many at once: all who ask while it is being read share the next reading, which begins after they asked. So
/// whoever learns a state learns one that is not older than the question.
#[derive(Clone, Debug)]
pub struct States {
    read_model: Arc<ReadModel>,
    readings: Arc<Mutex<Readings>>,
}

#[derive(Debug, Default)]
struct Readings {
    /// Begun already.
    running: Option<Reading>,
    /// Begins when that has ended.
    next: Option<Reading>,
}

impl States {
    /// The states of this read model.
    pub fn of(read_model: Arc<ReadModel>) -> Self {
        Self {
            read_model,
            readings: Arc::default(),
        }
    }

    /// The present state; none when the database cannot be asked.
    pub async fn present(&self) -> Option<State> {
        let reading = self.join();
        let state = reading.clone().await;
        self.leave(&reading);
        state
    }

    fn join(&self) -> Reading {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let Readings { running, next } = &mut *readings;
        if running
            .as_ref()
            .is_some_and(|running| running.peek().is_some())
        {
            *running = next.take();
        }
        let Some(begun) = running else {
            return running.insert(self.reading(None)).clone();
        };
        next.get_or_insert_with(|| self.reading(Some(begun.clone())))
            .clone()
    }

    /// The reading that has ended makes way for the next one.
    fn leave(&self, ended: &Reading) {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        if readings
            .running
            .as_ref()
            .is_some_and(|running| running.ptr_eq(ended))
        {
            readings.running = readings.next.take();
        }
    }

    fn reading(&self, after: Option<Reading>) -> Reading {
        let read_model = Arc::clone(&self.read_model);
        let read = async move {
            if let Some(after) = after {
                after.await;
            }
            let generation = read_model.live();
            let position = generation.position().await.ok()?;
            Some(State {
                generation: generation.number(),
                position,
            })
        };
        read.boxed().shared()
    }
}
