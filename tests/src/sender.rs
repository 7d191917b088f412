//! A sender of webhooks: signs as Svix does, with Svix's own crate, and posts.
//!
//! Invariant, asserted at every answer: never a redirect and never 410, which would make Svix give the endpoint up.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::{Client, redirect};
use sample::Delivery;
use svix::webhooks::Webhook;

use crate::Private;

/// Which names the three headers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `svix-*`
    Svix,
    /// `webhook-*`, as the Standard Webhooks specification has them.
    Webhook,
}

/// Signs with one secret and posts to one address.
#[derive(Clone, Debug)]
pub struct Sender {
    client: Client,
    url: String,
    secret: String,
    family: Family,
    offset: i64,
    /// Where to say what must not be in a log.
    private: Private,
}

/// A request that is ready to be posted, or to be spoilt first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Names and values of its headers.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, without the date.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// A client that knows no proxy and follows no redirect.
pub fn client() -> Client {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        // Without TLS there is no need to read the system's certificates.
        .tls_certs_only([])
        .timeout(crate::PATIENCE)
        .build()
        .expect("a client")
}

/// The current second.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.expect("it is after 1970").as_secs();
    i64::try_from(seconds).expect("it is before the end of time")
}

impl Signed {
    /// The same without this header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|header| header.0 != name);
        self
    }

    /// The same with another value of this header.
    #[must_use]
    pub fn with(self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.without(name).and(name, value)
    }

    /// The same with one more header.
    #[must_use]
    pub fn and(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Family {
    /// The names of message id, timestamp and signature.
    pub const fn names(self) -> [&'static str; 3] {
        match self {
            Self::Svix => ["svix-id", "svix-timestamp", "svix-signature"],
            Self::Webhook => ["webhook-id", "webhook-timestamp", "webhook-signature"],
        }
    }
}

impl Sender {
    /// A sender with the headers `svix-*` and the machine's time.
    pub fn new(url: &str, secret: &str) -> Self {
        Self {
            client: client(),
            url: url.to_owned(),
            secret: secret.to_owned(),
            family: Family::Svix,
            offset: 0,
            private: Private::default(),
        }
    }

    /// The same, which says what it sends that must not be in a log.
    #[must_use]
    pub fn telling(mut self, private: Private) -> Self {
        self.private = private;
        self
    }

    /// The same by way of this client.
    #[must_use]
    pub fn through(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// The same with another secret.
    #[must_use]
    pub fn secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    /// The same, to the webhook of the server at this address.
    #[must_use]
    pub fn to(mut self, address: &str) -> Self {
        self.url = format!("http://{address}/webhooks/salesmagic");
        self
    }

    /// The same with headers of this family.
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// The same with a clock that is so many seconds ahead.
    #[must_use]
    pub fn ahead_by(mut self, seconds: i64) -> Self {
        self.offset = seconds;
        self
    }

    /// The same with the event's type in the URL.
    #[must_use]
    pub fn hint(mut self, event_type: &str) -> Self {
        self.url = format!("{}?type={event_type}", self.url);
        self
    }

    /// Signs a body.
    pub fn sign(&self, message_id: &str, body: impl Into<Vec<u8>>) -> Signed {
        let body = body.into();
        self.private.add_body(&body);
        let timestamp = now() + self.offset;
        let signature = Webhook::new(&self.secret)
            .expect("a secret")
            .sign(message_id, timestamp, &body)
            .expect("the body is text");
        let values = [message_id.to_owned(), timestamp.to_string(), signature];
        Signed {
            headers: self
                .family
                .names()
                .into_iter()
                .zip(values.map(String::into_bytes))
                .collect(),
            body,
        }
    }

    /// Posts a request.
    pub async fn post(&self, request: Signed) -> Answer {
        let response = self.request(request).send().await;
        Answer::of(response.expect("an answer")).await
    }

    /// Signs and posts a body to a server that may end meanwhile: the status, if one was answered.
    pub async fn try_send(&self, message_id: &str, body: impl Into<Vec<u8>>) -> Option<u16> {
        let response = self
            .request(self.sign(message_id, body))
            .send()
            .await
            .ok()?;
        Some(response.status().as_u16())
    }

    /// A request, ready to be sent.
    pub fn request(&self, request: Signed) -> reqwest::RequestBuilder {
        let post = self.client.post(&self.url).body(request.body);
        let headers = request.headers.into_iter();
        headers.fold(post, |post, (name, value)| post.header(name, value))
    }

    /// Signs and posts a body.
    pub async fn send(&self, message_id: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.post(self.sign(message_id, body)).await
    }

    /// Sends deliveries one after the other.
    ///
    /// # Panics
    /// When one is not answered by 204.
    pub async fn deliver<'d>(&self, deliveries: impl IntoIterator<Item = &'d Delivery>) {
        for delivery in deliveries {
            let answer = self
                .send(&delivery.message_id, delivery.body.as_str())
                .await;
            assert_eq!(answer.status, 204, "{}: {answer:?}", delivery.message_id);
        }
    }
}

impl Answer {
    /// Reads a response to a webhook.
    pub async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        assert!(
            !(300..400).contains(&status) && status != 410,
            "a webhook was answered with {status}"
        );
        let headers = response
            .headers()
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (name.to_string(), value.into_owned())
            })
            .collect();
        Self {
            status,
            headers,
            body: response.text().await.expect("a body"),
        }
    }
}
