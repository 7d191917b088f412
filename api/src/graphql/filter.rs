//! What the lists can be filtered by. Conditions of one filter hold together; an empty filter lets everything pass.

use std::hash::{Hash, Hasher};

use async_graphql::{Enum, ID, InputObject};
use entity::log::refused_request;
use entity::read_model::{analysis, call, call_prospect, event_index, org, prospect, user};
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{
    ColumnTrait, Condition, DatabaseBackend, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
};

use super::object::RefusalReason;
use super::scalar::Time;

/// A filter of the rows of `E`. Equal filters are gathered into one statement.
pub trait Filter<E: EntityTrait>:
    Clone + Default + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync + 'static
{
    /// The condition on the rows, as `backend` understands it: the databases have different words for searching texts.
    fn condition(&self, backend: DatabaseBackend) -> Condition;
}

/// A stretch of time. Without `from` it begins with the first row, without `to` it has no end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, InputObject)]
pub struct TimeRange {
    /// The first moment that is in it.
    pub from: Option<Time>,
    /// The first moment that is behind it.
    pub to: Option<Time>,
}

/// A stretch of numbers, both ends included. Without `min` or `max` it has no end there.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct NumberRange {
    /// The least that is in it.
    pub min: Option<f64>,
    /// The most that is in it.
    pub max: Option<f64>,
}

impl NumberRange {
    /// What tells it from another one.
    fn bits(self) -> [Option<u64>; 2] {
        [self.min, self.max].map(|end| end.map(f64::to_bits))
    }
}

impl PartialEq for NumberRange {
    fn eq(&self, other: &Self) -> bool {
        self.bits() == other.bits()
    }
}

impl Eq for NumberRange {}

impl Hash for NumberRange {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits().hash(state);
    }
}

/// Builds a condition from the parts of a filter that are given.
struct Conditions(Condition);

impl Conditions {
    fn none() -> Self {
        Self(Condition::all())
    }

    fn one_of<C: ColumnTrait, V: AsRef<str>>(self, column: C, values: Option<&Vec<V>>) -> Self {
        match values {
            Some(values) => Self(
                self.0
                    .add(column.is_in(values.iter().map(AsRef::<str>::as_ref))),
            ),
            None => self,
        }
    }

    fn within(mut self, column: impl ColumnTrait, range: Option<&TimeRange>) -> Self {
        let bound = |time: &Option<Time>| time.map(Time::micros);
        if let Some(from) = range.and_then(|range| bound(&range.from)) {
            self.0 = self.0.add(column.gte(from));
        }
        if let Some(to) = range.and_then(|range| bound(&range.to)) {
            self.0 = self.0.add(column.lt(to));
        }
        self
    }

    /// As [`Self::within`], by the column that the list is ordered by: it is the same where there is a time of creation.
    fn created(
        self,
        ordered_at: impl ColumnTrait,
        created_at: impl ColumnTrait,
        range: Option<&TimeRange>,
    ) -> Self {
        let bounded = range.is_some_and(|range| range.from.is_some() || range.to.is_some());
        self.within(ordered_at, range)
            .and(bounded.then(|| created_at.is_not_null()))
    }

    /// Null is in no stretch.
    fn between(mut self, column: impl ColumnTrait, range: Option<NumberRange>) -> Self {
        if let Some(min) = range.and_then(|range| range.min) {
            self.0 = self.0.add(column.gte(min));
        }
        if let Some(max) = range.and_then(|range| range.max) {
            self.0 = self.0.add(column.lte(max));
        }
        self
    }

    fn is(self, column: impl ColumnTrait, value: Option<bool>) -> Self {
        match value {
            Some(value) => Self(self.0.add(column.eq(value))),
            None => self,
        }
    }

    fn and(self, condition: Option<SimpleExpr>) -> Self {
        match condition {
            Some(condition) => Self(self.0.add(condition)),
            None => self,
        }
    }
}

/// Which orgs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct OrgFilter {
    /// Only these orgs.
    #[graphql(validator(max_items = 1000))]
    pub id: Option<Vec<ID>>,
    /// Only deleted ones, or only those that are not.
    pub deleted: Option<bool>,
    /// Only the catalogue's examples, or only real ones.
    pub example: Option<bool>,
    /// Created in this time. An org that is only known by its id has none.
    pub created_at: Option<TimeRange>,
}

impl Filter<org::Entity> for OrgFilter {
    fn condition(&self, _: DatabaseBackend) -> Condition {
        Conditions::none()
            .one_of(org::Column::Id, self.id.as_ref())
            .is(org::Column::IsDeleted, self.deleted)
            .is(org::Column::IsExample, self.example)
            .created(
                org::Column::OrderedAt,
                org::Column::CreatedAt,
                self.created_at.as_ref(),
            )
            .0
    }
}

/// Which users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct UserFilter {
    /// Only these users.
    #[graphql(validator(max_items = 1000))]
    pub id: Option<Vec<ID>>,
    /// Only users of these orgs.
    #[graphql(validator(max_items = 1000))]
    pub org_id: Option<Vec<ID>>,
    /// Only deleted ones, or only those that are not.
    pub deleted: Option<bool>,
    /// Only the catalogue's examples, or only real ones.
    pub example: Option<bool>,
    /// Created in this time.
    pub created_at: Option<TimeRange>,
}

impl Filter<user::Entity> for UserFilter {
    fn condition(&self, _: DatabaseBackend) -> Condition {
        Conditions::none()
            .one_of(user::Column::Id, self.id.as_ref())
            .one_of(user::Column::OrgId, self.org_id.as_ref())
            .is(user::Column::IsDeleted, self.deleted)
            .is(user::Column::IsExample, self.example)
            .created(
                user::Column::OrderedAt,
                user::Column::CreatedAt,
                self.created_at.as_ref(),
            )
            .0
    }
}

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
    /// Only calls with a prospect of this kind, as it was sent with the call.
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
            .one_of(call_prospect::Column::Difficulty, self.difficulty.as_ref())
            .one_of(call_prospect::Column::Industry, self.industry.as_ref())
            .one_of(call_prospect::Column::JobTitle, self.job_title.as_ref());
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

impl Filter<call::Entity> for CallFilter {
    fn condition(&self, _: DatabaseBackend) -> Condition {
        Conditions::none()
            .one_of(call::Column::Id, self.id.as_ref())
            .one_of(call::Column::OrgId, self.org_id.as_ref())
            .one_of(call::Column::UserId, self.user_id.as_ref())
            .one_of(call::Column::TeamId, self.team_id.as_ref())
            .one_of(call::Column::ManagerId, self.manager_id.as_ref())
            .and(self.persona.as_ref().map(PersonaFilter::condition))
            .and(self.analysis_type.as_deref().map(has_analysis))
            .between(call::Column::Score, self.score)
            .between(call::Column::Duration, self.duration)
            .is(call::Column::IsExample, self.example)
            .created(
                call::Column::OrderedAt,
                call::Column::CreatedAt,
                self.created_at.as_ref(),
            )
            .0
    }
}

/// Which prospects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct ProspectFilter {
    /// Only prospects with these ids.
    #[graphql(validator(max_items = 1000))]
    pub id: Option<Vec<ID>>,
    /// Only prospects of these orgs.
    #[graphql(validator(max_items = 1000))]
    pub org_id: Option<Vec<ID>>,
    /// Only the catalogue's examples, or only real ones.
    pub example: Option<bool>,
}

impl Filter<prospect::Entity> for ProspectFilter {
    fn condition(&self, _: DatabaseBackend) -> Condition {
        Conditions::none()
            .one_of(prospect::Column::Id, self.id.as_ref())
            .one_of(prospect::Column::OrgId, self.org_id.as_ref())
            .is(prospect::Column::IsExample, self.example)
            .0
    }
}

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
    /// Only those of the catalogue's example calls, or only of real ones.
    pub example: Option<bool>,
    /// Only analyses of calls that were made in this time.
    pub created_at: Option<TimeRange>,
}

impl Filter<analysis::Entity> for AnalysisFilter {
    fn condition(&self, backend: DatabaseBackend) -> Condition {
        let call = CallFilter {
            org_id: self.org_id.clone(),
            user_id: self.user_id.clone(),
            example: self.example,
            created_at: self.created_at.clone(),
            ..CallFilter::default()
        };
        let of_calls = (call != CallFilter::default()).then(|| {
            analysis::Column::CallId.in_subquery(
                call::Entity::find()
                    .select_only()
                    .column(call::Column::Id)
                    .filter(call.condition(backend))
                    .into_query(),
            )
        });
        Conditions::none()
            .one_of(analysis::Column::CallId, self.call_id.as_ref())
            .one_of(analysis::Column::AnalysisType, self.analysis_type.as_ref())
            .and(of_calls)
            .0
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum Outcome {
    /// It is stored, and not yet in the read model. It will be, without anyone's doing.
    Pending,
    /// It is in the read model.
    Projected,
    /// This version of the server does not know its type. It is kept for the version that does.
    Unrecognized,
    /// Its type is known but its body does not fit, or it is not JSON: see `reason`. It is kept as it came.
    Dead,
}

impl From<event_index::Outcome> for Outcome {
    fn from(outcome: event_index::Outcome) -> Self {
        match outcome {
            event_index::Outcome::Projected => Self::Projected,
            event_index::Outcome::Unrecognized => Self::Unrecognized,
            event_index::Outcome::Dead => Self::Dead,
        }
    }
}

impl Outcome {
    /// As the index writes it; an event that is pending has no row there.
    fn indexed(self) -> Option<event_index::Outcome> {
        match self {
            Self::Pending => None,
            Self::Projected => Some(event_index::Outcome::Projected),
            Self::Unrecognized => Some(event_index::Outcome::Unrecognized),
            Self::Dead => Some(event_index::Outcome::Dead),
        }
    }
}

/// Which events. An event that is still pending is not listed; `event(position:)` finds it, and `status` tells how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct EventFilter {
    /// Only these types, as the server understood them: `call.completed`, `user.created` and so on.
    #[graphql(name = "type", validator(max_items = 1000))]
    pub event_type: Option<Vec<String>>,
    /// Only events of these orgs.
    #[graphql(validator(max_items = 1000))]
    pub org_id: Option<Vec<ID>>,
    /// Only events about these calls, users or orgs: their ids.
    #[graphql(validator(max_items = 1000))]
    pub subject: Option<Vec<ID>>,
    /// Only events with these outcomes.
    #[graphql(validator(max_items = 1000))]
    pub outcome: Option<Vec<Outcome>>,
    /// Only events that say they happened in this time.
    pub occurred_at: Option<TimeRange>,
    /// Only the catalogue's examples, or only real ones.
    pub example: Option<bool>,
    /// Only events that repeat another one under another message id, or only those that do not.
    pub duplicate: Option<bool>,
}

impl Filter<event_index::Entity> for EventFilter {
    fn condition(&self, _: DatabaseBackend) -> Condition {
        let outcome = self.outcome.as_ref().map(|outcomes| {
            event_index::Column::Outcome.is_in(outcomes.iter().filter_map(|o| o.indexed()))
        });
        let duplicate = self.duplicate.map(|duplicate| {
            if duplicate {
                event_index::Column::DuplicateOf.is_not_null()
            } else {
                event_index::Column::DuplicateOf.is_null()
            }
        });
        Conditions::none()
            .one_of(event_index::Column::EventType, self.event_type.as_ref())
            .one_of(event_index::Column::OrgId, self.org_id.as_ref())
            .one_of(event_index::Column::SubjectId, self.subject.as_ref())
            .within(event_index::Column::OccurredAt, self.occurred_at.as_ref())
            .is(event_index::Column::IsExample, self.example)
            .and(outcome)
            .and(duplicate)
            .0
    }
}

/// Which refused requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct RefusedRequestFilter {
    /// Only those refused for these reasons.
    #[graphql(validator(max_items = 1000))]
    pub reason: Option<Vec<RefusalReason>>,
}

impl Filter<refused_request::Entity> for RefusedRequestFilter {
    fn condition(&self, _: DatabaseBackend) -> Condition {
        let reason = self.reason.as_ref().map(|reasons| {
            let reasons = reasons.iter().copied();
            refused_request::Column::Reason.is_in(reasons.map(refused_request::Reason::from))
        });
        Conditions::none().and(reason).0
    }
}
