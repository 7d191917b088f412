//! Wake-ups: who waits for news learns that there is some.
//!
//! The feed carries positions, never events: whoever wakes reads the store. A wake-up that is missed or merged with the
//! next one therefore loses nothing.

use std::sync::Arc;

use tokio::sync::watch;

use crate::log::Position;

/// How far the log and the read model are, and a bell for each. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed {
    appended: Arc<watch::Sender<Position>>,
    projected: Arc<watch::Sender<Position>>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            appended: Arc::new(watch::Sender::new(0)),
            projected: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl Feed {
    /// Says that the log is committed up to `head`.
    pub fn appended(&self, head: Position) {
        raise(&self.appended, head);
    }

    /// Says that everything up to `position` can be queried in the live generation.
    pub fn projected(&self, position: Position) {
        raise(&self.projected, position);
    }

    /// The log's head, as far as this process has heard.
    pub fn watch_appended(&self) -> watch::Receiver<Position> {
        self.appended.subscribe()
    }

    /// What can be queried. Every position up to the watched one is in the live generation.
    pub fn watch_projected(&self) -> watch::Receiver<Position> {
        self.projected.subscribe()
    }
}

fn raise(sender: &watch::Sender<Position>, position: Position) {
    sender.send_if_modified(|known| {
        let raised = position > *known;
        *known = position.max(*known);
        raised
    });
}
