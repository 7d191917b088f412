//! The tables of the schema `peer`, in the dense format of SeaORM 2.

pub mod analysis;
pub mod call;
pub mod call_prospect;
pub mod org;
pub mod prospect;
pub mod transcript_line;
pub mod user;
