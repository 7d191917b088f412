//! Stretches of time of a report: days, weeks and months as people in a time zone count them.
//!
//! The bounds come from the time zone's own rules, so that a day on which the clocks change has 23 or 25 hours. Periods are of the years
//! 1 to 9998, so that their bounds have four digits for the year in every time zone, as RFC 3339 wants it.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, SimpleObject, Value};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::graphql::error::{Error, Result};
use crate::graphql::scalar::Time;

/// More periods than this are no report.
pub const MOST: usize = 1_000;

/// Microseconds of 24 hours.
pub const DAY: i64 = 86_400_000_000;

/// The beginning of the year 1, which is a Monday.
pub const EARLIEST: i64 = -62_135_596_800_000_000;

/// The end of the year 9998.
pub const LATEST: i64 = 253_370_764_800_000_000;

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday, as ISO 8601 has it.
    Week,
    /// From the first to the first.
    Month,
}

impl Unit {
    /// A stretch from [`EARLIEST`] on, and every one behind it, that has something of at most two periods, whatever the time zone;
    /// a period has something of at most [`MOST_STRETCHES`].
    pub fn stretch(self) -> i64 {
        match self {
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month => 27 * DAY,
        }
    }
}

/// See [`Unit::stretch`].
pub const MOST_STRETCHES: usize = 3;

/// [`ScalarType`] of `TimeZone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zone(pub Tz);

impl Default for Zone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

/// A time zone by its name in the IANA database, such as `Europe/Berlin`.
#[Scalar(name = "TimeZone")]
impl ScalarType for Zone {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(name) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        name.parse().map(Self).map_err(|_| {
            InputValueError::custom(
                "not a time zone of the IANA database, such as Europe/Berlin or UTC",
            )
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.name().to_owned())
    }
}

/// A day, week or month of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SimpleObject)]
pub struct Period {
    /// The first moment that is in it.
    pub from: Time,
    /// The first moment that is behind it.
    pub to: Time,
    /// The day on which it begins in the report's time zone, such as `2025-03-09`.
    pub date: Date,
}

/// [`ScalarType`] of `Date`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// A day of the calendar, as ISO 8601 writes it: `2025-03-09`.
#[Scalar(name = "Date")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        text.parse()
            .map(Self)
            .map_err(|_| InputValueError::custom("not a day such as 2025-03-09"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A moment of the years in which there are periods.
pub fn in_calendar(at: Time) -> Result<Time> {
    let known = (EARLIEST..LATEST).contains(&at.micros());
    known.then_some(at).ok_or_else(no_calendar)
}

/// The period that holds a moment.
pub fn holding(unit: Unit, zone: Tz, at: i64) -> Result<Period> {
    let periods = walk(unit, zone, at, at.saturating_add(1))?;
    periods.first().copied().ok_or_else(no_calendar)
}

/// The moment at which the day begins that is so many days before the one that begins a period.
pub fn days_before(zone: Tz, date: Date, days: u64) -> Result<i64> {
    let day = date.0.checked_sub_days(Days::new(days));
    let day = day.ok_or_else(no_calendar)?;
    Ok(midnight(zone, day).timestamp_micros())
}

fn no_calendar() -> Error {
    Error::bad_input("A report's time must lie in the years 1 to 9998.")
}

fn too_many() -> Error {
    Error::bad_input(
        "A report has at most 1000 periods: ask for a shorter time in `filter: { createdAt }`, or group by a longer period.",
    )
}

/// The periods that have something of the time between two moments (microseconds since 1970, the second one not included).
pub fn between(unit: Unit, zone: Tz, from: i64, to: i64) -> Result<Vec<Period>> {
    if from < EARLIEST || to > LATEST {
        return Err(no_calendar());
    }
    walk(unit, zone, from, to)
}

/// The periods of stretches of time, each of which is told by its first and its last moment. They follow each other.
pub fn of_stretches(unit: Unit, zone: Tz, stretches: &[(i64, i64)]) -> Result<Vec<Period>> {
    let mut periods: Vec<Period> = Vec::new();
    for &(first, last) in stretches {
        let found = between(unit, zone, first, last.saturating_add(1))?;
        let behind = periods.last().map(|period| period.to);
        let new = found.into_iter();
        periods.extend(new.filter(|period| behind.is_none_or(|behind| period.from >= behind)));
        if periods.len() > MOST {
            return Err(too_many());
        }
    }
    Ok(periods)
}

fn walk(unit: Unit, zone: Tz, from: i64, to: i64) -> Result<Vec<Period>> {
    let moment = |micros| DateTime::from_timestamp_micros(micros).ok_or_else(no_calendar);
    let end = moment(to)?;
    let mut date = first_day(unit, moment(from)?.with_timezone(&zone).date_naive());
    let mut periods = Vec::new();
    loop {
        let start = midnight(zone, date);
        if start >= end {
            return Ok(periods);
        }
        if periods.len() == MOST {
            return Err(too_many());
        }
        let Some(next) = next_day(unit, date) else {
            return Ok(periods);
        };
        let bound = |time: DateTime<Utc>| Time::of_micros(time.timestamp_micros());
        if let (Some(from), Some(to)) = (bound(start), bound(midnight(zone, next))) {
            periods.push(Period {
                from,
                to,
                date: Date(date),
            });
        }
        date = next;
    }
}

fn first_day(unit: Unit, date: NaiveDate) -> NaiveDate {
    let before = match unit {
        Unit::Day => 0,
        Unit::Week => date.weekday().num_days_from_monday(),
        Unit::Month => date.day0(),
    };
    date.checked_sub_days(Days::new(before.into()))
        .unwrap_or(date)
}

fn next_day(unit: Unit, date: NaiveDate) -> Option<NaiveDate> {
    match unit {
        Unit::Day => date.checked_add_days(Days::new(1)),
        Unit::Week => date.checked_add_days(Days::new(7)),
        Unit::Month => date.checked_add_months(Months::new(1)),
    }
}

/// When a day begins: at midnight, or, where the clocks skip it, with the first moment that there is.
fn midnight(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    let mut local = date.and_time(NaiveTime::MIN);
    // The longest jump of any clock is a day.
    for _ in 0..=96 {
        if let Some(found) = zone.from_local_datetime(&local).earliest() {
            return found.to_utc();
        }
        local += TimeDelta::minutes(15);
    }
    date.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(unit: Unit, zone: &str, from: &str, to: &str) -> Vec<(String, i64)> {
        let micros = |text: &str| {
            let time = DateTime::parse_from_rfc3339(text).unwrap();
            time.timestamp_micros()
        };
        let periods = between(unit, zone.parse().unwrap(), micros(from), micros(to)).unwrap();
        periods
            .iter()
            .map(|period| {
                let length = period.to.micros() - period.from.micros();
                (period.date.0.to_string(), length / 3_600_000_000)
            })
            .collect()
    }

    fn named(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
        let own = expected.iter();
        own.map(|(date, hours)| ((*date).to_owned(), *hours))
            .collect()
    }

    #[test]
    fn a_day_on_which_the_clocks_change_is_shorter_or_longer() {
        let (from, to) = ("2025-03-08T05:00:00Z", "2025-03-10T05:00:00Z");
        assert_eq!(
            hours(Unit::Day, "America/New_York", from, to),
            named(&[("2025-03-08", 24), ("2025-03-09", 23), ("2025-03-10", 24)])
        );
        let (from, to) = ("2025-11-02T12:00:00Z", "2025-11-02T12:00:01Z");
        assert_eq!(
            hours(Unit::Day, "America/New_York", from, to),
            named(&[("2025-11-02", 25)])
        );
    }

    #[test]
    fn where_midnight_is_skipped_the_day_begins_later() {
        // Beirut set its clocks forward at midnight.
        let (from, to) = ("2024-03-31T09:00:00Z", "2024-03-31T09:00:01Z");
        assert_eq!(
            hours(Unit::Day, "Asia/Beirut", from, to),
            named(&[("2024-03-31", 23)])
        );
    }

    #[test]
    fn weeks_begin_on_mondays_and_months_on_the_first() {
        let (from, to) = ("2025-01-01T00:00:00Z", "2025-01-14T00:00:00Z");
        assert_eq!(
            hours(Unit::Week, "UTC", from, to),
            named(&[
                ("2024-12-30", 168),
                ("2025-01-06", 168),
                ("2025-01-13", 168)
            ])
        );
        let (from, to) = ("2025-01-31T23:00:00Z", "2025-03-01T00:00:00Z");
        assert_eq!(
            hours(Unit::Month, "UTC", from, to),
            named(&[("2025-01-01", 744), ("2025-02-01", 672)])
        );
    }

    #[test]
    fn too_many_are_refused_and_none_are_none() {
        assert!(between(Unit::Day, Tz::UTC, 0, 4_000 * 86_400_000_000).is_err());
        assert_eq!(between(Unit::Day, Tz::UTC, 0, 0).unwrap(), []);
        assert!(between(Unit::Day, Tz::UTC, i64::MIN, i64::MAX).is_err());
    }

    #[test]
    fn periods_of_stretches_are_those_that_have_something_of_them() {
        let day = |nth: i64| (nth * DAY, nth * DAY + DAY - 1);
        let far = [day(-700_000), day(0), day(1), day(2_900_000)];
        let dates = |periods: Vec<Period>| -> Vec<String> {
            let dates = periods.iter().map(|period| period.date.0.to_string());
            dates.collect()
        };
        let found = of_stretches(Unit::Day, Tz::UTC, &far).unwrap();
        assert_eq!(
            dates(found),
            ["0053-06-19", "1970-01-01", "1970-01-02", "9909-12-07"]
        );
        let berlin = "Europe/Berlin".parse().unwrap();
        let found = of_stretches(Unit::Day, berlin, &far[1..3]).unwrap();
        assert_eq!(dates(found), ["1970-01-01", "1970-01-02", "1970-01-03"]);
        let found = of_stretches(Unit::Month, berlin, &far[1..3]).unwrap();
        assert_eq!(dates(found), ["1970-01-01"]);
        let apart: Vec<_> = (0..1_001).map(|nth| day(5 * nth)).collect();
        let found = of_stretches(Unit::Day, Tz::UTC, &apart[..MOST]).unwrap();
        assert_eq!(found.len(), MOST);
        assert!(of_stretches(Unit::Day, Tz::UTC, &apart).is_err());
    }

    #[test]
    fn a_period_has_something_of_few_stretches() {
        for unit in [Unit::Day, Unit::Week, Unit::Month] {
            for zone in ["UTC", "America/New_York", "Pacific/Kiritimati"] {
                let year = 365 * DAY;
                let periods = between(unit, zone.parse().unwrap(), 55 * year, 57 * year).unwrap();
                for period in periods {
                    let [from, to] = [period.from.micros(), period.to.micros() - 1]
                        .map(|at| (at - EARLIEST) / unit.stretch());
                    assert!(usize::try_from(to - from).unwrap() < MOST_STRETCHES);
                }
            }
        }
    }

    #[test]
    fn the_calendar_ends_before_a_year_has_five_digits() {
        let of = |text: &str| {
            let time = DateTime::parse_from_rfc3339(text).unwrap();
            time.timestamp_micros()
        };
        assert_eq!(EARLIEST, of("0001-01-01T00:00:00Z"));
        assert_eq!(LATEST, of("9999-01-01T00:00:00Z"));
        for unit in [Unit::Day, Unit::Week, Unit::Month] {
            for zone in ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"] {
                let zone = zone.parse().unwrap();
                let first = holding(unit, zone, EARLIEST).unwrap();
                let last = holding(unit, zone, LATEST - 1).unwrap();
                assert!(of("0000-01-01T00:00:00Z") < first.from.micros());
                assert!(last.to.micros() < of("9999-12-31T00:00:00Z"));
            }
        }
    }
}
