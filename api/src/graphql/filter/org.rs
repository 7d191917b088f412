//! Which orgs.

use async_graphql::{ID, InputObject};
use entity::read_model::org;
use ingest::fold;
use sea_orm::Condition;

use super::combine::{Combined, Filter};
use super::condition::{Conditions, TimeRange};
use super::passes::Checks;
use super::sight::Sight;

/// Which orgs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct OrgFilter {
    /// Only these orgs.
    #[graphql(validator(max_items = 1000))]
    pub id: Option<Vec<ID>>,
    /// Only orgs with one of these names, whatever the case, accents and punctuation.
    #[graphql(validator(max_items = 1000))]
    pub name: Option<Vec<String>>,
    /// Only orgs with one of these statuses, as SalesMagic writes them.
    #[graphql(validator(max_items = 1000))]
    pub status: Option<Vec<String>>,
    /// Only deleted ones, or only those that are not.
    pub deleted: Option<bool>,
    /// Only the catalogue's examples, or only real ones.
    pub example: Option<bool>,
    /// Created in this time. An org that is only known by its id has none.
    pub created_at: Option<TimeRange>,
    /// All of these filters let it pass, too. An empty list is no condition.
    #[graphql(validator(max_items = 100))]
    pub and: Option<Vec<OrgFilter>>,
    /// At least one of these filters lets it pass, too. With an empty list nothing passes.
    #[graphql(validator(max_items = 100))]
    pub or: Option<Vec<OrgFilter>>,
    /// This filter does not let it pass: what has no score, say, passes `not: { score: { min: 50 } }`.
    pub not: Option<Box<OrgFilter>>,
}

impl Filter<org::Entity> for OrgFilter {
    fn fields(&self, _: Sight<'_>) -> Condition {
        Conditions::none()
            .one_of(org::Column::Id, self.id.as_ref())
            .one_of_keys(org::Column::NameKey, self.name.as_ref(), fold::key)
            .one_of_long(org::Column::Status, self.status.as_ref())
            .is(org::Column::IsDeleted, self.deleted)
            .is(org::Column::IsExample, self.example)
            .created(
                org::Column::OrderedAt,
                org::Column::CreatedAt,
                self.created_at.as_ref(),
            )
            .0
    }

    fn fields_pass(&self, row: &org::Model) -> Option<bool> {
        Checks::none()
            .one_of(Some(&row.id), self.id.as_ref())
            .one_of_keys(Some(&row.name_key), self.name.as_ref(), fold::key)
            .one_of(row.status.as_deref(), self.status.as_ref())
            .is(row.is_deleted, self.deleted)
            .is(row.is_example, self.example)
            .within(
                row.created_at.map(|_| row.ordered_at),
                self.created_at.as_ref(),
            )
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
