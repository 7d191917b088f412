//! Whatever a header says, the client is the other end of the connection or an address that the header names.

use ::tests::fuzz::fuzz;

use super::*;

#[test]
fn the_client_is_the_peer_or_was_named() {
    let trusted: IpNet = "10.0.0.0/8".parse().expect("a network");
    let proxies: TrustedProxies = [trusted].into_iter().collect();
    let peer: IpAddr = "10.0.0.1".parse().expect("an address");
    fuzz("forwarded", |bytes| {
        let Ok(value) = http::HeaderValue::from_bytes(bytes) else {
            return;
        };
        let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, value)]);
        let found = proxies.client(peer, &headers);
        let named = bytes.split(|byte| *byte == b',').filter_map(address);
        let last = named.clone().next_back();
        assert!(found == peer || named.clone().any(|named| named == found));
        // What is behind the last proxy that is trusted is never passed over.
        if let Some(last) = last.filter(|last| !trusted.contains(last)) {
            assert!(found == last || found == peer);
        }
    });
}
