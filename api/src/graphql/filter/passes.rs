//! What a filter says of a row that is at hand: the conditions of [`super::condition`] once more, without a database.
//!
//! Invariant: both say the same. Where a row does not hold what is asked for (what another table has, what was said in a call) nothing is
//! said here. `tests/laws/filter.rs` compares them.

use super::condition::{NumberRange, TimeRange};

/// Whether a row passes the parts of a filter that were looked at. None: only the database can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checks(pub(super) Option<bool>);

impl Checks {
    pub(super) fn none() -> Self {
        Self(Some(true))
    }

    /// Both hold. What is false is so whatever the other one is.
    pub(super) fn and(self, other: Option<bool>) -> Self {
        Self(match (self.0, other) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        })
    }

    /// One of them holds.
    pub(super) fn or(self, other: Option<bool>) -> Self {
        let neither = Self(self.0.map(|holds| !holds)).and(other.map(|holds| !holds));
        Self(neither.0.map(|holds| !holds))
    }

    fn must(self, holds: bool) -> Self {
        self.and(Some(holds))
    }

    /// Something that a row does not tell, if it is asked for.
    pub(super) fn beyond<T>(self, asked: Option<&T>) -> Self {
        match asked {
            Some(_) => self.and(None),
            None => self,
        }
    }

    /// A text. A missing one is none of any.
    pub(super) fn one_of<V: AsRef<str>>(self, text: Option<&str>, values: Option<&Vec<V>>) -> Self {
        let Some(values) = values else { return self };
        self.must(text.is_some_and(|text| values.iter().any(|value| value.as_ref() == text)))
    }

    /// A folded text.
    pub(super) fn one_of_keys(
        self,
        key: Option<&str>,
        values: Option<&Vec<String>>,
        fold: fn(&str) -> String,
    ) -> Self {
        let Some(values) = values else { return self };
        let key = key.filter(|key| !key.is_empty());
        self.must(key.is_some_and(|key| values.iter().any(|value| fold(value) == key)))
    }

    /// A time. A missing one is in no stretch.
    pub(super) fn within(self, time: Option<i64>, range: Option<&TimeRange>) -> Self {
        let from = range.and_then(|range| range.from);
        let to = range.and_then(|range| range.to);
        if from.is_none() && to.is_none() {
            return self;
        }
        self.must(time.is_some_and(|time| {
            from.is_none_or(|from| from.micros() <= time) && to.is_none_or(|to| time < to.micros())
        }))
    }

    /// A number. A missing one is in no stretch.
    pub(super) fn between(self, number: Option<f64>, range: Option<NumberRange>) -> Self {
        let Some(NumberRange { min, max }) = range else {
            return self;
        };
        if min.is_none() && max.is_none() {
            return self;
        }
        self.must(number.is_some_and(|number| {
            min.is_none_or(|min| min <= number) && max.is_none_or(|max| number <= max)
        }))
    }

    pub(super) fn is(self, is: bool, asked: Option<bool>) -> Self {
        self.must(asked.is_none_or(|asked| asked == is))
    }
}

#[cfg(test)]
mod tests {
    use super::Checks;

    #[test]
    fn what_only_the_database_can_tell_does_not_matter_where_the_rest_decides() {
        let unknown = Checks::none().beyond(Some(&()));
        assert_eq!(unknown.0, None);
        assert_eq!(unknown.and(Some(false)).0, Some(false));
        assert_eq!(unknown.and(Some(true)).0, None);
        assert_eq!(unknown.or(Some(true)).0, Some(true));
        assert_eq!(unknown.or(Some(false)).0, None);
    }
}
