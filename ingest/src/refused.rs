//! What the webhook refused, kept for whoever is setting it up and wonders why: the newest [`KEPT`] of each reason.
//!
//! Bounded wherever it is, in memory and in the table, and each reason for itself, so that a flood of one hides no other. The
//! answer never waits for it. Of a request it has where it went, its message id and its size: nothing of the body, the
//! signature or a secret.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entity::log::refused_request::{ActiveModel, Column, Entity, Model, Reason};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::database;
use crate::log::Log;
use crate::warning::Warnings;

/// How many requests of one reason are kept.
pub const KEPT: usize = 100;

/// The longest text of a stranger's that is kept, in bytes.
const MOST_BYTES: usize = 256;

/// How long the recorder rests after it has written.
const REST: Duration = Duration::from_secs(1);

/// How long one transaction may take before it is given up.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRequest {
    /// When, in microseconds since 1970.
    pub received_at: i64,
    /// What stood behind `/webhooks/` in its path. Of a long one the beginning is kept.
    pub source: String,
    /// The status that it was answered.
    pub status: u16,
    /// Why.
    pub reason: Reason,
    /// The reason in the server's words.
    pub detail: String,
    /// Svix's message id, if it had one. Of a long one the beginning is kept.
    pub message_id: Option<String>,
    /// Length of its body in bytes, if that was read.
    pub size: Option<usize>,
}

/// Takes down refused requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    desk: Arc<Desk>,
    /// Ends the writer when the last recorder is dropped.
    _alive: Arc<DropGuard>,
}

/// What recorders and their writer share.
#[derive(Debug, Default)]
struct Desk {
    waiting: Mutex<Waiting>,
    news: Notify,
    warnings: Warnings,
}

/// Requests that are not yet in the table, in the order of arrival: at most [`KEPT`] of each reason.
#[derive(Debug, Default)]
struct Waiting(VecDeque<RefusedRequest>);

impl Recorder {
    /// Starts the writer. It ends, after writing what waits, when the last `Recorder` is dropped.
    pub fn start(log: Log) -> (Self, JoinHandle<()>) {
        let desk = Arc::new(Desk::default());
        let ended = CancellationToken::new();
        let recorder = Self {
            desk: Arc::clone(&desk),
            _alive: Arc::new(ended.clone().drop_guard()),
        };
        let writer = tokio::spawn(async move {
            tokio::join!(write(&log, &desk, &ended), desk.warnings.keep_up(&ended));
        });
        (recorder, writer)
    }

    /// Takes down `request`. Never waits for the database.
    pub fn record(&self, mut request: RefusedRequest) {
        request.source = kept(&request.source);
        request.message_id = request.message_id.as_deref().map(kept);
        self.desk.locked(|waiting| waiting.push(request));
        self.desk.news.notify_one();
    }

    /// Has the server's log tell of a refused request, in a line of its own or together with others of its reason.
    pub fn warn(&self, reason: Reason, cause: &str) {
        self.desk.warnings.warn(reason, cause);
    }
}

/// As much of a stranger's text as is kept. PostgreSQL takes no U+0000.
fn kept(text: &str) -> String {
    let mut text = text[..text.floor_char_boundary(MOST_BYTES)].replace('\0', "\u{fffd}");
    text.truncate(text.floor_char_boundary(MOST_BYTES));
    text
}

impl Desk {
    fn locked<T>(&self, work: impl FnOnce(&mut Waiting) -> T) -> T {
        work(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Waiting {
    /// Adds the newest request; when there are enough of its reason, the oldest of them goes.
    fn push(&mut self, request: RefusedRequest) {
        let same = |waiting: &&RefusedRequest| waiting.reason == request.reason;
        if self.0.iter().filter(same).count() >= KEPT {
            let oldest = self.0.iter().position(|waiting| same(&waiting));
            oldest.and_then(|oldest| self.0.remove(oldest));
        }
        self.0.push_back(request);
    }

    /// Puts `older` ahead of what has come since they were taken.
    fn put_back(&mut self, older: Self) {
        for newer in std::mem::replace(self, older).0 {
            self.push(newer);
        }
    }
}

async fn write(log: &Log, desk: &Desk, ended: &CancellationToken) {
    let mut healthy = true;
    let mut last = false;
    while !last {
        tokio::select! {
            () = desk.news.notified() => {}
            () = ended.cancelled() => last = true,
        }
        let taken = desk.locked(std::mem::take);
        if !taken.0.is_empty() {
            let stored = tokio::time::timeout(COMMIT_TIMEOUT, store(log, &taken)).await;
            let failed = match stored {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("it took too long".to_owned()),
            };
            if let Some(cause) = failed {
                // One line when it begins.
                if std::mem::replace(&mut healthy, false) {
                    tracing::warn!(%cause, "refused requests cannot be written down; the newest wait in memory");
                }
                // If only the answer to the commit was lost, they will be there twice: no harm is done.
                desk.locked(|waiting| waiting.put_back(taken));
                desk.news.notify_one();
            } else {
                healthy = true;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            () = ended.cancelled() => {}
        }
    }
}

/// Stores `taken`, and deletes what is too much of their reasons.
async fn store(log: &Log, taken: &Waiting) -> Result<(), DbErr> {
    let txn = database::begin_write(log.db()).await?;
    lock(&txn).await?;
    let rows = taken.0.iter().map(|request| ActiveModel {
        id: NotSet,
        received_at: Set(request.received_at),
        source: Set(request.source.clone()),
        status: Set(request.status.into()),
        reason: Set(request.reason),
        detail: Set(request.detail.clone()),
        message_id: Set(request.message_id.clone()),
        size: Set(request.size.and_then(|size| i64::try_from(size).ok())),
    });
    Entity::insert_many(rows)
        .exec_without_returning(&txn)
        .await?;
    let reasons: HashSet<Reason> = taken.0.iter().map(|request| request.reason).collect();
    for reason in reasons {
        let too_old: Option<i64> = Entity::find()
            .filter(Column::Reason.eq(reason))
            .order_by_desc(Column::Id)
            .offset(KEPT as u64)
            .limit(1)
            .select_only()
            .column(Column::Id)
            .into_tuple()
            .one(&txn)
            .await?;
        if let Some(too_old) = too_old {
            Entity::delete_many()
                .filter(Column::Reason.eq(reason))
                .filter(Column::Id.lte(too_old))
                .exec(&txn)
                .await?;
        }
    }
    txn.commit().await
}

/// Keeps other processes from writing here for the rest of the transaction: each sees what the last one has left, so the table
/// stays within its bounds, and none waits for a row of another's. Appending does not wait. On SQLite the transaction itself
/// is the lock.
async fn lock(txn: &DatabaseTransaction) -> Result<(), DbErr> {
    /// Any number will do that no one else uses in this database: these are the letters "hookrfsd".
    const REFUSED_LOCK: i64 = 0x686f_6f6b_7266_7364;
    if txn.get_database_backend() == DatabaseBackend::Postgres {
        let take = format!("SELECT pg_advisory_xact_lock({REFUSED_LOCK})");
        txn.execute_unprepared(&take).await?;
    }
    Ok(())
}

/// The rows that `select` selects from the table in `log`.
pub async fn read(log: &Log, select: Select<Entity>) -> Result<Vec<Model>, DbErr> {
    select.all(log.db()).await
}

/// How many rows `select` selects from the table in `log`.
pub async fn count(log: &Log, select: Select<Entity>) -> Result<u64, DbErr> {
    select.count(log.db()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(reason: Reason, nth: usize) -> RefusedRequest {
        RefusedRequest {
            received_at: 0,
            source: String::new(),
            status: 400,
            reason,
            detail: String::new(),
            message_id: None,
            size: Some(nth),
        }
    }

    fn of(waiting: &Waiting, reason: Reason) -> Vec<usize> {
        let same = waiting.0.iter().filter(|waiting| waiting.reason == reason);
        same.filter_map(|waiting| waiting.size).collect()
    }

    #[test]
    fn only_the_newest_of_a_reason_wait_and_no_reason_pushes_out_another() {
        let mut waiting = Waiting::default();
        waiting.push(request(Reason::Header, 0));
        for nth in 0..250 {
            waiting.push(request(Reason::NoSecretMatches, nth));
        }
        assert_eq!(of(&waiting, Reason::Header), [0]);
        let newest: Vec<usize> = (150..250).collect();
        assert_eq!(of(&waiting, Reason::NoSecretMatches), newest);
    }

    #[test]
    fn what_could_not_be_written_stands_ahead_of_what_came_since_and_gives_way_to_it() {
        let mut waiting = Waiting::default();
        let mut taken = Waiting::default();
        for nth in 0..KEPT {
            taken.push(request(Reason::Header, nth));
        }
        waiting.push(request(Reason::Header, KEPT));
        waiting.push(request(Reason::Unavailable, 0));
        waiting.put_back(taken);
        let newest: Vec<usize> = (1..=KEPT).collect();
        assert_eq!(of(&waiting, Reason::Header), newest);
        assert_eq!(of(&waiting, Reason::Unavailable), [0]);
    }

    #[test]
    fn a_strangers_text_is_cut_between_characters_and_has_no_nul() {
        assert_eq!(kept("salesmagic"), "salesmagic");
        assert_eq!(kept(&"m".repeat(257)), "m".repeat(256));
        assert_eq!(kept(&format!("m{}", "é".repeat(200))).len(), 255);
        assert_eq!(kept("a\0b"), "a\u{fffd}b");
        assert_eq!(kept(&"\0".repeat(1000)).len(), 255);
    }
}
