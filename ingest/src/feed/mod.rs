//! Wake-ups: who waits for news learns that there is some.
//!
//! A bell says that something may be new, and carries nothing: whoever hears it reads the store. A ring that is missed, or
//! merged with the next one, therefore loses nothing, and everyone who waits for a bell also looks by themselves now and then
//! ([`POLL`]). What can be queried is a position, and is always read from the very database that answers queries.

mod follower;
mod notify;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::log::Position;

pub use follower::Follower;
pub use notify::Notifier;

/// How long anyone waits for a bell before looking by themselves.
pub const POLL: Duration = Duration::from_secs(1);

/// The bells of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed {
    appended: Arc<watch::Sender<u64>>,
    applied: Arc<watch::Sender<u64>>,
    switched: Arc<watch::Sender<u64>>,
    projected: Arc<watch::Sender<Position>>,
    outward: Arc<Notify>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            appended: Arc::new(watch::Sender::new(0)),
            applied: Arc::new(watch::Sender::new(0)),
            switched: Arc::new(watch::Sender::new(0)),
            projected: Arc::new(watch::Sender::new(0)),
            outward: Arc::new(Notify::new()),
        }
    }
}

impl Feed {
    /// Says that this process has appended to the log.
    pub fn appended(&self) {
        ring(&self.appended);
        self.outward.notify_one();
    }

    /// Says that this process has moved the read model.
    pub fn applied(&self) {
        ring(&self.applied);
        self.outward.notify_one();
    }

    /// Says that this process has made another generation the live one.
    pub(crate) fn switched(&self) {
        ring(&self.switched);
        self.applied();
    }

    /// Says that another process has done one or the other.
    pub(crate) fn heard(&self) {
        ring(&self.appended);
        ring(&self.applied);
    }

    /// Says that everything up to `position` can be queried.
    pub(crate) fn projected(&self, position: Position) {
        self.projected.send_if_modified(|known| {
            let raised = position > *known;
            *known = position.max(*known);
            raised
        });
    }

    /// The projector's bell.
    pub(crate) fn watch_appended(&self) -> watch::Receiver<u64> {
        self.appended.subscribe()
    }

    /// The follower's bell.
    pub(crate) fn watch_applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// What the follower looks at to know that there is a newer generation.
    pub(crate) fn watch_switched(&self) -> watch::Receiver<u64> {
        self.switched.subscribe()
    }

    /// What can be queried: every event up to the watched position is in the answers.
    pub fn watch_projected(&self) -> watch::Receiver<Position> {
        self.projected.subscribe()
    }
}

fn ring(bell: &watch::Sender<u64>) {
    bell.send_modify(|rung| *rung += 1);
}
