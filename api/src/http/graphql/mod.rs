//! GraphQL over HTTP, after <https://graphql.github.io/graphql-over-http/draft/>.
//!
//! Invariant: a GET only reads, and a POST is only read when its content type is `application/json`, so that no page of
//! another origin can send one without asking first.

mod accept;
mod request;
mod respond;
#[cfg(test)]
mod tests;

use async_graphql::{Executor, Request, Response, parser::types::OperationType};
use axum::{body::Bytes, extract::FromRequest, response::Response as HttpResponse};
use futures_util::future::join_all;
use http::{HeaderMap, Method, StatusCode, header::CONTENT_TYPE, request::Parts};

pub(super) use self::request::Parameters;
use self::{
    accept::{Media, negotiate},
    request::{Body, read_body},
};
use super::{Code, Credentials, GraphqlEdge, Refusal, document, execute::refused, refusal::error};
use crate::graphql::Viewer;

/// Answers an HTTP request.
pub(super) async fn answer<E: Executor>(
    edge: &GraphqlEdge<E>,
    request: axum::extract::Request,
) -> HttpResponse {
    let Some(media) = negotiate(request.headers()) else {
        return refuse(&Refusal::new(
            StatusCode::NOT_ACCEPTABLE,
            Code::BadUserInput,
            "The answer can only be JSON: accept application/graphql-response+json or application/json.",
        ));
    };
    let (parts, body) = request.into_parts();
    let answered = match parts.method {
        Method::GET | Method::HEAD => get(edge, media, &parts).await,
        Method::POST => post(edge, media, parts, body).await,
        _ => Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::BadUserInput,
            "Send GraphQL by POST or GET.",
        )),
    };
    answered.unwrap_or_else(|refusal| respond::refusal(media, &refusal))
}

/// Answers a request with a refusal, in JSON.
pub(super) fn refuse(refusal: &Refusal) -> HttpResponse {
    respond::refusal(Media::Json, refusal)
}

async fn get<E: Executor>(
    edge: &GraphqlEdge<E>,
    media: Media,
    parts: &Parts,
) -> Result<HttpResponse, Refusal> {
    let viewer = viewer(edge, &parts.headers).await?;
    let parameters = Parameters::from_query_string(&parts.uri)?;
    let response = run(edge, &viewer, parameters.into_request()?, |kind| {
        let message = match kind {
            OperationType::Query => return Ok(()),
            OperationType::Mutation => "A GET only reads: send mutations by POST.",
            OperationType::Subscription => SUBSCRIBE_ELSEWHERE,
        };
        Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::BadUserInput,
            message,
        ))
    })
    .await?;
    Ok(respond::one(media, response))
}

async fn post<E: Executor>(
    edge: &GraphqlEdge<E>,
    media: Media,
    parts: Parts,
    body: axum::body::Body,
) -> Result<HttpResponse, Refusal> {
    if !is_json(&parts.headers) {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::BadUserInput,
            "Send the body with the header Content-Type: application/json, in UTF-8.",
        ));
    }
    let viewer = viewer(edge, &parts.headers).await?;
    let request = axum::extract::Request::from_parts(parts, body);
    let bytes = Bytes::from_request(request, &())
        .await
        .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                Code::BadUserInput,
                format!(
                    "The body is larger than {} bytes: send a shorter query, or fewer at once.",
                    edge.limits.body_bytes
                ),
            ),
            _ => Refusal::malformed("The body did not arrive whole: send it again."),
        })?;
    match read_body(&bytes, edge.limits.batch)? {
        Body::One(parameters) => {
            let response = run(edge, &viewer, parameters.into_request()?, |_| Ok(())).await?;
            Ok(respond::one(media, response))
        }
        Body::Batch(batch) => {
            // A request without a query spoils its batch before any of it runs.
            let requests: Vec<Request> = batch
                .into_iter()
                .map(Parameters::into_request)
                .collect::<Result<_, _>>()?;
            let running = requests
                .into_iter()
                .map(|request| run(edge, &viewer, request, |_| Ok(())));
            let responses: Vec<Response> = join_all(running)
                .await
                .into_iter()
                .collect::<Result<_, _>>()?;
            Ok(respond::batch(media, &responses))
        }
    }
}

/// Reads and executes one operation; `allowed` may refuse its kind.
async fn run<E: Executor>(
    edge: &GraphqlEdge<E>,
    viewer: &Viewer,
    mut request: Request,
    allowed: impl FnOnce(OperationType) -> Result<(), Refusal>,
) -> Result<Response, Refusal> {
    let kind = match document::read(&mut request, &edge.limits) {
        Ok(kind) => kind,
        Err(errors) => return Ok(refused(errors)),
    };
    allowed(kind)?;
    if kind == OperationType::Subscription {
        return Ok(refused(vec![error(
            Code::BadUserInput,
            SUBSCRIBE_ELSEWHERE,
        )]));
    }
    Ok(edge.execute((edge.prepare)(request, viewer.clone())).await)
}

const SUBSCRIBE_ELSEWHERE: &str = "Subscriptions need a connection that stays open: open a WebSocket to this address with the subprotocol graphql-transport-ws.";

async fn viewer<E: Executor>(
    edge: &GraphqlEdge<E>,
    headers: &HeaderMap,
) -> Result<Viewer, Refusal> {
    edge.viewer(Credentials {
        headers: headers.clone(),
        connection_params: None,
    })
    .await
}

/// `application/json`, with no charset or UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => is_utf8(value),
        _ => true,
    })
}

fn is_utf8(charset: &str) -> bool {
    let name = charset.trim().trim_matches('"');
    name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("utf8")
}
