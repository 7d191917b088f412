//! The schema's own scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, Datelike, SecondsFormat, Utc};

/// [`ScalarType`] of `Position`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub i64);

/// A place in the log of events: a whole number from 1, without gaps, in the order of arrival. A JSON number, which can grow
/// beyond 32 bits.
#[Scalar(name = "Position")]
impl ScalarType for Position {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number
            .filter(|position| *position >= 0)
            .map(Self)
            .ok_or_else(|| InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

/// [`ScalarType`] of `Cursor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// A place in the feed of events, for resuming a subscription: opaque, and only valid for the installation that gave it.
/// `"0"` is the place before the first event.
#[Scalar(name = "Cursor")]
impl ScalarType for Cursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.0.as_str())
    }
}

/// [`ScalarType`] of `DateTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(DateTime<Utc>);

impl Time {
    /// A column's microseconds as a time. `None` only outside of the years that RFC 3339 can express, 0 to 9999.
    pub fn of_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros)
            .filter(|time| (0..=9999).contains(&time.year()))
            .map(Self)
    }

    /// As a column has it.
    pub fn micros(self) -> i64 {
        self.0.timestamp_micros()
    }
}

/// A moment as RFC 3339 writes it, such as `2025-01-14T05:19:20.936Z`. Answers are in UTC, exact to the microsecond; an
/// argument may have any offset, but must have one.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html"
)]
impl ScalarType for Time {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        DateTime::parse_from_rfc3339(text)
            .map(|time| Self(time.to_utc()))
            .map_err(|_| {
                InputValueError::custom(
                    "not a moment as RFC 3339 writes it, such as 2025-01-14T05:19:20Z",
                )
            })
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}
