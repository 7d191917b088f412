//! A schema to try the edge on: it reads nothing, and can be slow, wrong, endless and silent.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_graphql::{
    Context, EmptyMutation, Error, ErrorExtensions, Object, Schema, SimpleObject, Subscription,
};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{EdgeLimits, GraphqlEdge};
use crate::graphql::Viewer;

pub(super) type ToySchema = Schema<Query, EmptyMutation, Subscriptions>;

/// What a test may look at from outside.
#[derive(Clone)]
pub(super) struct Probe {
    /// Items that `flood` has made.
    pub(super) flooded: Arc<AtomicUsize>,
    /// Streams of `silence` that live.
    pub(super) silences: watch::Sender<usize>,
}

pub(super) fn edge(limits: EdgeLimits) -> (GraphqlEdge<ToySchema>, Probe, CancellationToken) {
    let probe = Probe {
        flooded: Arc::default(),
        silences: watch::Sender::new(0),
    };
    let schema = Schema::build(Query, EmptyMutation, Subscriptions)
        .data(probe.clone())
        .finish();
    let shutdown = CancellationToken::new();
    let edge = GraphqlEdge::new(
        schema,
        async_graphql::Request::data,
        limits,
        shutdown.clone(),
    );
    (edge, probe, shutdown)
}

pub(super) struct Query;

#[Object]
impl Query {
    async fn hello(&self, #[graphql(default_with = "\"you\".to_owned()")] name: String) -> String {
        format!("hello {name}")
    }

    async fn double(&self, n: i32) -> i32 {
        2 * n
    }

    async fn knows_viewer(&self, context: &Context<'_>) -> bool {
        context.data::<Viewer>().is_ok()
    }

    async fn fail(&self) -> Result<bool, Error> {
        let error = Error::new("no");
        ready(Err(error.extend_with(|_, extensions| {
            extensions.set("code", "FORBIDDEN");
        })))
        .await
    }

    async fn slow(&self) -> bool {
        tokio::time::sleep(Duration::from_hours(1)).await;
        true
    }

    async fn crash(&self) -> bool {
        let asked_for = true;
        assert!(!asked_for, "the crash that a test asked for");
        asked_for
    }
}

pub(super) struct Subscriptions;

#[Subscription]
impl Subscriptions {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(1..=to)
    }

    /// Items that tell where to resume, from the one behind `after` on.
    async fn items(
        &self,
        after: Option<String>,
        since: Option<i32>,
        to: i32,
    ) -> Result<impl Stream<Item = ToyItem>, Error> {
        let begin = match (after, since) {
            (Some(_), Some(_)) => return Err(Error::new("not both")),
            (Some(after), None) => after.parse().map_err(|_| Error::new("not a cursor"))?,
            (None, since) => since.unwrap_or(0),
        };
        let items = (begin + 1..=to).map(|n| ToyItem {
            cursor: n.to_string(),
            n,
        });
        ready(Ok(stream::iter(items))).await
    }

    async fn refuse(&self) -> Result<stream::Empty<i32>, Error> {
        ready(Err(Error::new("not this one"))).await
    }

    /// Its second item cannot be read.
    async fn falter(&self) -> impl Stream<Item = Result<i32, Error>> {
        stream::iter(1..=3).map(|n| {
            if n == 2 {
                Err(Error::new("not now").extend_with(|_, e| e.set("code", "INTERNAL")))
            } else {
                Ok(n)
            }
        })
    }

    async fn crash(&self) -> impl Stream<Item = i32> {
        stream::iter(1..=2).map(|n| {
            if n == 2 {
                panic!("a test asked for it")
            } else {
                n
            }
        })
    }

    /// Always has another item at once.
    async fn flood(&self, context: &Context<'_>, bytes: usize) -> impl Stream<Item = String> {
        let flooded = Arc::clone(&context.data_unchecked::<Probe>().flooded);
        stream::repeat_with(move || {
            flooded.fetch_add(1, Ordering::SeqCst);
            "x".repeat(bytes)
        })
    }

    /// Never has an item.
    async fn silence(&self, context: &Context<'_>) -> impl Stream<Item = i32> {
        let silences = context.data_unchecked::<Probe>().silences.clone();
        silences.send_modify(|n| *n += 1);
        let alive = Silence(silences);
        stream::pending().map(move |()| {
            let _ = &alive;
            0
        })
    }
}

#[derive(SimpleObject)]
pub(super) struct ToyItem {
    cursor: String,
    n: i32,
}

struct Silence(watch::Sender<usize>);

impl Drop for Silence {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n -= 1);
    }
}
