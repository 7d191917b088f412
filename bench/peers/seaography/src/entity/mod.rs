//! The tables of the schema `peer`, in the dense format of SeaORM 2.
//!
//! Lists are ordered by the asked columns in the order in which they stand here, so those that others follow come first.

pub mod analysis;
pub mod call;
pub mod call_prospect;
pub mod org;
pub mod prospect;
pub mod transcript_line;
pub mod user;
