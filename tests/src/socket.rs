//! Subscriptions over a real socket: a client of `graphql-transport-ws`, one operation a socket.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::graphql::check_words;
use crate::{Server, within};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A running subscription. Dropping it cuts the connection without a word.
#[derive(Debug)]
pub struct Subscription {
    stream: Stream,
}

impl Server {
    /// Subscribes.
    pub async fn subscribe(&self, query: &str, variables: Value) -> Subscription {
        self.subscribe_as(None, query, variables).await
    }

    /// Subscribes with a token.
    pub async fn subscribe_as(
        &self,
        token: Option<&str>,
        query: &str,
        variables: Value,
    ) -> Subscription {
        self.installation.private().add_value(&variables);
        self.installation.private().add_document(query);
        let mut subscription = self.socket().await;
        let mut init = json!({ "type": "connection_init" });
        if let Some(token) = token {
            self.installation.private().add_secret(token);
            init["payload"] = json!({ "authorization": format!("Bearer {token}") });
        }
        subscription.say(init).await;
        let acknowledged = subscription.hear().await;
        assert_eq!(acknowledged["type"], "connection_ack", "{acknowledged}");
        subscription
            .say(json!({
                "type": "subscribe",
                "id": "1",
                "payload": { "query": query, "variables": variables },
            }))
            .await;
        subscription
    }

    /// Opens a socket that has said nothing yet.
    pub async fn socket(&self) -> Subscription {
        let stream = self.handshake(&[]).await;
        let stream = stream.unwrap_or_else(|status| panic!("the handshake was refused: {status}"));
        Subscription { stream }
    }

    /// Opens a socket, with these headers in place of the usual ones.
    ///
    /// # Errors
    /// The status, when it is refused.
    pub async fn handshake(&self, headers: &[(&'static str, &str)]) -> Result<Stream, u16> {
        let url = format!("ws://{}/graphql", self.address());
        let mut request = url.into_client_request().expect("a request");
        let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
        for &(name, value) in headers.iter().chain([&protocol]) {
            let value = HeaderValue::from_str(value).expect("a header");
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        match within("the handshake", connect_async(request)).await {
            Ok((stream, _)) => Ok(stream),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }
}

impl Subscription {
    /// The next item: the value of the subscription's only field.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    pub async fn item(&mut self) -> Value {
        let item = self.item_or_close().await;
        item.unwrap_or_else(|code| panic!("the socket is closed with {code}"))
    }

    /// The next item, or the code with which the server closes the socket instead.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    pub async fn item_or_close(&mut self) -> Result<Value, u16> {
        // Of the item, not of the pings that a waiting socket goes on getting.
        let mut message = within("an item", self.hear_or_close()).await?;
        assert_eq!(message["type"], "next", "not an item: {message:#}");
        let errors = &message["payload"]["errors"];
        assert!(errors.is_null(), "an item with errors: {message:#}");
        let data = message["payload"]["data"].as_object_mut();
        let field = data.and_then(|data| data.values_mut().next());
        Ok(field.expect("a field").take())
    }

    /// The code of the error that ends the subscription before its first item: it comes as an `error`, or, as from the
    /// reference implementation, as the only result, which `complete` follows.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    pub async fn error_code(&mut self) -> String {
        let message = self.hear().await;
        let errors = match message["type"].as_str() {
            Some("error") => &message["payload"],
            Some("next") => {
                let end = self.hear().await;
                assert_eq!(end["type"], "complete", "{end:#}");
                &message["payload"]["errors"]
            }
            _ => panic!("not an error: {message:#}"),
        };
        let code = errors[0]["extensions"]["code"].as_str();
        let code = code.unwrap_or_else(|| panic!("no error with a code: {message:#}"));
        code.to_owned()
    }

    /// The code with which the server closes the socket; items before that are passed over.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            match within("the server to close", self.stream.next()).await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                end => panic!("the socket ended without a close frame: {end:?}"),
            }
        }
    }

    /// The whole result of a query: its data, errors and extensions.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    pub async fn result(&mut self) -> Value {
        let mut message = self.hear().await;
        assert_eq!(message["type"], "next", "not a result: {message:#}");
        message["payload"].take()
    }

    /// Starts another operation on the same socket.
    pub async fn ask(&mut self, id: &str, query: &str) {
        let payload = json!({ "query": query });
        let message = json!({ "type": "subscribe", "id": id, "payload": payload });
        self.say(message).await;
    }

    /// The next message, whatever it is.
    ///
    /// # Panics
    /// When the socket is closed.
    pub async fn answer(&mut self) -> Value {
        self.hear().await
    }

    /// Sends a message.
    pub async fn say(&mut self, message: Value) {
        let message = Message::text(message.to_string());
        self.stream.send(message).await.expect("the socket is open");
    }

    async fn hear(&mut self) -> Value {
        let message = self.hear_or_close().await;
        message.unwrap_or_else(|code| panic!("the socket is closed with {code}"))
    }

    /// The next message, or the code with which the server closes the socket instead.
    pub async fn hear_or_close(&mut self) -> Result<Value, u16> {
        loop {
            match within("a message", self.stream.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).expect("JSON");
                    if message["type"] != "ping" && message["type"] != "pong" {
                        let payload = &message["payload"];
                        let errors = payload.as_array().or(payload["errors"].as_array());
                        errors.into_iter().flatten().for_each(check_words);
                        return Ok(message);
                    }
                }
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                end => panic!("not a message: {end:?}"),
            }
        }
    }
}
