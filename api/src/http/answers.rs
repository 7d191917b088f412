//! Answers that are given again: the same request of the same viewer, while the read model stands still.
//!
//! Invariants: an answer is only given again in the very state of the read model in which it was made, and that state is asked of the
//! database after the request has arrived, so nobody can tell whether an answer was kept, but by how soon it comes. Requests that
//! are equal and under way at the same time are executed once; when that fails, each is executed by itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_graphql::Response;
use bytes::Bytes;
use tokio::sync::watch;

use super::recent::Recent;
use crate::graphql::{State, States, Viewer};

/// The longest answer that is kept, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Answers that are kept at most: beside their bytes, a bound that hardly any installation meets.
const MOST: usize = 20_000;

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
    keeps: bool,
    kept: Arc<Recent<Question, Kept>>,
    running: Arc<Mutex<Running>>,
}

/// What is being executed, in which state, and for whom to wait.
type Running = HashMap<Question, (State, watch::Receiver<Option<Bytes>>)>;

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
            keeps: most_bytes > 0,
            kept: Arc::new(Recent::new(MOST, most_bytes)),
            running: Arc::default(),
        }
    }

    /// Looks for the answer to `question` in the present state of the read model.
    pub(super) async fn find(&self, question: Question) -> Found<'_> {
        if !self.keeps {
            return Found::Nothing(None);
        }
        let Some(state) = self.states.present().await else {
            return Found::Nothing(None);
        };
        let kept = self.kept.find(&question);
        if let Some(kept) = kept.filter(|kept| kept.state == state) {
            return given_again(kept.body);
        }
        let mut running = {
            let mut running = self.running();
            match running.get(&question) {
                Some((of, running)) if *of == state => running.clone(),
                Some(_) => return Found::Nothing(None),
                None => return Found::Nothing(Some(self.place(&mut running, &question, state))),
            }
        };
        // It ends without an answer when that must not be given to others.
        match running.wait_for(Option::is_some).await {
            Ok(body) => given_again(body.clone().unwrap_or_default()),
            Err(_) => Found::Nothing(None),
        }
    }

    fn place(&self, running: &mut Running, question: &Question, state: State) -> Place<'_> {
        let question = question.owned();
        let (waiting, others) = watch::channel(None);
        running.insert(question.clone(), (state, others));
        Place {
            answers: self,
            question,
            state,
            waiting,
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn given_again<'a>(body: Bytes) -> Found<'a> {
    metrics::counter!("hookgraph_kept_answers_total").increment(1);
    Found::Answer(body)
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
        let bytes = self.question.request.len() + body.len() + OVERHEAD;
        self.answers.kept.keep(self.question.clone(), kept, bytes);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.answers.running().remove(&self.question);
    }
}
