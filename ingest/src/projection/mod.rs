//! The rules that turn events into rows: deterministic, without clock or network, and the only writer of the read model.
//!
//! The read model is a function of the *set* of events, whatever order they come in, however often, and in whatever
//! batches: every row keeps registers (see [`register`]) that only ever rise. One file a subject; each loads the rows that a
//! batch touches, merges the events into them in memory, and stores them: a few statements a batch, however long it is.

mod call;
mod drift;
mod history;
mod index;
mod org;
mod prospect;
mod register;
mod upsert;
mod user;

use sea_orm::{DatabaseTransaction, DbErr};

use crate::log::Position;
use crate::payload::{self, Content, Reading};

/// The version of these rules. Raise it with every change that makes other rows of the same events: the server then builds
/// a new generation of the read model from the log.
pub const RULES: i32 = 2;

/// An event as the projection sees it: all that can be made of it alone. Making it takes longer than merging it, and needs no
/// database.
#[derive(Clone, Debug)]
pub struct Event {
    position: Position,
    reading: Reading,
    stamp: String,
    /// The rows of its call, if it completes one, until they are taken to be stored.
    call: Option<Box<call::Rows>>,
}

impl Event {
    /// The event whose body this is. Its position decides nothing but what `last_position` and `duplicate_of` say.
    pub fn read(position: Position, body: &[u8], type_hint: Option<&str>) -> Result<Self, DbErr> {
        let reading = payload::read(body, type_hint);
        let stamp = register::stamp(&reading);
        let call = call::Rows::of(position, &reading, &stamp)?;
        Ok(Self {
            position,
            reading,
            stamp,
            call,
        })
    }

    /// Its position.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Makes it a dead letter.
    pub fn bury(&mut self, reason: &str) {
        self.reading.content = Content::Dead(reason.to_owned());
        self.call = None;
    }
}

/// Merges `events`, in the order of their positions, into the read model.
pub async fn apply(txn: &DatabaseTransaction, events: &mut [Event]) -> Result<(), DbErr> {
    index::apply(txn, events).await?;
    org::apply(txn, events).await?;
    user::apply(txn, events).await?;
    prospect::apply(txn, events).await?;
    call::apply(txn, events).await?;
    history::apply(txn, events).await?;
    drift::apply(txn, events).await
}
