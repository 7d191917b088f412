//! Cursors of the feed: which log, a position in it, and a mark of the event that stands there.
//!
//! The mark is for the day on which the log is restored from a backup: positions behind it are then given anew, to other events,
//! and a cursor of the time before must not silently skip those. It is of the event's body, sealed with the log's key: whoever has the cursor
//! may not see that event, and could guess its body by a plain hash.

use entity::read_model::event_index;
use ingest::log::{Log, Sealed};
use ingest::payload::body_hash as body_hash_of;
use sea_orm::{EntityTrait, QuerySelect};
use tokio::time::timeout;

use crate::graphql::error::{Error, Result};
use crate::graphql::scalar::{Cursor, Time};
use crate::graphql::{PRIMARY_WITHIN, Store};

/// The mark of the event at `position`, whose body has this hash.
fn mark(log: &Log, position: i64, body_hash: &str) -> String {
    let event = format!("{position} {body_hash}");
    let [a, b, c, d, ..] = log.seal(Sealed::Mark, event.as_bytes());
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// The cursor behind the event at `position`, whose body has this hash.
pub fn cursor(store: &Store, position: i64, body_hash: &str) -> Cursor {
    let log = store.log.follow();
    let mark = mark(log, position, body_hash);
    Cursor(format!("{}-{position}-{mark}", log.identity()))
}

/// The cursor behind whatever stands at `position`, which can be queried.
pub async fn cursor_at(store: &Store, position: i64) -> Result<Cursor> {
    let live = store.read_model.live();
    let body_hash: Option<String> = event_index::Entity::find_by_id(position)
        .select_only()
        .column(event_index::Column::BodyHash)
        .into_tuple()
        .one(live.reads())
        .await?;
    if let Some(body_hash) = body_hash {
        return Ok(cursor(store, position, &body_hash));
    }
    // Not projected yet, or the beginning.
    let bodies = store.log.follow().bodies_at(&[position]).await?;
    Ok(match bodies.first() {
        Some((_, body)) => cursor(store, position, &body_hash_of(body)),
        None => Cursor(format!("{}-{position}", store.log.follow().identity())),
    })
}

/// The position behind which a subscription begins: that of `after`, the last one before `since`, or what queries answer now
/// (while the read model is being built anew from an old log: the end of what was there at the start).
pub async fn start(store: &Store, after: Option<&Cursor>, since: Option<Time>) -> Result<i64> {
    match (after, since) {
        (Some(_), Some(_)) => Err(Error::bad_input(
            "Begin `after` a cursor or `since` a time, not both.",
        )),
        (Some(cursor), None) => {
            let place = parse(store.log.follow().identity(), &cursor.0)?;
            let is_of_this_log = match store.primary.follow() {
                // A replica may not have yet what another server has announced.
                Some(primary) if place.position > store.log.follow().head().await? => {
                    let asked = timeout(PRIMARY_WITHIN, place.is_in(primary)).await;
                    asked.map_err(|_| Error::Busy)??
                }
                _ => place.is_in(store.log.follow()).await?,
            };
            let position = place.position;
            if !is_of_this_log {
                return Err(Error::bad_input(
                    "This cursor is of an event that is not in the log: it is not of this installation, or its log was restored from an older backup. Query anew, and subscribe `after` the cursor of `status`.",
                ));
            }
            Ok(position)
        }
        (None, Some(since)) => Ok(store.log.follow().last_before(since.micros()).await?),
        (None, None) => Ok((*store.feed.watch_projected().borrow()).max(store.old)),
    }
}

/// What a cursor says.
#[derive(Debug, PartialEq, Eq)]
struct Place<'c> {
    position: i64,
    mark: Option<&'c str>,
}

impl Place<'_> {
    /// Whether the event that it names stands in `log`. That is asked of the log itself: the read model may not have reached it.
    async fn is_in(&self, log: &Log) -> Result<bool> {
        let Some(mark) = self.mark else {
            return Ok(self.position <= log.head().await?);
        };
        let bodies = log.bodies_at(&[self.position]).await?;
        let mut hashes = bodies.iter().map(|(_, body)| body_hash_of(body));
        Ok(hashes.any(|hash| self::mark(log, self.position, &hash) == *mark))
    }
}

/// Reads a cursor. A bare number is taken too, so that `"0"` is the beginning of any log.
fn parse<'c>(identity: &str, cursor: &'c str) -> Result<Place<'c>> {
    let mut parts = cursor.split('-');
    let (of, position, mark) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(position), None, ..) => (identity, position, None),
        (Some(of), Some(position), mark, None) => (of, position, mark),
        _ => (identity, "", None),
    };
    // Not every text that can be read as a number: a cursor has one form.
    let digits = position.bytes().all(|byte| byte.is_ascii_digit())
        && (position == "0" || !position.starts_with('0'));
    let position = position.parse().ok().filter(|_| digits).ok_or_else(|| {
        Error::bad_input(
            "This is not a cursor of this server: use `cursor` as it was answered, or \"0\" for the beginning.",
        )
    })?;
    if of != identity {
        return Err(Error::bad_input(
            "This cursor is of another installation's log. Query anew, and subscribe `after` the cursor of `status`.",
        ));
    }
    Ok(Place { position, mark })
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::{Place, parse};

    #[test]
    fn a_cursor_tells_its_log_its_position_and_its_mark() {
        let place = |position, mark| Place { position, mark };
        assert_eq!(
            parse("0a1b2c3d", "0a1b2c3d-7-00c0ffee").unwrap(),
            place(7, Some("00c0ffee"))
        );
        assert_eq!(parse("0a1b2c3d", "0a1b2c3d-7").unwrap(), place(7, None));
        assert_eq!(parse("0a1b2c3d", "0").unwrap(), place(0, None));
        for foreign in [
            "ffffffff-7",
            "",
            "-1",
            "+1",
            "0a1b2c3d-007",
            "0a1b2c3d-",
            "0a1b2c3d--1",
            "0a1b2c3d-7-00c0ffee-1",
            "x",
            "1e3",
            "0a1b2c3d-99999999999999999999",
        ] {
            assert!(parse("0a1b2c3d", foreign).is_err(), "{foreign}");
        }
    }
}
