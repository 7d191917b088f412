//! What every answer is like, whatever was asked.

use reqwest::RequestBuilder;
use serde_json::Value;
use tests::graphql::check_words;
use tests::within;

/// The codes of errors. `INTERNAL` is none of them: nothing that a client sends is a reason for the server to fail.
const CODES: [&str; 8] = [
    "BAD_USER_INPUT",
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "COST_LIMIT",
    "RATE_LIMITED",
    "TIMEOUT",
    "PERSISTED_QUERY_NOT_FOUND",
    "DOCUMENT_NOT_TRUSTED",
];

/// Asks, and checks the answer.
pub async fn of(request: RequestBuilder) {
    let answered = within("an answer", request.send()).await;
    let answered = answered.expect("an answer");
    let status = answered.status().as_u16();
    let text = within("a body", answered.text()).await.expect("a body");
    check(status, &text);
}

fn check(status: u16, text: &str) {
    assert!(status < 500, "{status}: {text}");
    let answer: Result<Value, _> = serde_json::from_str(text);
    match answer.unwrap_or_else(|_| panic!("{status}: not JSON: {text}")) {
        Value::Array(answers) => {
            assert!(!answers.is_empty(), "an empty batch");
            for answer in &answers {
                check_one(answer);
            }
        }
        answer => check_one(&answer),
    }
}

/// Checks the answer to one operation.
pub fn check_one(answer: &Value) {
    let Some(parts) = answer.as_object() else {
        panic!("not an answer: {answer}");
    };
    for part in parts.keys() {
        let is_known = ["data", "errors", "extensions"].contains(&part.as_str());
        assert!(is_known, "{answer}");
    }
    match parts.get("errors") {
        Some(errors) => check_errors(errors),
        None => assert!(parts.contains_key("data"), "{answer}"),
    }
}

/// Checks a list of errors, of which there is at least one.
pub fn check_errors(errors: &Value) {
    let errors = errors
        .as_array()
        .filter(|errors| !errors.is_empty())
        .unwrap_or_else(|| panic!("no errors: {errors}"));
    for error in errors {
        let code = error["extensions"]["code"].as_str().unwrap_or_default();
        assert!(CODES.contains(&code), "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{error}");
        check_words(error);
    }
}
