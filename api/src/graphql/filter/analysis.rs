//! Which analyses.

use async_graphql::{ID, InputObject};
use entity::read_model::{analysis, call};
use entity::scope::Scoped;
use ingest::token::Hidden;
use sea_orm::{ColumnTrait, Condition, QueryFilter, QuerySelect, QueryTrait};

use super::CallFilter;
use super::combine::{Combined, Extent, Filter};
use super::condition::{Conditions, NumberRange, TimeRange};
use super::sight::Sight;

/// Which analyses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct AnalysisFilter {
    /// Only analyses of these calls.
    #[graphql(validator(max_items = 1000))]
    pub call_id: Option<Vec<ID>>,
    /// Only analyses of calls of these orgs.
    #[graphql(validator(max_items = 1000))]
    pub org_id: Option<Vec<ID>>,
    /// Only analyses of calls of these users.
    #[graphql(validator(max_items = 1000))]
    pub user_id: Option<Vec<ID>>,
    /// Only analyses of these types, as SalesMagic writes them.
    #[graphql(validator(max_items = 1000))]
    pub analysis_type: Option<Vec<String>>,
    /// Only analyses with such a score. One without is in no range.
    pub score: Option<NumberRange>,
    /// Only analyses of calls that this filter lets pass.
    pub call: Option<Box<CallFilter>>,
    /// Only those of the catalogue's example calls, or only of real ones.
    pub example: Option<bool>,
    /// Only analyses of calls that were made in this time.
    pub created_at: Option<TimeRange>,
    /// All of these filters let it pass, too. An empty list is no condition.
    #[graphql(validator(max_items = 100))]
    pub and: Option<Vec<AnalysisFilter>>,
    /// At least one of these filters lets it pass, too. With an empty list nothing passes.
    #[graphql(validator(max_items = 100))]
    pub or: Option<Vec<AnalysisFilter>>,
    /// This filter does not let it pass: what has no score, say, passes `not: { score: { min: 50 } }`.
    pub not: Option<Box<AnalysisFilter>>,
}

impl Filter<analysis::Entity> for AnalysisFilter {
    fn reading_of_fields(&self) -> usize {
        self.call.as_deref().map_or(0, Filter::reading)
    }

    fn fields_tell(&self, what: Hidden) -> bool {
        let call = self.call.as_deref();
        call.is_some_and(|call| call.tells(what))
    }

    fn fields(&self, sight: Sight<'_>) -> Condition {
        let call = CallFilter {
            org_id: self.org_id.clone(),
            user_id: self.user_id.clone(),
            example: self.example,
            created_at: self.created_at.clone(),
            and: self.call.as_ref().map(|call| vec![call.as_ref().clone()]),
            ..CallFilter::default()
        };
        let of_calls = (call != CallFilter::default()).then(|| {
            analysis::Column::CallId.in_subquery(
                call::Entity::visible_to(sight.scope)
                    .select_only()
                    .column(call::Column::Id)
                    .filter(call.condition(sight))
                    .into_query(),
            )
        });
        Conditions::none()
            .one_of(analysis::Column::CallId, self.call_id.as_ref())
            .one_of(analysis::Column::AnalysisType, self.analysis_type.as_ref())
            .between(analysis::Column::Score, self.score, sight.backend)
            .and(of_calls)
            .0
    }

    fn extent(&self) -> Extent {
        let Combined { and, or, not } = self.combined();
        let inner = and.into_iter().chain(or).flatten().chain(not);
        let call = self.call.as_deref().map(CallFilter::extent);
        let inner = inner.map(Self::extent).chain(call);
        inner.fold(Extent::ONE, Extent::with)
    }

    fn combined(&self) -> Combined<'_, Self> {
        Combined {
            and: self.and.as_ref(),
            or: self.or.as_ref(),
            not: self.not.as_deref(),
        }
    }
}
