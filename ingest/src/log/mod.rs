//! The log: what arrived, append-only, with gap-free positions in commit order.
//!
//! [`Log`] opens and reads it; [`append`] is the only writer. Nothing here knows what a body means.

pub mod append;

use std::fmt;
use std::sync::Arc;

use entity::log::{event, identity};
use futures_util::TryStreamExt;
use hmac::{Hmac, Mac};
use rand::Rng;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::OnConflict,
};

use sha2::Sha256;

use crate::database::Location;

pub use append::{Appender, Arrival, Limits, Unavailable};

/// A place in the log, from 1; 0 is before the first event.
pub type Position = i64;

/// A handle on the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    db: DatabaseConnection,
    identity: String,
    key: Key,
}

/// A secret that all servers on a log share.
#[derive(Clone)]
struct Key(Arc<[u8]>);

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }
}

/// Bytes of a [`Key`].
const KEY_LENGTH: usize = 32;

/// For what something is sealed: a seal that was made for one is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// The mark in a cursor of the feed.
    Mark,
    /// A ticket.
    Ticket,
}

impl Log {
    /// Opens the log at `location`, creating and migrating it as needed.
    pub async fn open(location: &Location) -> Result<Self, DbErr> {
        let db = location.open_log().await?;
        let (identity, key) = establish_identity(&db).await?;
        Ok(Self { db, identity, key })
    }

    /// Opens the log at `location` for reading alone: a replica, which another process has made.
    pub async fn open_for_reading(location: &Location) -> Result<Self, DbErr> {
        let db = location.open_log_for_reading().await?;
        let (identity, key) = identity(&db).await?;
        Ok(Self { db, identity, key })
    }

    /// Eight hexadecimal digits that tell this log from every other.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Seals something that clients bring back (HMAC-SHA256): only servers on this log can, and nothing can be told of what is sealed.
    pub fn seal(&self, purpose: Sealed, what: &[u8]) -> [u8; 32] {
        let purpose: &[u8] = match purpose {
            Sealed::Mark => b"mark",
            Sealed::Ticket => b"ticket",
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key.0)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(purpose);
        mac.update(&[0]);
        mac.update(what);
        mac.finalize().into_bytes().into()
    }

    /// The log's database, for the table that stands beside the events.
    pub(crate) fn db(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Closes the log's connections. On SQLite the last one that closes puts all events into the one file, and its journal goes.
    pub async fn close(self) -> Result<(), DbErr> {
        self.db.close().await
    }

    /// The position of the newest event; 0 when there is none.
    pub async fn head(&self) -> Result<Position, DbErr> {
        head(&self.db).await
    }

    /// The events behind `after`, in order: at most `most`, and no further one once `bytes` of bodies are read.
    pub async fn read_after(
        &self,
        after: Position,
        most: u64,
        bytes: usize,
    ) -> Result<Vec<event::Model>, DbErr> {
        let mut stream = event::Entity::find()
            .filter(event::Column::Position.gt(after))
            .order_by_asc(event::Column::Position)
            .limit(most)
            .stream(&self.db)
            .await?;
        let mut events = Vec::new();
        let mut read = 0;
        while read < bytes {
            let Some(event) = stream.try_next().await? else {
                break;
            };
            read += event.body.len();
            events.push(event);
        }
        Ok(events)
    }

    /// The events at these positions, in no given order, without their bodies.
    pub async fn envelopes_at(&self, positions: &[Position]) -> Result<Vec<Envelope>, DbErr> {
        event::Entity::find()
            .filter(event::Column::Position.is_in(positions.iter().copied()))
            .select_only()
            .columns([
                event::Column::Position,
                event::Column::Source,
                event::Column::MessageId,
                event::Column::ReceivedAt,
                event::Column::TypeHint,
                event::Column::Headers,
                event::Column::SecretId,
            ])
            .into_partial_model()
            .all(&self.db)
            .await
    }

    /// The bodies at these positions, in no given order.
    pub async fn bodies_at(
        &self,
        positions: &[Position],
    ) -> Result<Vec<(Position, Vec<u8>)>, DbErr> {
        event::Entity::find()
            .filter(event::Column::Position.is_in(positions.iter().copied()))
            .select_only()
            .columns([event::Column::Position, event::Column::Body])
            .into_tuple()
            .all(&self.db)
            .await
    }

    /// Where the message `message_id` stands, in the order of sources if several sent one by that id.
    pub async fn position_of(&self, message_id: &str) -> Result<Option<Position>, DbErr> {
        event::Entity::find()
            .filter(event::Column::MessageId.eq(message_id))
            .order_by_asc(event::Column::Source)
            .select_only()
            .column(event::Column::Position)
            .into_tuple()
            .one(&self.db)
            .await
    }

    /// The last position that was received before `micros` (microseconds since 1970); 0 when there is none.
    ///
    /// Positions are gap-free, so this halves the log until it is found. Times of arrival rise with the position unless
    /// the machine's clock was set back; then it is one of the places where they pass `micros`.
    pub async fn last_before(&self, micros: i64) -> Result<Position, DbErr> {
        let (mut before, mut from) = (0, self.head().await? + 1);
        while before + 1 < from {
            let middle = before + (from - before) / 2;
            let received_at: Option<i64> = event::Entity::find_by_id(middle)
                .select_only()
                .column(event::Column::ReceivedAt)
                .into_tuple()
                .one(&self.db)
                .await?;
            if received_at.is_some_and(|received_at| received_at < micros) {
                before = middle;
            } else {
                from = middle;
            }
        }
        Ok(before)
    }

    /// When the newest event was received, in microseconds.
    pub async fn last_received_at(&self) -> Result<Option<i64>, DbErr> {
        event::Entity::find()
            .order_by_desc(event::Column::Position)
            .select_only()
            .column(event::Column::ReceivedAt)
            .into_tuple()
            .one(&self.db)
            .await
    }
}

/// An event without its body.
#[derive(Clone, Debug, PartialEq, sea_orm::DerivePartialModel)]
#[sea_orm(entity = "event::Entity")]
pub struct Envelope {
    /// Place in the log.
    pub position: i64,
    /// Which endpoint received it.
    pub source: String,
    /// Svix's message id.
    pub message_id: String,
    /// When it was received, in microseconds.
    pub received_at: i64,
    /// The `type` parameter of the webhook's URL.
    pub type_hint: Option<String>,
    /// The three signature headers as a JSON object.
    pub headers: String,
    /// Fingerprint of the secret that matched.
    pub secret_id: String,
}

async fn head(db: &impl sea_orm::ConnectionTrait) -> Result<Position, DbErr> {
    let head: Option<Option<Position>> = event::Entity::find()
        .select_only()
        .column_as(event::Column::Position.max(), "head")
        .into_tuple()
        .one(db)
        .await?;
    Ok(head.flatten().unwrap_or(0))
}

/// Draws the log's identity once. Two processes that start at the same time agree on the one that was first.
async fn establish_identity(db: &DatabaseConnection) -> Result<(String, Key), DbErr> {
    let drawn: u32 = rand::rng().random();
    let mut key = vec![0; KEY_LENGTH];
    rand::rng().fill(key.as_mut_slice());
    identity::Entity::insert(identity::ActiveModel {
        id: Set(1),
        identity: Set(format!("{drawn:08x}")),
        key: Set(Some(key.clone())),
    })
    .on_conflict(
        OnConflict::column(identity::Column::Id)
            .do_nothing()
            .to_owned(),
    )
    .exec_without_returning(db)
    .await?;
    // A log of an earlier version has none.
    identity::Entity::update_many()
        .col_expr(identity::Column::Key, key.into())
        .filter(identity::Column::Key.is_null())
        .exec(db)
        .await?;
    identity(db).await
}

async fn identity(db: &DatabaseConnection) -> Result<(String, Key), DbErr> {
    let row = identity::Entity::find_by_id(1).one(db).await?;
    row.and_then(|row| Some((row.identity, Key(row.key?.into()))))
        .ok_or_else(|| DbErr::RecordNotFound("the log's identity".to_owned()))
}
