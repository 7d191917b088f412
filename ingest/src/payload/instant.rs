//! Times as SalesMagic writes them: RFC 3339 with a zone, or the same without one, which is UTC; up to nine digits.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer, de};

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

/// For `#[serde(deserialize_with)]`: a time, where null and the empty text are none.
pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Instant>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => Instant::parse(&text).map(Some).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            de::Error::custom(format!("`{shown}` is not a time as RFC 3339 writes it"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::Instant;

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
