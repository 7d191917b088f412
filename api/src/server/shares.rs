//! How many of the connections may be of one address, so that nobody takes all of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::{TrustedProxies, client::network};

/// Who has how many connections.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    most: usize,
    /// These speak for many.
    proxies: TrustedProxies,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection of an address, until it is dropped.
#[derive(Debug)]
pub(super) struct Share(Option<(Shares, IpAddr)>);

impl Shares {
    /// Each address may have `most`, but for this machine's own and those of proxies.
    pub(super) fn new(most: usize, proxies: TrustedProxies) -> Self {
        Self {
            most,
            proxies,
            taken: Arc::default(),
        }
    }

    /// One more connection of an address. None: it has as many as it may.
    pub(super) fn take(&self, address: IpAddr) -> Option<Share> {
        let address = address.to_canonical();
        if address.is_loopback() || self.proxies.trusts(address) {
            return Some(Share(None));
        }
        let network = network(address);
        let mut taken = self.lock();
        let count = taken.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share(Some((self.clone(), network))))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((shares, network)) = self.0.take() else {
            return;
        };
        let mut taken = shares.lock();
        if let Some(count) = taken.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::*;

    #[test]
    fn one_address_has_its_share_and_gives_it_back() {
        let proxy: IpNet = "10.0.0.0/8".parse().unwrap();
        let shares = Shares::new(2, [proxy].into_iter().collect());
        let take = |address: &str| shares.take(address.parse().unwrap());
        let first = take("192.0.2.1").unwrap();
        let second = take("::ffff:192.0.2.1").unwrap();
        assert!(take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some(), "another one has its own");
        drop(first);
        let third = take("192.0.2.1").unwrap();
        assert!(take("192.0.2.1").is_none());
        let of_network = ["2001:db8::1", "2001:db8::2"].map(|address| take(address).unwrap());
        assert!(take("2001:db8::3").is_none());
        let all = [(); 9]
            .map(|()| ["127.0.0.1", "::1", "10.1.2.3"].map(|address| take(address).unwrap()));
        assert_eq!(
            shares.lock().len(),
            2,
            "of {} nothing is counted",
            all.len()
        );
        drop(all);
        drop((second, third, of_network));
        assert!(shares.lock().is_empty());
    }
}
