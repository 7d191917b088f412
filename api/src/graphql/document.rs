//! A document that was read, with what is known of it whoever sends it again: its fields, and what it costs.
//!
//! Invariant: a verdict is found again only for variables that the judge could not tell from those that it was made for.
//! Their texts count then, but for those of ids and of cursors: neither validity nor cost depends on what these say.

use std::collections::HashSet;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::{
    BaseType, Directive, ExecutableDocument, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Variables};
use async_graphql_value::{ConstValue, Value};
use lru::LruCache;
use sha2::{Digest, Sha256};

use super::asked::Asked;
use super::cost::Cost;

/// Verdicts that are remembered of one document, the last asked for.
const VERDICTS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Bytes of what is remembered of an operation and its variables.
const LONGEST: usize = 256;

/// The arguments that take a cursor.
const CURSORS: [&str; 2] = ["after", "before"];

/// A document.
#[derive(Debug)]
pub struct Document {
    parsed: ExecutableDocument,
    asked: Arc<Asked>,
    /// Variables of which no text matters.
    opaque: HashSet<Name>,
    verdicts: Mutex<LruCache<String, Cost>>,
}

impl Document {
    /// What is known of `parsed`.
    pub fn new(parsed: ExecutableDocument) -> Self {
        Self {
            asked: Arc::new(Asked::of(&parsed)),
            opaque: opaque(&parsed),
            parsed,
            verdicts: Mutex::new(LruCache::new(VERDICTS)),
        }
    }

    /// As it was parsed.
    pub fn parsed(&self) -> &ExecutableDocument {
        &self.parsed
    }

    /// The fields that it asks for.
    pub(super) fn asked(&self) -> &Arc<Asked> {
        &self.asked
    }

    /// The verdict on an operation with such variables: the one that was made before, or that of `judge`.
    pub(super) fn verdict<E>(
        &self,
        operation: Option<&str>,
        variables: &Variables,
        judge: impl FnOnce() -> Result<Cost, E>,
    ) -> Result<Cost, E> {
        let sketch = self.sketch(operation, variables);
        if let Some(cost) = self.lock().get(&sketch) {
            return Ok(*cost);
        }
        let cost = judge()?;
        self.lock().put(sketch, cost);
        Ok(cost)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<String, Cost>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The operation and all that matters of the variables; of what is long, what stands for it.
    fn sketch(&self, operation: Option<&str>, variables: &Variables) -> String {
        let mut sketch = operation.unwrap_or_default().to_owned();
        for (name, value) in &**variables {
            let _ = write!(sketch, "${name}=");
            draw(value, self.opaque.contains(name), &mut sketch);
        }
        if sketch.len() > LONGEST {
            // No name begins so.
            sketch = format!("#{:x}", Sha256::digest(sketch));
        }
        sketch
    }
}

/// Draws a value so that no two different ones look the same, but for their texts if they are `opaque`.
fn draw(value: &ConstValue, opaque: bool, sketch: &mut String) {
    let _ = match value {
        ConstValue::String(text) if !opaque => write!(sketch, "{}:{text}", text.len()),
        ConstValue::String(_) => write!(sketch, "s"),
        ConstValue::List(values) => {
            sketch.push('[');
            for value in values {
                draw(value, opaque, sketch);
                sketch.push(',');
            }
            write!(sketch, "]")
        }
        ConstValue::Object(fields) => {
            sketch.push('{');
            for (name, value) in fields {
                let _ = write!(sketch, "{}:{name}=", name.len());
                draw(value, opaque, sketch);
            }
            write!(sketch, "}}")
        }
        other => write!(sketch, "({other})"),
    };
}

/// Ids, and texts that are cursors and nothing else.
fn opaque(document: &ExecutableDocument) -> HashSet<Name> {
    let mut uses = Uses::default();
    let mut opaque = HashSet::new();
    for fragment in document.fragments.values() {
        uses.of_directives(&fragment.node.directives);
        uses.of_set(&fragment.node.selection_set.node);
    }
    for (_, operation) in document.operations.iter() {
        uses.of_directives(&operation.node.directives);
        uses.of_set(&operation.node.selection_set.node);
    }
    // Operations may declare the same name as different types: what is an id in all of them is one.
    let mut others = HashSet::new();
    for (_, operation) in document.operations.iter() {
        for variable in &operation.node.variable_definitions {
            let name = &variable.node.name.node;
            let is_cursor = uses.cursors.contains(name) && !uses.others.contains(name);
            match named(&variable.node.var_type.node.base) {
                "ID" => opaque.insert(name.clone()),
                "String" if is_cursor => opaque.insert(name.clone()),
                _ => others.insert(name.clone()),
            };
        }
    }
    &opaque - &others
}

fn named(base: &BaseType) -> &str {
    match base {
        BaseType::Named(name) => name,
        BaseType::List(element) => named(&element.base),
    }
}

/// Which variables are used as what.
#[derive(Default)]
struct Uses {
    /// As the whole value of an argument that takes a cursor.
    cursors: HashSet<Name>,
    /// In any other way.
    others: HashSet<Name>,
}

impl Uses {
    fn of_set(&mut self, set: &SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    self.of_directives(&field.node.directives);
                    self.of_arguments(&field.node.arguments);
                    self.of_set(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    self.of_directives(&fragment.node.directives);
                    self.of_set(&fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => self.of_directives(&spread.node.directives),
            }
        }
    }

    fn of_directives(&mut self, directives: &[Positioned<Directive>]) {
        for directive in directives {
            for (_, value) in &directive.node.arguments {
                self.of_value(&value.node);
            }
        }
    }

    fn of_arguments(&mut self, arguments: &[(Positioned<Name>, Positioned<Value>)]) {
        for (name, value) in arguments {
            match &value.node {
                Value::Variable(variable) if CURSORS.contains(&name.node.as_str()) => {
                    self.cursors.insert(variable.clone());
                }
                value => self.of_value(value),
            }
        }
    }

    fn of_value(&mut self, value: &Value) {
        match value {
            Value::Variable(name) => {
                self.others.insert(name.clone());
            }
            Value::List(values) => values.iter().for_each(|value| self.of_value(value)),
            Value::Object(fields) => fields.values().for_each(|value| self.of_value(value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::value;

    use super::*;

    const QUERY: &str = "query ($id: ID, $ids: [ID!], $after: String, $words: String, $both: String, $n: Int) {
        call(id: $id) { id }
        calls(after: $after, first: $n, filter: { id: $ids, title: { words: $words } }) { nodes { id } }
        x: calls(after: $both, filter: { title: { words: $both } }) { nodes { id } }
    }";

    #[test]
    fn only_the_texts_of_ids_and_cursors_do_not_matter() {
        let document = Document::new(parse_query(QUERY).unwrap());
        let sketch = |value| document.sketch(None, &Variables::from_value(value));
        for (one, other, same) in [
            (value!({"id": "a"}), value!({"id": "b"}), true),
            (value!({"id": "a"}), value!({"id": 1}), false),
            (value!({"id": "a"}), value!({"id": null}), false),
            (
                value!({"ids": ["a", "b"]}),
                value!({"ids": ["c", "d"]}),
                true,
            ),
            (value!({"ids": ["a", "b"]}), value!({"ids": ["c"]}), false),
            (value!({"after": "a"}), value!({"after": "b"}), true),
            (value!({"both": "a"}), value!({"both": "b"}), false),
            (value!({"words": "a"}), value!({"words": "b c"}), false),
            (value!({"n": 1}), value!({"n": 2}), false),
            (value!({"n": 1}), value!({"id": 1}), false),
        ] {
            assert_eq!(
                sketch(one.clone()) == sketch(other.clone()),
                same,
                "{one} {other}"
            );
        }
        let query =
            "query A($x: ID) { call(id: $x) { id } } query B($x: String) { user(id: $x) { id } }";
        let document = Document::new(parse_query(query).unwrap());
        assert!(document.opaque.is_empty());
    }
}
