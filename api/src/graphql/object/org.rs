//! An org, with its users, calls and prospects.

use async_graphql::{Context, ID, Object};
use entity::read_model::state::Kind;
use entity::read_model::{call, org, prospect, user};
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ActiveEnum, IntoSimpleExpr};

use super::{Call, Event, OrgChange, Prospect, User, below_cost, page_below, page_cost};
use crate::graphql::error::Result;
use crate::graphql::filter::{CallFilter, ProspectFilter, UserFilter};
use crate::graphql::history::ChangesOf;
use crate::graphql::page::{
    Arguments, CallOrderField, Connection, Node, Order, ProspectOrderField, UserOrderField,
};
use crate::graphql::relation::{Below, Relation};
use crate::graphql::scalar::Time;

/// An org as last described. One that was only ever named by its users or calls has an id and nulls.
pub struct Org(pub org::Model);

impl Node for Org {
    type Row = org::Model;

    fn from_row(row: org::Model) -> Self {
        Self(row)
    }
}

/// The users of an org.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsersOfOrg;

impl Relation for UsersOfOrg {
    type Child = user::Entity;
    type Filter = UserFilter;

    fn parent() -> Vec<SimpleExpr> {
        vec![user::Column::OrgId.into_simple_expr()]
    }
}

/// The calls of an org.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallsOfOrg;

impl Relation for CallsOfOrg {
    type Child = call::Entity;
    type Filter = CallFilter;

    fn parent() -> Vec<SimpleExpr> {
        vec![call::Column::OrgId.into_simple_expr()]
    }
}

/// The prospects of an org.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProspectsOfOrg;

impl Relation for ProspectsOfOrg {
    type Child = prospect::Entity;
    type Filter = ProspectFilter;

    fn parent() -> Vec<SimpleExpr> {
        vec![prospect::Column::OrgId.into_simple_expr()]
    }
}

/// An org: a customer of SalesMagic. One that was only ever named by its users or calls has an id and nulls.
#[Object]
impl Org {
    /// SalesMagic's own id.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// Its name.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The address of its picture.
    async fn image(&self) -> Option<&str> {
        self.0.image.as_deref()
    }

    /// Its status, as SalesMagic writes it.
    async fn status(&self) -> Option<&str> {
        self.0.status.as_deref()
    }

    /// When it was created.
    async fn created_at(&self) -> Option<Time> {
        self.0.created_at.and_then(Time::of_micros)
    }

    /// Whether it is deleted.
    async fn deleted(&self) -> bool {
        self.0.is_deleted
    }

    /// When it was deleted.
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

    /// Its users, newest first.
    #[graphql(complexity = "below_cost(filter.as_ref(), first, last, child_complexity)")]
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
        let below = Below::<UsersOfOrg>::new([&self.0.id], filter);
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

    /// Its calls, newest first.
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
        let below = Below::<CallsOfOrg>::new([&self.0.id], filter);
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

    /// The prospects of its calls, by id.
    #[graphql(complexity = "below_cost(filter.as_ref(), first, last, child_complexity)")]
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
        let below = Below::<ProspectsOfOrg>::new([&self.0.id], filter);
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

    /// What of it changed, the last change first, whatever order the events came in.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<OrgChange>> {
        let below = Below::<ChangesOf>::new([Kind::Org.to_value().as_str(), &self.0.id], None);
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
