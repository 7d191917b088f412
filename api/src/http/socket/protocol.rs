//! The messages of `graphql-transport-ws` (<https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>).
//!
//! Invariant: a message of any other shape closes the socket with 4400, and a close reason fits its frame.

use async_graphql::ServerError;
use axum::extract::ws::{CloseFrame, Message};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::super::graphql::Parameters;

/// The subprotocol's name.
pub(super) const NAME: &str = "graphql-transport-ws";

/// Bytes of an operation's id: each message about the operation repeats it.
const ID_BYTES: usize = 256;

/// Bytes of a close reason: a control frame has 125, the code takes two.
const REASON_BYTES: usize = 123;

/// What a client says.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    ConnectionInit(Option<Json>),
    Ping(Option<Json>),
    Pong,
    Subscribe { id: String, parameters: Parameters },
    Complete { id: String },
}

/// Why the server closes a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Close {
    code: u16,
    reason: String,
}

impl Close {
    pub(super) fn restart() -> Self {
        Self::new(1012, "service restart")
    }

    pub(super) fn too_big(most: usize) -> Self {
        Self::new(1009, format!("A message has at most {most} bytes"))
    }

    /// A frame that breaks WebSocket's own rules.
    pub(super) fn broken() -> Self {
        Self::new(1002, "protocol error")
    }

    pub(super) fn silent() -> Self {
        Self::new(1001, "No answer to the ping")
    }

    /// "Try again later": clients of this protocol connect again by themselves.
    pub(super) fn interrupted() -> Self {
        Self::new(1013, "An item could not be read: connect again and resume")
    }

    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::new(4400, reason)
    }

    pub(super) fn not_initialised() -> Self {
        Self::new(4401, "Unauthorized: send connection_init first")
    }

    pub(super) fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(4403, reason)
    }

    /// Clients connect again after it, and may bring another token.
    pub(super) fn no_longer_valid() -> Self {
        Self::forbidden("The token is no longer valid")
    }

    pub(super) fn subprotocol() -> Self {
        Self::new(4406, format!("Subprotocol not acceptable: ask for {NAME}"))
    }

    pub(super) fn init_timeout() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    pub(super) fn already_exists(id: &str) -> Self {
        Self::new(4409, format!("Subscriber for {id} already exists"))
    }

    pub(super) fn too_many_inits() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(REASON_BYTES));
        Self { code, reason }
    }

    pub(super) fn into_message(self) -> Message {
        Message::Close(Some(CloseFrame {
            code: self.code,
            reason: self.reason.into(),
        }))
    }
}

/// Reads a message of the client.
pub(super) fn read(text: &str) -> Result<Heard, Close> {
    let json: Json =
        serde_json::from_str(text).map_err(|_| Close::invalid("The message is not JSON"))?;
    let Json::Object(mut message) = json else {
        return Err(Close::invalid("A message is a JSON object"));
    };
    let Some(Json::String(kind)) = message.remove("type") else {
        return Err(Close::invalid("A message has a type, which is text"));
    };
    match kind.as_str() {
        "connection_init" => payload(&mut message).map(Heard::ConnectionInit),
        "ping" => payload(&mut message).map(Heard::Ping),
        "pong" => payload(&mut message).map(|_| Heard::Pong),
        "complete" => id(&mut message).map(|id| Heard::Complete { id }),
        "subscribe" => {
            let id = id(&mut message)?;
            let payload = message.remove("payload").unwrap_or_default();
            let parameters = Parameters::from_json(payload)
                .map_err(|refusal| Close::invalid(refusal.message))?;
            // The protocol knows `query` alone; what names a document stands in its place, as over HTTP.
            if !parameters.has_document() {
                return Err(Close::invalid(
                    "subscribe has a payload with a query, which is text",
                ));
            }
            Ok(Heard::Subscribe { id, parameters })
        }
        other => Err(Close::invalid(format!("No message has the type {other:?}"))),
    }
}

fn payload(message: &mut Map<String, Json>) -> Result<Option<Json>, Close> {
    match message.remove("payload") {
        None | Some(Json::Null) => Ok(None),
        Some(payload @ Json::Object(_)) => Ok(Some(payload)),
        Some(_) => Err(Close::invalid("A payload is a JSON object")),
    }
}

fn id(message: &mut Map<String, Json>) -> Result<String, Close> {
    match message.remove("id") {
        Some(Json::String(id)) if !id.is_empty() && id.len() <= ID_BYTES => Ok(id),
        _ => Err(Close::invalid(format!(
            "An operation has an id, which is text of 1 to {ID_BYTES} bytes"
        ))),
    }
}

#[derive(Serialize)]
struct Said<'a, P> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
}

pub(super) fn connection_ack() -> String {
    write::<()>("connection_ack", None, None)
}

pub(super) fn pong(payload: Option<Json>) -> String {
    write("pong", None, payload)
}

/// A result, which is written already.
pub(super) fn next(id: &str, json: &str) -> String {
    let id = Json::from(id).to_string();
    format!(r#"{{"type":"next","id":{id},"payload":{json}}}"#)
}

pub(super) fn error(id: &str, errors: &[ServerError]) -> String {
    write("error", Some(id), Some(errors))
}

pub(super) fn complete(id: &str) -> String {
    write::<()>("complete", Some(id), None)
}

fn write<P: Serialize>(r#type: &'static str, id: Option<&str>, payload: Option<P>) -> String {
    let said = Said {
        r#type,
        id,
        payload,
    };
    serde_json::to_string(&said).unwrap_or_else(|error| {
        tracing::error!(%error, "a message cannot be written as JSON");
        // `error` ends the operation, which is what a result that cannot be sent comes to.
        serde_json::json!({
            "type": "error",
            "id": id,
            "payload": [{
                "message": "The server cannot write its answer; its log says more.",
                "extensions": { "code": "INTERNAL" },
            }],
        })
        .to_string()
    })
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_other_shapes_are_invalid() {
        for text in [
            "",
            "nonsense",
            "[]",
            "null",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"start"}"#,
            r#"{"type":"next","id":"1","payload":{}}"#,
            r#"{"type":"connection_init","payload":[]}"#,
            r#"{"type":"connection_init","payload":"token"}"#,
            r#"{"type":"ping","payload":1}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"complete","id":""}"#,
            r#"{"type":"complete","id":1}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":[]}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":1}}"#,
        ] {
            assert_eq!(read(text).map_err(|close| close.code), Err(4400), "{text}");
        }
    }

    #[test]
    fn messages_are_read() {
        assert_eq!(
            read(r#"{"type":"connection_init"}"#),
            Ok(Heard::ConnectionInit(None))
        );
        assert_eq!(
            read(r#"{"type":"ping","payload":null}"#),
            Ok(Heard::Ping(None))
        );
        assert_eq!(read(r#"{"type":"pong"}"#), Ok(Heard::Pong));
        for payload in [
            r#"{"query":"{a}","variables":null,"operationName":null,"extensions":null}"#,
            r#"{"documentId":"sha256:00"}"#,
            r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}"#,
        ] {
            let text = format!(r#"{{"type":"subscribe","id":"1","payload":{payload}}}"#);
            let heard = read(&text);
            assert!(matches!(heard, Ok(Heard::Subscribe { .. })), "{text}");
        }
    }

    #[test]
    fn reasons_fit_their_frame() {
        let close = Close::invalid("é".repeat(200));
        assert_eq!(close.reason, "é".repeat(61));
    }
}
