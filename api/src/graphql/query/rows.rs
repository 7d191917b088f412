//! One of each object by its key, and the list of all.

use async_graphql::{Context, ID, Object};
use entity::read_model::state::Kind;
use entity::read_model::{analysis, call, event_index, org, prospect, user};

use super::list;
use crate::graphql::error::{Error, Result};
use crate::graphql::filter::{
    AnalysisFilter, CallFilter, EventFilter, OrgFilter, ProspectFilter, UserFilter,
};
use crate::graphql::history::{StateAt, org_then, user_then};
use crate::graphql::loader::{CallId, EnvelopeAt, IndexAt, OrgId, ProspectId, UserId};
use crate::graphql::object::{
    Analysis, Call, Event, Org, Prospect, Transcript, User, list_cost, load,
};
use crate::graphql::page::{
    AnalysisOrderField, Arguments, CallOrderField, Connection, EventOrderField, Order,
    OrgOrderField, ProspectOrderField, UserOrderField,
};
use crate::graphql::scalar::{Position, Time};
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
        #[graphql(
            desc = "As it was at this moment, to the microsecond, by what the events say of when they happened; null when none of them had described it by then. Its users, calls and prospects are as they are now."
        )]
        as_of: Option<Time>,
    ) -> Result<Option<Org>> {
        if let Some(as_of) = as_of {
            let state = load(ctx, Some(StateAt(Kind::Org, id.0, as_of.micros()))).await?;
            return Ok(state.map(org_then).transpose()?.map(Org));
        }
        Ok(load(ctx, Some(OrgId(id.0))).await?.map(Org))
    }

    /// All orgs, newest first.
    #[graphql(complexity = "list_cost(filter.as_ref(), first, last, child_complexity)")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn orgs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<OrgFilter>,
        #[graphql(desc = "In which order: the newest first unless said.")] order_by: Option<
            Order<OrgOrderField>,
        >,
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
            order_by,
        )
        .await
    }

    /// The user with this id.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "SalesMagic's id.")] id: ID,
        #[graphql(
            desc = "As they were at this moment, to the microsecond, by what the events say of when they happened; null when none of them had described them by then. Their org and calls are as they are now."
        )]
        as_of: Option<Time>,
    ) -> Result<Option<User>> {
        if let Some(as_of) = as_of {
            let state = load(ctx, Some(StateAt(Kind::User, id.0, as_of.micros()))).await?;
            return Ok(state.map(user_then).transpose()?.map(User));
        }
        Ok(load(ctx, Some(UserId(id.0))).await?.map(User))
    }

    /// All users, newest first, deleted ones included.
    #[graphql(complexity = "list_cost(filter.as_ref(), first, last, child_complexity)")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<UserFilter>,
        #[graphql(desc = "In which order: the newest first unless said.")] order_by: Option<
            Order<UserOrderField>,
        >,
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
            order_by,
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
    #[graphql(complexity = "list_cost(filter.as_ref(), first, last, child_complexity)")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn calls(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<CallFilter>,
        #[graphql(desc = "In which order: the newest first unless said.")] order_by: Option<
            Order<CallOrderField>,
        >,
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
            order_by,
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
    #[graphql(complexity = "list_cost(filter.as_ref(), first, last, child_complexity)")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn prospects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<ProspectFilter>,
        #[graphql(desc = "In which order: by id unless said.")] order_by: Option<
            Order<ProspectOrderField>,
        >,
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
            order_by,
        )
        .await
    }

    /// The transcript of the call with this id. Null for a token from which transcripts are hidden.
    async fn transcript(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The call.")] call_id: ID,
    ) -> Result<Option<Transcript>> {
        let row = Transcript::row(ctx, &call_id.0).await?;
        Ok(row.map(|row| Transcript::of(row, None)))
    }

    /// All analyses, those of the newest call first, and of one call the last first.
    #[graphql(complexity = "list_cost(filter.as_ref(), first, last, child_complexity)")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn analyses(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<AnalysisFilter>,
        #[graphql(desc = "In which order: those of the newest call first unless said.")]
        order_by: Option<Order<AnalysisOrderField>>,
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
            order_by,
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
            (None, Some(message_id)) => {
                reader
                    .store
                    .log
                    .read(&reader.passing)
                    .position_of(&message_id)
                    .await?
            }
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
    #[graphql(complexity = "list_cost(filter.as_ref(), first, last, child_complexity)")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<EventFilter>,
        #[graphql(desc = "In which order: the last received first unless said.")] order_by: Option<
            Order<EventOrderField>,
        >,
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
            order_by,
        )
        .await
    }
}
