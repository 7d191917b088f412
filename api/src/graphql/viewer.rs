//! Who is asking, and what they may see.

use std::collections::BTreeSet;

use entity::scope::Scope;
use ingest::token::{Grant, Hidden};

use super::error::{Error, Result};

/// The reader of a query. Every read starts from one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Viewer {
    scope: Scope,
    hidden: BTreeSet<Hidden>,
}

impl Viewer {
    /// The reader behind the open door: sees every org, and everything of them.
    pub fn everything() -> Self {
        Self {
            scope: Scope::Everything,
            hidden: BTreeSet::new(),
        }
    }

    /// Who may see what `grant` allows.
    pub fn of(grant: &Grant) -> Self {
        let mut hidden: BTreeSet<_> = grant.hidden.iter().copied().collect();
        if !hidden.is_empty() {
            // What is hidden elsewhere stands in the events as they were sent.
            hidden.insert(Hidden::Payload);
        }
        Self {
            scope: match &grant.orgs {
                None => Scope::Everything,
                Some(orgs) => {
                    // Some rows that belong to no org have an empty text in its place.
                    let orgs = orgs.iter().filter(|org| !org.is_empty());
                    let orgs: BTreeSet<_> = orgs.cloned().collect();
                    Scope::Orgs(orgs.into_iter().collect())
                }
            },
            hidden,
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

    /// Whether this reader may not see something of the rows that they see.
    pub fn hides(&self, what: Hidden) -> bool {
        self.hidden.contains(&what)
    }

    /// Refuses to answer by what is hidden: an answer would tell of it, however it is given.
    ///
    /// # Errors
    /// It is hidden from this reader.
    pub fn must_see(&self, what: Hidden) -> Result<()> {
        if self.hides(what) {
            return Err(Error::Hidden(what));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_not_see_something_may_not_see_the_events_as_they_were_sent() {
        let grant = |hidden: &[Hidden]| Grant {
            orgs: None,
            hidden: hidden.to_vec(),
        };
        assert_eq!(Viewer::of(&grant(&[])), Viewer::everything());
        for hidden in Hidden::ALL {
            let viewer = Viewer::of(&grant(&[hidden]));
            assert!(viewer.hides(hidden) && viewer.hides(Hidden::Payload));
            let others = Hidden::ALL.into_iter().filter(|other| viewer.hides(*other));
            assert!(others.count() <= 2);
        }
    }

    #[test]
    fn a_token_for_no_org_sees_nothing() {
        let grant = Grant {
            orgs: Some(Vec::new()),
            hidden: Vec::new(),
        };
        let viewer = Viewer::of(&grant);
        assert!(!viewer.sees_everything() && !viewer.scope().sees(Some("o")));
    }
}
