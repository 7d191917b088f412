//! The tokens of an installation, as a server knows them: what was found out about each, what is open with it, and how often it was used.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ingest::log::Log;
use ingest::token::{self, Token};
use lru::LruCache;
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;

/// For how long a look at the table is believed.
const BELIEVED: Duration = Duration::from_secs(2);

/// Ids of which is remembered what was found out, also that there is no such token.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// How long a database may take to answer before the next one is asked.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// The token with an id, and when it was asked for.
type Found = (Instant, Arc<Token>);

/// How often a token was used, and when last.
type Uses = (i64, i64);

pub(super) struct Tokens {
    /// Where uses are written down.
    writes: Log,
    /// Where tokens are looked up, the one with the newest state first.
    reads: Vec<Log>,
    /// Whether any token was ever made.
    are_any: AtomicBool,
    /// Cancelled when the first one is: what was opened before, without any, ends.
    first: CancellationToken,
    found: Mutex<LruCache<String, Found>>,
    /// Ids that are no token's, by themselves: whoever guesses makes nobody else's be forgotten.
    missed: Mutex<LruCache<String, Instant>>,
    /// The tokens with which something was opened since they were last looked after.
    open: Mutex<HashMap<String, CancellationToken>>,
    /// What was not written down yet.
    uses: Mutex<HashMap<String, Uses>>,
}

impl Tokens {
    pub(super) async fn open(writes: Log, reads: Vec<Log>) -> Result<Self, DbErr> {
        let are_any = token::are_any(&writes).await?;
        Ok(Self {
            writes,
            reads,
            are_any: AtomicBool::new(are_any),
            first: CancellationToken::new(),
            found: Mutex::new(LruCache::new(REMEMBERED)),
            missed: Mutex::new(LruCache::new(REMEMBERED)),
            open: Mutex::default(),
            uses: Mutex::default(),
        })
    }

    /// Whether any was ever made, as far as is known.
    pub(super) fn are_any(&self) -> bool {
        self.are_any.load(Ordering::Relaxed)
    }

    /// Cancelled when the first token was made.
    pub(super) fn first(&self) -> CancellationToken {
        self.first.clone()
    }

    /// The token with this id, as it was at most [`BELIEVED`] ago.
    pub(super) async fn find(&self, id: &str) -> Result<Option<Arc<Token>>, DbErr> {
        let known = lock(&self.found).get(id).cloned();
        if let Some((_, found)) = known.filter(|(asked, _)| asked.elapsed() < BELIEVED) {
            return Ok(Some(found));
        }
        let missed = lock(&self.missed).get(id).copied();
        if missed.is_some_and(|asked| asked.elapsed() < BELIEVED) {
            return Ok(None);
        }
        let asked = Instant::now();
        let found = self.look_up(&[id.to_owned()]).await?;
        let found = found.into_iter().next().map(Arc::new);
        Ok(self.remember(id, asked, found))
    }

    /// Whether a token with this id was found valid when it was looked up last.
    pub(super) fn knows(&self, id: &str, now: i64) -> bool {
        let known = lock(&self.found).peek(id).cloned();
        known.is_some_and(|(_, token)| token.is_valid(now))
    }

    /// Remembers what was found. A token that is known to be revoked stays so: a replica may not know it yet.
    fn remember(&self, id: &str, asked: Instant, found: Option<Arc<Token>>) -> Option<Arc<Token>> {
        let mut known = lock(&self.found);
        let before = known.get(id).map(|(_, before)| Arc::clone(before));
        let revoked = before.filter(|before| before.revoked_at.is_some());
        let found = revoked.or(found);
        if let Some(token) = &found {
            known.put(id.to_owned(), (asked, Arc::clone(token)));
        } else {
            known.pop(id);
            lock(&self.missed).put(id.to_owned(), asked);
        }
        found
    }

    /// Cancelled when the token with this id is no longer valid.
    pub(super) fn ends(&self, id: &str) -> CancellationToken {
        lock(&self.open).entry(id.to_owned()).or_default().clone()
    }

    pub(super) fn note_use(&self, id: &str, now: i64) {
        add(&mut lock(&self.uses), id.to_owned(), (1, now));
    }

    /// Ends what was opened with tokens that are no longer valid.
    pub(super) async fn look_after(&self, now: i64) -> Result<(), DbErr> {
        if !self.are_any() && token::are_any(&self.writes).await? {
            self.are_any.store(true, Ordering::Relaxed);
            self.first.cancel();
        }
        let ids: Vec<String> = lock(&self.open).keys().cloned().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let asked = Instant::now();
        let found = self.look_up(&ids).await?.into_iter();
        let found: HashMap<_, _> = found
            .map(|token| (token.id.clone(), Arc::new(token)))
            .collect();
        let valid: HashSet<&String> = ids
            .iter()
            .filter(|id| {
                let found = self.remember(id, asked, found.get(*id).cloned());
                found.is_some_and(|token| token.is_valid(now))
            })
            .collect();
        lock(&self.open).retain(|id, ends| {
            // What was opened meanwhile was looked up meanwhile.
            let stays = valid.contains(id) || !ids.contains(id);
            if !stays {
                ends.cancel();
            }
            stays
        });
        Ok(())
    }

    /// Writes down how often tokens were used. What cannot be written now is written later.
    pub(super) async fn write_uses(&self) -> Result<(), DbErr> {
        let mut uses = std::mem::take(&mut *lock(&self.uses)).into_iter();
        while let Some((id, (times, last))) = uses.next() {
            if let Err(error) = token::used(&self.writes, &id, times, last).await {
                let mut kept = lock(&self.uses);
                for (id, of_id) in std::iter::once((id, (times, last))).chain(uses) {
                    add(&mut kept, id, of_id);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    async fn look_up(&self, ids: &[String]) -> Result<Vec<Token>, DbErr> {
        let mut failed = DbErr::Custom("no database answers in time".to_owned());
        for log in &self.reads {
            match tokio::time::timeout(ANSWERS_WITHIN, token::find(log, ids)).await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) => failed = error,
                Err(_) => {}
            }
        }
        Err(failed)
    }
}

fn add(uses: &mut HashMap<String, Uses>, id: String, (times, last): Uses) {
    let of_id = uses.entry(id).or_insert((0, last));
    of_id.0 += times;
    of_id.1 = last.max(of_id.1);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
