//! Tables of the log: what arrived, and beside it what was refused.

pub mod event;
pub mod identity;
pub mod refused_request;
