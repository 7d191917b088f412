//! Which events.

use async_graphql::{Enum, ID, InputObject};
use entity::read_model::event_index;
use sea_orm::{ColumnTrait, Condition};

use super::combine::{Combined, Filter};
use super::condition::{Conditions, PositionRange, TimeRange, only};
use super::passes::Checks;
use super::sight::Sight;

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
    /// Only events at these places in the log.
    pub position: Option<PositionRange>,
    /// Only events that say they happened in this time.
    pub occurred_at: Option<TimeRange>,
    /// Only the catalogue's examples, or only real ones.
    pub example: Option<bool>,
    /// Only events that repeat another one under another message id, or only those that do not.
    pub duplicate: Option<bool>,
    /// All of these filters let it pass, too. An empty list is no condition.
    #[graphql(validator(max_items = 100))]
    pub and: Option<Vec<EventFilter>>,
    /// At least one of these filters lets it pass, too. With an empty list nothing passes.
    #[graphql(validator(max_items = 100))]
    pub or: Option<Vec<EventFilter>>,
    /// This filter does not let it pass: what has no score, say, passes `not: { score: { min: 50 } }`.
    pub not: Option<Box<EventFilter>>,
}

impl Filter<event_index::Entity> for EventFilter {
    fn fields(&self, _: Sight<'_>) -> Condition {
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
        let position = self.position;
        Conditions::none()
            .one_of(event_index::Column::EventType, self.event_type.as_ref())
            .one_of(event_index::Column::OrgId, self.org_id.as_ref())
            .one_of(event_index::Column::SubjectId, self.subject.as_ref())
            .happened(event_index::Column::OccurredAt, self.occurred_at.as_ref())
            .is(event_index::Column::IsExample, self.example)
            .and(
                position
                    .and_then(|range| range.min)
                    .map(|min| event_index::Column::Position.gte(min.0)),
            )
            .and(
                position
                    .and_then(|range| range.max)
                    .map(|max| event_index::Column::Position.lte(max.0)),
            )
            .and(outcome)
            .and(duplicate)
            .0
    }

    fn fields_pass(&self, row: &event_index::Model) -> Option<bool> {
        let outcomes = self.outcome.as_ref();
        let outcome = outcomes.is_none_or(|outcomes| {
            let mut outcomes = outcomes.iter().filter_map(|outcome| outcome.indexed());
            outcomes.any(|outcome| outcome == row.outcome)
        });
        let PositionRange { min, max } = self.position.unwrap_or_default();
        Checks::none()
            .one_of(row.event_type.as_deref(), self.event_type.as_ref())
            .one_of(row.org_id.as_deref(), self.org_id.as_ref())
            .one_of(row.subject_id.as_deref(), self.subject.as_ref())
            .within(row.occurred_at, self.occurred_at.as_ref())
            .is(row.is_example, self.example)
            .is(row.duplicate_of.is_some(), self.duplicate)
            .and(Some(outcome))
            .and(Some(min.is_none_or(|min| min.0 <= row.position)))
            .and(Some(max.is_none_or(|max| row.position <= max.0)))
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
