//! The other ways of asking: as an event stream, and on a socket.

use reqwest::{Response, Url};
use serde_json::{Value, json};
use tests::{Subscription, within};

use super::{Seen, in_order};

impl Seen {
    /// Asks by an event stream, and returns its only result.
    pub(super) async fn ask_by_stream(&self, document: &str) -> Value {
        let ask = self
            .server
            .client
            .post(self.server.url("/graphql"))
            .header("accept", "text/event-stream")
            .bearer_auth(&self.token)
            .json(&json!({ "query": document }));
        let answer = within("an answer", ask.send()).await.expect("an answer");
        let mut events = Events::of(answer);
        let result = events.next().await;
        let mut result = result.unwrap_or_else(|| panic!("no result: {document}"));
        assert_eq!(events.next().await, None, "{document}");
        in_order(&mut result);
        result
    }

    /// Asks on an open socket, and returns the only result.
    pub(super) async fn ask_by_socket(&self, socket: &mut Subscription, document: &str) -> Value {
        socket.ask("1", document).await;
        let mut answer = socket.answer().await;
        let mut result = if answer["type"] == "error" {
            json!({ "errors": answer["payload"].take() })
        } else {
            assert_eq!(answer["type"], "next", "{document}: {answer}");
            let end = socket.answer().await;
            assert_eq!(end["type"], "complete", "{document}: {end}");
            answer["payload"].take()
        };
        in_order(&mut result);
        result
    }

    /// A socket of this token.
    pub(super) async fn own_socket(&self) -> Subscription {
        let mut socket = self.server.socket().await;
        let payload = json!({ "authorization": self.token });
        socket
            .say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        let acknowledged = socket.answer().await;
        assert_eq!(acknowledged["type"], "connection_ack", "{acknowledged}");
        socket
    }

    /// All items of a subscription until the checkpoint that says there are no more, by the event stream that a ticket opens.
    pub(super) async fn items_by_ticket(&self, document: &str) -> Vec<Value> {
        let ticket = self.server.ticket(&self.token).await;
        let pairs = [("query", document), ("ticket", &ticket)];
        let address = Url::parse_with_params(&self.server.url("/graphql"), pairs);
        let ask = self
            .server
            .client
            .get(address.expect("an address"))
            .header("accept", "text/event-stream");
        let mut events = Events::of(within("an answer", ask.send()).await.expect("an answer"));
        let mut items = Vec::new();
        loop {
            let mut result = events.next().await.expect("an item");
            let data = result["data"].as_object_mut();
            let item = data.and_then(|data| data.values_mut().next());
            let mut item = item.unwrap_or_else(|| panic!("no item: {document}")).take();
            super::forget(&mut item);
            let is_last = item["caughtUp"] == true;
            items.push(item);
            if is_last {
                return items;
            }
        }
    }
}

/// The results of an event stream.
struct Events {
    answer: Response,
    read: String,
}

impl Events {
    fn of(answer: Response) -> Self {
        assert_eq!(answer.status(), 200);
        Self {
            answer,
            read: String::new(),
        }
    }

    /// The next result. None: it is complete.
    async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(end) = self.read.find("\n\n") {
                let event: String = self.read.drain(..end + 2).collect();
                if event.starts_with("event: complete") {
                    return None;
                }
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                if let Some(data) = data {
                    return Some(serde_json::from_str(data).expect("JSON"));
                }
            }
            let chunk = within("an event", self.answer.chunk()).await;
            let chunk = chunk.expect("an open stream").expect("a complete stream");
            self.read += std::str::from_utf8(&chunk).expect("an event is written at once");
        }
    }
}
