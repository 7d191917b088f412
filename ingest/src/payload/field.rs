//! How lenient a field is: ids, texts and lists as they may arrive.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use serde_json::Number;

/// The longest id that is understood, in bytes: what a PostgreSQL index can surely hold, twice.
pub const MAX_ID_BYTES: usize = 512;

/// An id: a text, or a number taken as its digits; null and the empty text are none.
///
/// # Errors
/// An id over [`MAX_ID_BYTES`].
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let id = deserializer.deserialize_any(Id)?;
    if let Some(id) = id.as_ref().filter(|id| id.len() > MAX_ID_BYTES) {
        return Err(de::Error::custom(format!(
            "an id of {} bytes; ids of up to {MAX_ID_BYTES} are understood",
            id.len()
        )));
    }
    Ok(id)
}

/// See [`id`].
struct Id;

impl<'de> Visitor<'de> for Id {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then_some(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // As JSON writes it: 1.0, not 1.
        Ok(Number::from_f64(number).map(|number| number.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(E::custom(NEITHER))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Err(de::Error::custom(NEITHER))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Err(de::Error::custom(NEITHER))
    }
}

const NEITHER: &str = "must be a text or a number";

/// A list of ids without its nulls; a missing or null list is empty.
pub(super) fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Element(#[serde(deserialize_with = "id")] Option<String>);
    let ids = Option::<Vec<Element>>::deserialize(deserializer)?;
    Ok(ids.into_iter().flatten().filter_map(|id| id.0).collect())
}

/// A list without its nulls; a null one is empty, and so is one that is missing, with `#[serde(default)]`.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let list = Option::<Vec<Option<T>>>::deserialize(deserializer)?;
    Ok(list.into_iter().flatten().flatten().collect())
}

/// A part that may be missing or null: its default then.
pub(super) fn part<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
