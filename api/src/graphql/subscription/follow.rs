//! Following the feed: (1) catch up from the store, (2) wait for news, and again from (1).
//!
//! A subscriber reads on its own, at its own pace, from its own position: a slow one holds up nobody and loses nothing, it
//! is just longer in (1). News only wakes; what is sent is always read from the store, up to what queries can answer.

use std::sync::Arc;
use std::time::Duration;

use entity::read_model::event_index::{Column, Entity, Model};
use entity::scope::Scoped;
use futures_util::Stream;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::time::Instant;

use super::cursor::{cursor, cursor_at};
use super::subject::Subject;
use crate::graphql::error::Result;
use crate::graphql::filter::Filter;
use crate::graphql::object::Event;
use crate::graphql::page::Node;
use crate::graphql::scalar::Cursor;
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
    /// A subscription that begins behind `position`.
    pub fn new(
        session: Arc<Session>,
        position: i64,
        filter: Option<S::Filter>,
        checkpoints: bool,
    ) -> Result<Self> {
        let filter = filter.unwrap_or_default();
        filter.check()?;
        Ok(Self {
            session,
            position,
            filter,
            checkpoints,
        })
    }

    /// The items, without end.
    pub fn stream(mut self) -> impl Stream<Item = Item<S::Object>> + Send {
        async_stream::stream! {
            let mut projected = self.session.reader.store.feed.watch_projected();
            let mut silent_since = Instant::now();
            if self.checkpoints {
                let caught_up = self.position >= *projected.borrow();
                yield self.checkpoint(caught_up).await;
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
                            yield self.item(false, news);
                        }
                    }
                    self.position = batch.upto;
                    if self.checkpoints && held.is_none() && silent_since.elapsed() >= CHECKPOINT_INTERVAL {
                        silent_since = Instant::now();
                        yield self.checkpoint(self.position == known).await;
                    }
                }
                if let Some(news) = held {
                    silent_since = Instant::now();
                    yield self.item(true, news);
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
        Item {
            cursor: cursor(&self.session.reader.store, event.position, &event.body_hash),
            caught_up,
            news: Some((Event::from_row(event), object)),
        }
    }

    /// What stands behind the position, as far as one batch and `known` go.
    async fn read(&self, known: i64) -> Result<Batch<S::Object>> {
        let reader = &self.session.reader;
        let generation = reader.store.read_model.live();
        let events = Entity::visible_to(reader.viewer.scope())
            .filter(Column::Position.gt(self.position))
            .filter(Column::Position.lte(known))
            .filter(S::events(&self.filter, reader.backend()))
            .order_by_asc(Column::Position)
            .limit(BATCH)
            .all(generation.db())
            .await?;
        let full = events.len() as u64 == BATCH;
        let upto = match events.last() {
            Some(last) if full => last.position,
            _ => known,
        };
        let mut objects = S::objects(reader, &self.filter, &events).await?;
        let news = events
            .into_iter()
            .filter_map(|event| {
                let object = objects.remove(&event.position)?;
                Some((event, object))
            })
            .collect();
        Ok(Batch { news, upto })
    }
}
