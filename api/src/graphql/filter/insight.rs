//! The entries of an analysis's nine lists: which list, and what it says.

use async_graphql::{Enum, InputObject};
use entity::read_model::call;
use entity::read_model::insight::{self, Kind};
use ingest::fold;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::condition::Conditions;

/// One of the lists of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "Kind")]
pub enum InsightKind {
    /// What to do next: `actionItems`.
    ActionItems,
    /// Competitors that came up: `competitors`.
    Competitors,
    /// What the customer struggles with: `customerChallenges`.
    CustomerChallenges,
    /// What speaks for a deal: `dealDrivers`.
    DealDrivers,
    /// What the rep let pass: `missedOpportunities`.
    MissedOpportunities,
    /// What the customer objected: `objections`.
    Objections,
    /// How the product was positioned: `productPositioning`.
    ProductPositioning,
    /// Products that came up: `products`.
    Products,
    /// What the rep did well: `salesStrengths`.
    SalesStrengths,
}

/// An entry in one of the lists of a call's analyses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, InputObject)]
pub struct InsightFilter {
    /// In this list.
    pub kind: InsightKind,
    /// That says one of these, whatever the case, accents and punctuation. Any entry, when left out.
    #[graphql(validator(max_items = 1000))]
    pub text: Option<Vec<String>>,
}

impl InsightFilter {
    /// Among the entries of a call's analyses is such a one.
    pub(super) fn condition(&self) -> SimpleExpr {
        let such = Conditions::none()
            .and(Some(insight::Column::Kind.eq(Kind::from(self.kind))))
            .one_of_keys(insight::Column::TextKey, self.text.as_ref(), fold::key);
        call::Column::Id.in_subquery(
            insight::Entity::find()
                .select_only()
                .column(insight::Column::CallId)
                .filter(such.0)
                .into_query(),
        )
    }
}
