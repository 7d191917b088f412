//! The webhooks that are sent, stored and projected, the same ones on every side: those of an invented company.

use std::net::SocketAddr;

use anyhow::Context;
use sample::Delivery;
use sample::company::{Company, Size};
use svix::webhooks::Webhook;

use crate::load::count;

/// The first `events` webhooks of the company, nearly all of them completed calls.
pub fn deliveries(events: usize) -> Vec<Delivery> {
    let company = Company::new(Size {
        orgs: 5,
        users: 200,
        calls: events,
        ..Size::default()
    });
    company.deliveries().take(events).collect()
}

/// The mean size of a body in bytes.
pub fn mean_size(deliveries: &[Delivery]) -> f64 {
    let size: usize = deliveries.iter().map(|delivery| delivery.body.len()).sum();
    count(size) / count(deliveries.len().max(1))
}

/// Each delivery as the bytes of a whole request, signed now, so that nothing but sending is left to do when the clock runs.
pub fn sign(
    deliveries: &[Delivery],
    secret: &str,
    address: SocketAddr,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let secret = Webhook::new(secret).context("a secret")?;
    let now = tests::sender::now();
    let sign = |delivery: &Delivery| {
        let body = delivery.body.as_bytes();
        let signature = secret.sign(&delivery.message_id, now, body)?;
        let mut request = format!(
            "POST /webhooks/salesmagic HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nuser-agent: Svix-Webhooks/1\r\n\
             svix-id: {}\r\nsvix-timestamp: {now}\r\nsvix-signature: {signature}\r\n\r\n",
            body.len(),
            delivery.message_id,
        )
        .into_bytes();
        request.extend_from_slice(body);
        Ok(request)
    };
    deliveries.iter().map(sign).collect()
}
