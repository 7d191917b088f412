//! Tables of the log: what arrived, and beside it what was refused, and who may read.

pub mod event;
pub mod identity;
pub mod refused_request;
pub mod token;
