//! The roots of queries: one of each object by its key, and the list of all.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entity::read_model::{analysis, call, event_index, org, prospect, user};
use sea_orm::{PaginatorTrait, QueryFilter};

use super::error::{Error, Result};
use super::filter::{
    AnalysisFilter, CallFilter, EventFilter, Filter, OrgFilter, ProspectFilter,
    RefusedRequestFilter, UserFilter,
};
use super::loader::{CallId, EnvelopeAt, IndexAt, OrgId, ProspectId, TranscriptOf, UserId};
use super::object::{
    Analysis, Call, Event, Org, Prospect, RefusedRequest, Status, Transcript, User, load, page_cost,
};
use super::page::{Arguments, Connection, Node, Page, Paged, Total};
use super::report::{self, CallGroup, CallReport, Zone};
use super::scalar::Position;
use super::session::Session;

/// The root of queries.
pub struct QueryRoot;

/// Everything that SalesMagic's webhooks have told: orgs, users, calls, prospects, transcripts, analyses, and the raw events.
#[Object(name = "Query")]
impl QueryRoot {
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

    /// The requests that the webhook refused, the newest of each reason, the last refused first: for setting it up. A request is here about
    /// a second after it was answered.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn refused_requests(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<RefusedRequestFilter>,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<RefusedRequest>> {
        let arguments = Arguments {
            first,
            after,
            last,
            before,
        };
        RefusedRequest::list(ctx, filter, arguments).await
    }

    /// Figures of calls: how many, how long, how well, in all and by user, team, prospect, month and so on. The catalogue's examples
    /// are left out; the calls of deleted users are in.
    #[graphql(complexity = "report::cost(first, child_complexity)")]
    #[expect(clippy::unused_async, reason = "a resolver has to be")]
    async fn call_report(
        &self,
        #[graphql(desc = "Which calls.")] filter: Option<CallFilter>,
        #[graphql(
            desc = "By what they are grouped: at most three things, one of them at most a period. Without any there is one row.",
            default
        )]
        group_by: Vec<CallGroup>,
        #[graphql(
            desc = "Where days, weeks and months begin and end: a name of the IANA database.",
            default
        )]
        time_zone: Zone,
        #[graphql(
            desc = "Whether each group also has a row for each period of the report in which it has no calls.",
            default
        )]
        fill: bool,
        #[graphql(desc = "How many rows: 100 unless said, 1000 at most.")] first: Option<i32>,
    ) -> Result<CallReport> {
        CallReport::new(filter, group_by, time_zone, fill, first)
    }

    /// How the installation is: how many events it has, and how far queries are behind them.
    async fn status(&self, ctx: &Context<'_>) -> Result<Status> {
        Status::now(ctx).await
    }
}

/// A page of all rows of `E` that `filter` lets pass.
async fn list<E, F, N>(
    ctx: &Context<'_>,
    filter: Option<F>,
    arguments: Arguments,
) -> Result<Connection<N>>
where
    E: Paged,
    E::Model: Send + Sync,
    F: Filter<E>,
    N: Node<Row = E::Model>,
{
    let reader = &Session::of(ctx).reader;
    let filter = filter.unwrap_or_default();
    let page = Page::new(&arguments)?;
    let select = E::visible_to(reader.viewer.scope()).filter(filter.condition());
    let generation = reader.store.read_model.live();
    let rows = page.of(select)?.all(generation.db()).await?;
    let total = Total::of(move |session: Arc<Session>| {
        let condition = filter.condition();
        Box::pin(async move {
            let generation = session.reader.store.read_model.live();
            let select = E::visible_to(session.reader.viewer.scope()).filter(condition);
            let count = select.count(generation.db()).await?;
            Ok(i64::try_from(count).unwrap_or(i64::MAX))
        })
    });
    Ok(page.connection::<E, N>(rows, total))
}
