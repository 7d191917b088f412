//! Attempts with tokens that are not valid, by the address that they come from.
//!
//! Each is a look at the database, so that an address which fails too often has to wait. Whoever shows a token that is known does not,
//! wherever it comes from: many may share an address.

use std::net::{IpAddr, Ipv6Addr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use crate::rate::{Exhausted, Keyed, keyed};

/// How many an address has in a minute.
const ATTEMPTS: NonZeroU32 = NonZeroU32::new(300).unwrap();

/// Addresses of which is remembered that they have none left.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// How long nothing more is said in the log of an address that goes on trying.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// What is known of addresses.
pub(super) struct Attempts {
    failed: Keyed<IpAddr>,
    shut_out: Mutex<LruCache<IpAddr, ShutOut>>,
}

#[derive(Clone, Copy)]
struct ShutOut {
    until: Instant,
    said: Instant,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            failed: keyed(ATTEMPTS),
            shut_out: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }
}

impl Attempts {
    /// Whether an address may try.
    ///
    /// # Errors
    /// It has failed too often.
    pub(super) fn may_try(&self, address: IpAddr) -> Result<(), Exhausted> {
        let shut_out = self.lock().get(&network(address)).copied();
        let left = shut_out.map(|shut_out| {
            let now = Instant::now();
            shut_out.until.saturating_duration_since(now)
        });
        match left {
            Some(retry_after) if !retry_after.is_zero() => Err(Exhausted { retry_after }),
            _ => Ok(()),
        }
    }

    /// Takes note that an address has failed.
    pub(super) fn note(&self, address: IpAddr) {
        let network = network(address);
        let Err(not_until) = self.failed.check_key(&network) else {
            return;
        };
        let now = Instant::now();
        let mut shut_out = self.lock();
        let said = shut_out.get(&network).map(|before| before.said);
        let said = said.filter(|said| now.duration_since(*said) < SAY_AGAIN);
        if said.is_none() {
            tracing::warn!(%network, "too many tokens that are not valid: the address has to wait");
        }
        let until = now + Exhausted::of(&not_until).retry_after;
        let said = said.unwrap_or(now);
        shut_out.put(network, ShutOut { until, said });
    }

    /// Forgets those who have not failed lately.
    pub(super) fn tidy(&self) {
        self.failed.retain_recent();
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<IpAddr, ShutOut>> {
        self.shut_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of IPv6 the first half: the other one is for a client to choose.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_fails_too_often_has_to_wait_with_all_of_its_network() {
        let attempts = Attempts::default();
        let [one, neighbour, other]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|text| text.parse().unwrap());
        for _ in 0..ATTEMPTS.get() {
            assert_eq!(attempts.may_try(one), Ok(()));
            attempts.note(one);
        }
        attempts.note(one);
        assert!(attempts.may_try(one).is_err());
        assert!(attempts.may_try(neighbour).is_err());
        assert_eq!(attempts.may_try(other), Ok(()));
    }
}
