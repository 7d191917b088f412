//! A realistic, reproducible company's `SalesMagic` webhooks: for `hookgraph send`, for tests, and for measurements.
//!
//! The same input gives the same bytes: nothing here reads the clock, the environment or the system's randomness.
//! Bodies are made one at a time while the iterator is driven, so a million calls need no more memory than ten.
//!
//! - [`catalogue`]: the six examples that `SalesMagic` publishes, byte for byte.
//! - [`company`]: an invented company: orgs, people, teams, and the calls they practise.
//! - [`delivery`]: what a network does to a stream of webhooks: another order, repeats.

pub mod catalogue;
pub mod company;
pub mod delivery;

mod call;
mod grammar;
mod identifier;
mod wire;

/// One webhook before it is signed: what the sender puts into `svix-id` and into the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `msg_` and 27 base62 characters, as Svix writes message ids.
    pub message_id: String,
    /// The true event type, also where the body says `"string"` as four of the published examples do.
    pub event_type: String,
    /// The exact bytes to sign and to send: JSON.
    pub body: String,
}

/// The source of all chance in this crate. Always seeded, never from the system.
pub(crate) type Dice = rand::rngs::StdRng;
