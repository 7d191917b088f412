//! The laws of Hookgraph, each over generated histories. `PROPTEST_CASES` overrides how many.
//!
//! Everything runs in this process, on the real stores: SQLite files in a folder that goes with the test. A law that fails
//! prints the smallest history that breaks it.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod batching;
mod bodies;
mod check;
mod client;
mod drift;
mod filter;
mod history;
mod log;
mod order;
mod paging;
mod plan;
mod stores;
mod subscription;
mod succession;
