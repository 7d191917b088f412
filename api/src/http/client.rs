//! Where a request comes from.
//!
//! Invariant: only proxies that the operator trusts are believed. Any client can write `X-Forwarded-For`, so of the addresses in it
//! counts the last one that a trusted proxy has added and that is not a trusted proxy itself.

#[cfg(test)]
mod fuzz;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection: the client, or the last proxy before this server.
///
/// An extension of the request, set by whoever serves the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The client's address, as far as it is known.
///
/// An extension of the request, set by [`locate`].
#[derive(Debug, Clone, Copy)]
pub struct Client(pub IpAddr);

/// The proxies that are believed when they say whom they speak for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpNet>>(nets: I) -> Self {
        Self(nets.into_iter().collect())
    }
}

impl TrustedProxies {
    /// Whom `peer` speaks for: itself, unless it is trusted and says more.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let added = headers.get_all(X_FORWARDED_FOR).into_iter();
        let mut added = added
            .rev()
            .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        while self.trusts(client) {
            // Behind what is no address nothing can be told.
            let Some(before) = added.next().and_then(address) else {
                break;
            };
            client = before;
        }
        client
    }

    /// Whether this is one of them.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

/// What one client has of addresses: of IPv6 the first half, since the other one is for it to choose.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// An address as proxies write it: with or without a port, and then in brackets if it is one of IPv6.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let read = bare.parse::<IpAddr>().ok();
    let read = read.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    read.map(|address| address.to_canonical())
}

/// Middleware: says where the request comes from.
pub async fn locate(
    State(proxies): State<TrustedProxies>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(Peer(peer)) = request.extensions().get().copied() {
        let client = Client(proxies.client(peer, request.headers()));
        request.extensions_mut().insert(client);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, added: &[&str]) -> String {
        let nets = trusted.iter().map(|net| net.parse::<IpNet>().unwrap());
        let proxies: TrustedProxies = nets.collect();
        let mut headers = HeaderMap::new();
        for value in added {
            headers.append(X_FORWARDED_FOR, value.parse().unwrap());
        }
        let client = proxies.client(peer.parse().unwrap(), &headers);
        client.to_string()
    }

    #[test]
    fn nobody_else_is_believed() {
        for added in [&["192.0.2.1"][..], &["192.0.2.1, 10.0.0.1"], &[""]] {
            assert_eq!(client(&[], "10.0.0.1", added), "10.0.0.1");
            assert_eq!(client(&["10.0.0.2/32"], "10.0.0.1", added), "10.0.0.1");
        }
    }

    #[test]
    fn the_last_address_counts_that_is_no_trusted_proxy() {
        let trusted = &["10.0.0.0/8", "2001:db8::/32"][..];
        for (added, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["[2001:db9::1]:4711"], "2001:db9::1"),
            (&["[2001:db9::1]"], "2001:db9::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            // The client wrote the first one itself.
            (&["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
            (&["198.51.100.9", "192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1, 10.0.0.7,2001:db8::3"], "192.0.2.1"),
            (&["192.0.2.1", "10.0.0.7", "2001:db8::3"], "192.0.2.1"),
            // All of them are proxies: the first one knows no better.
            (&["10.0.0.8, 10.0.0.7"], "10.0.0.8"),
            (&[], "10.0.0.1"),
            (&["unknown"], "10.0.0.1"),
            (&["192.0.2.1, unknown"], "10.0.0.1"),
            (&["192.0.2.1, unknown, 10.0.0.7"], "10.0.0.7"),
            (&["", "10.0.0.7", ""], "10.0.0.1"),
        ] {
            assert_eq!(client(trusted, "10.0.0.1", added), expected, "{added:?}");
        }
    }
}
