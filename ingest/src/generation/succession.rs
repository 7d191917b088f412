//! The projector's side: which generation serves, which one is to follow it, and which are to go.
//!
//! Any number of processes look at the same generations, of this version or of others, and agree without a word:
//! - The live one is the newest that is ready and has this program's tables.
//! - A program that finds an older version live builds its own beside it. One that finds a newer version live rests, unless
//!   nobody keeps that one up: then it builds its own (an upgrade that was taken back).
//! - A program keeps up what another version has built only while it builds its own and nobody else does. What it keeps up is
//!   marked as built by several, so that every version replaces it.
//! - One that turns out to be damaged counts for nothing, and is built anew.
//! - An unfinished one of this version is built on, whoever began it.
//! - What is older than the live one was replaced, and goes after a while.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::DbErr;

use super::{Generation, MIXED, State, Version, all, is_garbage};
use crate::database::Location;
use crate::feed::POLL;
use crate::log::Position;

/// How long a generation that was replaced stays, so that every process has moved on before it goes.
const GRACE: Duration = Duration::from_secs(30);

/// The same for one with other tables than this program's: servers of its version still read it, until they are replaced too.
const GRACE_OF_OTHER_TABLES: Duration = Duration::from_mins(10);

/// When to try again to remove one that somebody reads: an export, a backup of the whole database.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How long an older version's generation may stand still behind the log before a newer program keeps it up, by its own rules, while
/// it builds its own.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(3);

/// How long a newer version's generation may stand still behind the log before nobody seems to keep it up.
const ABANDONED_AFTER: Duration = Duration::from_secs(10);

/// The generation that serves, the one that is being built, and those that wait to be removed.
#[derive(Debug)]
pub struct Generations {
    location: Location,
    version: Version,
    live: Arc<Generation>,
    next: Option<Arc<Generation>>,
    /// Whether this process began the next one, or found it at its start.
    began_next: bool,
    /// All that can be read, by their numbers.
    known: BTreeMap<i64, Arc<Generation>>,
    /// With how long each may stay.
    retired: BTreeMap<i64, (Instant, Duration)>,
    /// Those that were found damaged.
    condemned: BTreeSet<i64>,
    /// Whether no other process projects at the same location.
    alone: bool,
    looked: Option<Instant>,
    /// Since when the live one stands where it is, behind the log.
    standing: Option<(Position, Instant)>,
}

impl Generations {
    /// Finds the live generation, or makes the first one, and the next one if `version` demands one.
    ///
    /// On SQLite the caller must be the folder's only server: what is no readable generation, or has other tables, is removed.
    /// It can be built again from the log.
    pub async fn open(location: Location, version: Version) -> Result<Self, DbErr> {
        let mut generations = Self::join(location, version).await?;
        generations.alone = matches!(generations.location, Location::Sqlite(_));
        if generations.alone {
            generations.location.remove_drafts();
            for number in generations.location.generations().await? {
                let next = generations.next.as_ref().map(|next| next.number);
                if number != generations.live.number && Some(number) != next {
                    generations.remove(number).await?;
                }
            }
        }
        let has_other_rules = generations.live.version() != version;
        if generations.must_replace_live() || (generations.alone && has_other_rules) {
            generations.begin_next().await?;
        }
        generations.began_next = true;
        Ok(generations)
    }

    /// As [`Self::open`], beside servers that may be running: removes nothing, and begins nothing but a first one.
    pub async fn join(location: Location, version: Version) -> Result<Self, DbErr> {
        let numbers = location.generations().await?;
        let known = all(&location).await?.into_iter();
        let known: BTreeMap<i64, Found> =
            known.map(|found| (found.0.number, found.into())).collect();
        let newest = numbers.last().copied().unwrap_or(0);
        let has_tables = |found: &&Found| found.generation.version().tables == version.tables;
        let ready = known.values().rev().filter(|found| found.state.ready);
        let live = if let Some(found) = ready.into_iter().find(has_tables) {
            Arc::clone(&found.generation)
        } else {
            // With nothing older to read from, the one that is being built serves what it has.
            let mut unfinished = known.values().rev();
            let unfinished = unfinished.find(|found| found.generation.version() == version);
            let first = match unfinished {
                Some(found) => Arc::clone(&found.generation),
                None => create(&location, newest + 1, version).await?.generation,
            };
            first.mark_ready().await?;
            first
        };
        let mut generations = Self {
            location,
            version,
            known: BTreeMap::from([(live.number, Arc::clone(&live))]),
            live,
            next: None,
            began_next: false,
            retired: BTreeMap::new(),
            condemned: BTreeSet::new(),
            alone: false,
            looked: Some(Instant::now()),
            standing: None,
        };
        generations.take_in(known);
        generations.retire(&numbers);
        Ok(generations)
    }

    /// The one that serves.
    pub fn live(&self) -> &Arc<Generation> {
        &self.live
    }

    /// The one that is being built.
    pub fn next(&self) -> Option<&Arc<Generation>> {
        self.next.as_ref()
    }

    /// Whether this process is to build the next one, rather than to watch another build it.
    pub(crate) fn began_next(&self) -> bool {
        self.began_next
    }

    /// By what this program builds.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Whether this program is to keep the live one up: it is of its version; or it is being replaced by one that is, and nobody
    /// else seems to keep it up until then.
    pub(crate) fn keeps_live(&self) -> bool {
        let standing = self.standing.map(|(_, since)| since.elapsed());
        let is_left_alone = self.alone
            || self.live.version().rules == MIXED
            || standing.is_some_and(|standing| standing >= LEFT_BEHIND_AFTER);
        self.is_live_there()
            && (self.live.version() == self.version || self.next.is_some() && is_left_alone)
    }

    /// This generation was found damaged. If it is still there, another is built in its place.
    pub(crate) fn condemn(&mut self, number: i64) {
        self.condemned.insert(number);
        self.looked = None;
    }

    /// Begins a generation beside the live one, even if that is of the same version, unless one is begun already.
    pub async fn begin_next(&mut self) -> Result<&Arc<Generation>, DbErr> {
        let next = if let Some(next) = self.next.take() {
            next
        } else {
            self.began_next = true;
            self.create_next().await?
        };
        Ok(self.next.insert(next))
    }

    async fn create_next(&mut self) -> Result<Arc<Generation>, DbErr> {
        loop {
            let newest = self.location.generations().await?.last().copied();
            let number = newest.unwrap_or(0).max(self.live.number) + 1;
            let Found { generation, state } = create(&self.location, number, self.version).await?;
            self.known.insert(number, Arc::clone(&generation));
            // Another process may have made one by this number meanwhile, of its own version.
            if generation.version() == self.version && !state.ready {
                tracing::info!(
                    generation = number,
                    beside = self.live.number,
                    "a generation of the read model is being built"
                );
                return Ok(generation);
            }
        }
    }

    /// Looks, now and then, at what other processes have made, switched or removed. `head` is the newest position of the log.
    /// True when another generation is live than before.
    pub(crate) async fn look(&mut self, head: Position) -> Result<bool, DbErr> {
        if self.looked.is_some_and(|at| at.elapsed() < POLL) {
            return Ok(false);
        }
        // After a time in which nothing could be seen, nothing can be said of how long anything stood still.
        if self.looked.is_none_or(|at| at.elapsed() > 3 * POLL) {
            self.standing = None;
        }
        let numbers = self.location.generations().await?;
        let was_there = self.is_live_there();
        self.condemned.retain(|number| numbers.contains(number));
        let sound = |number: &i64| numbers.contains(number) && !self.condemned.contains(number);
        self.known.retain(|number, _| sound(number));
        if was_there && !self.is_live_there() {
            tracing::warn!(
                generation = self.live.number,
                damaged = self.condemned.contains(&self.live.number),
                "the generation of the read model that served is gone; unless a newer version has replaced it, it is built again from the log"
            );
        }
        let mut found = BTreeMap::new();
        let newer = |number: &&i64| **number > self.live.number && sound(number);
        for &number in numbers.iter().filter(newer) {
            let looked_at = match self.known.get(&number) {
                Some(known) => Found::again(known).await,
                None => Found::open(&self.location, number).await,
            };
            match looked_at {
                Ok(looked_at) => {
                    found.insert(number, looked_at);
                }
                Err(error) if is_garbage(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let before = self.live.number;
        self.take_in(found);
        self.retire(&numbers);
        self.watch_live(head).await?;
        if self.must_replace_live() || self.is_abandoned() {
            self.begin_next().await?;
        }
        self.looked = Some(Instant::now());
        Ok(self.live.number != before)
    }

    /// Sorts what was found.
    fn take_in(&mut self, found: BTreeMap<i64, Found>) {
        if self
            .next
            .as_ref()
            .is_some_and(|next| !self.known.contains_key(&next.number))
        {
            self.next = None;
        }
        for (number, Found { generation, state }) in found {
            self.known.insert(number, Arc::clone(&generation));
            if number <= self.live.number {
                continue;
            }
            if state.ready && generation.version().tables == self.version.tables {
                self.replace_live(generation);
            } else if !state.ready
                && generation.version() == self.version
                && self.live.version() <= self.version
                && self.next.is_none()
            {
                self.began_next = false;
                self.next = Some(generation);
            }
        }
    }

    /// What is older than the live one is to go after a while.
    fn retire(&mut self, numbers: &[i64]) {
        for &number in numbers.iter().filter(|number| **number < self.live.number) {
            let known = self.known.get(&number);
            let grace = match known.map(|known| known.version().tables) {
                Some(tables) if tables != self.version.tables => GRACE_OF_OTHER_TABLES,
                _ => GRACE,
            };
            self.retired
                .entry(number)
                .or_insert_with(|| (Instant::now(), grace));
        }
    }

    fn replace_live(&mut self, by: Arc<Generation>) {
        tracing::info!(
            generation = by.number,
            replaced = self.live.number,
            "a new generation of the read model serves"
        );
        if self
            .next
            .as_ref()
            .is_some_and(|next| next.number <= by.number)
        {
            self.next = None;
        }
        self.live = by;
        self.standing = None;
        if self.live.version() > self.version {
            self.next = None;
            tracing::warn!(
                "a newer version of Hookgraph makes the read model now: this server only projects again if nobody else does"
            );
        }
    }

    /// Makes the next generation, which has caught up with the log, the live one.
    pub async fn switch(&mut self) -> Result<(), DbErr> {
        let Some(next) = self.next.take() else {
            return Ok(());
        };
        next.mark_ready().await?;
        let replaced = self.live.number;
        self.replace_live(next);
        self.retire(&[replaced]);
        Ok(())
    }

    fn is_live_there(&self) -> bool {
        self.known.contains_key(&self.live.number)
    }

    /// Whether the live one is of an older version than this program, or has gone and left nothing in its place, or is damaged.
    fn must_replace_live(&self) -> bool {
        let last = self.known.keys().next_back();
        let gone = !self.is_live_there() && last.is_none_or(|last| *last < self.live.number);
        let damaged = self.condemned.contains(&self.live.number);
        self.next.is_none() && (self.live.version() < self.version || gone || damaged)
    }

    /// Sees by what the live one is kept up, and whether it moves.
    async fn watch_live(&mut self, head: Position) -> Result<(), DbErr> {
        if !self.is_live_there() {
            self.standing = None;
            return Ok(());
        }
        let position = match self.live.position().await {
            Err(error) if is_garbage(&error) => {
                self.condemn(self.live.number);
                return Ok(());
            }
            position => position?,
        };
        let stood = self.standing.filter(|(at, _)| *at == position);
        let now = (position, Instant::now());
        self.standing = (position < head).then(|| stood.unwrap_or(now));
        Ok(())
    }

    /// Whether a newer version's generation has stood still behind the log for so long that nobody seems to keep it up.
    fn is_abandoned(&self) -> bool {
        let standing = self.standing.map(|(_, since)| since.elapsed());
        self.live.version() > self.version
            && self.next.is_none()
            && standing.is_some_and(|standing| standing >= ABANDONED_AFTER)
    }

    /// Removes what was replaced long enough ago. What cannot be removed, since somebody still reads it, is tried again later.
    pub(crate) async fn remove_old(&mut self) {
        let due = |(since, grace): &(Instant, Duration)| since.elapsed() >= *grace;
        while let Some(number) = self
            .retired
            .iter()
            .find_map(|(number, retired)| due(retired).then_some(*number))
        {
            if let Err(error) = self.remove(number).await {
                tracing::debug!(generation = number, %error, "a replaced generation of the read model cannot be removed yet");
                self.retired.insert(number, (Instant::now(), AGAIN_AFTER));
            }
        }
    }

    async fn remove(&mut self, number: i64) -> Result<(), DbErr> {
        self.location.remove_generation(number).await?;
        self.known.remove(&number);
        self.retired.remove(&number);
        Ok(())
    }
}

/// A generation that is there.
#[derive(Debug)]
struct Found {
    generation: Arc<Generation>,
    state: State,
}

impl From<(Generation, State)> for Found {
    fn from((generation, state): (Generation, State)) -> Self {
        Self {
            generation: Arc::new(generation),
            state,
        }
    }
}

impl Found {
    async fn open(location: &Location, number: i64) -> Result<Self, DbErr> {
        Ok(Generation::open(location, number).await?.into())
    }

    async fn again(generation: &Arc<Generation>) -> Result<Self, DbErr> {
        Ok(Self {
            generation: Arc::clone(generation),
            state: generation.state().await?,
        })
    }
}

/// Makes a generation, or finds it if another process has made it first.
async fn create(location: &Location, number: i64, version: Version) -> Result<Found, DbErr> {
    Generation::create(location, number, version).await?;
    Found::open(location, number).await
}
