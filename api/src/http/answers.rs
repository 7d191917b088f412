//! Answers that are given again: the same request of the same viewer, while the read model stands still.
//!
//! Invariants: an answer is only given again in the very state of the read model in which it was made, and that state is asked of the
//! database after the request has arrived, so nobody can tell whether an answer was kept, but by how soon it comes. Requests that
//! are equal and under way at the same time are executed once. What is kept is bounded in bytes; the answer that was not
//! asked for the longest time gives way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_graphql::Response;
use bytes::Bytes;
use lru::LruCache;
use tokio::sync::watch;

use crate::graphql::{State, States, Viewer};

/// The longest answer that is kept, in bytes.
const LONGEST: usize = 1024 * 1024;

/// What an answer takes besides its request and its body, about, in bytes.
const OVERHEAD: usize = 256;

/// What makes two requests the same: who asks, and the very bytes of the body or of the query string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    viewer: Viewer,
    request: Bytes,
}

impl Question {
    /// The question of a request whose parameters are these bytes.
    pub(super) fn new(viewer: Viewer, request: Bytes) -> Self {
        Self { viewer, request }
    }

    /// The same in memory of its own: the bytes of a request are a part of its connection's buffer.
    fn owned(&self) -> Self {
        Self {
            viewer: self.viewer.clone(),
            request: Bytes::copy_from_slice(&self.request),
        }
    }
}

/// The answers that are kept. Cheap to clone.
#[derive(Clone)]
pub struct Answers {
    states: States,
    most_bytes: usize,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    kept: LruCache<Question, Kept>,
    bytes: usize,
    /// What is being executed, in which state, and who waits for it.
    running: HashMap<Question, (State, watch::Receiver<Option<Bytes>>)>,
}

#[derive(Clone)]
struct Kept {
    state: State,
    body: Bytes,
}

/// What is known of a question.
pub(super) enum Found<'a> {
    /// Its answer.
    Answer(Bytes),
    /// Nothing: whoever asks has to execute it, and can leave the answer here.
    Nothing(Option<Place<'a>>),
}

/// Where the answer to a question goes when it was executed. Dropped without an answer, it sends away those who wait for it.
pub(super) struct Place<'a> {
    answers: &'a Answers,
    question: Question,
    state: State,
    waiting: watch::Sender<Option<Bytes>>,
}

impl Answers {
    /// None yet, and `most_bytes` of them at most. None are kept when that is 0.
    pub fn new(states: States, most_bytes: usize) -> Self {
        Self {
            states,
            most_bytes,
            inner: Arc::new(Mutex::new(Inner {
                kept: LruCache::unbounded(),
                bytes: 0,
                running: HashMap::new(),
            })),
        }
    }

    /// Looks for the answer to `question` in the present state of the read model.
    pub(super) async fn find(&self, question: Question) -> Found<'_> {
        if self.most_bytes == 0 {
            return Found::Nothing(None);
        }
        let Some(state) = self.states.present().await else {
            return Found::Nothing(None);
        };
        let mut running = {
            let mut inner = self.lock();
            if let Some(kept) = inner.kept.get(&question)
                && kept.state == state
            {
                return Found::Answer(kept.body.clone());
            }
            match inner.running.get(&question) {
                Some((of, running)) if *of == state => running.clone(),
                Some(_) => return Found::Nothing(None),
                None => return Found::Nothing(Some(self.place(&mut inner, &question, state))),
            }
        };
        // It ends without an answer when that must not be given to others.
        match running.wait_for(Option::is_some).await {
            Ok(body) => Found::Answer(body.clone().unwrap_or_default()),
            Err(_) => Found::Nothing(None),
        }
    }

    fn place(&self, inner: &mut Inner, question: &Question, state: State) -> Place<'_> {
        let question = question.owned();
        let (waiting, running) = watch::channel(None);
        inner.running.insert(question.clone(), (state, running));
        Place {
            answers: self,
            question,
            state,
            waiting,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Leaves the answer, if it may be given again.
    pub(super) fn leave(self, response: &Response, body: &Bytes) {
        let lasts = response.errors.is_empty()
            && response.http_headers.is_empty()
            && response.cache_control.max_age >= 0;
        if !lasts {
            return;
        }
        self.waiting.send_replace(Some(body.clone()));
        if body.len() > LONGEST {
            return;
        }
        let kept = Kept {
            state: self.state,
            body: body.clone(),
        };
        let mut inner = self.answers.lock();
        inner.bytes += size(&self.question, &kept);
        if let Some((question, gone)) = inner.kept.push(self.question.clone(), kept) {
            inner.bytes -= size(&question, &gone);
        }
        while inner.bytes > self.answers.most_bytes {
            let Some((question, gone)) = inner.kept.pop_lru() else {
                break;
            };
            inner.bytes -= size(&question, &gone);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.answers.lock().running.remove(&self.question);
    }
}

fn size(question: &Question, kept: &Kept) -> usize {
    question.request.len() + kept.body.len() + OVERHEAD
}
