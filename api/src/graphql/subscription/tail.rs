//! The end of the log as subscriptions read it: news that one of them has read is kept for the others for a moment.
//!
//! Invariant: news follow each other without a gap, are of one generation, and what they show is never older than [`FRESH`]. Whoever
//! stands elsewhere reads the store; so does whoever asks while nobody has read yet, one of all at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entity::read_model::event_index::{self, Column};
use entity::scope::{Scope, Scoped};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::time::Instant;

use super::follow::upto;
use super::subject::{AnyEvent, ChangedOrg, ChangedUser, CompletedCall, RowOf, Subject};
use crate::graphql::Store;
use crate::graphql::error::Result;

/// How far from the end it is still near: further back a subscription had better read only what its filter lets pass.
const NEAR: i64 = 512;

/// Events that are read at once.
const BATCH: u64 = 64;

/// News that are kept.
const KEPT: usize = 8;

/// How long they are kept: an object is shown as it is now, but for this.
const FRESH: Duration = Duration::from_secs(1);

/// What is new of everything that can be subscribed to.
#[derive(Default)]
pub struct Tails {
    pub(super) calls: Tail<CompletedCall>,
    pub(super) users: Tail<ChangedUser>,
    pub(super) orgs: Tail<ChangedOrg>,
    pub(super) events: Tail<AnyEvent>,
}

/// What is new of one subject.
pub struct Tail<S: Subject> {
    news: Mutex<VecDeque<Arc<News<S>>>>,
    turn: tokio::sync::Mutex<()>,
}

/// What stands between two positions, whoever may see it and whoever wants it.
pub struct News<S: Subject> {
    generation: i64,
    read_at: Instant,
    /// They begin behind this position.
    from: i64,
    /// Every event up to here is among them, or is of another subject.
    pub(super) upto: i64,
    told: Vec<(event_index::Model, RowOf<S>)>,
}

impl<S: Subject> Default for Tail<S> {
    fn default() -> Self {
        Self {
            news: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl<S: Subject> News<S> {
    /// Those behind `position`.
    pub(super) fn behind(
        &self,
        position: i64,
    ) -> impl Iterator<Item = &(event_index::Model, RowOf<S>)> {
        let told = self.told.iter();
        told.skip_while(move |(event, _)| event.position <= position)
    }
}

impl<S: Subject> Tail<S> {
    /// What stands behind `position`, some or all of it up to `known`. None: that is not near the end.
    pub(super) async fn read(
        &self,
        store: &Store,
        position: i64,
        known: i64,
    ) -> Result<Option<Arc<News<S>>>> {
        if known - position > NEAR {
            return Ok(None);
        }
        let kept = |tail: &Self| tail.kept(store.read_model.live().number(), position);
        if let Some(news) = kept(self) {
            return Ok(Some(news));
        }
        let _turn = self.turn.lock().await;
        if let Some(news) = kept(self) {
            return Ok(Some(news));
        }
        if self.is_beyond(position) {
            return Ok(None);
        }
        let news = Arc::new(News::read(store, position, known).await?);
        self.keep(Arc::clone(&news));
        Ok(Some(news))
    }

    fn kept(&self, generation: i64, position: i64) -> Option<Arc<News<S>>> {
        let kept = self.locked();
        let news = kept
            .iter()
            .rfind(|news| news.from <= position && position < news.upto)?;
        let usable = news.generation == generation && news.read_at.elapsed() < FRESH;
        usable.then(|| Arc::clone(news))
    }

    /// Whether what is kept lies behind `position`: then it stays, for those who are further.
    fn is_beyond(&self, position: i64) -> bool {
        let kept = self.locked();
        let last = kept.back();
        last.is_some_and(|last| position < last.upto && last.read_at.elapsed() < FRESH)
    }

    fn keep(&self, news: Arc<News<S>>) {
        let mut kept = self.locked();
        let follows = kept
            .back()
            .is_some_and(|last| last.upto == news.from && last.generation == news.generation);
        if !follows {
            kept.clear();
        }
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(news);
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Arc<News<S>>>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subject> News<S> {
    async fn read(store: &Store, from: i64, known: i64) -> Result<Self> {
        let generation = store.read_model.live();
        let read_at = Instant::now();
        let events = event_index::Entity::visible_to(&Scope::Everything)
            .filter(Column::Position.gt(from))
            .filter(Column::Position.lte(known))
            .filter(S::announced())
            .order_by_asc(Column::Position)
            .limit(BATCH)
            .all(generation.reads())
            .await?;
        let upto = upto(&events, BATCH, known);
        let mut rows = S::rows(store, &events).await?;
        let told = events.into_iter().filter_map(|event| {
            let row = rows.remove(&event.position)?;
            Some((event, row))
        });
        Ok(Self {
            generation: generation.number(),
            read_at,
            from,
            upto,
            told: told.collect(),
        })
    }
}
