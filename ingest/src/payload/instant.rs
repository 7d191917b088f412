//! Times as SalesMagic writes them: RFC 3339 with a zone, or the same without one, which is UTC; up to nine digits.

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde::de::Visitor;
use serde::{Deserializer, Serialize, Serializer, de};

/// A moment with all nine digits. A missing one (`None`) sorts before every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(DateTime<Utc>);

/// Moves the earliest second that chrono knows above zero.
const BIAS: i64 = 10_000_000_000_000;

impl Instant {
    /// Microseconds since 1970-01-01T00:00:00Z: what columns keep.
    pub fn micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// A text whose order byte by byte is the order of time, for every moment that [`Instant::parse`] can give.
    pub fn sortable(self) -> String {
        format!(
            "{:014}.{:09}",
            self.0.timestamp() + BIAS,
            // A leap second counts on behind the last nanosecond of its second.
            self.0.timestamp_subsec_nanos().min(999_999_999)
        )
    }

    /// The moment that [`Instant::sortable`] wrote.
    pub fn from_sortable(text: &str) -> Option<Self> {
        let (seconds, nanos) = text.split_once('.')?;
        let seconds: i64 = seconds.parse().ok()?;
        DateTime::from_timestamp(seconds - BIAS, nanos.parse().ok()?).map(Self)
    }

    /// Reads a time as SalesMagic writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(time) = usual(text.as_bytes()) {
            return Some(Self(time.and_utc()));
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(Self(time.to_utc()));
        }
        for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
            if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
                return Some(Self(time.and_utc()));
            }
        }
        let midnight = NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)?;
        Some(Self(midnight.and_utc()))
    }
}

/// A time in the form that nearly all have, `2025-01-14T04:22:51.548816074`, with a `Z` or without: every line of a transcript has
/// one, and chrono goes through a pattern letter by letter.
fn usual(text: &[u8]) -> Option<NaiveDateTime> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let &[
        _,
        _,
        _,
        _,
        b'-',
        _,
        _,
        b'-',
        _,
        _,
        b'T',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
    ] = date_time
    else {
        return None;
    };
    let rest = rest.strip_suffix(b"Z").unwrap_or(rest);
    let nanos = match rest {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            let power = u32::try_from(9 - digits.len()).ok()?;
            number(digits)? * 10_u32.pow(power)
        }
        _ => return None,
    };
    let part = |range: Range<usize>| number(&date_time[range]);
    let year = i32::try_from(part(0..4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, part(5..7)?, part(8..10)?)?;
    date.and_hms_nano_opt(part(11..13)?, part(14..16)?, part(17..19)?, nanos)
}

/// In UTC and to the microsecond, as columns keep it and queries answer it.
impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = DateTime::from_timestamp_micros(self.micros()).unwrap_or(self.0);
        // RFC 3339 has four digits for a year; other years are written in the form without zone, which is read with any.
        let text = if (0..=9999).contains(&time.year()) {
            time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
        } else {
            time.format("%Y-%m-%dT%H:%M:%S%.f").to_string()
        };
        serializer.serialize_str(&text)
    }
}

/// For `#[serde(deserialize_with)]`: a time, where null and the empty text are none.
pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Instant>, D::Error> {
    deserializer.deserialize_option(Optional)
}

/// See [`optional`].
struct Optional;

impl<'de> Visitor<'de> for Optional {
    type Value = Option<Instant>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.is_empty() {
            return Ok(None);
        }
        Instant::parse(text).map(Some).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            E::custom(format!("`{shown}` is not a time as RFC 3339 writes it"))
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDateTime};

    use super::{Instant, usual};

    #[test]
    fn the_usual_form_is_read_as_chrono_reads_it() {
        let by_chrono = |text: &str| {
            let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.naive_utc());
            zoned.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f"))
        };
        for text in [
            "2025-01-14T04:22:51.548816074",
            "2025-01-14T04:22:51.548816074Z",
            "2025-01-14T04:22:51.5",
            "2025-01-14T04:22:51Z",
            "2024-02-29T23:59:59.000000001",
            "0000-01-01T00:00:00",
        ] {
            assert_eq!(usual(text.as_bytes()), by_chrono(text).ok(), "{text}");
            assert!(usual(text.as_bytes()).is_some(), "{text}");
        }
        // What is left to chrono.
        for text in [
            "2025-02-29T04:22:51",
            "2025-01-14T24:00:00",
            "2025-01-14T04:22:60",
            "2025-01-14T04:22:51.",
            "2025-01-14T04:22:51.0123456789",
            "2025-01-14T04:22:51+01:00",
            "2025-01-14T04:22:5",
            "2025-01-14 04:22:51",
            "2O25-01-14T04:22:51",
            "",
        ] {
            assert_eq!(usual(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_form_that_arrives_is_read() {
        let micros = |text| Instant::parse(text).map(Instant::micros);
        let expected = Some(1_736_828_571_548_816);
        assert_eq!(micros("2025-01-14T04:22:51.548816074"), expected);
        assert_eq!(micros("2025-01-14T04:22:51.548816074Z"), expected);
        assert_eq!(micros("2025-01-14T05:22:51.548816+01:00"), expected);
        assert_eq!(micros("2025-01-14 04:22:51.548816"), expected);
        assert_eq!(micros("2025-01-14"), Some(1_736_812_800_000_000));
        assert_eq!(micros("yesterday"), None);
    }

    #[test]
    fn what_is_written_is_read_as_the_same_microsecond() {
        for time in [
            "2025-01-14T04:22:51.548816074+01:00",
            "2025-01-14",
            "1969-12-31T23:59:59.999999999Z",
            "2016-12-31T23:59:60.5Z",
            "9999-12-31T23:59:59.999999999",
            "+12345-01-01T00:00:00.25",
            "-0001-01-01T00:00:00",
        ] {
            let sent = Instant::parse(time).unwrap();
            let json = serde_json::to_string(&sent).unwrap();
            let read = Instant::parse(json.trim_matches('"')).unwrap();
            assert_eq!(read.micros(), sent.micros(), "{time}: {json}");
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
        let time = Instant::parse("2025-01-14T05:22:51.548816074+01:00").unwrap();
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, r#""2025-01-14T04:22:51.548816Z""#);
    }

    #[test]
    fn the_sortable_text_keeps_all_nine_digits_in_order() {
        let times = [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999999Z",
            "2025-01-14T04:22:51.548816073",
            "2025-01-14T04:22:51.548816074Z",
            "9999-12-31T23:59:59Z",
        ];
        let sortable: Vec<String> = times
            .iter()
            .map(|time| Instant::parse(time).unwrap().sortable())
            .collect();
        assert!(sortable.is_sorted_by(|a, b| a < b), "{sortable:?}");
        for (text, time) in sortable.iter().zip(times) {
            assert_eq!(Instant::from_sortable(text), Instant::parse(time));
        }
    }
}
