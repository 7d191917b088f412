//! Which events are the catalogue's examples, which the Testing tab of the Svix portal sends, signed like any other.
//!
//! An example's payload holds placeholders where real texts would stand. An event is an example when it has at least one
//! placeholder among its texts, and every other text is a UUID or a time.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Instant;

/// Whether `text` stands for a value in the catalogue's examples.
pub(super) fn is_placeholder(text: &str) -> bool {
    matches!(text, "string" | "some string" | "uri" | "email")
}

/// Whether `payload`, a JSON value, is an example's.
pub(super) fn is_example(payload: &str) -> bool {
    let mut placeholders = 0;
    let mut deserializer = serde_json::Deserializer::from_str(payload);
    // The first text of a real event ends the scan by an error.
    Scan(&mut placeholders)
        .deserialize(&mut deserializer)
        .is_ok()
        && placeholders > 0
}

struct Scan<'a>(&'a mut usize);

impl<'de> DeserializeSeed<'de> for Scan<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scan<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an example's payload")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if is_placeholder(text) {
            *self.0 += 1;
            Ok(())
        } else if is_uuid(text) || Instant::parse(text).is_some() {
            Ok(())
        } else {
            Err(E::custom("a text of a real event"))
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Scan(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<serde::de::IgnoredAny>()?.is_some() {
            map.next_value_seed(Scan(self.0))?;
        }
        Ok(())
    }
}

/// Whether `text` has the shape of a UUID.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::is_example;

    #[test]
    fn placeholders_uuids_and_times_make_an_example() {
        assert!(is_example(
            r#"{"user":{"name":"string","email":"email","id":"22b215c8-fccc-4228-b43a-4138826fa3ca","at":"2025-01-14T05:03:31.485307191","streak":42,"x":null,"y":[true]}}"#
        ));
        assert!(!is_example(r#"{"user":{"name":"string","email":"a@b.c"}}"#));
        assert!(!is_example(
            r#"{"user":{"id":"22b215c8-fccc-4228-b43a-4138826fa3ca"}}"#
        ));
        assert!(!is_example(r#"{"user":{"streak":1}}"#));
        assert!(!is_example(&"[".repeat(100_000)));
    }
}
