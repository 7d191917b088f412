//! What a client learns when a field cannot be answered.
//!
//! [`Error`] has no `Display`, so neither async-graphql nor a careless `?` can hand a database's text to a client: the only
//! way out is the conversion below, which decides the words.

use async_graphql::{ErrorExtensionValues, ErrorExtensions, ServerError};
use ingest::token::Hidden;
use sea_orm::DbErr;

use crate::rate::Exhausted;

/// Why a field has no value.
#[derive(Clone, Debug)]
pub enum Error {
    /// The arguments ask for something that cannot be: says what, and what to do instead.
    BadUserInput(String),
    /// It is hidden from whoever asks.
    Hidden(Hidden),
    /// More queries wait than the database answers in time, or it does not answer.
    Busy,
    /// The server could not answer. Its log says why.
    Internal,
}

impl Error {
    /// The arguments are at fault.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::BadUserInput(message.into())
    }

    /// What `extensions.code` says.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadUserInput(_) => "BAD_USER_INPUT",
            Self::Hidden(_) => "FORBIDDEN",
            Self::Busy => "TIMEOUT",
            Self::Internal => "INTERNAL",
        }
    }

    /// The server is at fault; `cause` goes to its log.
    pub fn internal(cause: &(impl std::fmt::Display + ?Sized)) -> Self {
        tracing::error!(%cause, "a query failed");
        Self::Internal
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(_) => Self::Busy,
            error => Self::internal(&error),
        }
    }
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let code = error.code();
        let message = match error {
            Error::BadUserInput(message) => message,
            Error::Hidden(Hidden::Email) => "Your token does not see e-mail addresses, nor what depends on them: ask without them.".to_owned(),
            Error::Hidden(Hidden::Transcript) => "Your token does not see what was said in calls, nor what depends on it: ask without it.".to_owned(),
            Error::Hidden(Hidden::Payload) => "Your token does not see events as they were sent: ask without the body.".to_owned(),
            Error::Busy => "The server has more queries to answer than it can, or its database does not answer: ask again later, or for less at once.".to_owned(),
            Error::Internal => {
                "The server could not answer this. The same query may succeed later.".to_owned()
            }
        };
        async_graphql::Error::new(message).extend_with(|_, e| e.set("code", code))
    }
}

/// Not executed: what it costs is more than its sender has left.
pub fn rate_limited(exhausted: Exhausted) -> ServerError {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", "RATE_LIMITED");
    extensions.set("retryAfter", exhausted.seconds());
    ServerError {
        extensions: Some(extensions),
        ..ServerError::new(exhausted.message(), None)
    }
}

/// The result of a resolver.
pub type Result<T> = std::result::Result<T, Error>;
