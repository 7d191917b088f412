//! Where the results of a subscription carry the cursor of their item, which becomes the id of the event.
//!
//! Invariant: an id is the value of the item's own field `cursor`, under whatever name it is selected, or there is none. The
//! document was read before, so that the subscription has one root field.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned, Request, Response, Value,
    parser::types::{Field, FragmentDefinition, Selection, SelectionSet},
};

use super::super::document;

/// The field of an item that is its cursor.
const CURSOR: &str = "cursor";

/// Where in a result the cursor of the item is.
pub(super) struct Place {
    root: Name,
    /// The names under which `cursor` is selected; `@skip` may leave any of them out.
    cursors: Vec<Name>,
}

impl Place {
    /// The place in the results of a subscription that was read. `None`: it does not select its cursor.
    pub(super) fn of(request: &mut Request) -> Option<Self> {
        let name = request.operation_name.clone();
        let document = request.parsed_query().ok()?;
        let operation = document::select(document, name.as_deref()).ok()?;
        let Selection::Field(root) = &operation.node.selection_set.node.items.first()?.node else {
            return None;
        };
        let mut cursors = Vec::new();
        let set = &root.node.selection_set.node;
        each_field(
            set,
            &document.fragments,
            &mut HashSet::new(),
            &mut |field| {
                if field.name.node == CURSOR {
                    cursors.push(field.response_key().node.clone());
                }
            },
        );
        let root = root.node.response_key().node.clone();
        (!cursors.is_empty()).then_some(Self { root, cursors })
    }

    /// The cursor that a result carries.
    pub(super) fn cursor<'r>(&self, response: &'r Response) -> Option<&'r str> {
        let Value::Object(data) = &response.data else {
            return None;
        };
        let Some(Value::Object(item)) = data.get(&self.root) else {
            return None;
        };
        self.cursors.iter().find_map(|key| match item.get(key) {
            // What the format of an event could not carry is no cursor of ours.
            Some(Value::String(cursor)) if !cursor.contains(['\0', '\r', '\n']) => {
                Some(cursor.as_str())
            }
            _ => None,
        })
    }
}

/// Every field of an object that is selected, directly or by a fragment.
fn each_field<'d>(
    set: &'d SelectionSet,
    fragments: &'d HashMap<Name, Positioned<FragmentDefinition>>,
    seen: &mut HashSet<&'d Name>,
    look: &mut impl FnMut(&'d Field),
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => look(&field.node),
            Selection::InlineFragment(fragment) => {
                each_field(&fragment.node.selection_set.node, fragments, seen, look);
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if let Some(fragment) = fragments.get(name)
                    && seen.insert(name)
                {
                    each_field(&fragment.node.selection_set.node, fragments, seen, look);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::value;

    use crate::http::{EdgeLimits, document::Known};

    use super::*;

    /// The request, read as the edge reads it.
    fn read(query: &str) -> Request {
        let mut request = Request::new(query);
        let limits = EdgeLimits::default();
        document::read(&mut request, &limits, &Known::new(&limits)).expect(query);
        request
    }

    fn cursor(query: &str, data: Value) -> Option<String> {
        let place = Place::of(&mut read(query))?;
        place.cursor(&Response::new(data)).map(str::to_owned)
    }

    #[test]
    fn the_cursor_of_an_item_is_found_under_whatever_name() {
        for (query, data) in [
            (
                "subscription {s {n cursor}}",
                value!({ "s": { "n": 1, "cursor": "c" } }),
            ),
            (
                "subscription {it: s {at: cursor}}",
                value!({ "it": { "at": "c" } }),
            ),
            (
                "subscription {s {...f}} fragment f on I {... {at: cursor}}",
                value!({ "s": { "at": "c" } }),
            ),
            (
                "subscription {s {a: cursor @skip(if: true) b: cursor}}",
                value!({ "s": { "b": "c" } }),
            ),
            (
                "query Q {s {cursor}} subscription S {s {cursor}}",
                value!({ "s": { "cursor": "c" } }),
            ),
        ] {
            let mut request = Request::new(query);
            if query.starts_with("query") {
                request = request.operation_name("S");
            }
            let place = Place::of(&mut request).expect(query);
            let response = Response::new(data);
            assert_eq!(place.cursor(&response), Some("c"), "{query}");
        }
    }

    #[test]
    fn what_is_no_cursor_of_the_item_is_no_id() {
        let with = |cursor: &str| value!({ "s": { "cursor": cursor } });
        assert_eq!(cursor("subscription {s {n}}", with("c")), None);
        // Another field's, though it is called so.
        assert_eq!(cursor("subscription {s {cursor: n}}", with("c")), None);
        let deeper = value!({ "s": { "event": { "cursor": "c" } } });
        assert_eq!(cursor("subscription {s {event {cursor}}}", deeper), None);
        assert_eq!(
            cursor("subscription {s {cursor}}", value!({ "s": null })),
            None
        );
        assert_eq!(cursor("subscription {s {cursor}}", Value::Null), None);
        assert_eq!(cursor("subscription {s {cursor}}", with("a\nid: b")), None);
    }
}
