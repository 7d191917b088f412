//! Tokens that are shown and not known to this server, by the address that they come from.
//!
//! Each is a look at the database, so that an address which shows too many has to wait. Whoever shows a token that is known does not,
//! wherever it comes from: many may share an address.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use crate::http::client::network;
use crate::rate::{Exhausted, Keyed, keyed};

/// How many an address has in a minute.
const ATTEMPTS: NonZeroU32 = NonZeroU32::new(300).unwrap();

/// Addresses of which is remembered when it was said that they have to wait.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// How long nothing more is said in the log of an address that goes on trying.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// What is known of addresses.
pub(super) struct Attempts {
    shown: Keyed<IpAddr>,
    /// When it was said last that one has to wait.
    said: Mutex<LruCache<IpAddr, Instant>>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            shown: keyed(ATTEMPTS),
            said: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }
}

impl Attempts {
    /// Takes note that an address shows a token that is not known, before that is looked up.
    ///
    /// # Errors
    /// It has shown too many.
    pub(super) fn attempt(&self, address: IpAddr) -> Result<(), Exhausted> {
        let network = network(address);
        let Err(not_until) = self.shown.check_key(&network) else {
            return Ok(());
        };
        let now = Instant::now();
        let mut said = self.said();
        let before = said.get(&network).copied();
        if before.is_none_or(|before| now.duration_since(before) >= SAY_AGAIN) {
            said.put(network, now);
            tracing::warn!(%network, "too many tokens that are not known: the address has to wait");
        }
        Err(Exhausted::of(&not_until))
    }

    /// Forgets those who have shown none lately.
    pub(super) fn tidy(&self) {
        self.shown.retain_recent();
    }

    fn said(&self) -> MutexGuard<'_, LruCache<IpAddr, Instant>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_shows_too_many_has_to_wait_with_all_of_its_network() {
        let attempts = Attempts::default();
        let [one, neighbour, other]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|text| text.parse().unwrap());
        let mut may = 0;
        while attempts.attempt(one).is_ok() {
            may += 1;
            assert!(may < 2 * ATTEMPTS.get(), "there is no end of it");
        }
        assert!(may >= ATTEMPTS.get(), "{may}");
        assert!(attempts.attempt(neighbour).is_err());
        assert_eq!(attempts.attempt(other), Ok(()));
    }
}
