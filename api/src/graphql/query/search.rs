//! Search.

use async_graphql::{Context, Object};

use crate::graphql::error::Result;
use crate::graphql::filter::CallFilter;
use crate::graphql::object::list_cost;
use crate::graphql::page::{Arguments, Connection};
use crate::graphql::search::{self, SearchResult, SearchText};
use crate::graphql::session::Session;

/// Search.
#[derive(Default)]
pub struct SearchQuery;

/// Full text search.
#[Object]
impl SearchQuery {
    /// The calls in whose transcripts something was said, with the lines. Those come first that say it most often; of those that say it equally
    /// often, the newest. Of a very long transcript the first words are searched: 512 KiB of them, each with
    /// two bytes more than its letters take.
    #[graphql(
        complexity = "query.ranking() + list_cost(filter.as_ref(), first, last, child_complexity)"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn search_transcripts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to search for, as in a search box.")] query: SearchText,
        #[graphql(desc = "Among which calls.")] filter: Option<CallFilter>,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<SearchResult>> {
        let arguments = Arguments {
            first,
            after,
            last,
            before,
        };
        search::search(Session::of(ctx), query, filter, &arguments).await
    }
}
