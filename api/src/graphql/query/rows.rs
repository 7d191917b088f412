//! One of each object by its key, and the list of all.

use async_graphql::{Context, ID, Object};
use entity::read_model::{analysis, call, event_index, org, prospect, user};

use super::list;
use crate::graphql::error::{Error, Result};
use crate::graphql::filter::{
    AnalysisFilter, CallFilter, EventFilter, OrgFilter, ProspectFilter, UserFilter,
};
use crate::graphql::loader::{
    CallId, EnvelopeAt, IndexAt, OrgId, ProspectId, TranscriptOf, UserId,
};
use crate::graphql::object::{
    Analysis, Call, Event, Org, Prospect, Transcript, User, load, page_cost,
};
use crate::graphql::page::{Arguments, Connection};
use crate::graphql::scalar::Position;
use crate::graphql::session::Session;

/// Rows.
#[derive(Default)]
pub struct RowQuery;

/// Everything that SalesMagic's webhooks have told: orgs, users, calls, prospects, transcripts, analyses, and the raw events.
#[Object]
impl RowQuery {
    /// The org with this id.
    async fn org(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "SalesMagic's id.")] id: ID,
    ) -> Result<Option<Org>> {
        Ok(load(ctx, Some(OrgId(id.0))).await?.map(Org))
    }

    /// All orgs, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn orgs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<OrgFilter>,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Org>> {
        list::<org::Entity, _, _>(
            ctx,
            filter,
            Arguments {
                first,
                after,
                last,
                before,
            },
        )
        .await
    }

    /// The user with this id.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "SalesMagic's id.")] id: ID,
    ) -> Result<Option<User>> {
        Ok(load(ctx, Some(UserId(id.0))).await?.map(User))
    }

    /// All users, newest first, deleted ones included.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<UserFilter>,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<User>> {
        list::<user::Entity, _, _>(
            ctx,
            filter,
            Arguments {
                first,
                after,
                last,
                before,
            },
        )
        .await
    }

    /// The call with this id.
    async fn call(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "SalesMagic's id.")] id: ID,
    ) -> Result<Option<Call>> {
        Ok(load(ctx, Some(CallId(id.0))).await?.map(Call))
    }

    /// All calls, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn calls(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<CallFilter>,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Call>> {
        list::<call::Entity, _, _>(
            ctx,
            filter,
            Arguments {
                first,
                after,
                last,
                before,
            },
        )
        .await
    }

    /// The prospect with this id, as the calls of this org describe it.
    async fn prospect(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The org of the calls.")] org_id: ID,
        #[graphql(desc = "SalesMagic's id.")] id: ID,
    ) -> Result<Option<Prospect>> {
        let key = ProspectId(org_id.0, id.0);
        Ok(load(ctx, Some(key)).await?.map(Prospect))
    }

    /// All prospects, by org and id.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn prospects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<ProspectFilter>,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Prospect>> {
        list::<prospect::Entity, _, _>(
            ctx,
            filter,
            Arguments {
                first,
                after,
                last,
                before,
            },
        )
        .await
    }

    /// The transcript of the call with this id.
    async fn transcript(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The call.")] call_id: ID,
    ) -> Result<Option<Transcript>> {
        let row = load(ctx, Some(TranscriptOf(call_id.0))).await?;
        Ok(row.map(|row| Transcript::of(row, None)))
    }

    /// All analyses, those of the newest call first, and of one call the last first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn analyses(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<AnalysisFilter>,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Analysis>> {
        list::<analysis::Entity, _, _>(
            ctx,
            filter,
            Arguments {
                first,
                after,
                last,
                before,
            },
        )
        .await
    }

    /// One event, by its position or by its message id.
    async fn event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its place in the log.")] position: Option<Position>,
        #[graphql(desc = "Svix's message id.")] message_id: Option<String>,
    ) -> Result<Option<Event>> {
        let reader = &Session::of(ctx).reader;
        let position = match (position, message_id) {
            (Some(position), None) => Some(position.0),
            (None, Some(message_id)) => reader.store.log.position_of(&message_id).await?,
            _ => {
                return Err(Error::bad_input(
                    "Name an event by its `position` or by its `messageId`, one of the two.",
                ));
            }
        };
        let Some(position) = position else {
            return Ok(None);
        };
        let visible = if reader.viewer.sees_everything() {
            load(ctx, Some(EnvelopeAt(position))).await?.is_some()
        } else {
            load(ctx, Some(IndexAt(position))).await?.is_some()
        };
        Ok(visible.then(|| Event::at(position)))
    }

    /// All events of which the server has understood something, the last received first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<EventFilter>,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Event>> {
        list::<event_index::Entity, _, _>(
            ctx,
            filter,
            Arguments {
                first,
                after,
                last,
                before,
            },
        )
        .await
    }
}
