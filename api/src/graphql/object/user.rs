//! A user, with their calls.

use async_graphql::{Context, ID, Object};
use entity::read_model::state::Kind;
use entity::read_model::{call, user};
use ingest::token::Hidden;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ActiveEnum, IntoSimpleExpr};

use super::{Call, Event, Org, UserChange, below_cost, load, page_below, page_cost};
use crate::graphql::error::Result;
use crate::graphql::filter::CallFilter;
use crate::graphql::history::ChangesOf;
use crate::graphql::loader::{NewestCallOf, OrgId};
use crate::graphql::page::{Arguments, CallOrderField, Connection, Node, Order};
use crate::graphql::relation::{Below, Relation};
use crate::graphql::scalar::Time;
use crate::graphql::session::Session;

/// A user as last described.
pub struct User(pub user::Model);

impl Node for User {
    type Row = user::Model;

    fn from_row(row: user::Model) -> Self {
        Self(row)
    }
}

/// The calls of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallsOfUser;

impl Relation for CallsOfUser {
    type Child = call::Entity;
    type Filter = CallFilter;

    fn parent() -> Vec<SimpleExpr> {
        vec![call::Column::UserId.into_simple_expr()]
    }
}

/// A user: someone who practises, as last described by an event of their own or by one of their calls.
#[Object]
impl User {
    /// SalesMagic's own id.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// The id of their org.
    async fn org_id(&self) -> Option<ID> {
        self.0.org_id.clone().map(ID)
    }

    /// Their org.
    async fn org(&self, ctx: &Context<'_>) -> Result<Option<Org>> {
        let org = load(ctx, self.0.org_id.clone().map(OrgId)).await?;
        Ok(org.map(Org))
    }

    /// Their name.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Their e-mail address. Null for a token from which addresses are hidden.
    async fn email(&self, ctx: &Context<'_>) -> Option<&str> {
        let email = self.0.email.as_deref();
        email.filter(|_| !Session::of(ctx).reader.viewer.hides(Hidden::Email))
    }

    /// The address of their picture.
    async fn image(&self) -> Option<&str> {
        self.0.image.as_deref()
    }

    /// Their role, as SalesMagic writes it.
    async fn role(&self) -> Option<&str> {
        self.0.role.as_deref()
    }

    /// Their status, as SalesMagic writes it.
    async fn status(&self) -> Option<&str> {
        self.0.status.as_deref()
    }

    /// Their customer id.
    async fn customer_id(&self) -> Option<ID> {
        self.0.customer_id.clone().map(ID)
    }

    /// The id of their manager.
    async fn manager_id(&self) -> Option<ID> {
        self.0.manager_id.clone().map(ID)
    }

    /// The id of their team: a team is the users who share it.
    async fn team_id(&self) -> Option<ID> {
        self.0.team_id.clone().map(ID)
    }

    /// Their current streak. SalesMagic documents no unit.
    async fn streak(&self) -> Option<f64> {
        self.0.streak
    }

    /// Their longest streak. SalesMagic documents no unit.
    async fn longest_streak(&self) -> Option<f64> {
        self.0.longest_streak
    }

    /// When they made their newest call: how long they have not practised. The catalogue's example calls do not count. Null without calls.
    async fn last_call_at(&self, ctx: &Context<'_>) -> Result<Option<Time>> {
        let newest = load(ctx, Some(NewestCallOf(self.0.id.clone()))).await?;
        Ok(newest.and_then(Time::of_micros))
    }

    /// When they were created.
    async fn created_at(&self) -> Option<Time> {
        self.0.created_at.and_then(Time::of_micros)
    }

    /// Whether this user is deleted.
    async fn deleted(&self) -> bool {
        self.0.is_deleted
    }

    /// When this user was deleted.
    async fn deleted_at(&self) -> Option<Time> {
        self.0.deleted_at.and_then(Time::of_micros)
    }

    /// Whether everything known of this comes from the catalogue's examples, which the Testing tab of the Svix portal sends.
    /// Reports leave examples out.
    async fn is_example(&self) -> bool {
        self.0.is_example
    }

    /// The event that these values come from. Null while only the id has been seen, and for a token that does not see the event's org.
    async fn last_event(&self, ctx: &Context<'_>) -> Result<Option<Event>> {
        Event::seen(ctx, self.0.last_position).await
    }

    /// Their calls, newest first.
    #[graphql(complexity = "below_cost(filter.as_ref(), first, last, child_complexity)")]
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
        let below = Below::<CallsOfUser>::new([&self.0.id], filter);
        page_below(
            ctx,
            below,
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

    /// What of them changed, the last change first, whatever order the events came in: their own events, and calls that found them otherwise
    /// than they were known.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<UserChange>> {
        let below = Below::<ChangesOf>::new([Kind::User.to_value().as_str(), &self.0.id], None);
        page_below(
            ctx,
            below,
            Arguments {
                first,
                after,
                last,
                before,
            },
            None,
        )
        .await
    }
}
