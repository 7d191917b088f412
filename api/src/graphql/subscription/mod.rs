//! The roots of subscriptions: what is new, from any place in the log on.
//!
//! [`follow`] reads from the store and then waits for news; [`cursor`](mod@cursor) says where, a [`leg`] how far. What is new is
//! read once for all subscriptions of a [`subject`] and kept a moment ([`tail`]).

mod cursor;
mod follow;
mod leg;
mod subject;
mod tail;

use async_graphql::{Context, SimpleObject, Subscription};
use futures_util::{Stream, StreamExt};

use super::error::Result;
use super::filter::{CallFilter, EventFilter, OrgFilter, UserFilter};
use super::object::{Call, Event, Org, User};
use super::scalar::{Cursor, Time};
use follow::{Follow, Item};
use subject::{AnyEvent, ChangedOrg, ChangedUser, CompletedCall};

pub use cursor::cursor_at;
pub use leg::Leg;
pub use tail::Tails;

/// The root of subscriptions.
pub struct SubscriptionRoot;

/// What is new. Every item has a `cursor`; a client that gives it back in `after` misses nothing and gets nothing twice. An
/// item comes when queries can answer what it tells of, never before.
#[Subscription(name = "Subscription")]
impl SubscriptionRoot {
    /// Each call as it is completed. A repeated delivery of the same event is not announced again.
    async fn call_completed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Continue after this cursor of an earlier item, without gap or repeat. `\"0\"` is the beginning."
        )]
        after: Option<Cursor>,
        #[graphql(desc = "Begin with what was received from this moment on.")] since: Option<Time>,
        #[graphql(desc = "Which of them.")] filter: Option<CallFilter>,
        #[graphql(
            desc = "Also send items without subject, at once and then at least every 15 seconds, so that there is a cursor to resume from.",
            default
        )]
        checkpoints: bool,
    ) -> Result<impl Stream<Item = CallCompletedItem>> {
        let follow = Follow::<CompletedCall>::begin(ctx, after, since, filter, checkpoints).await?;
        Ok(follow.stream().map(CallCompletedItem::from))
    }

    /// Each user as they are created, updated or deleted.
    async fn user_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Continue after this cursor of an earlier item, without gap or repeat. `\"0\"` is the beginning."
        )]
        after: Option<Cursor>,
        #[graphql(desc = "Begin with what was received from this moment on.")] since: Option<Time>,
        #[graphql(desc = "Which of them.")] filter: Option<UserFilter>,
        #[graphql(
            desc = "Also send items without subject, at once and then at least every 15 seconds, so that there is a cursor to resume from.",
            default
        )]
        checkpoints: bool,
    ) -> Result<impl Stream<Item = UserChangedItem>> {
        let follow = Follow::<ChangedUser>::begin(ctx, after, since, filter, checkpoints).await?;
        Ok(follow.stream().map(UserChangedItem::from))
    }

    /// Each org as it is updated or deleted.
    async fn org_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Continue after this cursor of an earlier item, without gap or repeat. `\"0\"` is the beginning."
        )]
        after: Option<Cursor>,
        #[graphql(desc = "Begin with what was received from this moment on.")] since: Option<Time>,
        #[graphql(desc = "Which of them.")] filter: Option<OrgFilter>,
        #[graphql(
            desc = "Also send items without subject, at once and then at least every 15 seconds, so that there is a cursor to resume from.",
            default
        )]
        checkpoints: bool,
    ) -> Result<impl Stream<Item = OrgChangedItem>> {
        let follow = Follow::<ChangedOrg>::begin(ctx, after, since, filter, checkpoints).await?;
        Ok(follow.stream().map(OrgChangedItem::from))
    }

    /// Every event, whatever became of it, repeated ones included.
    async fn event_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Continue after this cursor of an earlier item, without gap or repeat. `\"0\"` is the beginning."
        )]
        after: Option<Cursor>,
        #[graphql(desc = "Begin with what was received from this moment on.")] since: Option<Time>,
        #[graphql(desc = "Which of them.")] filter: Option<EventFilter>,
        #[graphql(
            desc = "Also send items without subject, at once and then at least every 15 seconds, so that there is a cursor to resume from.",
            default
        )]
        checkpoints: bool,
    ) -> Result<impl Stream<Item = EventFeedItem>> {
        let follow = Follow::<AnyEvent>::begin(ctx, after, since, filter, checkpoints).await?;
        Ok(follow.stream().map(EventFeedItem::from))
    }
}

/// A call that was completed, or a checkpoint.
#[derive(SimpleObject)]
pub struct CallCompletedItem {
    /// Where to resume: pass it as `after`, and the next item is the first one after this.
    cursor: Cursor,
    /// Whether this was the last that was known when it was sent: what follows is news.
    caught_up: bool,
    /// The call, as it is now. Null on a checkpoint.
    call: Option<Call>,
    /// The event that tells of it. Null on a checkpoint.
    event: Option<Event>,
}

impl From<Item<Call>> for CallCompletedItem {
    fn from(item: Item<Call>) -> Self {
        let (event, call) = item.news.unzip();
        Self {
            cursor: item.cursor,
            caught_up: item.caught_up,
            call,
            event,
        }
    }
}

/// A user who was created, updated or deleted, or a checkpoint.
#[derive(SimpleObject)]
pub struct UserChangedItem {
    /// Where to resume: pass it as `after`, and the next item is the first one after this.
    cursor: Cursor,
    /// Whether this was the last that was known when it was sent: what follows is news.
    caught_up: bool,
    /// The user, as it is now. Null on a checkpoint.
    user: Option<User>,
    /// The event that tells of it. Null on a checkpoint.
    event: Option<Event>,
}

impl From<Item<User>> for UserChangedItem {
    fn from(item: Item<User>) -> Self {
        let (event, user) = item.news.unzip();
        Self {
            cursor: item.cursor,
            caught_up: item.caught_up,
            user,
            event,
        }
    }
}

/// An org that was updated or deleted, or a checkpoint.
#[derive(SimpleObject)]
pub struct OrgChangedItem {
    /// Where to resume: pass it as `after`, and the next item is the first one after this.
    cursor: Cursor,
    /// Whether this was the last that was known when it was sent: what follows is news.
    caught_up: bool,
    /// The org, as it is now. Null on a checkpoint.
    org: Option<Org>,
    /// The event that tells of it. Null on a checkpoint.
    event: Option<Event>,
}

impl From<Item<Org>> for OrgChangedItem {
    fn from(item: Item<Org>) -> Self {
        let (event, org) = item.news.unzip();
        Self {
            cursor: item.cursor,
            caught_up: item.caught_up,
            org,
            event,
        }
    }
}

/// An event, or a checkpoint.
#[derive(SimpleObject)]
pub struct EventFeedItem {
    /// Where to resume: pass it as `after`, and the next item is the first one after this.
    cursor: Cursor,
    /// Whether this was the last that was known when it was sent: what follows is news.
    caught_up: bool,
    /// The event. Null on a checkpoint.
    event: Option<Event>,
}

impl From<Item<()>> for EventFeedItem {
    fn from(item: Item<()>) -> Self {
        Self {
            cursor: item.cursor,
            caught_up: item.caught_up,
            event: item.news.map(|(event, ())| event),
        }
    }
}
