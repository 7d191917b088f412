//! What the edge must know of a document before the schema sees it: that it is small enough to be looked at ([`size`] before it is
//! parsed, [`measure`] behind that), which operation is meant, and whether the variables that it demands are there.
//!
//! Invariant: a document that passes is parsed once, here, and no later step on it can run away: neither the parser's
//! recursion (some 5,000 open brackets overflow a thread's stack, which ends the process) nor validation, which
//! follows every fragment at every spread (thirty fragments that each spread the next twice are two to the thirtieth).

mod known;
mod measure;
mod size;
mod text;

use std::sync::Arc;

use async_graphql::{
    Name, Positioned, Request, ServerError, Value,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
        SelectionSet,
    },
};

pub(super) use self::known::Known;
use super::{
    EdgeLimits,
    refusal::{Code, error},
};
use crate::graphql::Document;

/// Bytes of a subscription with its variables.
const SUBSCRIPTION_BYTES: usize = 64 << 10;

/// Reads the document of a request, leaves it parsed in the request, with what is known of it beside the request's data, and says what
/// kind of operation is to run.
///
/// The errors are request errors: nothing was executed.
pub(super) fn read(
    request: &mut Request,
    limits: &EdgeLimits,
    known: &Known,
) -> Result<OperationType, Vec<ServerError>> {
    text::replace_in_variables(request);
    let document = if let Some(document) = known.find(&request.query) {
        document
    } else {
        parse(request, limits)?;
        text::replace_in_document(request);
        let parsed = request.parsed_query();
        let parsed = parsed.map_err(|error| vec![unparsed(error)])?.clone();
        let document = Arc::new(Document::new(parsed));
        known.remember(&request.query, &document);
        document
    };
    let kind = operation(&document, request)?;
    forget_undeclared(&document, request);
    if kind == OperationType::Subscription {
        check_subscribed(request)?;
    }
    request.set_parsed_query(document.parsed().clone());
    request.data.insert(document);
    Ok(kind)
}

/// The kind of the operation that is to run, if it and its variables are as they must be.
fn operation(document: &Document, request: &Request) -> Result<OperationType, Vec<ServerError>> {
    let name = request.operation_name.as_deref();
    let operation = select(document.parsed(), name).map_err(refuse)?;
    let kind = operation.node.ty;
    check_operation(&operation.node)?;
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

/// Takes away the variables that the operation does not declare: nothing reads them, and whatever keeps the request would keep them.
fn forget_undeclared(document: &Document, request: &mut Request) {
    let name = request.operation_name.as_deref();
    let Ok(operation) = select(document.parsed(), name) else {
        return;
    };
    let declared = &operation.node.variable_definitions;
    request
        .variables
        .retain(|name, _| declared.iter().any(|one| one.node.name.node == *name));
}

/// A subscription is kept for as long as it is open, so that it may not be long.
fn check_subscribed(request: &Request) -> Result<(), Vec<ServerError>> {
    let variables = serde_json::to_string(&request.variables).map_or(usize::MAX, |text| text.len());
    let length = request.query.len().saturating_add(variables);
    if length > SUBSCRIPTION_BYTES {
        return Err(refuse(format!(
            "The subscription and its variables have {length} bytes, and {SUBSCRIPTION_BYTES} are allowed: ask for fewer values in its filter, or in several subscriptions."
        )));
    }
    Ok(())
}

/// Parses the document of a request, if it is small enough, and leaves it there.
pub(super) fn parse<'r>(
    request: &'r mut Request,
    limits: &EdgeLimits,
) -> Result<&'r ExecutableDocument, Vec<ServerError>> {
    size::check(&request.query, limits).map_err(refuse)?;
    let document = request
        .parsed_query()
        .map_err(|error| vec![unparsed(error)])?;
    measure::check(document, limits).map_err(|error| vec![error])?;
    Ok(document)
}

/// What an operation must be like that the schema does not check.
pub(super) fn check_operation(operation: &OperationDefinition) -> Result<(), Vec<ServerError>> {
    if operation.ty == OperationType::Subscription {
        one_root_field(&operation.selection_set.node).map_err(refuse)?;
    }
    Ok(())
}

fn refuse(message: String) -> Vec<ServerError> {
    vec![error(Code::BadUserInput, message)]
}

/// The parser draws its errors, the whole line of the document with them. What it expected is the last thing it says.
fn unparsed(mut error: ServerError) -> ServerError {
    if error.message.starts_with("recursion limit") {
        return measure::too_deep();
    }
    if let (Some((_, expected)), Some(at)) =
        (error.message.rsplit_once("\n  = "), error.locations.first())
    {
        error.message = format!(
            "The document cannot be read at line {}, column {}: {}.",
            at.line,
            at.column,
            expected.replace('_', " ").replace("EOI", "the end")
        );
    }
    error
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
mod fuzz;

#[cfg(test)]
mod tests {
    use async_graphql::{Variables, value};

    use super::*;

    fn none() -> Known {
        Known::new(&EdgeLimits::default())
    }

    fn reading(query: &str) -> Result<OperationType, String> {
        read(&mut Request::new(query), &EdgeLimits::default(), &none())
            .map_err(|errors| errors[0].message.clone())
    }

    fn refused_for(query: &str, reason: &str) {
        let message = reading(query).expect_err(reason);
        assert!(message.contains(reason), "{message}");
    }

    #[test]
    fn the_operation_is_found_by_its_name() {
        let both = "query A{a} subscription B{b}";
        let mut request = Request::new(both).operation_name("B");
        assert_eq!(
            read(&mut request, &EdgeLimits::default(), &none()),
            Ok(OperationType::Subscription)
        );
        refused_for(both, "several operations");
        let mut request = Request::new(both).operation_name("C");
        let errors = read(&mut request, &EdgeLimits::default(), &none()).expect_err("no C");
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
                read(&mut request, &EdgeLimits::default(), &none()),
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
            read(&mut { request }, &EdgeLimits::default(), &none()).map_err(|errors| errors.len())
        };
        assert_eq!(with(value!({ "a": 1 })), Ok(OperationType::Query));
        assert_eq!(with(value!({ "a": null })), Err(1));
        assert_eq!(with(value!({ "a": 1, "b": null })), Err(1));
        assert_eq!(with(value!({ "b": null })), Err(2));
    }

    #[test]
    fn what_cannot_be_parsed_is_told_in_a_sentence() {
        for (query, told) in [
            ("{ a(x: ) }", "at line 1, column 8: expected"),
            ("{\n a", "at line 2, column 3: expected"),
            ("{ a(x: \"unended) }", "at line 1, column 8: expected"),
            ("query A{a} query A{a}", "defined twice"),
        ] {
            refused_for(query, told);
        }
        let message = reading(&format!("{{ {} !", "a ".repeat(4_000))).expect_err("not a document");
        assert!(message.len() < 200, "{message}");
    }
}
