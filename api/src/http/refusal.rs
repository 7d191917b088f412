//! The edge's own errors, in GraphQL's shape: `{"errors":[{"message":…,"extensions":{"code":…}}]}`.
//!
//! Invariant: a message says what to do; it never carries a secret, a body or a database's words.

use std::borrow::Cow;

use async_graphql::{ErrorExtensionValues, ServerError, Value};
use http::StatusCode;

use crate::rate::Exhausted;

/// The values of `extensions.code` that the edge gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request is at fault; sent again as it is, it will fail again.
    BadUserInput,
    /// No token, or one that is not valid.
    Unauthenticated,
    /// Not for this sender.
    Forbidden,
    /// The query asks for more than is answered at once.
    CostLimit,
    /// More was asked with the token than is answered in a minute.
    RateLimited,
    /// The query ran out of time.
    Timeout,
    /// No document is kept under the hash that was sent: send the document with it. Clients of this protocol do by themselves.
    PersistedQueryNotFound,
    /// The server executes documents that its operator trusts, and this is none of them.
    DocumentNotTrusted,
    /// The server is at fault.
    Internal,
}

impl Code {
    /// The code as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::CostLimit => "COST_LIMIT",
            Self::RateLimited => "RATE_LIMITED",
            Self::Timeout => "TIMEOUT",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::DocumentNotTrusted => "DOCUMENT_NOT_TRUSTED",
            Self::Internal => "INTERNAL",
        }
    }
}

/// A request that the edge does not pass on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The HTTP status, where there is one to send.
    pub status: StatusCode,
    /// `extensions.code`.
    pub code: Code,
    /// What is wrong and what to do, for the client.
    pub message: Cow<'static, str>,
    /// After how many seconds the same may be asked again, where that is known.
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// A refusal with any status.
    pub fn new(status: StatusCode, code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// 400: the request is not well formed.
    pub fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::BadUserInput, message)
    }

    /// 401: no token, or one that is not valid.
    pub fn unauthenticated(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Code::Unauthenticated, message)
    }

    /// 403: not for this sender.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::Forbidden, message)
    }

    /// 429: there is not enough left of a sender's budget.
    pub fn rate_limited(exhausted: Exhausted) -> Self {
        Self::too_many(exhausted, exhausted.message())
    }

    /// 429: a sender has as many operations open as it may.
    pub fn too_many_open(most: u32) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            Code::RateLimited,
            format!(
                "Your token has {most} subscriptions open, and no more are allowed: complete one first."
            ),
        )
    }

    /// 429: too many tokens came from the sender's address that are not known.
    pub fn shut_out(exhausted: Exhausted) -> Self {
        let seconds = exhausted.seconds();
        let message = format!(
            "Too many tokens that are not known came from your address: try again in {seconds} s, with one that is."
        );
        Self::too_many(exhausted, message)
    }

    fn too_many(exhausted: Exhausted, message: String) -> Self {
        Self {
            retry_after: Some(exhausted.seconds()),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, message)
        }
    }

    /// The same as a GraphQL error.
    pub fn to_error(&self) -> ServerError {
        let mut error = error(self.code, self.message.as_ref());
        if let Some(seconds) = self.retry_after {
            let extensions = error
                .extensions
                .get_or_insert_with(ErrorExtensionValues::default);
            extensions.set(RETRY_AFTER, seconds);
        }
        error
    }
}

/// In the extensions of an error: after how many seconds the same may be asked again.
const RETRY_AFTER: &str = "retryAfter";

/// After how many seconds what failed by this error may be asked again.
pub(super) fn retry_after(error: &ServerError) -> Option<u64> {
    match error.extensions.as_ref()?.get(RETRY_AFTER)? {
        Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    }
}

/// A GraphQL error without a path: a request error, in the specification's words.
pub(super) fn error(code: Code, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    stamp(&mut error, code);
    error
}

/// Gives an error its code, unless it has one.
pub(super) fn stamp(error: &mut ServerError, code: Code) {
    let extensions = error
        .extensions
        .get_or_insert_with(ErrorExtensionValues::default);
    if extensions.get("code").is_none() {
        extensions.set("code", code.as_str());
    }
}

/// The code that an error carries.
pub(super) fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}
