//! What a network does to a stream of webhooks: Svix delivers at least once and promises no order.
//!
//! Both adapters are lazy and deterministic: they hold a bounded number of deliveries and draw from their own seed.

use crate::{Delivery, Dice, identifier};
use rand::{Rng, SeedableRng};
use std::{cmp::Reverse, collections::BTreeMap};

/// The same deliveries in another order, none of which moves by `window` places or more, either way.
///
/// A window of 0 or 1 keeps the order.
pub fn shuffled<I>(deliveries: I, seed: u64, window: usize) -> Shuffled<I::IntoIter>
where
    I: IntoIterator<Item = Delivery>,
{
    Shuffled {
        deliveries: deliveries.into_iter(),
        dice: Dice::seed_from_u64(seed),
        window: window.max(1),
        read: 0,
        waiting: BTreeMap::new(),
    }
}

/// See [`shuffled`].
///
/// Every delivery gets its place plus a random delay below the window, and leaves in the order of that number. So it can
/// overtake only those fewer than `window` places before it, and at most `window` deliveries wait at a time.
pub struct Shuffled<I> {
    deliveries: I,
    dice: Dice,
    window: usize,
    read: usize,
    waiting: BTreeMap<(usize, Reverse<usize>), Delivery>,
}

impl<I: Iterator<Item = Delivery>> Iterator for Shuffled<I> {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        loop {
            // Nothing that is still to be read can get a number below its own place.
            if let Some(first) = self.waiting.first_entry()
                && first.key().0 < self.read
            {
                return Some(first.remove());
            }
            let Some(delivery) = self.deliveries.next() else {
                return self.waiting.pop_first().map(|(_, delivery)| delivery);
            };
            let due = self.read + self.dice.random_range(0..self.window);
            self.waiting.insert((due, Reverse(self.read)), delivery);
            self.read += 1;
        }
    }
}

/// The deliveries, and a random `share` of them (0 to 1) once more, 1 to 20 places later.
///
/// Half of the repeats keep the message id, as a retry of Svix does; the other half are the same body under a new message
/// id, as when somebody presses "resend" at the source.
pub fn with_duplicates<I>(deliveries: I, seed: u64, share: f64) -> WithDuplicates<I::IntoIter>
where
    I: IntoIterator<Item = Delivery>,
{
    WithDuplicates {
        deliveries: deliveries.into_iter(),
        dice: Dice::seed_from_u64(seed),
        share: share.clamp(0.0, 1.0),
        read: 0,
        repeats: BTreeMap::new(),
    }
}

/// See [`with_duplicates`].
pub struct WithDuplicates<I> {
    deliveries: I,
    dice: Dice,
    share: f64,
    read: usize,
    repeats: BTreeMap<(usize, usize), Delivery>,
}

impl<I: Iterator<Item = Delivery>> Iterator for WithDuplicates<I> {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        if let Some(repeat) = self.repeats.first_entry()
            && repeat.key().0 <= self.read
        {
            return Some(repeat.remove());
        }
        let Some(delivery) = self.deliveries.next() else {
            return self.repeats.pop_first().map(|(_, repeat)| repeat);
        };
        if self.dice.random_bool(self.share) {
            let mut repeat = delivery.clone();
            if self.dice.random_bool(0.5) {
                repeat.message_id = identifier::message_id(&mut self.dice);
            }
            let due = self.read + self.dice.random_range(1..=20);
            self.repeats.insert((due, self.read), repeat);
        }
        self.read += 1;
        Some(delivery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> impl Iterator<Item = Delivery> {
        (0..count).map(|number| Delivery {
            message_id: format!("msg_{number}"),
            event_type: "user.updated".to_owned(),
            body: number.to_string(),
        })
    }

    fn numbers(deliveries: impl Iterator<Item = Delivery>) -> Vec<usize> {
        deliveries
            .map(|delivery| delivery.body.parse().unwrap())
            .collect()
    }

    #[test]
    fn nothing_is_lost_and_nothing_moves_by_the_window() {
        for window in [0, 1, 2, 7, 50] {
            let order = numbers(shuffled(numbered(500), 3, window));
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..500).collect::<Vec<_>>());
            let furthest = order
                .iter()
                .enumerate()
                .map(|(place, &number)| place.abs_diff(number))
                .max();
            assert!(
                furthest < Some(window.max(1)),
                "window {window}: {furthest:?}"
            );
            assert_eq!(order == sorted, window < 2);
        }
    }

    #[test]
    fn shuffling_reads_ahead_only_by_the_window() {
        let endless = numbered(usize::MAX);
        assert_eq!(shuffled(endless, 1, 10).take(1_000).count(), 1_000);
    }

    #[test]
    fn repeats_follow_their_original_under_both_kinds_of_message_id() {
        let all: Vec<_> = with_duplicates(numbered(2_000), 5, 0.1).collect();
        assert_eq!(
            all,
            with_duplicates(numbered(2_000), 5, 0.1).collect::<Vec<_>>()
        );
        let mut first = BTreeMap::new();
        let (mut retries, mut resends) = (0, 0);
        for delivery in all {
            match first.get(&delivery.body) {
                None => {
                    assert_eq!(delivery.message_id, format!("msg_{}", delivery.body));
                    first.insert(delivery.body, delivery.message_id);
                }
                Some(original) if *original == delivery.message_id => retries += 1,
                Some(_) => resends += 1,
            }
        }
        assert_eq!(first.len(), 2_000);
        assert!((60..140).contains(&retries), "{retries}");
        assert!((60..140).contains(&resends), "{resends}");
    }

    #[test]
    fn a_share_of_nothing_and_of_everything() {
        assert_eq!(with_duplicates(numbered(50), 1, 0.0).count(), 50);
        assert_eq!(with_duplicates(numbered(50), 1, 1.0).count(), 100);
    }
}
