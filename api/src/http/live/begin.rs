//! Where a subscription begins: the arguments `after` and `since` of its field, and the variables that are for nothing else.
//!
//! Invariant: behind a `Last-Event-ID` it begins whatever its arguments and variables say: a browser's `EventSource` sends the last
//! id back by itself, and its page cannot change the rest of the request. The document was read before, so that the subscription
//! has one root field.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    sync::Arc,
};

use async_graphql::{
    Name, Positioned, Request, Value,
    parser::types::{
        Directive, DocumentOperations, ExecutableDocument, FragmentDefinition, OperationDefinition,
        Selection, SelectionSet,
    },
};

use crate::graphql::Document;

/// The arguments of a root field that say where to begin: behind a cursor, or at a time.
const AFTER: &str = "after";
const SINCE: &str = "since";

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Makes a subscription that was read begin behind `cursor`.
pub(super) fn begin_after(request: &mut Request, cursor: &str) {
    let Ok(mut document) = request.parsed_query().cloned() else {
        return;
    };
    let after = Value::String(cursor.to_owned()).into_value();
    if free(
        &mut document,
        request.operation_name.as_deref(),
        Some(&after),
    )
    .is_some()
    {
        // What is known is of the document as it was sent.
        let known = Document::new(document.clone());
        request.data.insert(Arc::new(known));
        request.set_parsed_query(document);
    }
}

/// The variables of a subscription that was read which say where it begins, and nothing else.
pub(super) fn variables_of_beginning(request: &mut Request) -> HashSet<Name> {
    let name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else {
        return HashSet::new();
    };
    free(&mut document.clone(), name.as_deref(), None).unwrap_or_default()
}

/// Takes away from the operation's field where it begins, puts `after` in its place, and returns the variables that nothing uses any more
/// (a document with such a variable would not be valid).
fn free(
    document: &mut ExecutableDocument,
    name: Option<&str>,
    after: Option<&async_graphql_value::Value>,
) -> Option<HashSet<Name>> {
    let ExecutableDocument {
        operations,
        fragments,
    } = document;
    let operation = match (operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(all), Some(name)) => all.get_mut(name),
        (DocumentOperations::Multiple(all), None) => all.values_mut().next(),
    };
    let operation = &mut operation?.node;
    let root = operation.selection_set.node.items.first_mut();
    let Some(Selection::Field(root)) = root.map(|selection| &mut selection.node) else {
        return None;
    };
    let at = root.pos;
    let mut freed = HashSet::new();
    root.node.arguments.retain(|(name, value)| {
        let replaced = name.node == AFTER || name.node == SINCE;
        if replaced {
            let _ = value.node.clone().into_const_with(note(&mut freed));
        }
        !replaced
    });
    if let Some(after) = after {
        root.node.arguments.push((
            Positioned::new(Name::new(AFTER), at),
            Positioned::new(after.clone(), at),
        ));
    }
    let used = variables_of(operation, fragments);
    freed.retain(|name| !used.contains(name));
    operation
        .variable_definitions
        .retain(|definition| !freed.contains(&definition.node.name.node));
    Some(freed)
}

fn variables_of(operation: &OperationDefinition, fragments: &Fragments) -> HashSet<Name> {
    let mut used = HashSet::new();
    of_directives(&operation.directives, &mut used);
    let mut seen = HashSet::new();
    walk(
        &operation.selection_set.node,
        fragments,
        &mut seen,
        &mut used,
    );
    used
}

fn walk<'d>(
    set: &'d SelectionSet,
    fragments: &'d Fragments,
    seen: &mut HashSet<&'d Name>,
    used: &mut HashSet<Name>,
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                for (_, value) in &field.node.arguments {
                    let _ = value.node.clone().into_const_with(note(used));
                }
                of_directives(&field.node.directives, used);
                walk(&field.node.selection_set.node, fragments, seen, used);
            }
            Selection::InlineFragment(fragment) => {
                of_directives(&fragment.node.directives, used);
                walk(&fragment.node.selection_set.node, fragments, seen, used);
            }
            Selection::FragmentSpread(spread) => {
                of_directives(&spread.node.directives, used);
                let name = &spread.node.fragment_name.node;
                if let Some(fragment) = fragments.get(name)
                    && seen.insert(name)
                {
                    of_directives(&fragment.node.directives, used);
                    walk(&fragment.node.selection_set.node, fragments, seen, used);
                }
            }
        }
    }
}

fn of_directives(directives: &[Positioned<Directive>], used: &mut HashSet<Name>) {
    for (_, value) in directives
        .iter()
        .flat_map(|directive| &directive.node.arguments)
    {
        let _ = value.node.clone().into_const_with(note(used));
    }
}

/// Takes note of the variables of a value, which is made constant only for that.
fn note(used: &mut HashSet<Name>) -> impl FnMut(Name) -> Result<Value, Infallible> {
    |name| {
        used.insert(name);
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{Variables, value};

    use super::{super::super::document, *};

    /// The arguments of the root field and the operation's variables, after it was made to begin behind `c`.
    fn begun(query: &str, name: Option<&str>) -> (Vec<String>, Vec<String>) {
        let mut request = Request::new(query);
        request.operation_name = name.map(str::to_owned);
        request.variables = Variables::from_value(value!({ "x": "old" }));
        begin_after(&mut request, "c");
        let document = request.parsed_query().expect(query).clone();
        let operation = &document::select(&document, name).expect(query).node;
        let Selection::Field(root) = &operation.selection_set.node.items[0].node else {
            panic!("{query}");
        };
        let arguments = root.node.arguments.iter();
        let arguments = arguments.map(|(name, value)| format!("{}: {}", name.node, value.node));
        let definitions = operation.variable_definitions.iter();
        let definitions = definitions.map(|definition| definition.node.name.node.to_string());
        (arguments.collect(), definitions.collect())
    }

    #[test]
    fn a_subscription_begins_behind_the_cursor_whatever_it_says() {
        const NONE: &[&str] = &[];
        for (query, arguments, variables) in [
            ("subscription {s {n}}", &[r#"after: "c""#][..], NONE),
            (
                r#"subscription {s(after: "old" a: 1) {n}}"#,
                &["a: 1", r#"after: "c""#],
                NONE,
            ),
            (
                "subscription ($x: C) {s(after: $x) {n}}",
                &[r#"after: "c""#],
                NONE,
            ),
            (
                "subscription ($x: C! = 1) {s(since: $x) {n}}",
                &[r#"after: "c""#],
                NONE,
            ),
            // Still used: by another argument, below, in a list, in a fragment, by a directive.
            (
                "subscription ($x: C) {s(after: $x a: [$x]) {n}}",
                &["a: [$x]", r#"after: "c""#],
                &["x"],
            ),
            (
                "subscription ($x: C) {s(after: $x) {n(a: {b: $x})}}",
                &[r#"after: "c""#],
                &["x"],
            ),
            (
                "subscription ($x: C) {s(after: $x) {...f}} fragment f on I {n(a: $x)}",
                &[r#"after: "c""#],
                &["x"],
            ),
            (
                "subscription ($x: C) {s(after: $x) {n @skip(if: $x)}}",
                &[r#"after: "c""#],
                &["x"],
            ),
            // One that was of no use before is still for validation to name.
            (
                "subscription ($x: C $y: C) {s(after: $x) {n}}",
                &[r#"after: "c""#],
                &["y"],
            ),
        ] {
            let (found, defined) = begun(query, None);
            assert_eq!(
                (&found[..], &defined[..]),
                (
                    &arguments
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()[..],
                    &variables
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()[..]
                ),
                "{query}"
            );
        }
        let two =
            "subscription A ($x: C) {s(after: $x) {n}} subscription B ($x: C) {s(after: $x) {n}}";
        assert_eq!(begun(two, Some("B")).1, NONE);
    }
}
