//! An analysis of a call, with its nine lists.

use async_graphql::{Context, ID, Object};
use entity::read_model::analysis;
use entity::read_model::insight::Kind;

use super::{Call, Event, load};
use crate::graphql::error::Result;
use crate::graphql::loader::{CallId, InsightsOf};
use crate::graphql::page::Node;

/// An analysis.
pub struct Analysis(pub analysis::Model);

impl Node for Analysis {
    type Row = analysis::Model;

    fn from_row(row: analysis::Model) -> Self {
        Self(row)
    }
}

/// SalesMagic's analysis of a call. A call can have several, of different types.
#[Object]
impl Analysis {
    /// The id of the call.
    async fn call_id(&self) -> ID {
        ID(self.0.call_id.clone())
    }

    /// The call.
    async fn call(&self, ctx: &Context<'_>) -> Result<Option<Call>> {
        let call = load(ctx, Some(CallId(self.0.call_id.clone()))).await?;
        Ok(call.map(Call))
    }

    /// The event that it comes from: its call's.
    async fn last_event(&self, ctx: &Context<'_>) -> Result<Option<Event>> {
        let call = load(ctx, Some(CallId(self.0.call_id.clone()))).await?;
        Ok(call.map(|call| Event::at(call.last_position)))
    }

    /// Its place among the call's analyses, from 0.
    async fn index(&self) -> i32 {
        self.0.ordinal
    }

    /// Its type, as SalesMagic writes it.
    async fn analysis_type(&self) -> Option<&str> {
        self.0.analysis_type.as_deref()
    }

    /// Its score. SalesMagic documents no unit.
    async fn score(&self) -> Option<f64> {
        self.0.score
    }

    /// A summary of the call.
    async fn summary(&self) -> Option<&str> {
        self.0.summary.as_deref()
    }

    /// What to do next.
    async fn action_items(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.list(ctx, Kind::ActionItems).await
    }

    /// Competitors that came up.
    async fn competitors(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.list(ctx, Kind::Competitors).await
    }

    /// What the customer struggles with.
    async fn customer_challenges(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.list(ctx, Kind::CustomerChallenges).await
    }

    /// What speaks for a deal.
    async fn deal_drivers(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.list(ctx, Kind::DealDrivers).await
    }

    /// What the rep let pass.
    async fn missed_opportunities(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.list(ctx, Kind::MissedOpportunities).await
    }

    /// What the customer objected.
    async fn objections(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.list(ctx, Kind::Objections).await
    }

    /// How the product was positioned.
    async fn product_positioning(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.list(ctx, Kind::ProductPositioning).await
    }

    /// Products that came up.
    async fn products(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.list(ctx, Kind::Products).await
    }

    /// What the rep did well.
    async fn sales_strengths(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.list(ctx, Kind::SalesStrengths).await
    }
}

impl Analysis {
    async fn list(&self, ctx: &Context<'_>, kind: Kind) -> Result<Vec<String>> {
        let key = InsightsOf(self.0.call_id.clone(), self.0.ordinal, kind);
        let insights = load(ctx, Some(key)).await?;
        let insights = insights.unwrap_or_default().into_iter();
        Ok(insights.map(|insight| insight.text).collect())
    }
}
