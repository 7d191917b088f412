//! From a signed webhook to rows of the read model, in the order in which an event passes:
//!
//! [`webhook`] takes the request, [`signature`] proves it, [`log`] keeps it; then [`projector`] reads the log, [`payload`]
//! says what a body means, [`projection`] merges it into a [`generation`] of the read model, and [`feed`] wakes whoever waits.
//! What the webhook turns away is told by [`refused`]. [`database`] says where all of it is kept.

pub mod body;
pub mod comparison;
pub mod database;
pub mod feed;
pub mod fold;
pub mod generation;
pub mod log;
pub mod pace;
pub mod payload;
pub mod projection;
pub mod projector;
pub mod quiet;
pub mod refused;
pub mod signature;
pub mod token;
mod warning;
pub mod webhook;
