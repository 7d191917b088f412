//! Appending by group commit: webhooks that wait together commit together.
//!
//! A caller's [`Appender::append`] returns after the commit that holds its event, or with [`Unavailable`], and then the
//! event may or may not be stored: the sender repeats it, and the message id makes the repeat harmless.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use entity::log::event;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter, QuerySelect,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Log, Position, head};
use crate::database;
use crate::feed::Feed;

/// A verified webhook on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Which endpoint received it.
    pub source: String,
    /// Svix's message id.
    pub message_id: String,
    /// When it was received, in microseconds since 1970.
    pub received_at: i64,
    /// The `type` parameter of the URL.
    pub type_hint: Option<String>,
    /// The three signature headers as a JSON object.
    pub headers: String,
    /// Fingerprint of the secret that matched.
    pub secret_id: String,
    /// The exact bytes.
    pub body: Vec<u8>,
}

/// Where a webhook stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its position.
    pub position: Position,
    /// Whether it stood there before: the same source and message id had been stored.
    pub repeated: bool,
}

/// The event cannot be stored now: the queue is full, the database is away, or the server is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// More webhooks wait than may.
    #[error("too many webhooks wait to be stored")]
    QueueFull,
    /// The transaction failed.
    #[error("the log's database cannot store events now")]
    Database,
    /// The writer has stopped.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// Bounds on what may wait, and on what commits together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Webhooks that may wait.
    pub queued: usize,
    /// Bytes of bodies that may wait.
    pub queued_bytes: usize,
    /// Webhooks in one transaction.
    pub group: usize,
    /// Bytes of bodies in one transaction, passed by at most one webhook.
    pub group_bytes: usize,
    /// How long one transaction may take before its webhooks are answered that it failed.
    pub commit_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queued: 1024,
            queued_bytes: 64 << 20,
            group: 128,
            group_bytes: 8 << 20,
            commit_timeout: Duration::from_secs(10),
        }
    }
}

struct Waiting {
    arrival: Arrival,
    answer: oneshot::Sender<Result<Appended, Unavailable>>,
    /// The bytes that it takes of the queue, given back when it is answered.
    room: OwnedSemaphorePermit,
}

/// The door to the log's only writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Appender {
    queue: mpsc::Sender<Waiting>,
    bytes: Arc<Semaphore>,
}

impl Appender {
    /// Starts the writer. It ends, after committing all that waits, when the last `Appender` is dropped.
    pub fn start(log: Log, feed: Feed, limits: Limits) -> (Self, JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(limits.queued);
        let bytes = Arc::new(Semaphore::new(limits.queued_bytes));
        let writer = tokio::spawn(write(log, feed, limits, waiting));
        (Self { queue, bytes }, writer)
    }

    /// Stores `arrival`, or finds that it is stored already. Returns after the commit.
    pub async fn append(&self, arrival: Arrival) -> Result<Appended, Unavailable> {
        let size = u32::try_from(arrival.body.len()).map_err(|_| Unavailable::QueueFull)?;
        let room = Arc::clone(&self.bytes)
            .try_acquire_many_owned(size)
            .map_err(|_| Unavailable::QueueFull)?;
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting {
                arrival,
                answer,
                room,
            })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Unavailable::QueueFull,
                mpsc::error::TrySendError::Closed(_) => Unavailable::ShuttingDown,
            })?;
        answered.await.unwrap_or(Err(Unavailable::ShuttingDown))
    }
}

/// How long no commit may have failed before the log counts as well again. On a disk that is nearly full small groups go through
/// between larger ones that do not: that is one failure, told once.
const CALM: Duration = Duration::from_secs(1);

async fn write(log: Log, feed: Feed, limits: Limits, mut waiting: mpsc::Receiver<Waiting>) {
    let mut failed_at: Option<Instant> = None;
    while let Some(first) = waiting.recv().await {
        let mut bytes = first.arrival.body.len();
        let mut group = vec![first];
        // Only what waits already: under load the previous commit gathered it, and an idle server answers at once.
        while group.len() < limits.group && bytes < limits.group_bytes {
            let Ok(next) = waiting.try_recv() else { break };
            bytes += next.arrival.body.len();
            group.push(next);
        }
        let (arrivals, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|waiting| (waiting.arrival, (waiting.answer, waiting.room)))
            .unzip();
        let begun = Instant::now();
        let committed = tokio::time::timeout(limits.commit_timeout, commit(&log, arrivals)).await;
        metrics::histogram!("hookgraph_append_seconds").record(begun.elapsed().as_secs_f64());
        let committed = match committed {
            Ok(Ok(appended)) => {
                if failed_at.is_some_and(|at| at.elapsed() >= CALM) {
                    tracing::info!("the log stores events again");
                    failed_at = None;
                }
                Ok(appended)
            }
            failed => {
                // One line when it begins, not one a webhook.
                if failed_at.is_none() {
                    let cause = match failed {
                        Ok(Err(error)) => error.to_string(),
                        _ => "the commit took too long".to_owned(),
                    };
                    tracing::error!(%cause, "the log cannot store events; what waits is refused until it can");
                }
                failed_at = Some(Instant::now());
                Err(Unavailable::Database)
            }
        };
        if let Ok(appended) = &committed {
            feed.appended();
            let repeated = appended.iter().filter(|appended| appended.repeated).count() as u64;
            metrics::counter!("hookgraph_repeated_webhooks_total").increment(repeated);
            metrics::counter!("hookgraph_appended_events_total")
                .increment(appended.len() as u64 - repeated);
        }
        for (at, (answer, room)) in answers.into_iter().enumerate() {
            drop(room);
            // A sender that has hung up does not need its answer.
            let _ = answer.send(match &committed {
                Ok(appended) => Ok(appended[at]),
                Err(unavailable) => Err(*unavailable),
            });
        }
    }
}

/// Takes the append lock for the rest of the transaction. On SQLite the transaction itself is the lock.
///
/// It is a statement of its own: the head is read by the next one, which sees what the previous holder has committed.
async fn lock(txn: &DatabaseTransaction) -> Result<(), DbErr> {
    /// Any number will do that no one else uses in this database: these are the letters "hookappd".
    const APPEND_LOCK: i64 = 0x686f_6f6b_6170_7064;
    if txn.get_database_backend() == DatabaseBackend::Postgres {
        let take = format!("SELECT pg_advisory_xact_lock({APPEND_LOCK})");
        txn.execute_unprepared(&take).await?;
        // Whatever the database's default: what is acknowledged is on the disk.
        txn.execute_unprepared("SET LOCAL synchronous_commit = on")
            .await?;
    }
    Ok(())
}

/// Stores a group in one transaction and returns where each stands.
async fn commit(log: &Log, arrivals: Vec<Arrival>) -> Result<Vec<Appended>, DbErr> {
    let txn = database::begin_write(&log.db).await?;
    lock(&txn).await?;
    let mut known = stored(&txn, &arrivals).await?;
    let mut position = head(&txn).await?;
    let mut appended = Vec::with_capacity(arrivals.len());
    let mut rows = Vec::with_capacity(arrivals.len());
    for arrival in arrivals {
        let key = (arrival.source, arrival.message_id);
        if let Some(&position) = known.get(&key) {
            appended.push(Appended {
                position,
                repeated: true,
            });
            continue;
        }
        position += 1;
        appended.push(Appended {
            position,
            repeated: false,
        });
        rows.push(event::ActiveModel {
            position: Set(position),
            source: Set(key.0.clone()),
            message_id: Set(key.1.clone()),
            received_at: Set(arrival.received_at),
            type_hint: Set(arrival.type_hint),
            headers: Set(arrival.headers),
            secret_id: Set(arrival.secret_id),
            body: Set(arrival.body),
        });
        known.insert(key, position);
    }
    if !rows.is_empty() {
        event::Entity::insert_many(rows)
            .exec_without_returning(&txn)
            .await?;
    }
    txn.commit().await?;
    Ok(appended)
}

/// Which of `arrivals` are stored already, and where.
async fn stored(
    txn: &DatabaseTransaction,
    arrivals: &[Arrival],
) -> Result<HashMap<(String, String), Position>, DbErr> {
    let rows: Vec<(String, String, Position)> = event::Entity::find()
        .filter(event::Column::Source.is_in(arrivals.iter().map(|a| a.source.as_str())))
        .filter(event::Column::MessageId.is_in(arrivals.iter().map(|a| a.message_id.as_str())))
        .select_only()
        .columns([
            event::Column::Source,
            event::Column::MessageId,
            event::Column::Position,
        ])
        .into_tuple()
        .all(txn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(source, message_id, position)| ((source, message_id), position))
        .collect())
}
