//! Subscriptions on their way: each catches up by itself, and from then on those that ask for the same share one execution, whose
//! items are written once.
//!
//! Invariant: from one stretch to the next there is no gap and no repeat: both are told by positions in the log. Only a stretch that
//! catches up reads the store for its subscriber, and only it is held back by a slow one; a [`Room`](room::Room) waits for
//! nobody while somebody waits for it.
//!
//! ```text
//! CatchingUp → arrive → Member ─┐ as long as it keeps up
//!      ↑                  │     │
//!      └── fell behind ───┴─────┘
//! ```

mod asked;
mod begin;
mod place;
mod room;
mod rooms;
use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Executor, Request, Response};
use futures_util::{FutureExt, StreamExt, stream::BoxStream};

use self::{asked::Asked, place::Place};
use super::{
    GraphqlEdge,
    execute::{Wire, crashed, is_request_error, passes, with_codes},
};
use crate::graphql::{Leg, Viewer};

pub(super) use self::{
    room::{Member, Taken},
    rooms::Rooms,
};

/// What a subscriber is told.
#[derive(Clone)]
pub(super) enum Told {
    /// A result.
    Next(Written),
    /// Nothing was executed, or it crashed; nothing follows.
    Failed(Arc<Response>),
    /// An item could not be read, for a reason that passes. Told with its cursor it would be lost, so the client is made to resume
    /// behind the item before.
    Interrupted,
    /// It is complete.
    Complete,
}

/// A result as it is sent, and the cursor that it carries.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) json: Arc<str>,
    pub(super) cursor: Option<Arc<str>>,
}

impl Told {
    fn of(response: Response, place: Option<&Place>) -> Self {
        let response = with_codes(response);
        if response.errors.iter().any(passes) {
            Self::Interrupted
        } else if is_request_error(&response) {
            Self::Failed(Arc::new(response))
        } else {
            let cursor = place.and_then(|place| place.cursor(&response));
            Self::Next(Written {
                cursor: cursor.map(Arc::from),
                json: json(&response).into(),
            })
        }
    }

    /// Whether something may follow.
    fn goes_on(&self) -> bool {
        matches!(self, Self::Next(_))
    }
}

/// A response as it is sent.
pub(super) fn json(response: &Response) -> String {
    serde_json::to_string(&Wire::from(response)).unwrap_or_else(|error| {
        tracing::error!(%error, "a GraphQL response cannot be written as JSON");
        r#"{"errors":[{"message":"The server cannot write its answer; its log says more.","extensions":{"code":"INTERNAL"}}]}"#.to_owned()
    })
}

/// An execution, whose results are written.
struct Execution {
    responses: BoxStream<'static, Response>,
    place: Option<Place>,
    leg: Arc<Leg>,
}

impl Execution {
    fn start<E: Executor>(
        edge: &GraphqlEdge<E>,
        asked: &Asked,
        mut request: Request,
        leg: Leg,
    ) -> Self {
        let leg = Arc::new(leg);
        let place = Place::of(&mut request);
        let request = asked.along(edge, request, &leg);
        Self {
            responses: edge.executor.execute_stream(request, None),
            place,
            leg,
        }
    }

    /// What is told next. None: nothing follows in this stretch.
    async fn next(&mut self) -> Option<Told> {
        match AssertUnwindSafe(self.responses.next()).catch_unwind().await {
            Ok(Some(response)) => Some(Told::of(response, self.place.as_ref())),
            Ok(None) if self.leg.is_caught_up() => None,
            Ok(None) => Some(Told::Complete),
            Err(_) => Some(Told::Failed(Arc::new(crashed()))),
        }
    }
}

/// A subscription that reads by itself what it has not seen.
pub(super) struct CatchingUp {
    asked: Arc<Asked>,
    execution: Execution,
    is_over: bool,
}

/// Where a subscription that has caught up goes on.
pub(super) enum Arrived {
    /// Nowhere: it is over.
    Over,
    /// Together with others.
    Live(Member),
    /// By itself: the others are further.
    Behind(CatchingUp),
}

impl CatchingUp {
    /// Begins where a request says that was read, or behind the cursor `after`.
    pub(super) fn begin<E: Executor>(
        edge: &GraphqlEdge<E>,
        viewer: Viewer,
        mut request: Request,
        after: Option<&str>,
    ) -> Self {
        let asked = Arc::new(Asked::of(&mut request, viewer));
        if let Some(after) = after {
            begin::begin_after(&mut request, after);
        }
        let execution = Execution::start(edge, &asked, request, Leg::first());
        Self {
            asked,
            execution,
            is_over: false,
        }
    }

    fn again<E: Executor>(edge: &GraphqlEdge<E>, asked: Arc<Asked>, position: i64) -> Self {
        let request = asked.again(edge);
        let execution = Execution::start(edge, &asked, request, Leg::again(position));
        Self {
            asked,
            execution,
            is_over: false,
        }
    }

    /// What it is told next. None: it has arrived.
    pub(super) async fn next(&mut self) -> Option<Told> {
        if self.is_over {
            return None;
        }
        let told = self.execution.next().await;
        self.is_over = told.as_ref().is_none_or(|told| !told.goes_on());
        told
    }

    /// Goes on, after all was told.
    pub(super) fn arrive<E: Executor>(self, edge: &GraphqlEdge<E>) -> Arrived {
        let Self {
            asked, execution, ..
        } = self;
        if !execution.leg.is_caught_up() {
            return Arrived::Over;
        }
        let position = execution.leg.position();
        drop(execution);
        match edge.rooms.join(edge, &asked, position) {
            Some(member) => Arrived::Live(member),
            None => Arrived::Behind(Self::again(edge, asked, position)),
        }
    }
}

impl Member {
    /// Goes on by itself, after it fell behind.
    pub(super) fn catch_up<E: Executor>(self, edge: &GraphqlEdge<E>) -> CatchingUp {
        CatchingUp::again(edge, self.asked(), self.position())
    }
}
