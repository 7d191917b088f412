//! Who is asking, and what they may see.

use entity::scope::Scope;

/// The reader of a query. Every read starts from one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Viewer {
    scope: Scope,
}

impl Viewer {
    /// The reader behind the open door: sees every org.
    pub fn everything() -> Self {
        Self {
            scope: Scope::Everything,
        }
    }

    /// The rows that this reader may see.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether this reader may see what belongs to no org: an event that is pending, dead or unrecognized.
    pub fn sees_everything(&self) -> bool {
        self.scope == Scope::Everything
    }
}
