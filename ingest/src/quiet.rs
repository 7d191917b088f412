//! A warning when no webhook has come for long: an endpoint that was disabled, or a secret that was changed, makes no noise.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::log::Log;
use crate::webhook::Clock;

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Whether the newest webhook, received at `last` (microseconds since 1970), is longer ago than `after`.
pub fn is_quiet(last: Option<i64>, now: i64, after: Duration) -> bool {
    let after = i64::try_from(after.as_micros()).unwrap_or(i64::MAX);
    // Before the first one nothing is amiss: the endpoint is still to be set up.
    last.is_some_and(|last| now.saturating_sub(last) > after)
}

/// Looks until `stopping`; says when it has become quiet, and when that is over.
pub async fn watch(log: Log, clock: Clock, after: Duration, stopping: CancellationToken) {
    let mut quiet = false;
    loop {
        // A log that cannot be read is told of elsewhere.
        if let Ok(last) = log.last_received_at().await {
            let is_quiet = is_quiet(last, clock().timestamp_micros(), after);
            match (quiet, is_quiet) {
                (false, true) => tracing::warn!(
                    hours = after.as_secs() / 3600,
                    "no webhook for so long: does SalesMagic's webhook portal show deliveries, and are they answered 204? `refusedRequests` tells of those that were refused"
                ),
                (true, false) => tracing::info!("webhooks arrive again"),
                _ => {}
            }
            quiet = is_quiet;
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_quiet_when_the_newest_webhook_is_long_ago() {
        let hour = Duration::from_hours(1);
        assert!(!is_quiet(None, 9_000_000_000, hour));
        assert!(!is_quiet(Some(0), 3_600_000_000, hour));
        assert!(is_quiet(Some(0), 3_600_000_001, hour));
        assert!(!is_quiet(Some(5_000_000_000), 0, hour), "a clock set back");
    }
}
