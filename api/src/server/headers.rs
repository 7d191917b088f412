//! What every answer says to browsers, whatever it answers.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::door;

/// A page may set its own: the playground does.
const USUAL: [(HeaderName, &str); 4] = [
    // What is answered is what it says it is.
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // No answer is a page that loads or runs anything, or stands in another page.
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    // An address may have a ticket or a query in it.
    (header::REFERRER_POLICY, "no-referrer"),
    // Pages of other origins get answers by CORS or not at all, also as images and scripts.
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// A browser that was here by HTTPS comes by nothing else for a year (RFC 6797).
const BY_HTTPS_ALONE: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Whether connections are encrypted.
#[derive(Clone, Copy)]
pub(super) struct Encrypted(pub(super) bool);

/// Middleware: says it.
pub(super) async fn say(
    State(Encrypted(encrypted)): State<Encrypted>,
    request: Request,
    next: Next,
) -> Response {
    // A browser that took it from this machine's own name would find no other server there any more.
    let by_https_alone = encrypted && !door::is_loopback(&request);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in USUAL {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if by_https_alone {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, BY_HTTPS_ALONE);
    }
    response
}
