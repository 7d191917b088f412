//! Which of the states of a user or an org are changes. No client sends it: a history is made of nothing else.

use entity::read_model::state;
use sea_orm::{ColumnTrait, Condition};

use super::combine::{Combined, Filter};
use super::sight::Sight;

/// Those that an event left otherwise than it found them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Changed;

impl Filter<state::Entity> for Changed {
    fn fields(&self, _: Sight<'_>) -> Condition {
        Condition::all().add(state::Column::IsChange.eq(true))
    }

    fn combined(&self) -> Combined<'_, Self> {
        Combined {
            and: None,
            or: None,
            not: None,
        }
    }
}
