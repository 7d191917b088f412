//! One delivery: signed, posted, and tried again while the server asks for that.

use anyhow::{Context, anyhow, ensure};
use reqwest::{Client, StatusCode, Url, header, redirect};
use sample::Delivery;
use std::time::{Duration, Instant};
use svix::webhooks::Webhook;

/// How often a delivery is posted in all while the answer is 503.
const TRIES: usize = 6;
/// A server that asks for a longer pause is taken at its word only so far.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Svix gives an endpoint 15 seconds.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Sender {
    client: Client,
    url: Url,
    webhook: Webhook,
}

/// What became of a delivery.
pub(super) struct Sent {
    /// Status and time of each answer, the last one is final.
    pub(super) answers: Vec<(u16, Duration)>,
    pub(super) outcome: Outcome,
    pub(super) bytes: usize,
    pub(super) is_call: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The final status.
    Answered(u16),
    /// No connection could be made.
    Unreachable,
    /// Connected, but no answer in time or a broken connection.
    Unanswered,
}

impl Sender {
    pub(super) fn new(url: &str, secret: &str) -> anyhow::Result<Self> {
        let url: Url = url.parse().with_context(|| format!("{url} is not a URL"))?;
        ensure!(
            matches!(url.scheme(), "http" | "https"),
            "the URL must begin with http:// or https://"
        );
        // The error would quote a part of the secret.
        let webhook = Webhook::new(secret)
            .map_err(|_| anyhow!("the webhook secret is not in Svix's form: whsec_ and Base64"))?;
        let mut client = Client::builder()
            .timeout(PATIENCE)
            .redirect(redirect::Policy::none());
        if url.scheme() == "http" {
            // Without TLS nobody needs the system's certificates, and a small container may have none.
            client = client.tls_certs_only([]);
        }
        if url
            .host_str()
            .is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"))
        {
            client = client.no_proxy();
        }
        Ok(Self {
            client: client.build().context("cannot set up the HTTP client")?,
            url,
            webhook,
        })
    }

    /// Scheme, host and port: a query or user name in the URL may be private.
    pub(super) fn place(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    pub(super) async fn send(&self, delivery: &Delivery) -> Sent {
        let mut answers = Vec::with_capacity(1);
        let outcome = loop {
            let started = Instant::now();
            let response = match self.post(delivery).await {
                Ok(response) => response,
                Err(error) if error.is_connect() => break Outcome::Unreachable,
                Err(_) => break Outcome::Unanswered,
            };
            let (status, pause) = (response.status(), pause(response.headers()));
            answers.push((status.as_u16(), started.elapsed()));
            if status != StatusCode::SERVICE_UNAVAILABLE || answers.len() == TRIES {
                break Outcome::Answered(status.as_u16());
            }
            tokio::time::sleep(pause).await;
        };
        Sent {
            answers,
            outcome,
            bytes: delivery.body.len(),
            is_call: delivery.event_type == "call.completed",
        }
    }

    /// Signed anew at every try: a signature is only good for minutes.
    async fn post(&self, delivery: &Delivery) -> reqwest::Result<reqwest::Response> {
        let now = super::now().timestamp();
        let signature = self
            .webhook
            .sign(&delivery.message_id, now, delivery.body.as_bytes())
            .expect("the body is text");
        self.client
            .post(self.url.clone())
            .header("svix-id", &delivery.message_id)
            .header("svix-timestamp", now)
            .header("svix-signature", signature)
            .header(header::CONTENT_TYPE, "application/json")
            .body(delivery.body.clone())
            .send()
            .await
    }
}

/// How long a 503 asks to wait: Retry-After in seconds; one second where it is missing or a date.
fn pause(headers: &header::HeaderMap) -> Duration {
    let seconds = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds
        .map_or(Duration::from_secs(1), Duration::from_secs)
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_as_asked_within_bounds() {
        let asked = |value: &'static str| {
            pause(
                &[(header::RETRY_AFTER, header::HeaderValue::from_static(value))]
                    .into_iter()
                    .collect(),
            )
        };
        assert_eq!(asked("3"), Duration::from_secs(3));
        assert_eq!(asked("0"), Duration::ZERO);
        assert_eq!(asked("86400"), LONGEST_PAUSE);
        assert_eq!(
            asked("Wed, 21 Oct 2025 07:28:00 GMT"),
            Duration::from_secs(1)
        );
        assert_eq!(pause(&header::HeaderMap::new()), Duration::from_secs(1));
    }

    #[test]
    fn no_error_quotes_the_secret() {
        let error = Sender::new("http://127.0.0.1:1", "whsec_not*base64")
            .err()
            .unwrap();
        assert!(!format!("{error:?}").contains("not*"), "{error:?}");
        assert!(Sender::new("ftp://127.0.0.1", "whsec_c2VjcmV0").is_err());
        let sender = Sender::new(
            "https://me:word@hooks.example:8443/webhooks?key=1",
            "whsec_c2VjcmV0",
        )
        .unwrap();
        assert_eq!(sender.place(), "https://hooks.example:8443");
    }
}
