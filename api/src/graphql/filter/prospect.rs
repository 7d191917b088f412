//! Which prospects.

use async_graphql::{ID, InputObject};
use entity::read_model::prospect;
use sea_orm::Condition;

use super::combine::{Combined, Filter};
use super::condition::Conditions;
use super::sight::Sight;

/// Which prospects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct ProspectFilter {
    /// Only prospects with these ids.
    #[graphql(validator(max_items = 1000))]
    pub id: Option<Vec<ID>>,
    /// Only prospects of these orgs.
    #[graphql(validator(max_items = 1000))]
    pub org_id: Option<Vec<ID>>,
    /// Only prospects with one of these names, as SalesMagic writes them.
    #[graphql(validator(max_items = 1000))]
    pub name: Option<Vec<String>>,
    /// Only prospects of one of these difficulties, as last described.
    #[graphql(validator(max_items = 1000))]
    pub difficulty: Option<Vec<String>>,
    /// Only prospects of one of these industries, as last described.
    #[graphql(validator(max_items = 1000))]
    pub industry: Option<Vec<String>>,
    /// Only prospects with one of these job titles, as last described.
    #[graphql(validator(max_items = 1000))]
    pub job_title: Option<Vec<String>>,
    /// Only the catalogue's examples, or only real ones.
    pub example: Option<bool>,
    /// All of these filters let it pass, too. An empty list is no condition.
    #[graphql(validator(max_items = 100))]
    pub and: Option<Vec<ProspectFilter>>,
    /// At least one of these filters lets it pass, too. With an empty list nothing passes.
    #[graphql(validator(max_items = 100))]
    pub or: Option<Vec<ProspectFilter>>,
    /// This filter does not let it pass: what has no score, say, passes `not: { score: { min: 50 } }`.
    pub not: Option<Box<ProspectFilter>>,
}

impl Filter<prospect::Entity> for ProspectFilter {
    fn fields(&self, _: Sight<'_>) -> Condition {
        Conditions::none()
            .one_of(prospect::Column::Id, self.id.as_ref())
            .one_of(prospect::Column::OrgId, self.org_id.as_ref())
            .one_of_long(prospect::Column::Name, self.name.as_ref())
            .one_of_long(prospect::Column::Difficulty, self.difficulty.as_ref())
            .one_of_long(prospect::Column::Industry, self.industry.as_ref())
            .one_of_long(prospect::Column::JobTitle, self.job_title.as_ref())
            .is(prospect::Column::IsExample, self.example)
            .0
    }

    fn combined(&self) -> Combined<'_, Self> {
        Combined {
            and: self.and.as_ref(),
            or: self.or.as_ref(),
            not: self.not.as_deref(),
        }
    }
}
