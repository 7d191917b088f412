//! Which refused requests.

use async_graphql::InputObject;
use entity::log::refused_request;
use sea_orm::{ColumnTrait, Condition};

use super::combine::{Combined, Filter};
use super::condition::Conditions;
use super::sight::Sight;
use crate::graphql::object::RefusalReason;

/// Which refused requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct RefusedRequestFilter {
    /// Only those refused for these reasons.
    #[graphql(validator(max_items = 1000))]
    pub reason: Option<Vec<RefusalReason>>,
    /// All of these filters let it pass, too. An empty list is no condition.
    #[graphql(validator(max_items = 100))]
    pub and: Option<Vec<RefusedRequestFilter>>,
    /// At least one of these filters lets it pass, too. With an empty list nothing passes.
    #[graphql(validator(max_items = 100))]
    pub or: Option<Vec<RefusedRequestFilter>>,
    /// This filter does not let it pass: what has no score, say, passes `not: { score: { min: 50 } }`.
    pub not: Option<Box<RefusedRequestFilter>>,
}

impl Filter<refused_request::Entity> for RefusedRequestFilter {
    fn fields(&self, _: Sight<'_>) -> Condition {
        let reason = self.reason.as_ref().map(|reasons| {
            let reasons = reasons.iter().copied();
            refused_request::Column::Reason.is_in(reasons.map(refused_request::Reason::from))
        });
        Conditions::none().and(reason).0
    }

    fn combined(&self) -> Combined<'_, Self> {
        Combined {
            and: self.and.as_ref(),
            or: self.or.as_ref(),
            not: self.not.as_deref(),
        }
    }
}
