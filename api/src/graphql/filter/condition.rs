//! Ranges, and what a filter's fields have in common: how each kind of them becomes a condition.

use std::hash::{Hash, Hasher};

use async_graphql::{ID, InputObject};
use sea_orm::sea_query::{ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, DatabaseBackend, IntoSimpleExpr};

use crate::graphql::indexed::{self, LEAST_NUMBER, LEAST_TIME};
use crate::graphql::scalar::{Position, Time};

/// The only one of these ids.
pub fn only(ids: Option<&Vec<ID>>) -> Option<&str> {
    match ids?.as_slice() {
        [id] => Some(id.as_str()),
        _ => None,
    }
}

/// A stretch of time. Without `from` it begins with the first row, without `to` it has no end. Without both it is no condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, InputObject)]
pub struct TimeRange {
    /// The first moment that is in it.
    pub from: Option<Time>,
    /// The first moment that is behind it.
    pub to: Option<Time>,
}

/// A stretch of numbers, both ends included. Without `min` or `max` it has no end there. Without both it is no condition.
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

/// A stretch of the log, both ends included. Without `min` or `max` it has no end there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct PositionRange {
    /// The first position that is in it.
    pub min: Option<Position>,
    /// The last position that is in it.
    pub max: Option<Position>,
}

/// Builds a condition from the parts of a filter that are given.
pub(super) struct Conditions(pub(super) Condition);

impl Conditions {
    pub(super) fn none() -> Self {
        Self(Condition::all())
    }

    /// A column of which the index holds the whole.
    pub(super) fn one_of<C: ColumnTrait, V: AsRef<str>>(
        self,
        column: C,
        values: Option<&Vec<V>>,
    ) -> Self {
        match values {
            Some(values) => Self(
                self.0
                    .add(column.is_in(values.iter().map(AsRef::<str>::as_ref))),
            ),
            None => self,
        }
    }

    /// A column of folded texts. What is without any letter or digit is equal to nothing, not to what has no text either.
    pub(super) fn one_of_keys(
        self,
        column: impl ColumnTrait,
        values: Option<&Vec<String>>,
        fold: fn(&str) -> String,
    ) -> Self {
        let Some(values) = values else { return self };
        let keys = values.iter().map(|text| fold(text));
        Self(self.0.add(column.is_in(keys.filter(|key| !key.is_empty()))))
    }

    /// A column of texts without bound: the index finds those that begin alike.
    pub(super) fn one_of_long(
        self,
        column: impl ColumnTrait,
        values: Option<&Vec<String>>,
    ) -> Self {
        let Some(values) = values else { return self };
        let prefixes = values.iter().map(|text| indexed::prefix_of(text));
        let alike = indexed::prefix(column).is_in(prefixes);
        Self(self.0.add(alike).add(column.is_in(values)))
    }

    /// A time, as the rows write it: never null, or null is in no stretch.
    pub(super) fn within(mut self, time: impl Into<SimpleExpr>, range: Option<&TimeRange>) -> Self {
        let time = time.into();
        let bound = |time: &Option<Time>| time.map(Time::micros);
        if let Some(from) = range.and_then(|range| bound(&range.from)) {
            self.0 = self.0.add(time.clone().gte(from));
        }
        if let Some(to) = range.and_then(|range| bound(&range.to)) {
            self.0 = self.0.add(time.lt(to));
        }
        self
    }

    /// As [`Self::within`], by the column that the list is ordered by: it is the same where there is a time of creation.
    pub(super) fn created(
        self,
        ordered_at: impl ColumnTrait,
        created_at: impl ColumnTrait,
        range: Option<&TimeRange>,
    ) -> Self {
        let bounded = range.is_some_and(|range| range.from.is_some() || range.to.is_some());
        self.within(ordered_at.into_simple_expr(), range)
            .and(bounded.then(|| created_at.is_not_null()))
    }

    /// A time that may be missing, by its index. Null is in no stretch.
    pub(super) fn happened(self, column: impl ColumnTrait, range: Option<&TimeRange>) -> Self {
        let time = indexed::time(column);
        let open = range.is_some_and(|range| range.from.is_none() && range.to.is_some());
        let known = open.then(|| time.clone().gt(LEAST_TIME));
        self.and(known).within(time, range)
    }

    /// A number, by its index. Null is in no stretch.
    pub(super) fn between(
        mut self,
        column: impl ColumnTrait,
        range: Option<NumberRange>,
        backend: DatabaseBackend,
    ) -> Self {
        let Some(NumberRange { min, max }) = range else {
            return self;
        };
        let number = indexed::number(column, backend);
        if let Some(min) = min {
            self.0 = self.0.add(number.clone().gte(min));
        }
        if let Some(max) = max {
            if min.is_none() {
                self.0 = self.0.add(number.clone().gt(LEAST_NUMBER));
            }
            self.0 = self.0.add(number.lte(max));
        }
        self
    }

    pub(super) fn is(self, column: impl ColumnTrait, value: Option<bool>) -> Self {
        match value {
            Some(value) => Self(self.0.add(column.eq(value))),
            None => self,
        }
    }

    pub(super) fn and(self, condition: Option<SimpleExpr>) -> Self {
        match condition {
            Some(condition) => Self(self.0.add(condition)),
            None => self,
        }
    }
}
