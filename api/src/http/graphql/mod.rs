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
use axum::{
    body::Bytes,
    extract::{FromRequest, Query},
    response::Response as HttpResponse,
};
use futures_util::future::join_all;
use http::{HeaderMap, Method, StatusCode, header::CONTENT_TYPE, request::Parts};

pub(super) use self::request::Parameters;
pub use self::respond::{RATE_LIMIT, RATE_LIMIT_POLICY};
use self::{
    accept::{Accepted, Media, negotiate},
    request::{Body, read_body},
};
use super::{
    Admission, Code, Credentials, GraphqlEdge, Refusal,
    answers::{Found, Place, Question},
    execute::refused,
    persisted::Sent,
    refusal::error,
    sse,
};
use crate::graphql::Viewer;

/// Answers an HTTP request.
pub(super) async fn answer<E: Executor>(
    edge: &GraphqlEdge<E>,
    request: axum::extract::Request,
) -> HttpResponse {
    let Some(accepted) = negotiate(request.headers()) else {
        return refuse(&Refusal::new(
            StatusCode::NOT_ACCEPTABLE,
            Code::BadUserInput,
            "The answer can only be JSON or an event stream: accept application/graphql-response+json, application/json or text/event-stream.",
        ));
    };
    let (parts, body) = request.into_parts();
    let caller = sse::Caller::of(&parts);
    let answered = match parts.method {
        Method::GET | Method::HEAD | Method::POST if accepted.streams() && caller.is_done() => {
            Ok(sse::done())
        }
        Method::POST if !is_json(&parts.headers) => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::BadUserInput,
            "Send the body with the header Content-Type: application/json, in UTF-8.",
        )),
        Method::GET | Method::HEAD | Method::POST => {
            admitted(edge, accepted, caller, parts, body).await
        }
        _ => Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::BadUserInput,
            "Send GraphQL by POST or GET.",
        )),
    };
    answered.unwrap_or_else(|refusal| respond::refusal(accepted.media, &refusal))
}

/// Answers whoever is let in, and tells them what is left of their budget.
async fn admitted<E: Executor>(
    edge: &GraphqlEdge<E>,
    accepted: Accepted,
    caller: sse::Caller,
    parts: Parts,
    body: axum::body::Body,
) -> Result<HttpResponse, Refusal> {
    let admission = admission(edge, accepted, &parts).await?;
    let budget = admission.budget.clone();
    let answered = match budget.spend(1) {
        Err(exhausted) => Err(Refusal::rate_limited(exhausted)),
        Ok(()) if parts.method == Method::POST => {
            post(edge, accepted, caller, admission, parts, body).await
        }
        Ok(()) => get(edge, accepted, caller, admission, &parts).await,
    };
    let answered = answered.unwrap_or_else(|refusal| respond::refusal(accepted.media, &refusal));
    Ok(respond::told(answered, budget.standing()))
}

/// Answers a request with a refusal, in JSON.
pub fn refuse(refusal: &Refusal) -> HttpResponse {
    respond::refusal(Media::Json, refusal)
}

async fn get<E: Executor>(
    edge: &GraphqlEdge<E>,
    accepted: Accepted,
    caller: sse::Caller,
    admission: Admission,
    parts: &Parts,
) -> Result<HttpResponse, Refusal> {
    let asked = Bytes::copy_from_slice(parts.uri.query().unwrap_or_default().as_bytes());
    let place = match find(edge, accepted.media, &admission.viewer, asked).await {
        Found::Answer(body) => return Ok(respond::kept(accepted.media, body)),
        Found::Nothing(place) => place,
    };
    let sent = Parameters::from_query_string(&parts.uri)?.into_sent()?;
    let by_ticket = ticket(parts).is_some();
    one(edge, accepted, caller, admission, sent, place, |kind| {
        let message = match kind {
            OperationType::Query if by_ticket => {
                return Err(Refusal::unauthenticated(
                    "A ticket opens subscriptions alone: send the token itself for a query.",
                ));
            }
            OperationType::Query => return Ok(()),
            OperationType::Subscription if accepted.streams() => return Ok(()),
            OperationType::Subscription => SUBSCRIBE_ELSEWHERE,
            OperationType::Mutation => "A GET only reads: send mutations by POST.",
        };
        Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::BadUserInput,
            message,
        ))
    })
    .await
}

async fn post<E: Executor>(
    edge: &GraphqlEdge<E>,
    accepted: Accepted,
    caller: sse::Caller,
    admission: Admission,
    parts: Parts,
    body: axum::body::Body,
) -> Result<HttpResponse, Refusal> {
    let request = axum::extract::Request::from_parts(parts, body);
    let bytes = arrived(edge, request).await?;
    let place = match find(edge, accepted.media, &admission.viewer, bytes.clone()).await {
        Found::Answer(body) => return Ok(respond::kept(accepted.media, body)),
        Found::Nothing(place) => place,
    };
    match read_body(&bytes, edge.limits.batch)? {
        Body::One(parameters) => {
            let sent = parameters.into_sent()?;
            one(edge, accepted, caller, admission, sent, place, |_| Ok(())).await
        }
        Body::Batch(_) if accepted.media == Media::EventStream => Err(Refusal::malformed(
            "A stream answers one request: send them one by one, or accept application/json.",
        )),
        Body::Batch(batch) => {
            // A request without a query spoils its batch before any of it runs.
            let batch: Vec<Sent> = batch
                .into_iter()
                .map(Parameters::into_sent)
                .collect::<Result<_, _>>()?;
            let others = u32::try_from(batch.len().saturating_sub(1)).unwrap_or(u32::MAX);
            let spent = admission.budget.spend(others);
            spent.map_err(Refusal::rate_limited)?;
            let running =
                batch
                    .into_iter()
                    .map(async |sent| match edge.documents.read(sent, &edge.limits) {
                        Ok((request, kind)) => run(edge, &admission, request, kind).await,
                        Err(errors) => refused(errors),
                    });
            let responses: Vec<Response> = join_all(running).await;
            Ok(respond::batch(accepted.media, &responses))
        }
    }
}

/// The body of a request, when it has arrived whole.
async fn arrived<E>(
    edge: &GraphqlEdge<E>,
    request: axum::extract::Request,
) -> Result<Bytes, Refusal> {
    let within = edge.limits.body_within;
    let arrived = tokio::time::timeout(within, Bytes::from_request(request, &()));
    let arrived = arrived.await.map_err(|_| {
        Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            Code::Timeout,
            format!("The body did not arrive within {within:?}: send it again."),
        )
    })?;
    arrived.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::BadUserInput,
            format!(
                "The body is larger than {} bytes: send a shorter query, or fewer at once.",
                edge.limits.body_bytes
            ),
        ),
        _ => Refusal::malformed("The body did not arrive whole: send it again."),
    })
}

/// Whether a request with these parameters has an answer already.
async fn find<'e, E: Executor>(
    edge: &'e GraphqlEdge<E>,
    media: Media,
    viewer: &Viewer,
    asked: Bytes,
) -> Found<'e> {
    match &edge.answers {
        Some(answers) if media != Media::EventStream => {
            answers.find(Question::new(viewer.clone(), asked)).await
        }
        _ => Found::Nothing(None),
    }
}

/// Reads one operation, and answers it as it is and the client wants it; `allowed` may refuse its kind. The answer is left in
/// `place`, if it may be given again.
async fn one<E: Executor>(
    edge: &GraphqlEdge<E>,
    accepted: Accepted,
    caller: sse::Caller,
    admission: Admission,
    sent: Sent,
    place: Option<Place<'_>>,
    allowed: impl FnOnce(OperationType) -> Result<(), Refusal>,
) -> Result<HttpResponse, Refusal> {
    let media = accepted.media;
    let place = place.filter(|_| !sent.tells_a_name());
    let (request, kind) = match edge.documents.read(sent, &edge.limits) {
        Ok(read) => read,
        Err(errors) if media == Media::EventStream => {
            return Ok(sse::refuse(edge, &refused(errors)));
        }
        Err(errors) => return Ok(respond::one(media, &refused(errors), None)),
    };
    allowed(kind)?;
    if accepted.streamed(kind) {
        let open = admission.budget.open().map_err(Refusal::too_many_open)?;
        return Ok(sse::answer(edge, admission, open, request, kind, caller));
    }
    let response = run(edge, &admission, request, kind).await;
    Ok(respond::one(media, &response, place))
}

/// Executes one operation whose document was read.
async fn run<E: Executor>(
    edge: &GraphqlEdge<E>,
    admission: &Admission,
    request: Request,
    kind: OperationType,
) -> Response {
    if kind == OperationType::Subscription {
        return refused(vec![error(Code::BadUserInput, SUBSCRIBE_ELSEWHERE)]);
    }
    let request = request.data(admission.budget.clone());
    edge.execute((edge.prepare)(request, admission.viewer.clone()))
        .await
}

const SUBSCRIBE_ELSEWHERE: &str = "Subscriptions need a connection that stays open: accept text/event-stream, or open a WebSocket to this address with the subprotocol graphql-transport-ws.";

async fn admission<E: Executor>(
    edge: &GraphqlEdge<E>,
    accepted: Accepted,
    parts: &Parts,
) -> Result<Admission, Refusal> {
    // A browser's `EventSource` can send no header.
    let opens_stream = parts.method == Method::GET && accepted.media == Media::EventStream;
    edge.admission(Credentials {
        ticket: opens_stream.then(|| ticket(parts)).flatten(),
        ..Credentials::of(parts.headers.clone(), &parts.extensions)
    })
    .await
}

/// The ticket in the address.
fn ticket(parts: &Parts) -> Option<String> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).ok()?;
    let ticket = pairs.into_iter().find(|(name, _)| name == "ticket");
    ticket.map(|(_, value)| value)
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
