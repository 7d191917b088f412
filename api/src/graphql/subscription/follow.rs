//! Following the feed: (1) catch up from the store, (2) wait for news, and again from (1).
//!
//! A subscriber reads on its own, at its own pace, from its own position: a slow one holds up nobody and loses nothing, it
//! is just longer in (1). News only wakes; what is sent is always read from the store, up to what queries can answer: what is near
//! the end once for all subscribers ([`Tail`](super::tail::Tail)), what is further back by each for itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use entity::read_model::event_index::{Column, Entity, Model};
use entity::scope::Scoped;
use futures_util::Stream;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::time::Instant;

use super::cursor::{cursor, cursor_at, start};
use super::leg::Leg;
use super::subject::Subject;
use super::tail::{News, Tails};
use crate::graphql::error::Result;
use crate::graphql::filter::Filter;
use crate::graphql::object::Event;
use crate::graphql::page::Node;
use crate::graphql::scalar::{Cursor, Time};
use crate::graphql::session::Session;

/// Events that are read at once while catching up.
const BATCH: u64 = 64;

/// The longest silence of a subscription with checkpoints.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(15);

/// How long to wait after the store has failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An item of a subscription, or, without news, a checkpoint.
pub struct Item<O> {
    /// Where to resume.
    pub cursor: Cursor,
    /// Whether nothing more was known behind it.
    pub caught_up: bool,
    /// The event, and the object it tells of.
    pub news: Option<(Event, O)>,
}

/// A subscription on its way through the log.
pub struct Follow<S: Subject> {
    session: Arc<Session>,
    tails: Arc<Tails>,
    leg: Arc<Leg>,
    position: i64,
    filter: S::Filter,
    checkpoints: bool,
}

/// Events in order, each with the object it tells of if the filter lets it pass.
struct Batch<O> {
    news: Vec<(Model, O)>,
    /// Every event up to here is in the batch, or does not concern this subscription.
    upto: i64,
}

impl<S: Subject> Follow<S> {
    /// The subscription that a request asks for: it begins behind `after` or at `since`, unless it goes on from elsewhere.
    pub async fn begin(
        ctx: &Context<'_>,
        after: Option<Cursor>,
        since: Option<Time>,
        filter: Option<S::Filter>,
        checkpoints: bool,
    ) -> Result<Self> {
        let session = Arc::clone(Session::of(ctx));
        let leg = ctx.data_opt::<Arc<Leg>>();
        let leg = leg.map_or_else(|| Arc::new(Leg::whole()), Arc::clone);
        let position = match leg.from() {
            Some(position) => position,
            None => start(&session.reader.store, after.as_ref(), since).await?,
        };
        leg.passed(position);
        let filter = filter.unwrap_or_default();
        filter.check(&session.reader.viewer)?;
        Ok(Self {
            session,
            tails: Arc::clone(ctx.data_unchecked()),
            leg,
            position,
            filter,
            checkpoints,
        })
    }

    /// The items, without end but for that of the leg.
    pub fn stream(mut self) -> impl Stream<Item = Item<S::Object>> + Send {
        async_stream::stream! {
            let mut projected = self.session.reader.store.feed.watch_projected();
            let mut silent_since = Instant::now();
            // Whether the last word was that there is no more.
            let mut said = true;
            if self.checkpoints && self.leg.from().is_none() {
                said = self.position >= *projected.borrow();
                yield self.checkpoint(said).await;
            }
            loop {
                let known = *projected.borrow_and_update();
                // The last item is held back until it is known whether another one follows.
                let mut held = None;
                while self.position < known {
                    // A failure was logged where it arose. The subscriber notices only that it waits.
                    let Ok(batch) = self.read(known).await else {
                        tokio::time::sleep(RETRY_AFTER).await;
                        continue;
                    };
                    for news in batch.news {
                        if let Some(news) = held.replace(news) {
                            silent_since = Instant::now();
                            said = false;
                            yield self.item(false, news);
                        }
                    }
                    self.position = batch.upto;
                    if held.is_none() {
                        self.leg.passed(self.position);
                    }
                    if self.checkpoints && held.is_none() && silent_since.elapsed() >= CHECKPOINT_INTERVAL {
                        silent_since = Instant::now();
                        said = self.position == known;
                        yield self.checkpoint(said).await;
                    }
                }
                if let Some(news) = held {
                    silent_since = Instant::now();
                    said = true;
                    yield self.item(true, news);
                    self.leg.passed(self.position);
                } else if self.checkpoints && !said {
                    // What the filter does not let pass is not waited for.
                    silent_since = Instant::now();
                    said = true;
                    yield self.checkpoint(true).await;
                }
                if !self.leg.is_endless() {
                    self.leg.end();
                    break;
                }
                tokio::select! {
                    changed = projected.changed() => {
                        // The feed lives as long as the server.
                        if changed.is_err() {
                            break;
                        }
                    }
                    () = tokio::time::sleep_until(silent_since + CHECKPOINT_INTERVAL), if self.checkpoints => {
                        silent_since = Instant::now();
                        yield self.checkpoint(true).await;
                    }
                }
            }
        }
    }

    async fn checkpoint(&self, caught_up: bool) -> Item<S::Object> {
        let store = &self.session.reader.store;
        self.leg.pausing(self.position);
        let cursor = loop {
            match cursor_at(store, self.position).await {
                Ok(cursor) => break cursor,
                Err(_) => tokio::time::sleep(RETRY_AFTER).await,
            }
        };
        Item {
            cursor,
            caught_up,
            news: None,
        }
    }

    fn item(&self, caught_up: bool, (event, object): (Model, S::Object)) -> Item<S::Object> {
        self.leg.telling(event.position, !caught_up);
        Item {
            cursor: cursor(&self.session.reader.store, event.position, &event.body_hash),
            caught_up,
            news: Some((Event::from_row(event), object)),
        }
    }

    /// What stands behind the position, as far as one batch and `known` go.
    async fn read(&self, known: i64) -> Result<Batch<S::Object>> {
        let tail = S::tail(&self.tails);
        let store = &self.session.reader.store;
        match tail.read(store, self.position, known).await? {
            Some(news) => self.pick(&news).await,
            None => self.read_alone(known).await,
        }
    }

    /// What of these news is for this subscription.
    async fn pick(&self, news: &News<S>) -> Result<Batch<S::Object>> {
        let reader = &self.session.reader;
        let mut told = Vec::new();
        let mut doubtful = Vec::new();
        for (event, row) in news.behind(self.position) {
            if !S::is_visible(reader.viewer.scope(), event, row) {
                continue;
            }
            match self.filter.passes(row) {
                Some(true) => told.push((event.clone(), S::object(row))),
                Some(false) => {}
                None => doubtful.push(event.clone()),
            }
        }
        if !doubtful.is_empty() {
            let mut objects = S::objects(reader, &self.filter, &doubtful).await?;
            told.extend(with_objects(doubtful, &mut objects));
            told.sort_by_key(|(event, _)| event.position);
        }
        Ok(Batch {
            news: told,
            upto: news.upto,
        })
    }

    /// The same from the store, for this subscription alone.
    async fn read_alone(&self, known: i64) -> Result<Batch<S::Object>> {
        let reader = &self.session.reader;
        let generation = reader.store.read_model.live();
        let events = Entity::visible_to(reader.viewer.scope())
            .filter(Column::Position.gt(self.position))
            .filter(Column::Position.lte(known))
            .filter(S::events(&self.filter, reader.sight()))
            .order_by_asc(Column::Position)
            .limit(BATCH)
            .all(generation.reads())
            .await?;
        let upto = upto(&events, BATCH, known);
        let mut objects = S::objects(reader, &self.filter, &events).await?;
        let news = with_objects(events, &mut objects).collect();
        Ok(Batch { news, upto })
    }
}

/// How far `events` go, of which at most `most` were asked for up to `known`.
pub(super) fn upto(events: &[Model], most: u64, known: i64) -> i64 {
    match events.last() {
        Some(last) if events.len() as u64 == most => last.position,
        _ => known,
    }
}

fn with_objects<O>(
    events: Vec<Model>,
    objects: &mut HashMap<i64, O>,
) -> impl Iterator<Item = (Model, O)> {
    events.into_iter().filter_map(|event| {
        let object = objects.remove(&event.position)?;
        Some((event, object))
    })
}
