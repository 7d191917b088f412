//! From a GraphQL response to an HTTP one.
//!
//! Invariant: under `application/graphql-response+json` the status is 2xx exactly when there is `data`; under
//! `application/json` it is 200 for every well-formed request. What is over its sender's budget is 429 under both.

use axum::{body::Body, response::Response as HttpResponse};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE},
};
use serde::Serialize;

use super::accept::Media;
use crate::http::{
    Code, Refusal,
    answers::Place,
    execute::{Wire, is_request_error, refused},
    refusal::{code_of, retry_after},
};
use crate::rate::{Standing, WINDOW};

/// What a client may ask, and what is left of it: draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The other one.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

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
    if let Some(seconds) = response.errors.first().and_then(retry_after) {
        tell(&mut http, RETRY_AFTER, &seconds.to_string());
    }
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
    if let Some(seconds) = refusal.retry_after {
        tell(&mut http, RETRY_AFTER, &seconds.to_string());
    }
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

/// The same answer, which also tells how its sender's budget stands.
pub(super) fn told(mut http: HttpResponse, standing: Option<Standing>) -> HttpResponse {
    if let Some(Standing {
        limit,
        left,
        whole_in,
    }) = standing
    {
        let window = WINDOW.as_secs();
        tell(
            &mut http,
            RATE_LIMIT_POLICY,
            &format!("\"operations\";q={limit};w={window}"),
        );
        tell(
            &mut http,
            RATE_LIMIT,
            &format!("\"operations\";r={left};t={whole_in}"),
        );
    }
    http
}

fn tell(http: &mut HttpResponse, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        http.headers_mut().insert(name, value);
    }
}

fn status(media: Media, response: &async_graphql::Response) -> StatusCode {
    let code = response.errors.first().and_then(code_of);
    if code == Some(Code::RateLimited.as_str()) && is_request_error(response) {
        return StatusCode::TOO_MANY_REQUESTS;
    }
    if media == Media::Json || !is_request_error(response) {
        return StatusCode::OK;
    }
    match code {
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
