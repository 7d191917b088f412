//! Cursors of the feed: a position, and which log it is of.

use crate::graphql::Store;
use crate::graphql::error::{Error, Result};
use crate::graphql::scalar::{Cursor, Time};

/// The cursor behind the event at `position`.
pub fn cursor(store: &Store, position: i64) -> Cursor {
    Cursor(format!("{}-{position}", store.log.identity()))
}

/// The position behind which a subscription begins: that of `after`, the last one before `since`, or what queries answer now
/// (while the read model is being built anew from an old log: the end of what was there at the start).
pub async fn start(store: &Store, after: Option<&Cursor>, since: Option<Time>) -> Result<i64> {
    match (after, since) {
        (Some(_), Some(_)) => Err(Error::bad_input(
            "Begin `after` a cursor or `since` a time, not both.",
        )),
        (Some(cursor), None) => {
            let position = parse(store.log.identity(), &cursor.0)?;
            if position > store.log.head().await? && is_beyond_all(store, position).await {
                return Err(Error::bad_input(
                    "This cursor is behind the newest event: it is not of this installation, or its log was restored from an older backup. Query anew, and subscribe `after` the cursor of `status`.",
                ));
            }
            Ok(position)
        }
        (None, Some(since)) => Ok(store.log.last_before(since.micros()).await?),
        (None, None) => Ok((*store.feed.watch_projected().borrow()).max(store.old)),
    }
}

/// Whether a position that the log which answers does not have is in no other log either. A replica may not have reached it
/// yet, and only its primary can tell.
async fn is_beyond_all(store: &Store, position: i64) -> bool {
    match &store.primary {
        None => true,
        Some(_) => store
            .primary_head()
            .await
            .is_some_and(|head| position > head),
    }
}

/// A cursor's position. A bare number is taken too, so that `"0"` is the beginning of any log.
fn parse(identity: &str, cursor: &str) -> Result<i64> {
    let (of, position) = cursor.rsplit_once('-').unwrap_or((identity, cursor));
    let position = position
        .parse()
        .ok()
        .filter(|position| *position >= 0)
        .ok_or_else(|| {
            Error::bad_input(
                "This is not a cursor of this server: use `cursor` as it was answered, or \"0\" for the beginning.",
            )
        })?;
    if of != identity {
        return Err(Error::bad_input(
            "This cursor is of another installation's log. Query anew, and subscribe `after` the cursor of `status`.",
        ));
    }
    Ok(position)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_cursor_tells_its_log_and_its_position() {
        assert_eq!(parse("0a1b2c3d", "0a1b2c3d-7").unwrap(), 7);
        assert_eq!(parse("0a1b2c3d", "0").unwrap(), 0);
        for foreign in [
            "ffffffff-7",
            "",
            "-1",
            "0a1b2c3d-",
            "0a1b2c3d--1",
            "x",
            "1e3",
            "0a1b2c3d-99999999999999999999",
        ] {
            assert!(parse("0a1b2c3d", foreign).is_err(), "{foreign}");
        }
    }
}
