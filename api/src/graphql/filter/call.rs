//! Which calls: by what they are, by who made them, and by what hangs below them.

use async_graphql::{ID, InputObject};
use entity::read_model::{analysis, call, call_prospect, user};
use entity::scope::{Scope, Scoped};
use ingest::token::Hidden;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::combine::{Combined, Filter};
use super::condition::{Conditions, NumberRange, TimeRange, only};
use super::insight::InsightFilter;
use super::passes::Checks;
use super::sight::Sight;
use crate::graphql::search::{self, SearchText};

/// Which calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct CallFilter {
    /// Only these calls.
    #[graphql(validator(max_items = 1000))]
    pub id: Option<Vec<ID>>,
    /// Only calls of these orgs.
    #[graphql(validator(max_items = 1000))]
    pub org_id: Option<Vec<ID>>,
    /// Only calls of these users.
    #[graphql(validator(max_items = 1000))]
    pub user_id: Option<Vec<ID>>,
    /// Only calls of users who belonged to these teams when they made them.
    #[graphql(validator(max_items = 1000))]
    pub team_id: Option<Vec<ID>>,
    /// Only calls of users who had these managers when they made them.
    #[graphql(validator(max_items = 1000))]
    pub manager_id: Option<Vec<ID>>,
    /// Only calls of users who belong to these teams now.
    #[graphql(validator(max_items = 1000))]
    pub current_team_id: Option<Vec<ID>>,
    /// Only calls of users who have these managers now.
    #[graphql(validator(max_items = 1000))]
    pub current_manager_id: Option<Vec<ID>>,
    /// Only calls of users who are deleted, or only of those who are not. A call of nobody is in neither.
    pub user_deleted: Option<bool>,
    /// Only calls with such an entry in an analysis: an objection, a competitor and so on.
    pub insight: Option<InsightFilter>,
    /// Only calls in which this was said.
    pub spoken: Option<SearchText>,
    /// Only calls whose title has this.
    pub title: Option<SearchText>,
    /// Only calls with a prospect of this kind, as it was sent with the call; `{}` is any prospect.
    pub persona: Option<PersonaFilter>,
    /// Only calls with an analysis of one of these types, as SalesMagic writes them.
    #[graphql(validator(max_items = 1000))]
    pub analysis_type: Option<Vec<String>>,
    /// Only calls with such a score. A call without one is in no range.
    pub score: Option<NumberRange>,
    /// Only calls of such a length, in the unit that SalesMagic sends. A call without one is in no range.
    pub duration: Option<NumberRange>,
    /// Only the catalogue's examples, or only real ones.
    pub example: Option<bool>,
    /// Made in this time.
    pub created_at: Option<TimeRange>,
    /// All of these filters let it pass, too. An empty list is no condition.
    #[graphql(validator(max_items = 100))]
    pub and: Option<Vec<CallFilter>>,
    /// At least one of these filters lets it pass, too. With an empty list nothing passes.
    #[graphql(validator(max_items = 100))]
    pub or: Option<Vec<CallFilter>>,
    /// This filter does not let it pass: what has no score, say, passes `not: { score: { min: 50 } }`.
    pub not: Option<Box<CallFilter>>,
}

/// A prospect of a call, as it was sent with the call. What is asked holds for one and the same prospect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct PersonaFilter {
    /// One of these prospects.
    #[graphql(validator(max_items = 1000))]
    pub prospect_id: Option<Vec<ID>>,
    /// Of one of these difficulties.
    #[graphql(validator(max_items = 1000))]
    pub difficulty: Option<Vec<String>>,
    /// Of one of these industries.
    #[graphql(validator(max_items = 1000))]
    pub industry: Option<Vec<String>>,
    /// With one of these job titles.
    #[graphql(validator(max_items = 1000))]
    pub job_title: Option<Vec<String>>,
}

impl PersonaFilter {
    /// Among the prospects of a call is one of this kind.
    fn condition(&self) -> SimpleExpr {
        let such = Conditions::none()
            .one_of(call_prospect::Column::ProspectId, self.prospect_id.as_ref())
            .one_of_long(call_prospect::Column::Difficulty, self.difficulty.as_ref())
            .one_of_long(call_prospect::Column::Industry, self.industry.as_ref())
            .one_of_long(call_prospect::Column::JobTitle, self.job_title.as_ref());
        call::Column::Id.in_subquery(
            call_prospect::Entity::find()
                .select_only()
                .column(call_prospect::Column::CallId)
                .filter(such.0)
                .into_query(),
        )
    }
}

/// Among the analyses of a call is one of these types.
fn has_analysis(types: &[String]) -> SimpleExpr {
    call::Column::Id.in_subquery(
        analysis::Entity::find()
            .select_only()
            .column(analysis::Column::CallId)
            .filter(analysis::Column::AnalysisType.is_in(types))
            .into_query(),
    )
}

/// The user of a call is one of these, as far as they are seen.
fn of_users(scope: &Scope, such: Conditions) -> SimpleExpr {
    call::Column::UserId.in_subquery(
        user::Entity::visible_to(scope)
            .select_only()
            .column(user::Column::Id)
            .filter(such.0)
            .into_query(),
    )
}

impl Filter<call::Entity> for CallFilter {
    fn reading_of_fields(&self) -> usize {
        let texts = self.spoken.iter().chain(&self.title);
        texts.map(SearchText::reading).sum()
    }

    fn fields_tell(&self, what: Hidden) -> bool {
        what == Hidden::Transcript && self.spoken.is_some()
    }

    fn fields(&self, sight: Sight<'_>) -> Condition {
        Conditions::none()
            .one_of(call::Column::Id, self.id.as_ref())
            .one_of(call::Column::OrgId, self.org_id.as_ref())
            .one_of(call::Column::UserId, self.user_id.as_ref())
            .one_of(call::Column::TeamId, self.team_id.as_ref())
            .one_of(call::Column::ManagerId, self.manager_id.as_ref())
            .and(self.current_team_id.as_ref().map(|teams| {
                of_users(
                    sight.scope,
                    Conditions::none().one_of(user::Column::TeamId, Some(teams)),
                )
            }))
            .and(self.current_manager_id.as_ref().map(|managers| {
                of_users(
                    sight.scope,
                    Conditions::none().one_of(user::Column::ManagerId, Some(managers)),
                )
            }))
            .and(self.user_deleted.map(|deleted| {
                of_users(
                    sight.scope,
                    Conditions::none().is(user::Column::IsDeleted, Some(deleted)),
                )
            }))
            .and(self.insight.as_ref().map(InsightFilter::condition))
            .and(
                self.spoken
                    .as_ref()
                    .map(|text| search::spoken(text, sight.backend)),
            )
            .and(
                self.title
                    .as_ref()
                    .map(|text| search::titled(text, sight.backend)),
            )
            .and(self.persona.as_ref().map(PersonaFilter::condition))
            .and(self.analysis_type.as_deref().map(has_analysis))
            .between(call::Column::Score, self.score, sight.backend)
            .between(call::Column::Duration, self.duration, sight.backend)
            .is(call::Column::IsExample, self.example)
            .created(
                call::Column::OrderedAt,
                call::Column::CreatedAt,
                self.created_at.as_ref(),
            )
            .0
    }

    fn fields_pass(&self, row: &call::Model) -> Option<bool> {
        Checks::none()
            .one_of(Some(&row.id), self.id.as_ref())
            .one_of(row.org_id.as_deref(), self.org_id.as_ref())
            .one_of(row.user_id.as_deref(), self.user_id.as_ref())
            .one_of(row.team_id.as_deref(), self.team_id.as_ref())
            .one_of(row.manager_id.as_deref(), self.manager_id.as_ref())
            .beyond(self.current_team_id.as_ref())
            .beyond(self.current_manager_id.as_ref())
            .beyond(self.user_deleted.as_ref())
            .beyond(self.insight.as_ref())
            .beyond(self.spoken.as_ref())
            .beyond(self.title.as_ref())
            .beyond(self.persona.as_ref())
            .beyond(self.analysis_type.as_ref())
            .between(row.score, self.score)
            .between(row.duration, self.duration)
            .is(row.is_example, self.example)
            .within(
                row.created_at.map(|_| row.ordered_at),
                self.created_at.as_ref(),
            )
            .0
    }

    fn org(&self) -> Option<&str> {
        let says_no_more = Self {
            org_id: self.org_id.clone(),
            ..Self::default()
        } == *self;
        only(self.org_id.as_ref()).filter(|_| says_no_more)
    }

    fn combined(&self) -> Combined<'_, Self> {
        Combined {
            and: self.and.as_ref(),
            or: self.or.as_ref(),
            not: self.not.as_deref(),
        }
    }
}
