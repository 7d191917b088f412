//! How much a sender may ask: operations a minute, a costly one counted as several; and how many of them may be open at once.
//!
//! Invariant: what one token has used up, another one does not feel. A budget is of one server: nothing is written down, and servers
//! that share a database do not ask each other.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};

/// The time of a limit: as much as it allows at once comes back within it.
pub const WINDOW: Duration = Duration::from_mins(1);

/// How much cost weighs as much as an operation.
const COST_OF_ONE: usize = 1_000;

/// Counts for each key by itself.
pub(crate) type Keyed<K> =
    RateLimiter<K, HashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// So many a minute of each key, all of them at once if need be.
pub(crate) fn keyed<K: std::hash::Hash + Eq + Clone>(a_minute: NonZeroU32) -> Keyed<K> {
    RateLimiter::hashmap(Quota::per_minute(a_minute)).with_middleware()
}

/// What all senders may ask. Cheap to clone.
#[derive(Clone)]
pub struct Limiter(Arc<Budgets>);

struct Budgets {
    a_minute: NonZeroU32,
    spent: Keyed<String>,
    /// How many operations each has open.
    open: Mutex<HashMap<String, u32>>,
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Limiter({} a minute)", self.0.a_minute)
    }
}

/// There is not enough left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// How long to wait until the same can be asked.
    pub retry_after: Duration,
}

impl Exhausted {
    /// How long to wait, in whole seconds: 1 at least.
    pub fn seconds(self) -> u64 {
        let millis = u64::try_from(self.retry_after.as_millis()).unwrap_or(u64::MAX);
        millis.div_ceil(1000).max(1)
    }

    /// What a client is told whose token has used up its budget.
    pub(crate) fn message(self) -> String {
        format!(
            "Your token has asked for all that it may in a minute: ask again in {} s, or for less at once.",
            self.seconds()
        )
    }

    pub(crate) fn of(not_until: &NotUntil<<DefaultClock as Clock>::Instant>) -> Self {
        Self {
            retry_after: not_until.wait_time_from(DefaultClock::default().now()),
        }
    }
}

impl Limiter {
    /// Each sender may ask so many operations a minute.
    pub fn new(a_minute: NonZeroU32) -> Self {
        Self(Arc::new(Budgets {
            a_minute,
            spent: keyed(a_minute),
            open: Mutex::default(),
        }))
    }

    /// The budget of one sender.
    pub fn budget(&self, sender: impl Into<String>) -> Budget {
        Budget(Some(Arc::new(Purse {
            limiter: self.clone(),
            sender: sender.into(),
            left: AtomicU32::new(0),
        })))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets those who have everything left.
    pub fn tidy(&self) {
        self.0.spent.retain_recent();
    }
}

/// What one sender may ask. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Budget(Option<Arc<Purse>>);

#[derive(Debug)]
struct Purse {
    limiter: Limiter,
    sender: String,
    /// What was left when something was taken last; nothing, as far as is known, before that.
    left: AtomicU32,
}

/// What a client is told of its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Operations that it has in a [`WINDOW`].
    pub limit: u32,
    /// Those that are left.
    pub left: u32,
    /// After how many seconds there are all of them again.
    pub whole_in: u64,
}

impl Budget {
    /// Without an end.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// Takes so many operations from it.
    ///
    /// # Errors
    /// There are not so many left; then none was taken.
    pub fn spend(&self, operations: u32) -> Result<(), Exhausted> {
        let (Some(purse), Some(operations)) = (&self.0, NonZeroU32::new(operations)) else {
            return Ok(());
        };
        let Budgets {
            a_minute, spent, ..
        } = &*purse.limiter.0;
        // What weighs more than all there can be takes all there can be.
        let operations = operations.min(*a_minute);
        match spent.check_key_n(&purse.sender, operations) {
            Ok(Ok(state)) => {
                let left = state.remaining_burst_capacity();
                purse.left.store(left, Ordering::Relaxed);
                Ok(())
            }
            Ok(Err(not_until)) => {
                metrics::counter!("hookgraph_rate_limited_total").increment(1);
                Err(Exhausted::of(&not_until))
            }
            // It is no more than `a_minute`.
            Err(_) => Ok(()),
        }
    }

    /// Takes what a query weighs beside being one.
    ///
    /// # Errors
    /// As [`Budget::spend`].
    pub fn spend_cost(&self, cost: usize) -> Result<(), Exhausted> {
        let weight = u32::try_from(cost / COST_OF_ONE).unwrap_or(u32::MAX);
        // One was taken before, so that with what weighs more than there can be, all there can be is taken.
        let most = self.0.as_ref().map(|purse| purse.limiter.0.a_minute.get());
        self.spend(weight.min(most.unwrap_or_default().saturating_sub(1)))
    }

    /// Opens an operation that may last: a sender may have as many open as it may ask for in a [`WINDOW`].
    ///
    /// # Errors
    /// It has so many open: how many.
    pub fn open(&self) -> Result<Open, u32> {
        let Some(purse) = &self.0 else {
            return Ok(Open(None));
        };
        let most = purse.limiter.0.a_minute.get();
        let mut open = purse.limiter.open();
        let count = open.entry(purse.sender.clone()).or_default();
        if *count >= most {
            return Err(most);
        }
        *count += 1;
        drop(open);
        Ok(Open(Some(Arc::clone(purse))))
    }

    /// How it stood when it was looked at last. None: it has no end.
    pub fn standing(&self) -> Option<Standing> {
        let purse = self.0.as_ref()?;
        let limit = purse.limiter.0.a_minute.get();
        let left = purse.left.load(Ordering::Relaxed);
        let spent = u64::from(limit.saturating_sub(left));
        Some(Standing {
            limit,
            left,
            whole_in: (spent * WINDOW.as_secs()).div_ceil(limit.into()),
        })
    }
}

/// An operation that is open until this is dropped.
#[derive(Debug)]
pub struct Open(Option<Arc<Purse>>);

impl Drop for Open {
    fn drop(&mut self) {
        let Some(purse) = &self.0 else {
            return;
        };
        let mut open = purse.limiter.open();
        if let Some(count) = open.get_mut(&purse.sender) {
            *count -= 1;
            if *count == 0 {
                open.remove(&purse.sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(a_minute: u32) -> Limiter {
        Limiter::new(NonZeroU32::new(a_minute).unwrap())
    }

    #[test]
    fn what_one_has_used_up_another_one_does_not_feel() {
        let limiter = limiter(10);
        let one = limiter.budget("one");
        for left in (0..10).rev() {
            assert_eq!(one.spend(1), Ok(()));
            assert_eq!(one.standing().unwrap().left, left);
        }
        let exhausted = one.spend(1).unwrap_err();
        assert!((1..=6).contains(&exhausted.seconds()), "{exhausted:?}");
        // Whatever request it comes with.
        assert!(limiter.budget("one").spend(1).is_err());
        assert_eq!(limiter.budget("other").spend(10), Ok(()));
    }

    #[test]
    fn so_many_operations_may_be_open_at_once() {
        let limiter = limiter(2);
        let one = limiter.budget("one");
        let first = one.open().unwrap();
        let second = limiter.budget("one").open().unwrap();
        assert_eq!(one.open().unwrap_err(), 2);
        let other = limiter.budget("other").open().unwrap();
        drop(first);
        let third = one.open().unwrap();
        assert!(one.open().is_err());
        drop((second, third, other));
        assert!(limiter.open().is_empty());
        assert!(Budget::unlimited().open().is_ok());
    }

    #[test]
    fn a_costly_query_weighs_more_and_never_more_than_all() {
        let limiter = limiter(10);
        let budget = limiter.budget("one");
        assert_eq!(budget.spend_cost(999), Ok(()));
        assert_eq!(budget.spend_cost(3_500), Ok(()));
        let standing = budget.standing().unwrap();
        assert_eq!(
            (standing.limit, standing.left, standing.whole_in),
            (10, 7, 18)
        );
        assert!(budget.spend_cost(100_000).is_err());
        assert_eq!(budget.standing().unwrap().left, 7, "nothing was taken");
        let other = limiter.budget("other");
        assert_eq!(other.spend(1), Ok(()));
        assert_eq!(other.spend_cost(usize::MAX), Ok(()));
        assert_eq!(Budget::unlimited().spend_cost(usize::MAX), Ok(()));
        assert_eq!(Budget::unlimited().standing(), None);
    }
}
