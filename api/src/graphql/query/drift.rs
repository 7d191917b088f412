//! How the events differ from SalesMagic's catalogue.

use async_graphql::{Context, Object};

use crate::graphql::error::Result;
use crate::graphql::object::EventTypeDrift;

/// How many entries the lists of a type are taken to have when the cost of a query is reckoned.
const ENTRIES: usize = 20;

/// Drift.
#[derive(Default)]
pub struct DriftQuery;

/// How the events differ from SalesMagic's catalogue.
#[Object]
impl DriftQuery {
    /// How the events differ from SalesMagic's catalogue: fields that it does not have, fields that never come, values of roles, statuses and
    /// analysis types, and event types that it does not have. A row for each type of the catalogue and for each other one that has arrived (the first 100),
    /// by name. Only a reader of all orgs sees it.
    #[graphql(complexity = "ENTRIES * child_complexity")]
    async fn schema_drift(&self, ctx: &Context<'_>) -> Result<Vec<EventTypeDrift>> {
        EventTypeDrift::list(ctx).await
    }
}
