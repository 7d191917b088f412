//! The HTTP edge of ingest: a request becomes an [`Arrival`] in the log, or a status that says why not.
//!
//! 204 means: it is on the disk. A verified request is never refused for its content. What is refused is told to the
//! [`Recorder`], which the answer does not wait for. Of a request whose headers alone show that it will be refused no body is
//! kept; all others share a [`Room`] until they are proven.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use chrono::{DateTime, Utc};
use entity::log::refused_request::Reason;
use serde::Deserialize;

use crate::body::{self, Arrived, Bounds, Fault, Room};
use crate::log::{Appender, Arrival, Unavailable};
use crate::refused::{Recorder, RefusedRequest};
use crate::signature::{self, Refusal, Secret, SignatureHeaders};

/// Tells the time. The server gives the machine's clock, a test its own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What the webhook's door needs to know.
#[derive(Clone)]
pub struct Webhooks {
    /// The live secrets of each source: several during a rotation.
    pub sources: Arc<HashMap<String, Vec<Secret>>>,
    /// Where verified webhooks go.
    pub appender: Appender,
    /// Who is told of those that are refused.
    pub recorder: Recorder,
    /// Tells the time.
    pub clock: Clock,
    /// The longest body that is taken, in bytes.
    pub body_limit: usize,
    /// How long a request may take to send its body.
    pub body_timeout: Duration,
    /// Where bodies are kept while they are read.
    pub body_room: Room,
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").finish_non_exhaustive()
    }
}

/// The default of [`Webhooks::body_limit`]: 1 MiB.
pub const BODY_LIMIT: usize = 1 << 20;

/// Where all webhooks go.
const ROOT: &str = "/webhooks";

/// `POST /webhooks/{source}`
pub fn routes(webhooks: Webhooks) -> Router {
    let sources = Router::new()
        .route("/{source}", post(receive))
        .fallback(receive_elsewhere);
    Router::new()
        .nest(ROOT, sources)
        // The one path below that a nested router does not see.
        .route("/webhooks/", any(receive_elsewhere))
        .with_state(webhooks)
}

/// Why a request was not stored. Each has one status, and a text for the person who is setting this up.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there is no source of this name; SalesMagic's webhooks go to /webhooks/salesmagic")]
    UnknownSource,
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    #[error("the body took too long to arrive")]
    TooSlow,
    #[error("the body ended early")]
    CutOff,
    #[error("{0}")]
    Malformed(Refusal),
    /// One text for both, so that a stranger does not learn whether a secret matched.
    #[error(
        "the signature is not valid now: the secret differs, or the request is over five minutes old"
    )]
    Unproven(Refusal),
    #[error("too many bodies arrive in this moment; try again")]
    NoRoom,
    #[error("{0}; try again")]
    Unavailable(#[from] Unavailable),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Header(_) | Refusal::LongMessageId | Refusal::NotText => {
                Self::Malformed(refusal)
            }
            Refusal::NoSecretMatches | Refusal::OutsideTolerance(_) => Self::Unproven(refusal),
        }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLarge(limit) => Self::TooLarge(limit),
            Fault::TooSlow => Self::TooSlow,
            Fault::CutOff => Self::CutOff,
        }
    }
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownSource => StatusCode::NOT_FOUND,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::CutOff | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Unproven(_) => StatusCode::UNAUTHORIZED,
            Self::NoRoom | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::UnknownSource => Reason::UnknownSource,
            Self::TooLarge(_) => Reason::BodyTooLarge,
            Self::TooSlow => Reason::BodyTooSlow,
            Self::CutOff => Reason::BodyCutOff,
            Self::Malformed(refusal) | Self::Unproven(refusal) => match refusal {
                Refusal::Header(_) => Reason::Header,
                Refusal::LongMessageId => Reason::MessageIdTooLong,
                Refusal::NotText => Reason::NotUtf8,
                Refusal::NoSecretMatches => Reason::NoSecretMatches,
                Refusal::OutsideTolerance(_) => Reason::OutsideTolerance,
            },
            Self::NoRoom | Self::Unavailable(_) => Reason::Unavailable,
        }
    }

    /// What happened, for those who run the server: the answer to a 401 does not tell it.
    fn cause(&self) -> String {
        match self {
            Self::Malformed(refusal) | Self::Unproven(refusal) => refusal.to_string(),
            Self::Unavailable(unavailable) => unavailable.to_string(),
            other => other.to_string(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, format!("{self}\n")).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "type")]
    type_hint: Option<String>,
}

async fn receive(
    State(webhooks): State<Webhooks>,
    Path(source): Path<String>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refused> {
    let type_hint = parameters
        .ok()
        .and_then(|Query(parameters)| parameters.type_hint)
        .map(|hint| hint.replace('\0', "\u{fffd}"));
    let mut size = None;
    let taken = take(&webhooks, &source, type_hint, &headers, body, &mut size).await;
    taken.inspect_err(|refused| webhooks.record(refused, source, &headers, size))
}

/// Below [`ROOT`], but where no source can be: a slash too many is easily written into an endpoint's URL.
async fn receive_elsewhere(
    State(webhooks): State<Webhooks>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    if method != Method::POST {
        return Ok(StatusCode::NOT_FOUND);
    }
    let path = uri.path();
    let source = path.strip_prefix(ROOT).unwrap_or(path);
    let source = source.strip_prefix('/').unwrap_or(source).to_owned();
    let refused = Refused::UnknownSource;
    webhooks.record(&refused, source, &headers, None);
    Err(refused)
}

impl Webhooks {
    fn record(&self, refused: &Refused, source: String, headers: &HeaderMap, size: Option<usize>) {
        // The cause is logged; nothing that was sent is.
        let cause = refused.cause();
        if matches!(refused, Refused::Unavailable(_)) {
            // The log's writer has said what is wrong.
            tracing::debug!(%cause, "a webhook is refused");
        } else {
            self.recorder.warn(refused.reason(), &cause);
        }
        self.recorder.record(RefusedRequest {
            received_at: (self.clock)().timestamp_micros(),
            source,
            status: refused.status().as_u16(),
            reason: refused.reason(),
            detail: cause,
            message_id: signature::message_id(headers),
            size,
        });
    }

    async fn read_body(
        &self,
        headers: &HeaderMap,
        body: Body,
        keep: bool,
    ) -> Result<Arrived, Refused> {
        let declared = headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let bounds = Bounds {
            limit: self.body_limit,
            within: self.body_timeout,
            room: keep.then_some(&self.body_room),
        };
        Ok(body::read(body, declared, &bounds).await?)
    }
}

/// Takes a request, or refuses it. `size` becomes the length of its body, when that has been read.
async fn take(
    webhooks: &Webhooks,
    source: &str,
    type_hint: Option<String>,
    headers: &HeaderMap,
    body: Body,
    size: &mut Option<usize>,
) -> Result<StatusCode, Refused> {
    let secrets = webhooks.sources.get(source);
    let secrets = secrets.ok_or(Refused::UnknownSource)?;
    let now = (webhooks.clock)();
    let signature = SignatureHeaders::from_request(headers)
        .and_then(|signature| signature::check_time(&signature, now).map(|()| signature));
    let arrived = webhooks.read_body(headers, body, signature.is_ok()).await?;
    *size = Some(arrived.size);
    let signature = signature?;
    let kept = arrived.kept.ok_or(Refused::NoRoom)?;

    // Here and until it is proven nothing waits, so no more than one body a thread is outside the room.
    let body = kept.into_bytes();
    let now = (webhooks.clock)();
    let secret_id = signature::verify(secrets, &signature, &body, now)?
        .id()
        .to_owned();
    let arrival = Arrival {
        source: source.to_owned(),
        message_id: signature.id.clone(),
        received_at: now.timestamp_micros(),
        type_hint,
        headers: serde_json::json!(signature).to_string(),
        secret_id,
        body,
    };
    let appended = webhooks.appender.append(arrival).await?;
    tracing::debug!(
        position = appended.position,
        repeated = appended.repeated,
        "a webhook is stored"
    );
    Ok(StatusCode::NO_CONTENT)
}
