//! Which fields a body has, held against the catalogue: those that it does not know, those that are missing, and the values of
//! its enumerations. This is how a change in what SalesMagic sends is noticed.
//!
//! A body is gone through once, without building anything of it but the paths that the catalogue does not have. What is found is
//! bounded, whatever the body is.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::EventType;
use super::catalogue::{Catalogue, Field, push_element, push_key};
use super::example::is_placeholder;

/// The longest path that is told, in bytes. What lies deeper is not looked at.
const MAX_PATH_BYTES: usize = 256;
/// The longest value of a role, status or analysis type that is told, in bytes.
const MAX_VALUE_BYTES: usize = 256;
/// How many unknown fields, and how many values, are told of one body: the first ones.
const MOST_OF_A_BODY: usize = 1000;

/// What a body has and lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The paths that this version has no field for.
    pub unknown: BTreeSet<String>,
    /// The catalogue's paths that the body does not have, sorted. A field that is null is there.
    pub missing: Vec<&'static str>,
    /// Path and value of each role, status and analysis type. The catalogue's placeholders and empty texts are none.
    pub values: BTreeSet<(&'static str, String)>,
}

impl Fields {
    /// Goes through `body`, the JSON text of an event of this type; one that the catalogue does not know is `None`.
    pub(super) fn of(body: &str, event_type: Option<EventType>) -> Self {
        let catalogue = Catalogue::of(event_type);
        let mut found = Found {
            catalogue,
            path: String::new(),
            seen: vec![false; catalogue.paths.len()],
            fields: Self::default(),
        };
        let walk = Walk {
            found: &mut found,
            field: Some(&catalogue.root),
        };
        // A body that ends early or nests too deeply has told what it has told.
        let _ = walk.deserialize(&mut serde_json::Deserializer::from_str(body));
        let paths = catalogue.paths.iter().zip(&found.seen);
        found.fields.missing = paths
            .filter(|(_, seen)| !**seen)
            .map(|(path, _)| path.as_str())
            .collect();
        found.fields
    }
}

/// The catalogue's paths of an event type, sorted. Of one that it does not know: the envelope's.
pub fn catalogued(event_type: &str) -> impl Iterator<Item = &'static str> {
    let catalogue = Catalogue::of(EventType::named(event_type));
    catalogue.paths.iter().map(String::as_str)
}

/// What has been found so far, and where the walk is.
struct Found {
    catalogue: &'static Catalogue,
    path: String,
    seen: Vec<bool>,
    fields: Fields,
}

impl Found {
    fn value(&mut self, field: Option<&Field>, text: impl fmt::Display) {
        let Some(field) = field.filter(|field| field.is_enumeration) else {
            return;
        };
        let path = field
            .place
            .map(|place| self.catalogue.paths[place].as_str());
        let text = text.to_string();
        let is_told = !text.is_empty() && text.len() <= MAX_VALUE_BYTES && !is_placeholder(&text);
        if let Some(path) = path
            && is_told
            && self.fields.values.len() < MOST_OF_A_BODY
        {
            self.fields.values.insert((path, text));
        }
    }
}

/// A value of the body, and what the catalogue says of it.
struct Walk<'f> {
    found: &'f mut Found,
    field: Option<&'static Field>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.found.value(self.field, text);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.found.value(self.field, number);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.found.value(self.field, number);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.found.value(self.field, number);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let length = self.found.path.len();
        push_element(&mut self.found.path);
        let field = self.field.and_then(|field| field.element.as_deref());
        loop {
            let walk = Walk {
                found: &mut *self.found,
                field,
            };
            if seq.next_element_seed(walk)?.is_none() {
                break;
            }
        }
        self.found.path.truncate(length);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let length = self.found.path.len();
        loop {
            let key = Key(Walk {
                found: &mut *self.found,
                field: self.field,
            });
            match map.next_key_seed(key)? {
                None => return Ok(()),
                Some(Step::Into(field)) => {
                    let walk = Walk {
                        found: &mut *self.found,
                        field,
                    };
                    map.next_value_seed(walk)?;
                }
                Some(Step::Over) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            self.found.path.truncate(length);
        }
    }
}

/// What to do with the value behind a key.
enum Step {
    /// Look at it.
    Into(Option<&'static Field>),
    /// Its path is too long.
    Over,
}

/// A key of an object.
struct Key<'f>(Walk<'f>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Step;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Step, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Step;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Step, E> {
        let Walk { found, field } = self.0;
        push_key(&mut found.path, key);
        if found.path.len() > MAX_PATH_BYTES {
            return Ok(Step::Over);
        }
        let known = field.and_then(|field| field.fields.iter().find(|(name, _)| name == key));
        let known = known.map(|(_, field)| field);
        if let Some(place) = known.and_then(|field| field.place) {
            found.seen[place] = true;
        } else if found.fields.unknown.len() < MOST_OF_A_BODY
            && !found.fields.unknown.contains(&found.path)
        {
            found.fields.unknown.insert(found.path.clone());
        }
        Ok(Step::Into(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str, event_type: &str) -> Fields {
        Fields::of(body, EventType::named(event_type))
    }

    #[test]
    fn the_catalogue_lists_every_key_once() {
        let org: Vec<_> = catalogued("org.deleted").collect();
        assert_eq!(
            org,
            [
                "id",
                "payload",
                "payload.org",
                "payload.org.createdAt",
                "payload.org.id",
                "payload.org.image",
                "payload.org.name",
                "payload.org.status",
                "timestamp",
                "type"
            ]
        );
        // The envelope's 4 and the call itself; the published example has 63 values, and 7 objects and lists of objects.
        let calls = catalogued("call.completed");
        assert_eq!(calls.count(), 4 + 1 + 63 + 6);
        assert_eq!(catalogued("call.paused").count(), 4);
    }

    #[test]
    fn unknown_fields_are_told_by_their_paths() {
        let body = r#"{"v":2,"payload":{"user":{"id":"u","a.b":1,"new":{"deep":[[{"x":1}]]},"":0},"user.id":1}}"#;
        let found = fields(body, "user.updated");
        let unknown: Vec<_> = found.unknown.iter().map(String::as_str).collect();
        assert_eq!(
            unknown,
            [
                "payload.user.new",
                "payload.user.new.deep",
                "payload.user.new.deep[][].x",
                r#"payload.user[""]"#,
                r#"payload.user["a.b"]"#,
                r#"payload["user.id"]"#,
                "v"
            ]
        );
        assert!(found.missing.contains(&"payload.user.email"));
        assert!(!found.missing.contains(&"payload.user.id"));
    }

    #[test]
    fn an_object_in_the_place_of_a_list_is_not_what_the_catalogue_has() {
        let body =
            r#"{"payload":{"call":{"transcript":{"createdAt":null},"analysis":[{"score":1}]}}}"#;
        let found = fields(body, "call.completed");
        assert!(found.unknown.contains("payload.call.transcript.createdAt"));
        assert_eq!(found.unknown.len(), 1);
        assert!(
            found
                .missing
                .contains(&"payload.call.transcript[].createdAt")
        );
        assert!(!found.missing.contains(&"payload.call.analysis[].score"));
    }

    #[test]
    fn values_of_roles_statuses_and_analysis_types_are_told() {
        let body = r#"{"payload":{"call":{"title":"t","user":{"role":"rep","status":"string"},
            "analysis":[{"analysisType":"discovery"},{"analysisType":7},{"analysisType":""},{"analysisType":null}]}}}"#;
        let found = fields(body, "call.completed");
        let values: Vec<_> = found
            .values
            .iter()
            .map(|(path, text)| (*path, text.as_str()))
            .collect();
        assert_eq!(
            values,
            [
                ("payload.call.analysis[].analysisType", "7"),
                ("payload.call.analysis[].analysisType", "discovery"),
                ("payload.call.user.role", "rep"),
            ]
        );
    }

    #[test]
    fn what_is_found_is_bounded() {
        let keys: Vec<_> = (0..3000).map(|key| format!(r#""k{key}":1"#)).collect();
        let wide = format!("{{{}}}", keys.join(","));
        assert_eq!(fields(&wide, "org.updated").unknown.len(), MOST_OF_A_BODY);
        let long = format!(
            r#"{{"{}":{{"a":1}},"b":1}}"#,
            "x".repeat(MAX_PATH_BYTES + 1)
        );
        assert_eq!(
            fields(&long, "org.updated").unknown,
            ["b".to_owned()].into()
        );
        let deep = format!(r#"{{"a":{}"#, "[".repeat(100_000));
        assert_eq!(
            fields(&deep, "org.updated").unknown,
            ["a".to_owned()].into()
        );
        let value = format!(
            r#"{{"payload":{{"org":{{"status":"{}"}}}}}}"#,
            "x".repeat(257)
        );
        assert!(fields(&value, "org.updated").values.is_empty());
    }
}
