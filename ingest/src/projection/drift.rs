//! Drift: what in the events the catalogue does not have, and what of the catalogue they lack, counted for each event type.
//!
//! The catalogue's examples are left out. An event that arrives again counts again. What is kept is bounded: once a type has
//! [`MOST_OF_A_TYPE`] unknown fields or values, or the table [`MOST_TYPES`] unknown types, further ones are not kept, while those that are
//! there go on being counted. Only beyond these bounds does the order of arrival decide what is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entity::read_model::{seen_field, seen_type};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter};

use super::{Event, upsert};
use crate::payload::{EventType, Fields};

/// How many unknown fields are kept of an event type, and how many values.
const MOST_OF_A_TYPE: usize = 1000;
/// How many event types are kept that the catalogue does not have.
const MOST_TYPES: usize = 100;

pub(super) async fn apply(txn: &DatabaseTransaction, events: &[Event]) -> Result<(), DbErr> {
    let real: Vec<(&Event, &str)> = events
        .iter()
        .filter(|event| !event.reading.is_example)
        .filter_map(|event| Some((event, event.reading.event_type.as_deref()?)))
        .collect();
    if real.is_empty() {
        return Ok(());
    }
    let mut seen = Seen::load(txn, real.iter().map(|(_, event_type)| *event_type)).await?;
    for (event, event_type) in real {
        seen.observe(event, event_type)?;
    }
    seen.store(txn).await
}

/// Of an event type: path and value.
type Key = (String, String);

/// What is known of the types of a batch, and what of it the batch changes.
struct Seen {
    types: BTreeMap<String, seen_type::Model>,
    unknown_types: usize,
    fields: HashMap<String, OfType>,
}

/// The rows of one type.
#[derive(Default)]
struct OfType {
    rows: BTreeMap<Key, seen_field::Model>,
    /// How many of them are unknown fields; the rest are values.
    unknown: usize,
    changed: BTreeSet<Key>,
}

impl Seen {
    async fn load(
        txn: &DatabaseTransaction,
        types: impl Iterator<Item = &str>,
    ) -> Result<Self, DbErr> {
        let of: BTreeSet<&str> = types.collect();
        let known = seen_type::Entity::find().all(txn).await?;
        let rows = seen_field::Entity::find()
            .filter(seen_field::Column::EventType.is_in(of))
            .all(txn)
            .await?;
        let mut fields: HashMap<String, OfType> = HashMap::new();
        for row in rows {
            let of_type = fields.entry(row.event_type.clone()).or_default();
            of_type.unknown += usize::from(row.value.is_empty());
            let key = (row.path.clone(), row.value.clone());
            of_type.rows.insert(key, row);
        }
        let is_unknown = |row: &&seen_type::Model| EventType::named(&row.event_type).is_none();
        Ok(Self {
            unknown_types: known.iter().filter(is_unknown).count(),
            types: known
                .into_iter()
                .map(|row| (row.event_type.clone(), row))
                .collect(),
            fields,
        })
    }

    fn observe(&mut self, event: &Event, event_type: &str) -> Result<(), DbErr> {
        let Fields {
            unknown,
            missing,
            values,
        } = &event.reading.fields;
        let position = event.position;
        if let Some(row) = self.types.get_mut(event_type) {
            row.events += 1;
            row.first_position = row.first_position.min(position);
            row.last_position = row.last_position.max(position);
            row.missing = both(&row.missing, missing)?;
        } else {
            if EventType::named(event_type).is_none() {
                if self.unknown_types >= MOST_TYPES {
                    return Ok(());
                }
                self.unknown_types += 1;
            }
            let row = seen_type::Model {
                event_type: event_type.to_owned(),
                events: 1,
                first_position: position,
                last_position: position,
                missing: serde_json::json!(missing).to_string(),
            };
            self.types.insert(row.event_type.clone(), row);
        }
        let of_type = self.fields.entry(event_type.to_owned()).or_default();
        for path in unknown {
            of_type.count(event_type, path, "", position);
        }
        for (path, value) in values {
            of_type.count(event_type, path, value, position);
        }
        Ok(())
    }

    async fn store(self, txn: &DatabaseTransaction) -> Result<(), DbErr> {
        let types = self.types.into_values();
        // Types that the batch does not have are as they were.
        let types = types.filter(|row| self.fields.contains_key(&row.event_type));
        upsert::upsert::<seen_type::Entity>(txn, types.collect()).await?;
        let fields = self.fields.into_values().flat_map(|mut of_type| {
            let changed = std::mem::take(&mut of_type.changed);
            changed
                .into_iter()
                .filter_map(move |key| of_type.rows.remove(&key))
        });
        upsert::upsert::<seen_field::Entity>(txn, fields.collect()).await
    }
}

impl OfType {
    fn count(&mut self, event_type: &str, path: &str, value: &str, position: i64) {
        let key = (path.to_owned(), value.to_owned());
        if let Some(row) = self.rows.get_mut(&key) {
            row.events += 1;
            row.first_position = row.first_position.min(position);
            row.last_position = row.last_position.max(position);
        } else {
            let values = self.rows.len() - self.unknown;
            let there = if value.is_empty() {
                self.unknown
            } else {
                values
            };
            if there >= MOST_OF_A_TYPE {
                return;
            }
            self.unknown += usize::from(value.is_empty());
            let row = seen_field::Model {
                event_type: event_type.to_owned(),
                path: path.to_owned(),
                value: value.to_owned(),
                events: 1,
                first_position: position,
                last_position: position,
            };
            self.rows.insert(key.clone(), row);
        }
        self.changed.insert(key);
    }
}

/// The paths that are missing in both.
fn both(known: &str, missing: &[&str]) -> Result<String, DbErr> {
    if known == "[]" || missing.is_empty() {
        return Ok("[]".to_owned());
    }
    let mut known: Vec<String> =
        serde_json::from_str(known).map_err(|error| DbErr::Json(error.to_string()))?;
    known.retain(|path| missing.binary_search(&path.as_str()).is_ok());
    Ok(serde_json::json!(known).to_string())
}
