//! Whatever a document is, it is read or refused, on the stack of a thread that answers queries.

use ::tests::fuzz::fuzz;
use async_graphql::Variables;
use async_graphql_value::Value as Argument;

use super::*;

/// As the server's own threads have it: what overflows it ends the process.
const STACK: usize = 8 << 20;

#[test]
fn a_document_is_read_or_refused() {
    let thread = std::thread::Builder::new().stack_size(STACK);
    let fuzzed = thread.spawn(|| fuzz("document", check)).expect("a thread");
    if let Err(panic) = fuzzed.join() {
        std::panic::resume_unwind(panic);
    }
}

/// JSON in a comment at the end of the document is its variables.
fn request(text: &str, name: Option<&str>) -> Request {
    let variables = text.rsplit_once('#').map(|(_, comment)| comment);
    let variables = variables.and_then(|json| serde_json::from_str(json).ok());
    let mut request = Request::new(text);
    request.operation_name = name.map(str::to_owned);
    match variables {
        Some(variables) => request.variables(Variables::from_json(variables)),
        None => request,
    }
}

fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let limits = EdgeLimits::default();
    let known = Known::new(&limits);
    // A is an operation of each seed that has several.
    for name in [None, Some("A")] {
        let mut first = request(text, name);
        let read_first = read(&mut first, &limits, &known);
        // Remembered, if it can be read at all.
        let mut second = request(text, name);
        let read_again = read(&mut second, &limits, &known);
        assert_eq!(kind(&read_first), kind(&read_again));
        match read_first {
            Ok(kind) => check_read(&mut first, name, kind, &limits),
            Err(errors) => {
                assert!(!errors.is_empty());
                for error in errors {
                    assert!(!error.message.is_empty());
                }
            }
        }
    }
}

fn kind(read: &Result<OperationType, Vec<ServerError>>) -> Option<OperationType> {
    read.as_ref().ok().copied()
}

/// It is what its text parses to, and within the limits.
fn check_read(request: &mut Request, name: Option<&str>, kind: OperationType, limits: &EdgeLimits) {
    assert_eq!(size::check(&request.query, limits), Ok(()));
    let document = request.parsed_query().expect("it was read");
    assert_eq!(measure::check(document, limits), Ok(()));
    let operation = select(document, name).expect("it was selected");
    assert_eq!(operation.node.ty, kind);
    check_levels(document, limits.nesting);
    check_texts(document);
    assert!(!request.variables.values().any(has_nothing));
}

/// No value nests deeper than brackets may, however the document made them look.
fn check_levels(document: &ExecutableDocument, most: usize) {
    let operations = document.operations.iter();
    let operations = operations.map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document.fragments.values();
    let fragments = fragments.map(|fragment| &fragment.node.selection_set.node);
    let mut sets: Vec<&SelectionSet> = operations.chain(fragments).collect();
    while let Some(set) = sets.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let arguments = field.node.arguments.iter();
                    let deepest = arguments.map(|(_, value)| levels(&value.node)).max();
                    assert!(deepest.unwrap_or_default() <= most, "{deepest:?}");
                    sets.push(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    sets.push(&fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }
}

fn levels(value: &Argument) -> usize {
    let below = match value {
        Argument::List(values) => values.iter().map(levels).max(),
        Argument::Object(fields) => fields.values().map(levels).max(),
        _ => return 0,
    };
    1 + below.unwrap_or_default()
}

/// Nothing in it is left to be replaced.
fn check_texts(document: &ExecutableDocument) {
    let mut request = Request::new("\\u0000");
    request.set_parsed_query(document.clone());
    text::replace_in_document(&mut request);
    let replaced = request.parsed_query().expect("it was set");
    assert_eq!(format!("{replaced:?}"), format!("{document:?}"));
}

/// Whether U+0000 is in one of its texts.
fn has_nothing(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::List(values) => values.iter().any(has_nothing),
        Value::Object(fields) => fields.values().any(has_nothing),
        _ => false,
    }
}
