//! Who was let in, and until when.

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::graphql::Viewer;
use crate::rate::Budget;

/// What was decided about a sender.
#[derive(Clone, Debug)]
pub struct Admission {
    /// What they may see.
    pub viewer: Viewer,
    /// Until when they may see it.
    pub validity: Validity,
    /// How much they may ask.
    pub budget: Budget,
}

impl Admission {
    /// Lets `viewer` in until it leaves.
    pub fn forever(viewer: Viewer) -> Self {
        Self {
            viewer,
            validity: Validity::default(),
            budget: Budget::unlimited(),
        }
    }
}

/// How long a decision holds: until it is taken back, and until a moment that was known before, if there is one.
#[derive(Clone, Debug, Default)]
pub struct Validity {
    /// Cancelled when it is taken back.
    pub taken_back: CancellationToken,
    /// When it ends by itself.
    pub until: Option<Instant>,
}

impl Validity {
    /// Returns when it is over.
    pub async fn over(self) {
        let ends = async {
            match self.until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.taken_back.cancelled() => {}
            () = ends => {}
        }
    }
}
