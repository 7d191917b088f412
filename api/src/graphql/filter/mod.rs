//! What the lists can be filtered by. What one filter says holds together; an empty filter lets everything pass.
//!
//! Every field has an index behind it, or `tests/it/plan` says why not.

mod analysis;
mod call;
mod change;
mod combine;
mod condition;
mod event;
mod insight;
mod org;
mod passes;
mod prospect;
mod refused_request;
mod sight;
mod user;

pub use analysis::AnalysisFilter;
pub use call::CallFilter;
pub use change::Changed;
pub use combine::{Filter, MOST_VALUES};
pub use event::{EventFilter, Outcome};
pub use insight::InsightKind;
pub use org::OrgFilter;
pub use prospect::ProspectFilter;
pub use refused_request::RefusedRequestFilter;
pub use sight::Sight;
pub use user::{UserFilter, newest_call};
