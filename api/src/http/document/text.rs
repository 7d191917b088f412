//! U+0000 in what a client sends.
//!
//! PostgreSQL takes no text that has it, and in the read model U+FFFD stands in its place. So it does here: both databases answer the
//! same, and who asks by an id as it was sent finds its row.
//!
//! Invariant: behind this no value of a request has U+0000, be it a variable, an argument or a default.

use async_graphql::{
    Request,
    parser::types::{DocumentOperations, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::{ConstValue as Constant, Value};

/// How a document may write it, beside having it in itself.
const ESCAPED: &str = "\\u0000";

/// Replaces it in the variables.
pub(super) fn replace_in_variables(request: &mut Request) {
    for value in request.variables.values_mut() {
        in_constant(value);
    }
}

/// Replaces it in the values of the document, which was parsed.
pub(super) fn replace_in_document(request: &mut Request) {
    if !request.query.contains(ESCAPED) && !request.query.contains('\0') {
        return;
    }
    let Ok(mut document) = request.parsed_query().cloned() else {
        return;
    };
    match &mut document.operations {
        DocumentOperations::Single(operation) => in_operation(&mut operation.node),
        DocumentOperations::Multiple(operations) => {
            for operation in operations.values_mut() {
                in_operation(&mut operation.node);
            }
        }
    }
    for fragment in document.fragments.values_mut() {
        in_set(&mut fragment.node.selection_set.node);
    }
    request.set_parsed_query(document);
}

fn in_operation(operation: &mut OperationDefinition) {
    for variable in &mut operation.variable_definitions {
        if let Some(default) = &mut variable.node.default_value {
            in_constant(&mut default.node);
        }
    }
    in_set(&mut operation.selection_set.node);
}

fn in_set(set: &mut SelectionSet) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                for (_, value) in &mut field.node.arguments {
                    in_value(&mut value.node);
                }
                in_set(&mut field.node.selection_set.node);
            }
            Selection::InlineFragment(fragment) => in_set(&mut fragment.node.selection_set.node),
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn in_value(value: &mut Value) {
    match value {
        Value::String(text) => in_text(text),
        Value::List(values) => values.iter_mut().for_each(in_value),
        Value::Object(fields) => fields.values_mut().for_each(in_value),
        _ => {}
    }
}

fn in_constant(value: &mut Constant) {
    match value {
        Constant::String(text) => in_text(text),
        Constant::List(values) => values.iter_mut().for_each(in_constant),
        Constant::Object(fields) => fields.values_mut().for_each(in_constant),
        _ => {}
    }
}

fn in_text(text: &mut String) {
    if text.contains('\0') {
        *text = text.replace('\0', "\u{fffd}");
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{Variables, value};

    use super::*;

    #[test]
    fn it_is_replaced_wherever_a_value_can_stand() {
        let query = r#"query ($d: String = "d\u0000" $l: [String] = ["\u0000l"]) {
            a(x: "a\u0000b" y: {z: ["\u0000"]} n: 1) { b(x: "\u0000") ... { c(x: "c\u0000") } ...f }
        } fragment f on Q { d(x: "\\u0000 \u0000") }"#;
        for query in [
            query.to_owned(),
            query.replace("query (", "query Q (") + " query R {r(x: \"\\u0000\")}",
        ] {
            let mut request = Request::new(&query);
            request.parsed_query().expect("a document");
            replace_in_document(&mut request);
            let document = format!("{:?}", request.parsed_query().expect("a document"));
            assert!(!document.contains("\\0"), "{document}");
            let replaced = document.matches('\u{fffd}').count();
            assert_eq!(replaced, query.matches("\\u0000").count() - 1, "{document}");
            // A backslash and letters are what they are.
            assert!(document.contains(r#""\\u0000 "#), "{document}");
        }
    }

    #[test]
    fn it_is_replaced_where_it_stands_itself() {
        let mut request = Request::new("{ a(x: \"a\0b\" y: \"\"\"\0\"\"\") }");
        request.parsed_query().expect("a document");
        replace_in_document(&mut request);
        let document = format!("{:?}", request.parsed_query().expect("a document"));
        assert!(!document.contains("\\0"), "{document}");
        assert_eq!(document.matches('\u{fffd}').count(), 2, "{document}");
    }

    #[test]
    fn variables_lose_it_too() {
        let variables = value!({ "a": "a\0", "l": ["\0", 1, { "o": "o\0\0" }], "n": null });
        let mut request = Request::new("").variables(Variables::from_value(variables));
        replace_in_variables(&mut request);
        let expected = value!({ "a": "a\u{fffd}", "l": ["\u{fffd}", 1, { "o": "o\u{fffd}\u{fffd}" }], "n": null });
        assert_eq!(request.variables, Variables::from_value(expected));
    }
}
