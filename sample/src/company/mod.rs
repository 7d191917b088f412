//! An invented company as its `SalesMagic` webhooks tell of it, over some days.
//!
//! Orgs, users in teams, promotions and leavers, and above all practice calls. The stream is in the order of time, each
//! delivery later than the one before, all of them before [`Size::ends_at`].

mod calendar;
mod person;
mod persona;
mod roster;
mod stream;

pub(crate) use persona::{OBJECTION_KINDS, Persona};
pub(crate) use roster::{Org, User};
pub use stream::Deliveries;

use crate::Dice;
use chrono::{DateTime, Utc};
use rand::SeedableRng;

/// How much there shall be. The same size, seed included, gives the same bytes; any other gives other ids throughout,
/// so that deliveries of two sizes never meet under one message id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Customers of `SalesMagic`; at least one. From three on, the last one is deleted on the way.
    pub orgs: usize,
    /// Users of all orgs together; at least one.
    pub users: usize,
    /// Completed calls, exactly.
    pub calls: usize,
    /// Decides everything that the other fields leave open.
    pub seed: u64,
    /// Everything has happened before this moment; the part of a UTC day before it stays empty.
    pub ends_at: DateTime<Utc>,
    /// Whole UTC days before that; at least one.
    pub days: u32,
}

impl Default for Size {
    /// Two orgs, twelve users, fifty calls in the thirty days before a fixed Monday: June 2, 2025.
    fn default() -> Self {
        Self {
            orgs: 2,
            users: 12,
            calls: 50,
            seed: 1,
            ends_at: DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_241),
            days: 30,
        }
    }
}

impl Size {
    /// FNV-1a over every field.
    fn fingerprint(&self) -> u64 {
        let fields = [
            self.orgs as u64,
            self.users as u64,
            self.calls as u64,
            self.seed,
            self.ends_at.timestamp().cast_unsigned(),
            u64::from(self.ends_at.timestamp_subsec_nanos()),
            u64::from(self.days),
        ];
        let bytes = fields.into_iter().flat_map(u64::to_le_bytes);
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// A company whose stream can be read, from the start, as often as needed.
#[derive(Debug, Clone)]
pub struct Company {
    size: Size,
}

impl Company {
    /// A company of this size.
    pub fn new(mut size: Size) -> Self {
        size.days = size.days.max(1);
        Self { size }
    }

    /// Its webhooks in the order of time. Each body is made when it is asked for.
    pub fn deliveries(&self) -> Deliveries {
        Deliveries::new(&self.size, Dice::seed_from_u64(self.size.fingerprint()))
    }
}

#[cfg(test)]
mod tests;
