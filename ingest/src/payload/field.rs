//! How lenient a field is: ids, texts and lists as they may arrive.

use serde::{Deserialize, Deserializer, de};

/// The longest id that is understood, in bytes: what a PostgreSQL index can surely hold, twice.
pub const MAX_ID_BYTES: usize = 512;

/// An id: a text, or a number taken as its digits; null and the empty text are none.
///
/// # Errors
/// An id over [`MAX_ID_BYTES`].
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be a text or a number")]
    enum Id {
        Text(String),
        Number(serde_json::Number),
        None(()),
    }
    let id = match Id::deserialize(deserializer)? {
        Id::Text(text) if text.is_empty() => return Ok(None),
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
        Id::None(()) => return Ok(None),
    };
    if id.len() > MAX_ID_BYTES {
        return Err(de::Error::custom(format!(
            "an id of {} bytes; ids of up to {MAX_ID_BYTES} are understood",
            id.len()
        )));
    }
    Ok(Some(id))
}

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
