//! How the installation is, and what it was sent.

use async_graphql::{Context, Object};

use crate::graphql::error::Result;
use crate::graphql::filter::RefusedRequestFilter;
use crate::graphql::object::{RefusedRequest, Status, list_cost};
use crate::graphql::page::{Arguments, Connection};

/// The installation.
#[derive(Default)]
pub struct InstallationQuery;

/// How the installation is, and what it was sent.
#[Object]
impl InstallationQuery {
    /// The requests that the webhook refused, the newest of each reason, the last refused first: for setting it up. A request is here about
    /// a second after it was answered.
    #[graphql(complexity = "list_cost(filter.as_ref(), first, last, child_complexity)")]
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

    /// How the installation is: how many events it has, and how far queries are behind them.
    async fn status(&self, ctx: &Context<'_>) -> Result<Status> {
        Status::now(ctx).await
    }
}
