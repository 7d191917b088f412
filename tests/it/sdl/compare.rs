//! Two schemas compared as clients see them: what the later one breaks, by the coordinates of the GraphQL specification (`Call`,
//! `Call.score`, `Query.calls(first:)`, `CallGroup.DAY`, `@skip`). The member of a union has one likewise (`Subject.Call`).

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ConstDirective, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Positioned, Value};

/// An item of a schema.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) description: Option<String>,
    /// Why it is deprecated, if it is; empty when nothing is said.
    pub(super) deprecated: Option<String>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A type or a directive: the word by which it is defined.
    Kind(&'static str),
    /// A field of an object or an interface.
    Field(Type),
    /// An argument, or a field of an input object.
    Input(Type, Option<Value>),
    /// A value of an enum, or the member of a union or an interface: it is there.
    There,
}

/// The items of a schema by their coordinates.
pub(super) type Items = BTreeMap<String, Item>;

/// Reads a schema.
pub(super) fn items(sdl: &str) -> Items {
    let mut items = Items::new();
    for definition in parse_schema(sdl).expect("a schema").definitions {
        match definition {
            TypeSystemDefinition::Schema(_) => {}
            TypeSystemDefinition::Directive(directive) => {
                let directive = directive.node;
                let name = format!("@{}", directive.name.node);
                add(
                    &mut items,
                    name.clone(),
                    directive.description,
                    &[],
                    What::Kind("directive"),
                );
                add_arguments(&mut items, &name, directive.arguments);
            }
            TypeSystemDefinition::Type(definition) => {
                let definition = definition.node;
                let name = definition.name.node.to_string();
                let kind = match &definition.kind {
                    TypeKind::Scalar => "scalar",
                    TypeKind::Object(_) => "type",
                    TypeKind::Interface(_) => "interface",
                    TypeKind::Union(_) => "union",
                    TypeKind::Enum(_) => "enum",
                    TypeKind::InputObject(_) => "input",
                };
                add(
                    &mut items,
                    name.clone(),
                    definition.description,
                    &definition.directives,
                    What::Kind(kind),
                );
                add_parts(&mut items, &name, definition.kind);
            }
        }
    }
    items
}

fn add_parts(items: &mut Items, of: &str, kind: TypeKind) {
    let mut members = Vec::new();
    match kind {
        TypeKind::Scalar => {}
        TypeKind::Union(union) => {
            members.extend(
                union
                    .members
                    .iter()
                    .map(|member| format!("{of}.{}", member.node)),
            );
        }
        TypeKind::Enum(of_values) => {
            for value in of_values.values {
                let value = value.node;
                let name = format!("{of}.{}", value.value.node);
                add(
                    items,
                    name,
                    value.description,
                    &value.directives,
                    What::There,
                );
            }
        }
        TypeKind::InputObject(input) => {
            for field in input.fields {
                let name = format!("{of}.{}", field.node.name.node);
                add_input(items, name, field);
            }
        }
        TypeKind::Object(object) => {
            members.extend(
                object
                    .implements
                    .iter()
                    .map(|one| format!("{}.{of}", one.node)),
            );
            add_fields(items, of, object.fields);
        }
        TypeKind::Interface(interface) => {
            members.extend(
                interface
                    .implements
                    .iter()
                    .map(|one| format!("{}.{of}", one.node)),
            );
            add_fields(items, of, interface.fields);
        }
    }
    for member in members {
        // The type itself is described; that it is a member needs no words.
        let there = Item {
            description: Some(member.clone()),
            deprecated: None,
            what: What::There,
        };
        items.insert(member, there);
    }
}

fn add_fields(
    items: &mut Items,
    of: &str,
    fields: Vec<Positioned<async_graphql::parser::types::FieldDefinition>>,
) {
    for field in fields {
        let field = field.node;
        let name = format!("{of}.{}", field.name.node);
        let what = What::Field(field.ty.node);
        add(
            items,
            name.clone(),
            field.description,
            &field.directives,
            what,
        );
        add_arguments(items, &name, field.arguments);
    }
}

fn add_arguments(items: &mut Items, of: &str, arguments: Vec<Positioned<InputValueDefinition>>) {
    for argument in arguments {
        let name = format!("{of}({}:)", argument.node.name.node);
        add_input(items, name, argument);
    }
}

fn add_input(items: &mut Items, name: String, input: Positioned<InputValueDefinition>) {
    let input = input.node;
    let default = input.default_value.map(|value| value.node);
    let what = What::Input(input.ty.node, default);
    add(items, name, input.description, &input.directives, what);
}

fn add(
    items: &mut Items,
    name: String,
    description: Option<Positioned<String>>,
    directives: &[Positioned<ConstDirective>],
    what: What,
) {
    let deprecated = directives
        .iter()
        .find(|one| one.node.name.node == "deprecated");
    let deprecated = deprecated.map(|one| match one.node.get_argument("reason") {
        Some(Positioned {
            node: Value::String(reason),
            ..
        }) => reason.clone(),
        _ => String::new(),
    });
    let item = Item {
        description: description.map(|text| text.node),
        deprecated,
        what,
    };
    items.insert(name, item);
}

/// What clients of `old` can stumble over in `new`: coordinates and reasons. What is below an item that is gone is not listed.
pub(super) fn breaking(old: &Items, new: &Items) -> Vec<(String, String)> {
    let mut broken = Vec::new();
    for (name, item) in old {
        let above = above(name);
        let is_above_gone = above.is_some_and(|above| !new.contains_key(above));
        match new.get(name) {
            _ if is_above_gone => {}
            None => broken.push((name.clone(), "is gone".to_owned())),
            Some(now) => {
                broken.extend(changed(&item.what, &now.what).map(|why| (name.clone(), why)));
            }
        }
    }
    for (name, item) in new {
        let is_new = !old.contains_key(name);
        let was_above = above(name).is_some_and(|above| old.contains_key(above));
        if let What::Input(of_type, default) = &item.what
            && is_new
            && was_above
            && !of_type.nullable
            && default.is_none()
        {
            broken.push((name.clone(), "is new, and required".to_owned()));
        }
    }
    broken
}

/// What an item is a part of.
fn above(name: &str) -> Option<&str> {
    let end = name.rfind(['(', '.'])?;
    Some(&name[..end])
}

fn changed(old: &What, new: &What) -> Option<String> {
    match (old, new) {
        (What::Kind(old), What::Kind(new)) => {
            (old != new).then(|| format!("was a {old} and is a {new}"))
        }
        (What::Field(old), What::Field(new)) => {
            (!promises(new, old)).then(|| format!("was {old} and is {new}"))
        }
        (What::Input(old, old_default), What::Input(new, new_default)) => {
            if !takes(new, old) {
                return Some(format!("was {old} and is {new}"));
            }
            let shown = |default: &Option<Value>| {
                default
                    .as_ref()
                    .map_or("none".to_owned(), ToString::to_string)
            };
            let [old, new] = [old_default, new_default].map(shown);
            (old != new).then(|| format!("had the default {old} and has {new}"))
        }
        (What::There, What::There) => None,
        _ => Some("is another kind of item".to_owned()),
    }
}

/// Whether whoever reads `old` can read `new`: null only where it was, the same names.
fn promises(new: &Type, old: &Type) -> bool {
    (old.nullable || !new.nullable)
        && match (&new.base, &old.base) {
            (BaseType::Named(new), BaseType::Named(old)) => new == old,
            (BaseType::List(new), BaseType::List(old)) => promises(new, old),
            _ => false,
        }
}

/// Whether what was sent for `old` can be sent for `new`.
fn takes(new: &Type, old: &Type) -> bool {
    (new.nullable || !old.nullable)
        && match (&new.base, &old.base) {
            (BaseType::Named(new), BaseType::Named(old)) => new == old,
            (BaseType::List(new), BaseType::List(old)) => takes(new, old),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The coordinates that a change breaks.
    fn broken(old: &str, new: &str) -> Vec<String> {
        let broken = breaking(&items(old), &items(new));
        broken.into_iter().map(|(name, _)| name).collect()
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn what_is_gone_is_breaking_and_what_is_new_is_not() {
        let small = "type Q { a: Int } enum E { A } input I { a: Int } union U = Q";
        let large = "type Q { a(x: Int y: Int! = 1): Int b: Int } type R { r: Int } enum E { A B }
            input I { a: Int b: [Int!] c: Int! = 2 } union U = Q | R scalar S directive @d(x: Int) on FIELD";
        assert_eq!(broken(small, large), NONE);
        assert_eq!(
            broken(large, small),
            [
                "@d", "E.B", "I.b", "I.c", "Q.a(x:)", "Q.a(y:)", "Q.b", "R", "S", "U.R"
            ]
        );
        let of = |kind: &str| format!("type Q {{ a: Int }} {kind}");
        assert_eq!(broken(&of("scalar T"), &of("enum T { A }")), ["T"]);
        assert_eq!(
            broken(
                "interface N { a: Int } type Q implements N { a: Int }",
                "interface N { a: Int } type Q { a: Int }"
            ),
            ["N.Q"]
        );
    }

    #[test]
    fn a_field_may_promise_more_and_never_less() {
        for (old, new, breaks) in [
            ("Int", "Int!", false),
            ("Int!", "Int", true),
            ("Int", "Float", true),
            ("Int", "[Int]", true),
            ("[Int]", "Int", true),
            ("[Int]", "[Int!]!", false),
            ("[Int!]", "[Int]", true),
            ("[[Int!]]!", "[[Int!]]!", false),
        ] {
            let of = |of_type| format!("type Q {{ a: {of_type} }}");
            let expected: &[&str] = if breaks { &["Q.a"] } else { &[] };
            assert_eq!(broken(&of(old), &of(new)), expected, "{old} {new}");
        }
    }

    #[test]
    fn an_input_may_demand_less_and_never_more() {
        for (old, new, breaks) in [
            ("Int!", "Int", false),
            ("Int", "Int!", true),
            ("Int", "Int! = 1", true),
            ("Int", "Float", true),
            ("Int", "[Int]", true),
            ("[Int!]", "[Int]", false),
            ("[Int]", "[Int!]", true),
            ("Int = 1", "Int = 1", false),
            ("Int = 1", "Int = 2", true),
            ("Int = 1", "Int", true),
            ("Int", "Int = 1", true),
            ("[Int!] = [1, 2]", "[Int!] = [1,2]", false),
        ] {
            for (of, name) in [
                ("type Q { a(x: {}): Int }", "Q.a(x:)"),
                ("input I { x: {} } type Q { a: Int }", "I.x"),
                ("directive @d(x: {}) on FIELD type Q { a: Int }", "@d(x:)"),
            ] {
                let [old_sdl, new_sdl] = [old, new].map(|of_type| of.replace("{}", of_type));
                let expected: &[&str] = if breaks { &[name] } else { &[] };
                assert_eq!(broken(&old_sdl, &new_sdl), expected, "{old} {new}");
            }
        }
    }

    #[test]
    fn what_is_new_and_required_is_breaking_where_it_was_not_asked_for() {
        assert_eq!(
            broken("type Q { a: Int }", "type Q { a(x: Int!): Int }"),
            ["Q.a(x:)"]
        );
        assert_eq!(
            broken(
                "type Q { a: Int } input I { a: Int }",
                "type Q { a: Int } input I { a: Int b: Int! }"
            ),
            ["I.b"]
        );
        // Nobody asks for a new field without its argument.
        assert_eq!(
            broken(
                "type Q { a: Int }",
                "type Q { a: Int b(x: Int!): Int } input I { a: Int! }"
            ),
            NONE
        );
    }

    #[test]
    fn descriptions_and_deprecations_are_read() {
        let items = items(
            r#""Root" type Q { "A" a("X" x: Int): Int @deprecated(reason: "Use `b`.") b: Int @deprecated c: Int }"#,
        );
        let described = |name: &str| items[name].description.as_deref();
        assert_eq!(
            ["Q", "Q.a", "Q.a(x:)", "Q.c"].map(described),
            [Some("Root"), Some("A"), Some("X"), None]
        );
        let deprecated = |name: &str| items[name].deprecated.as_deref();
        assert_eq!(
            ["Q.a", "Q.b", "Q.c"].map(deprecated),
            [Some("Use `b`."), Some(""), None]
        );
    }
}
