//! Tables of the log: what arrived, and nothing else.

pub mod event;
pub mod identity;
