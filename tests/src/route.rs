//! The way to a server that is ended and started again, each time on another port: what a load balancer's name is to senders and
//! subscribers.

use std::sync::{Arc, Mutex, PoisonError};

/// The present address of a server. Clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Route(Arc<Mutex<String>>);

impl Route {
    pub(crate) fn leads_to(&self, address: &str) {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        address.clone_into(&mut present);
    }

    /// `127.0.0.1:<port>`, where the server listens or did so last.
    pub fn address(&self) -> String {
        let present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        present.clone()
    }
}
