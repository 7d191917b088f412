//! The open door: who may read while there are no tokens.
//!
//! Invariant: only a program on this machine that addresses the server by a loopback name gets through. Each rule
//! closes one way in:
//!
//! - **Host is loopback**: a page of `evil.example` whose name was rebound to 127.0.0.1 still sends its own name.
//! - **no header of a proxy**: a tunnel opened for the webhook must not publish the rest.
//! - **Origin, if sent, is ours**: any page may open a socket to localhost, and a browser says where it is from.
//!
//! An origin is *ours* when it is a loopback name with the very port of the Host: `http://127.0.0.1:8080` may read
//! `localhost:8080`, both being this server. Another port is another program, whose pages may hold anything; a
//! development server on one reaches the API by passing requests on, which makes Host and Origin agree.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::{extract::Request, middleware::Next, response::Response};
use http::{
    HeaderMap,
    header::{HOST, ORIGIN},
};

use super::graphql::refuse;

/// Headers that only something between client and server sets; every `x-forwarded-*` beside them.
const PROXIED: [&str; 6] = [
    "forwarded",
    "x-real-ip",
    "via",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-ray",
];

/// Why the door stays shut. The message tells the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No Host, or several that differ.
    #[error(
        "The request does not say clearly which host it is for: send exactly one Host, such as localhost with this server's port."
    )]
    NoHost,
    /// Host is not a loopback name.
    #[error(
        "Without tokens this server answers only on this machine, addressed as localhost, 127.0.0.1 or [::1]: use such an address, or set up a token."
    )]
    ForeignHost,
    /// The request came through a proxy or a tunnel.
    #[error(
        "The request carries the header {0}, so it came through a proxy or a tunnel, which reach only the webhook while there are no tokens: connect directly, or set up a token."
    )]
    Proxied(String),
    /// HTTP/1.0, which no browser and no client library speaks, but proxies do.
    #[error(
        "The request came by HTTP/1.0, as proxies speak it, and without tokens they reach only the webhook: speak HTTP/1.1 or 2, or set up a token."
    )]
    OldHttp,
    /// A page of another origin sent it.
    #[error(
        "A page of another origin sent this request, and without tokens only pages of this server may read: open the page from this server's own address, or set up a token."
    )]
    ForeignOrigin,
}

/// Middleware: answers 403 to whoever may not read. For `axum::middleware::from_fn`.
pub async fn guard(request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let judged = if request.version() <= http::Version::HTTP_10 {
        // What some proxies speak by default, with Host set to this server's and no word of whom they speak for.
        Err(Refusal::OldHttp)
    } else {
        judge(request.headers(), authority)
    };
    match judged {
        Ok(()) => next.run(request).await,
        Err(refusal) => refuse(&super::Refusal::forbidden(refusal.to_string())),
    }
}

/// Judges a request by its headers and the authority of its target (HTTP/2's `:authority`, or an absolute target).
pub fn judge(headers: &HeaderMap, authority: Option<&str>) -> Result<(), Refusal> {
    if let Some(name) = headers
        .keys()
        .map(http::HeaderName::as_str)
        .find(|name| PROXIED.contains(name) || name.starts_with("x-forwarded-"))
    {
        return Err(Refusal::Proxied(name.to_owned()));
    }
    let host = sole_host(headers, authority)?;
    let host = Place::read(host).ok_or(Refusal::ForeignHost)?;
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        (Some(origin), None) if origin.to_str().is_ok_and(|origin| is_ours(origin, host)) => Ok(()),
        _ => Err(Refusal::ForeignOrigin),
    }
}

/// Whether a request names its host clearly, and that is this machine by a loopback name.
pub fn is_loopback(request: &Request) -> bool {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let host = sole_host(request.headers(), authority);
    host.is_ok_and(|host| Place::read(host).is_some())
}

/// The host that the request names: once, or twice alike.
fn sole_host<'a>(headers: &'a HeaderMap, authority: Option<&'a str>) -> Result<&'a str, Refusal> {
    let mut named = headers
        .get_all(HOST)
        .iter()
        .map(|host| host.to_str().map_err(|_| Refusal::ForeignHost))
        .collect::<Result<Vec<_>, _>>()?;
    if named.len() > 1 {
        return Err(Refusal::NoHost);
    }
    named.extend(authority);
    match named.as_slice() {
        [host] => Ok(host),
        [host, authority] if host.eq_ignore_ascii_case(authority) => Ok(host),
        _ => Err(Refusal::NoHost),
    }
}

/// Loopback host, same port. A port that is left out is that of the origin's scheme, on both sides.
fn is_ours(origin: &str, host: Place) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else {
        return false;
    };
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    Place::read(rest).is_some_and(|page| page.port.unwrap_or(usual) == host.port.unwrap_or(usual))
}

/// A loopback host, and the port if one is named.
#[derive(Clone, Copy)]
struct Place {
    port: Option<u16>,
}

impl Place {
    /// Reads `host[:port]`. Whatever is not exactly a loopback name is none: no userinfo, no trailing dot (some
    /// resolvers ask a name server for `localhost.`), no subdomain, no short or octal form of an address.
    fn read(text: &str) -> Option<Self> {
        let (name, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.is_loopback(), port)
        } else {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let loopback = name.eq_ignore_ascii_case("localhost")
                || name
                    .parse::<Ipv4Addr>()
                    .is_ok_and(|address| address.is_loopback());
            (loopback, port)
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            _ => return None,
        };
        name.then_some(Self { port })
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, middleware::from_fn, routing::get};
    use http::HeaderValue;
    use tower::ServiceExt;

    fn judged(authority: Option<&str>, given: &[(&'static str, &str)]) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, HeaderValue::from_str(value).expect("a header"));
        }
        judge(&headers, authority)
    }

    #[test]
    fn hosts() {
        for host in [
            "localhost",
            "localhost:8080",
            "LOCALHOST:8080",
            "LocalHost",
            "127.0.0.1",
            "127.0.0.1:1",
            "127.255.255.254:65535",
            "[::1]",
            "[::1]:8080",
            "[0:0:0:0:0:0:0:1]:8080",
        ] {
            assert_eq!(judged(None, &[("host", host)]), Ok(()), "{host}");
            assert_eq!(judged(Some(host), &[]), Ok(()), "{host}");
            assert_eq!(judged(Some(host), &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "localhost:8080@evil.example",
            "evil.example@localhost",
            "user:password@localhost:8080",
            "localhost#evil.example",
            "localhost/evil.example",
            "localhost?evil.example",
            "localhost\\evil.example",
            "localhost evil.example",
            "localhost,evil.example",
            "localhost.",
            "127.0.0.1.",
            "sub.localhost",
            "notlocalhost",
            "localhost:",
            "localhost:http",
            "localhost:+80",
            "localhost:65536",
            "localhost:80:80",
            "127.1",
            "127.0.0.01",
            "0177.0.0.1",
            "2130706433",
            "0x7f.0.0.1",
            "0.0.0.0:8080",
            "192.168.0.1",
            "10.0.0.1:8080",
            "128.0.0.1",
            "::1",
            "[::1",
            "[::1]x",
            "[::1].evil.example",
            "[::]",
            "[::ffff:192.168.0.1]",
            "[fe80::1]",
            "[127.0.0.1]",
            "[localhost]",
            "",
            ":8080",
            "@localhost",
        ] {
            assert_eq!(
                judged(None, &[("host", host)]),
                Err(Refusal::ForeignHost),
                "{host}"
            );
            assert_eq!(judged(Some(host), &[]), Err(Refusal::ForeignHost), "{host}");
        }
    }

    #[test]
    fn a_host_is_named_once() {
        assert_eq!(judged(None, &[]), Err(Refusal::NoHost));
        for (authority, hosts) in [
            (None, vec!["localhost", "localhost"]),
            (None, vec!["localhost", "evil.example"]),
            (Some("localhost"), vec!["evil.example"]),
            (Some("evil.example"), vec!["localhost"]),
            (Some("localhost:1"), vec!["localhost:2"]),
        ] {
            let given: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            assert_eq!(
                judged(authority, &given),
                Err(Refusal::NoHost),
                "{authority:?} {hosts:?}"
            );
        }
        assert_eq!(
            judged(None, &[("host", "localh\u{f6}st")]),
            Err(Refusal::ForeignHost)
        );
    }

    #[test]
    fn tunnels() {
        for name in [
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-forwarded-anything",
            "x-real-ip",
            "via",
        ] {
            assert_eq!(
                judged(None, &[("host", "localhost:8080"), (name, "")]),
                Err(Refusal::Proxied(name.to_owned()))
            );
        }
        assert_eq!(
            judged(None, &[("host", "localhost"), ("x-forward", "1")]),
            Ok(())
        );
    }

    #[test]
    fn origins() {
        for (host, origin) in [
            ("localhost:8080", "http://localhost:8080"),
            ("localhost:8080", "http://127.0.0.1:8080"),
            ("127.0.0.1:8080", "http://LOCALHOST:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("localhost:8080", "HTTP://localhost:8080"),
            ("localhost:8080", "https://localhost:8080"),
            ("localhost", "http://localhost"),
            ("localhost", "https://localhost"),
            ("localhost:80", "http://localhost"),
            ("localhost:443", "https://localhost"),
            ("localhost", "http://localhost:80"),
        ] {
            assert_eq!(
                judged(None, &[("host", host), ("origin", origin)]),
                Ok(()),
                "{origin} at {host}"
            );
        }
        for (host, origin) in [
            ("localhost:8080", "null"),
            ("localhost:8080", ""),
            ("localhost:8080", "https://evil.example"),
            ("localhost:8080", "http://evil.example:8080"),
            ("localhost:8080", "http://localhost:5173"),
            ("localhost:8080", "http://localhost"),
            ("localhost:80", "https://localhost"),
            ("localhost", "http://localhost:8080"),
            ("localhost:8080", "http://localhost.evil.example:8080"),
            ("localhost:8080", "http://127.0.0.1.evil.example:8080"),
            ("localhost:8080", "http://localhost@evil.example:8080"),
            ("localhost:8080", "http://evil.example@localhost:8080"),
            ("localhost:8080", "http://localhost.:8080"),
            ("localhost:8080", "http://localhost:8080/"),
            (
                "localhost:8080",
                "http://localhost:8080 http://evil.example",
            ),
            ("localhost:8080", "localhost:8080"),
            ("localhost:8080", "file://"),
            ("localhost:8080", "chrome-extension://localhost:8080"),
        ] {
            assert_eq!(
                judged(None, &[("host", host), ("origin", origin)]),
                Err(Refusal::ForeignOrigin),
                "{origin} at {host}"
            );
        }
        let twice = [
            ("host", "localhost"),
            ("origin", "http://localhost"),
            ("origin", "http://localhost"),
        ];
        assert_eq!(judged(None, &twice), Err(Refusal::ForeignOrigin));
    }

    #[tokio::test]
    async fn the_door_answers_in_graphql() {
        let app = Router::new()
            .route("/", get(|| async { "in" }))
            .layer(from_fn(guard));
        let ask = |host: &'static str| {
            let request = http::Request::get("/")
                .header(HOST, host)
                .body(axum::body::Body::empty())
                .expect("a request");
            app.clone().oneshot(request)
        };
        assert_eq!(ask("localhost:1").await.expect("an answer").status(), 200);
        let refused = ask("evil.example").await.expect("an answer");
        assert_eq!(refused.status(), 403);
        let body = axum::body::to_bytes(refused.into_body(), 10_000)
            .await
            .expect("a body");
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["errors"][0]["extensions"]["code"], "FORBIDDEN");
        assert!(body.get("data").is_none());
    }
}
