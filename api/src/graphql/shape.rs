//! Gives a response the shape that the GraphQL specification demands.
//!
//! async-graphql 7 puts the fields of an object in the order in which they were resolved, and leaves out those that
//! failed. The specification wants the order of the query (section 6.3), and for a failed field null, or, where the schema
//! promises a value, null in the place of the nearest parent that may be null (section 6.4.4): a generated client trusts
//! both. This goes once through the answer beside its query and puts it right. Values are moved, never copied, and what is right
//! already stays where it is.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{
    BaseType, DocumentOperations, Field, FragmentDefinition, Selection, SelectionSet,
    ServiceDocument, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, PathSegment, Positioned, Request, Response, Value, Variables};
use indexmap::IndexMap;

use super::document::Document;
use super::viewer::Viewer;

/// The types of the schema's fields: what may be null.
pub struct Types(HashMap<Name, HashMap<Name, Type>>);

impl Types {
    /// Reads them from the schema's own text.
    pub fn of(document: ServiceDocument) -> Self {
        let mut types = HashMap::new();
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let TypeKind::Object(object) = definition.node.kind else {
                continue;
            };
            let fields = object
                .fields
                .into_iter()
                .map(|field| (field.node.name.node, field.node.ty.node))
                .collect();
            types.insert(definition.node.name.node, fields);
        }
        Self(types)
    }

    fn field(&self, object: &str, name: &str) -> Option<&Type> {
        self.0.get(object)?.get(name)
    }
}

/// What a response answers: the document, which of its operations ran, and with what.
pub struct Asked {
    /// The whole document.
    pub document: Arc<Document>,
    /// The operation's name, where there are several.
    pub operation: Option<String>,
    /// For `@skip` and `@include`.
    pub variables: Variables,
}

impl Asked {
    /// The same request once more, of the same viewer.
    pub fn again(self, viewer: Viewer) -> Request {
        let mut request = Request::new("").variables(self.variables).data(viewer);
        request.operation_name = self.operation;
        request.set_parsed_query(self.document.parsed().clone());
        request
    }

    /// Puts `response` in order.
    pub fn shape(&self, types: &Types, mut response: Response) -> Response {
        let operation = match (
            &self.document.parsed().operations,
            self.operation.as_deref(),
        ) {
            (DocumentOperations::Single(operation), _) => Some(operation),
            (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
            (DocumentOperations::Multiple(_), None) => None,
        };
        let Some(operation) = operation else {
            return response;
        };
        let failed: Vec<&[PathSegment]> = response
            .errors
            .iter()
            .map(|error| error.path.as_slice())
            .filter(|path| !path.is_empty())
            .collect();
        if response.data == Value::Null && failed.is_empty() {
            return response;
        }
        let root = operation.node.ty.to_string();
        let root = root[..1].to_uppercase() + &root[1..];
        let shaper = Shaper {
            types,
            fragments: &self.document.parsed().fragments,
            variables: &self.variables,
        };
        let plan = shaper.plan(&[&operation.node.selection_set.node], &root);
        let data = shaper.object(response.data, &plan, &failed);
        response.data = data.unwrap_or(Value::Null);
        response
    }
}

struct Shaper<'a> {
    types: &'a Types,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    variables: &'a Variables,
}

/// What a query asks of an object: its keys, in the order of the query. The same for all elements of a list.
struct Plan<'a>(Vec<Step<'a>>);

/// A key of an object.
struct Step<'a> {
    key: &'a Name,
    /// Unknown for introspection, which cannot fail.
    ty: Option<&'a Type>,
    /// What is asked of its value; several when the key is asked for more than once.
    selected: Vec<&'a SelectionSet>,
    /// The same as a plan, made when the first value is met.
    below: OnceCell<Plan<'a>>,
}

impl<'a> Step<'a> {
    fn is_leaf(&self) -> bool {
        self.selected.iter().all(|set| set.items.is_empty())
    }

    fn below(&self, shaper: &Shaper<'a>) -> &Plan<'a> {
        let of = self.ty.map_or("", |ty| named(&ty.base));
        self.below.get_or_init(|| shaper.plan(&self.selected, of))
    }
}

impl Plan<'_> {
    /// Whether an object has just these keys in this order.
    fn is_order_of(&self, fields: &IndexMap<Name, Value>) -> bool {
        let Self(steps) = self;
        steps.len() == fields.len() && steps.iter().zip(fields.keys()).all(|(s, key)| s.key == key)
    }
}

/// The name of a type, or of what it is a list of.
fn named(base: &BaseType) -> &str {
    match base {
        BaseType::Named(name) => name,
        BaseType::List(element) => named(&element.base),
    }
}

/// The fields of one key, with the object that each was asked of.
type Selected<'a> = IndexMap<&'a Name, Vec<(&'a Field, &'a str)>>;

impl<'a> Shaper<'a> {
    fn plan(&self, selected: &[&'a SelectionSet], of: &'a str) -> Plan<'a> {
        let mut keys = Selected::new();
        for set in selected {
            self.collect(set, of, &mut keys);
        }
        let steps = keys.into_iter().map(|(key, selected)| Step {
            key,
            ty: selected
                .iter()
                .find_map(|(field, object)| self.types.field(object, &field.name.node)),
            selected: selected
                .iter()
                .map(|(field, _)| &field.selection_set.node)
                .collect(),
            below: OnceCell::new(),
        });
        Plan(steps.collect())
    }

    /// `None`: a field that failed promised a value, so that this object cannot be.
    fn object(&self, value: Value, plan: &Plan<'a>, failed: &[&[PathSegment]]) -> Option<Value> {
        let mut fields = match value {
            Value::Object(fields) => fields,
            // All of its fields have failed.
            Value::Null if failed.iter().any(|path| !path.is_empty()) => IndexMap::new(),
            other => return Some(other),
        };
        let Plan(steps) = plan;
        if failed.is_empty() && plan.is_order_of(&fields) {
            for (step, value) in steps.iter().zip(fields.values_mut()) {
                // A leaf that is there is as it should be.
                if !step.is_leaf() || *value == Value::Null {
                    *value = self.value(std::mem::take(value), step.ty, step, &[])?;
                }
            }
            return Some(Value::Object(fields));
        }
        let mut ordered = IndexMap::with_capacity(fields.len());
        for step in steps {
            let below = below(
                failed,
                |segment| matches!(segment, PathSegment::Field(name) if name == step.key.as_str()),
            );
            let value = match fields.swap_remove(step.key) {
                Some(value) => value,
                None if below.is_empty() => continue,
                None => Value::Null,
            };
            let value = self.value(value, step.ty, step, &below)?;
            ordered.insert(step.key.clone(), value);
        }
        Some(Value::Object(ordered))
    }

    /// The value of a step, or an element of it, that is of type `ty`; `None` when it would be null and must not.
    fn value(
        &self,
        value: Value,
        ty: Option<&Type>,
        step: &Step<'a>,
        failed: &[&[PathSegment]],
    ) -> Option<Value> {
        // An error that ends here is of this very value.
        let value = if failed.iter().any(|path| path.is_empty()) {
            Value::Null
        } else if step.is_leaf() {
            value
        } else if let Value::List(elements) = value {
            let element = match ty.map(|ty| &ty.base) {
                Some(BaseType::List(element)) => Some(&**element),
                _ => None,
            };
            let elements = self.list(elements, element, step, failed);
            elements.unwrap_or(Value::Null)
        } else {
            let object = self.object(value, step.below(self), failed);
            object.unwrap_or(Value::Null)
        };
        let may_be_null = ty.is_none_or(|ty| ty.nullable);
        (value != Value::Null || may_be_null).then_some(value)
    }

    fn list(
        &self,
        elements: Vec<Value>,
        element: Option<&Type>,
        step: &Step<'a>,
        failed: &[&[PathSegment]],
    ) -> Option<Value> {
        elements
            .into_iter()
            .enumerate()
            .map(|(at, value)| {
                let below = below(
                    failed,
                    |segment| matches!(segment, PathSegment::Index(index) if *index == at),
                );
                self.value(value, element, step, &below)
            })
            .collect::<Option<_>>()
            .map(Value::List)
    }

    /// The keys that `set` asks of an object, in order. Fragments on a type that the object is not ask for keys that are
    /// not in the answer.
    fn collect(&self, set: &'a SelectionSet, of: &'a str, keys: &mut Selected<'a>) {
        for selection in &set.items {
            if self.is_left_out(&selection.node) {
                continue;
            }
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    keys.entry(&field.response_key().node)
                        .or_default()
                        .push((field, of));
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let on = fragment.type_condition.as_ref();
                    let of = on.map_or(of, |on| on.node.on.node.as_str());
                    self.collect(&fragment.selection_set.node, of, keys);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.fragments.get(&spread.node.fragment_name.node) {
                        let fragment = &fragment.node;
                        let of = fragment.type_condition.node.on.node.as_str();
                        self.collect(&fragment.selection_set.node, of, keys);
                    }
                }
            }
        }
    }

    fn is_left_out(&self, selection: &Selection) -> bool {
        selection.directives().iter().any(|directive| {
            let leaves_out = match directive.node.name.node.as_str() {
                "skip" => true,
                "include" => false,
                _ => return false,
            };
            let argument = directive.node.get_argument("if");
            let value = argument.and_then(|argument| {
                let constant = argument
                    .node
                    .clone()
                    .into_const_with(|name| self.variables.get(&name).cloned().ok_or(()));
                constant.ok()
            });
            value == Some(Value::Boolean(leaves_out))
        })
    }
}

/// The paths that go on below a step, without that step.
fn below<'p>(
    paths: &[&'p [PathSegment]],
    is_step: impl Fn(&PathSegment) -> bool,
) -> Vec<&'p [PathSegment]> {
    paths
        .iter()
        .filter_map(|path| path.split_first())
        .filter(|(step, _)| is_step(step))
        .map(|(_, rest)| rest)
        .collect()
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::{parse_query, parse_schema};
    use async_graphql::{PathSegment, Response, ServerError, Value, Variables, value};

    use std::sync::Arc;

    use super::{Asked, Document, Types};

    const SCHEMA: &str = "
        type Query { a: Int b: Int must: Int! thing: Thing things: [Thing!]! maybe: [Thing] any: Any }
        type Thing { id: Int! name: String inner: Thing! }
        union Any = Thing | Query
        type Subscription { a: Int }
    ";

    fn shaped(query: &str, data: Value, failed: &[&[&str]]) -> String {
        let asked = Asked {
            document: Arc::new(Document::new(parse_query(query).unwrap())),
            operation: None,
            variables: Variables::from_value(value!({"yes": true})),
        };
        let mut response = Response::new(data);
        response.errors = failed
            .iter()
            .map(|path| {
                let mut error = ServerError::new("failed", None);
                error.path = path
                    .iter()
                    .map(|step| match step.parse() {
                        Ok(index) => PathSegment::Index(index),
                        Err(_) => PathSegment::Field((*step).to_owned()),
                    })
                    .collect();
                error
            })
            .collect();
        let types = Types::of(parse_schema(SCHEMA).unwrap());
        serde_json::to_string(&asked.shape(&types, response).data).unwrap()
    }

    #[test]
    fn fields_stand_in_the_order_of_the_query() {
        let query = "{ b x: a ...F thing { name id } a } fragment F on Query { any { ... on Thing { name id } } b }";
        let data = value!({"a": 1, "any": {"id": 1, "name": "n"}, "x": 1, "thing": {"id": 2, "name": "m"}, "b": 2});
        assert_eq!(
            shaped(query, data, &[]),
            r#"{"b":2,"x":1,"any":{"name":"n","id":1},"thing":{"name":"m","id":2},"a":1}"#
        );
    }

    #[test]
    fn what_is_skipped_does_not_count_in_the_order() {
        let query = "query($yes: Boolean!) { a @skip(if: $yes) b a things { name @include(if: false) id name } }";
        let data = value!({"a": 1, "b": 2, "things": [{"name": "n", "id": 1}]});
        assert_eq!(
            shaped(query, data, &[]),
            r#"{"b":2,"a":1,"things":[{"id":1,"name":"n"}]}"#
        );
    }

    #[test]
    fn a_field_asked_for_twice_stands_once_with_all_its_parts() {
        let query = "{ thing { name } b thing { id } }";
        let data = value!({"b": 1, "thing": {"id": 1, "name": "n"}});
        assert_eq!(
            shaped(query, data, &[]),
            r#"{"thing":{"name":"n","id":1},"b":1}"#
        );
    }

    #[test]
    fn a_failed_field_is_null_where_it_may_be() {
        assert_eq!(
            shaped("{ a b }", value!({"b": 1}), &[&["a"]]),
            r#"{"a":null,"b":1}"#
        );
        assert_eq!(shaped("{ a }", Value::Null, &[&["a"]]), r#"{"a":null}"#);
    }

    #[test]
    fn a_failed_field_that_must_be_there_takes_its_parent_with_it() {
        let thing = "{ thing { id name } b }";
        assert_eq!(
            shaped(
                thing,
                value!({"thing": {"name": "n"}, "b": 1}),
                &[&["thing", "id"]]
            ),
            r#"{"thing":null,"b":1}"#
        );
        let inner = "{ thing { inner { inner { id } } } a }";
        let data = value!({"thing": {"inner": {"inner": null}}, "a": 1});
        assert_eq!(
            shaped(inner, data, &[&["thing", "inner", "inner", "id"]]),
            r#"{"thing":null,"a":1}"#
        );
        let maybe = value!({"maybe": [{"id": 1}, {}]});
        assert_eq!(
            shaped("{ maybe { id } }", maybe, &[&["maybe", "1", "id"]]),
            r#"{"maybe":[{"id":1},null]}"#
        );
        let things = value!({"things": [{"id": 1}, {}], "a": 1});
        assert_eq!(
            shaped("{ things { id } a }", things, &[&["things", "1", "id"]]),
            "null"
        );
        assert_eq!(shaped("{ a must }", value!({"a": 1}), &[&["must"]]), "null");
    }
}
