//! Whatever arrives is a well-formed request, or refused with 400.

use ::tests::fuzz::fuzz;

use super::*;
use crate::http::Code;

/// Requests in a batch.
const MOST: usize = 3;

fn check_refusal(refusal: &Refusal) {
    assert_eq!(refusal.status, 400);
    assert_eq!(refusal.code, Code::BadUserInput);
    assert!(!refusal.message.is_empty());
}

fn check(parameters: Parameters) {
    let has_document = parameters.has_document();
    match parameters.into_sent() {
        Err(refusal) => check_refusal(&refusal),
        Ok(sent) => {
            assert!(has_document);
            assert_ne!(sent.request.operation_name.as_deref(), Some(""));
        }
    }
}

#[test]
fn a_body_is_requests_or_refused() {
    fuzz("body", |input| {
        let read = read_body(input, MOST);
        assert_eq!(read, read_body(input, MOST));
        let json = serde_json::from_slice::<Json>(input);
        match read {
            Err(refusal) => check_refusal(&refusal),
            Ok(Body::One(parameters)) => {
                assert!(matches!(json, Ok(Json::Object(_))));
                check(parameters);
            }
            Ok(Body::Batch(batch)) => {
                assert!(matches!(json, Ok(Json::Array(_))));
                assert!((1..=MOST).contains(&batch.len()));
                batch.into_iter().for_each(check);
            }
        }
    });
}

#[test]
fn an_address_is_a_request_or_refused() {
    fuzz("address", |input| {
        let address = [&b"/graphql?"[..], input].concat();
        let Ok(uri) = Uri::try_from(address) else {
            return;
        };
        let read = Parameters::from_query_string(&uri);
        assert_eq!(read, Parameters::from_query_string(&uri));
        match read {
            Err(refusal) => check_refusal(&refusal),
            Ok(parameters) => check(parameters),
        }
    });
}
