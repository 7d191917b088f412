//! From a GraphQL response to an HTTP one.
//!
//! Invariant: under `application/graphql-response+json` the status is 2xx exactly when there is `data`; under
//! `application/json` it is 200 for every well-formed request.

use axum::{body::Body, response::Response as HttpResponse};
use bytes::Bytes;
use http::{
    HeaderValue, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, VARY, WWW_AUTHENTICATE},
};
use serde::Serialize;

use super::accept::Media;
use crate::http::{
    Code, Refusal,
    answers::Place,
    execute::{Wire, is_request_error, refused},
    refusal::code_of,
};

/// The answer to one request, left in `place` as well if it may be given again.
pub(super) fn one(
    media: Media,
    response: &async_graphql::Response,
    place: Option<Place<'_>>,
) -> HttpResponse {
    let (status, body) = written(status(media, response), &Wire::from(response));
    if let Some(place) = place.filter(|_| status == StatusCode::OK) {
        place.leave(response, &body);
    }
    let mut http = json(media, status, body);
    for (name, value) in &response.http_headers {
        http.headers_mut().append(name, value.clone());
    }
    http
}

/// An answer that was kept.
pub(super) fn kept(media: Media, body: Bytes) -> HttpResponse {
    json(media, StatusCode::OK, body)
}

/// The answer to a batch: 200, since each of its requests tells its own story.
pub(super) fn batch(media: Media, responses: &[async_graphql::Response]) -> HttpResponse {
    let wire: Vec<Wire> = responses.iter().map(Wire::from).collect();
    let (status, body) = written(StatusCode::OK, &wire);
    json(media, status, body)
}

/// The answer to a request that is not well formed, or not for this sender: the same status under every media type.
pub(in crate::http) fn refusal(media: Media, refusal: &Refusal) -> HttpResponse {
    let response = refused(vec![refusal.to_error()]);
    let (status, body) = written(refusal.status, &Wire::from(&response));
    let mut http = json(media, status, body);
    let says_more = match refusal.status {
        StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, "GET, POST")),
        // RFC 6750, section 3.
        StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer realm=\"hookgraph\"")),
        _ => None,
    };
    if let Some((name, value)) = says_more {
        http.headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    http
}

fn status(media: Media, response: &async_graphql::Response) -> StatusCode {
    if media == Media::Json || !is_request_error(response) {
        return StatusCode::OK;
    }
    match response.errors.first().and_then(code_of) {
        Some(code) if code == Code::Timeout.as_str() => StatusCode::GATEWAY_TIMEOUT,
        Some(code) if code == Code::Internal.as_str() => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The body of an answer, and its status if it can be written.
fn written(status: StatusCode, body: &impl Serialize) -> (StatusCode, Bytes) {
    match serde_json::to_vec(body) {
        Ok(body) => (status, body.into()),
        Err(error) => {
            tracing::error!(%error, "a GraphQL response cannot be written as JSON");
            let failed = br#"{"errors":[{"message":"The server cannot write its answer; its log says more.","extensions":{"code":"INTERNAL"}}]}"#;
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                Bytes::from_static(failed),
            )
        }
    }
}

fn json(media: Media, status: StatusCode, body: Bytes) -> HttpResponse {
    let mut http = HttpResponse::new(Body::from(body));
    *http.status_mut() = status;
    let headers = http.headers_mut();
    headers.insert(CONTENT_TYPE, media.content_type());
    headers.insert(VARY, HeaderValue::from_static("accept"));
    // Answers differ by viewer and by the second.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    http
}
