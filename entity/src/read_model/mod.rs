//! Tables of one generation of the read model: what was made of the log.

pub mod analysis;
pub mod call;
pub mod call_prospect;
pub mod call_word;
pub mod checkpoint;
pub mod event_index;
pub mod insight;
pub mod org;
pub mod prospect;
pub mod seen_field;
pub mod seen_type;
pub mod state;
pub mod transcript;
pub mod user;
pub mod version;
