//! The harness of the black-box tests: a real server in a folder of its own, a sender that signs as Svix does, and clients of
//! the GraphQL API over HTTP and over a socket.
//!
//! Invariant: a test waits for what it expects, with a bound; it never sleeps and hopes.

#![expect(
    clippy::missing_panics_doc,
    reason = "a harness panics to fail the test"
)]

pub mod disk;
pub mod fault;
pub mod fuzz;
pub mod graphql;
pub mod history;
pub mod load;
pub mod places;
pub mod postgres;
pub mod private;
pub mod replica;
pub mod resume;
pub mod route;
pub mod sender;
pub mod server;
pub mod socket;

use std::time::{Duration, Instant};

pub use private::Private;
pub use resume::Resuming;
pub use route::Route;
pub use sender::{Answer, Family, Sender};
pub use server::{Backend, Installation, Server};
pub use socket::Subscription;

/// How long anything that a test waits for may take. Generous: only a failing test waits so long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How often a condition is looked at again.
const INTERVAL: Duration = Duration::from_millis(5);

/// Waits until `look` finds something, and returns it.
///
/// # Panics
/// When that takes longer than [`PATIENCE`]; `what` says what was waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain until {what}"
        );
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Waits for `future`.
///
/// # Panics
/// When that takes longer than [`PATIENCE`]; `what` says what was waited for.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let Ok(output) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("waited {PATIENCE:?} in vain for {what}");
    };
    output
}
