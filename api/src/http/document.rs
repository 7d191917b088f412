//! What the edge must know of a document before the schema sees it: that it is small enough to be looked at, which
//! operation is meant, and whether the variables that it demands are there.
//!
//! Invariant: a document that passes is parsed once, here, and no later step on it can run away: neither the parser's
//! recursion (some 5,000 open brackets overflow a thread's stack, which ends the process) nor validation, which
//! follows every fragment at every spread (thirty fragments that each spread the next twice are two to the thirtieth).

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Request, ServerError, Value,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
        SelectionSet,
    },
};

use super::{
    EdgeLimits,
    refusal::{Code, error},
};

/// Reads the document of a request, leaves it parsed in the request, and says what kind of operation is to run.
///
/// The errors are request errors: nothing was executed.
pub(super) fn read(
    request: &mut Request,
    limits: &EdgeLimits,
) -> Result<OperationType, Vec<ServerError>> {
    check_size(&request.query, limits).map_err(refuse)?;
    let name = request.operation_name.clone();
    let document = request.parsed_query().map_err(|error| vec![error])?;
    let fields = count_fields(document);
    if fields > limits.fields as u64 {
        return Err(refuse(format!(
            "The document selects {fields} fields with its fragments written out, and {} are allowed: select fewer.",
            limits.fields
        )));
    }
    let operation = select(document, name.as_deref()).map_err(refuse)?;
    let kind = operation.node.ty;
    if kind == OperationType::Subscription {
        one_root_field(&operation.node.selection_set.node).map_err(refuse)?;
    }
    let demanded = demanded_variables(&operation.node);
    let missing: Vec<ServerError> = demanded
        .into_iter()
        .filter(|demand| match request.variables.get(&demand.name) {
            None => !demand.has_default,
            Some(value) => *value == Value::Null,
        })
        .map(|demand| {
            let mut missing = error(
                Code::BadUserInput,
                format!(
                    "Variable \"${}\" of type \"{}\" has no value: send one in \"variables\".",
                    demand.name, demand.of_type
                ),
            );
            missing.locations = vec![demand.at];
            missing
        })
        .collect();
    if missing.is_empty() {
        Ok(kind)
    } else {
        Err(missing)
    }
}

fn refuse(message: String) -> Vec<ServerError> {
    vec![error(Code::BadUserInput, message)]
}

/// Counts tokens and open brackets without parsing. Strings and comments count as what they are: one token, none.
fn check_size(document: &str, limits: &EdgeLimits) -> Result<(), String> {
    let bytes = document.as_bytes();
    let (mut at, mut tokens, mut open) = (0, 0_usize, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let length = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += rest
                    .iter()
                    .position(|byte| matches!(byte, b'\n' | b'\r'))
                    .unwrap_or(rest.len());
                continue;
            }
            b'"' => string_length(rest),
            b'{' | b'[' | b'(' => {
                open += 1;
                1
            }
            b'}' | b']' | b')' => {
                open = open.saturating_sub(1);
                1
            }
            byte if is_word(byte) => rest
                .iter()
                .position(|byte| !is_word(*byte))
                .unwrap_or(rest.len()),
            _ => 1,
        };
        at += length;
        tokens += 1;
        if tokens > limits.tokens {
            return Err(format!(
                "The document has more than {} tokens: select fewer fields, or send lists as variables.",
                limits.tokens
            ));
        }
        if open > limits.nesting {
            return Err(format!(
                "The document nests deeper than {} brackets: flatten it, or send nested values as variables.",
                limits.nesting
            ));
        }
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+')
}

/// Bytes of the string that `rest` begins with. A string that does not end takes all: the parser will say so.
fn string_length(rest: &[u8]) -> usize {
    let block = rest.starts_with(b"\"\"\"");
    let quote: &[u8] = if block { b"\"\"\"" } else { b"\"" };
    let mut at = quote.len();
    while at < rest.len() {
        let here = &rest[at..];
        if block && here.starts_with(b"\\\"\"\"") {
            at += 4;
        } else if !block && here[0] == b'\\' {
            at += 2;
        } else if here.starts_with(quote) {
            return at + quote.len();
        } else if !block && matches!(here[0], b'\n' | b'\r') {
            // Not a string after all. What follows still counts, so that a stray quote hides nothing.
            return at;
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The fields of every operation, each fragment counted wherever it is spread.
fn count_fields(document: &ExecutableDocument) -> u64 {
    let mut counted = HashMap::new();
    document
        .operations
        .iter()
        .map(|(_, operation)| count_in(&operation.node.selection_set.node, document, &mut counted))
        .fold(0, u64::saturating_add)
}

fn count_in<'a>(
    set: &'a SelectionSet,
    document: &'a ExecutableDocument,
    counted: &mut HashMap<&'a Name, u64>,
) -> u64 {
    set.items
        .iter()
        .map(|selection| match &selection.node {
            Selection::Field(field) => {
                1_u64.saturating_add(count_in(&field.node.selection_set.node, document, counted))
            }
            Selection::InlineFragment(fragment) => {
                count_in(&fragment.node.selection_set.node, document, counted)
            }
            Selection::FragmentSpread(spread) => {
                let Some((name, fragment)) = document
                    .fragments
                    .get_key_value(&spread.node.fragment_name.node)
                else {
                    return 0;
                };
                if let Some(count) = counted.get(name) {
                    return *count;
                }
                // Stands while this fragment is being counted: a cycle ends here, and validation names it.
                counted.insert(name, 0);
                // The spread itself counts, or a chain that ends in nothing would cost nothing.
                let count = 1_u64.saturating_add(count_in(
                    &fragment.node.selection_set.node,
                    document,
                    counted,
                ));
                counted.insert(name, count);
                count
            }
        })
        .fold(0, u64::saturating_add)
}

/// `GetOperation` of the GraphQL specification.
pub(super) fn select<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a Positioned<OperationDefinition>, String> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(operation),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => operations
            .values()
            .next()
            .ok_or_else(|| "The document has no operation: send one.".to_owned()),
        (DocumentOperations::Multiple(_), None) => Err(
            "The document has several operations: say in \"operationName\" which one to run."
                .to_owned(),
        ),
        (DocumentOperations::Multiple(operations), Some(name)) if operations.contains_key(name) => {
            Ok(&operations[name])
        }
        (_, Some(name)) => Err(format!(
            "The document has no operation named {name:?}: send the name of one that it has in \"operationName\"."
        )),
    }
}

/// The specification's single root field, and not in a fragment: async-graphql passes over those, and the subscription would
/// be complete before it began.
fn one_root_field(set: &SelectionSet) -> Result<(), String> {
    match set.items.as_slice() {
        [one] if matches!(one.node, Selection::Field(_)) => Ok(()),
        [_] => Err(
            "A subscription names its field directly: write it in the place of the fragment."
                .to_owned(),
        ),
        _ => Err(
            "A subscription has one field: send the others as subscriptions of their own."
                .to_owned(),
        ),
    }
}

/// A variable that must not be null.
struct Demand {
    name: Name,
    of_type: String,
    has_default: bool,
    at: async_graphql::Pos,
}

/// async-graphql finds a missing variable only where a resolver asks for it, which makes a request error a field error.
fn demanded_variables(operation: &OperationDefinition) -> Vec<Demand> {
    operation
        .variable_definitions
        .iter()
        .filter(|definition| !definition.node.var_type.node.nullable)
        .map(|definition| Demand {
            name: definition.node.name.node.clone(),
            of_type: definition.node.var_type.node.to_string(),
            has_default: definition.node.default_value.is_some(),
            at: definition.pos,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use async_graphql::{Variables, value};
    use std::fmt::Write;

    use super::*;

    fn reading(query: &str) -> Result<OperationType, String> {
        read(&mut Request::new(query), &EdgeLimits::default())
            .map_err(|errors| errors[0].message.clone())
    }

    fn refused_for(query: &str, reason: &str) {
        let message = reading(query).expect_err(reason);
        assert!(message.contains(reason), "{message}");
    }

    #[test]
    fn deep_documents_are_refused_before_they_are_parsed() {
        refused_for(&format!("{{a(x:{}", "[".repeat(100_000)), "nests deeper");
        refused_for(&format!("{{a(x:{}", "{a:".repeat(3_000)), "nests deeper");
        refused_for(
            &format!(
                "query(${}:{}A{}){{a}}",
                "x",
                "[".repeat(200),
                "]".repeat(200)
            ),
            "nests deeper",
        );
        // A quote that opens nothing hides nothing.
        refused_for(&format!("{{a(x:\"\n{}", "[".repeat(200)), "nests deeper");
        refused_for(
            &format!("{{a(x:\"\\\"\"{}", "[".repeat(200)),
            "nests deeper",
        );
        refused_for(&format!("#\"\n{{a(x:{}", "[".repeat(200)), "nests deeper");
        refused_for(
            &format!("{{a(x:\"\"\"\\\"\"\" \"\"\"{}", "[".repeat(200)),
            "nests deeper",
        );
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let brackets = "[".repeat(500);
        for query in [
            format!("{{a(x:\"{brackets}\")}}"),
            format!("{{a(x:\"\\\"{brackets}\")}}"),
            format!("{{a(x:\"\"\"{brackets} \\\"\"\" \" {brackets}\"\"\")}}"),
            format!("{{a # {brackets}\n}}"),
        ] {
            assert_eq!(reading(&query), Ok(OperationType::Query), "{query}");
        }
    }

    #[test]
    fn long_documents_are_refused() {
        refused_for(&format!("{{{}}}", "a ".repeat(10_001)), "tokens");
        assert_eq!(
            reading(&format!("{{{}}}", "a ".repeat(9_000))),
            Ok(OperationType::Query)
        );
    }

    #[test]
    fn fragments_that_grow_as_powers_of_two_are_refused() {
        let mut query = String::from("{...f0}");
        for n in 0..40 {
            write!(query, "fragment f{n} on Q{{...f{} ...f{}}}", n + 1, n + 1).expect("a string");
        }
        query.push_str("fragment f40 on Q{a}");
        refused_for(&query, "fragments written out");
        // A cycle has a proper error of its own, from validation.
        assert_eq!(
            reading("{...a} fragment a on Q{b ...a}"),
            Ok(OperationType::Query)
        );
    }

    #[test]
    fn the_operation_is_found_by_its_name() {
        let both = "query A{a} subscription B{b}";
        let mut request = Request::new(both).operation_name("B");
        assert_eq!(
            read(&mut request, &EdgeLimits::default()),
            Ok(OperationType::Subscription)
        );
        refused_for(both, "several operations");
        let mut request = Request::new(both).operation_name("C");
        let errors = read(&mut request, &EdgeLimits::default()).expect_err("no C");
        assert!(errors[0].message.contains("\"C\""));
        assert_eq!(reading("mutation M{a}"), Ok(OperationType::Mutation));
    }

    #[test]
    fn a_subscription_has_one_field() {
        for query in [
            "subscription {a}",
            "subscription {x: a(y: 1) {b c ...f}}",
            "query Q {a b} subscription S {a}",
        ] {
            let mut request = Request::new(query);
            if query.starts_with("query") {
                request = request.operation_name("S");
            }
            assert_eq!(
                read(&mut request, &EdgeLimits::default()),
                Ok(OperationType::Subscription),
                "{query}"
            );
        }
        refused_for("subscription {a b}", "has one field");
        refused_for("subscription {a ...f}", "has one field");
        refused_for("subscription {...f} fragment f on S {a}", "directly");
        refused_for("subscription {... on S {a}}", "directly");
    }

    #[test]
    fn demanded_variables_must_be_there() {
        let query = "query($a:Int! $b:Int!=1 $c:Int){a}";
        let with = |variables| {
            let request = Request::new(query).variables(Variables::from_value(variables));
            read(&mut { request }, &EdgeLimits::default()).map_err(|errors| errors.len())
        };
        assert_eq!(with(value!({ "a": 1 })), Ok(OperationType::Query));
        assert_eq!(with(value!({ "a": null })), Err(1));
        assert_eq!(with(value!({ "a": 1, "b": null })), Err(1));
        assert_eq!(with(value!({ "b": null })), Err(2));
    }
}
