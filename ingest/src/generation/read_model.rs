//! The readers' side: the newest generation that is ready, and how far the one is that is being built.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use sea_orm::DbErr;

use super::{Generation, State, Version, is_garbage};
use crate::database::Location;
use crate::log::Position;
use crate::pace::Pace;

/// The newest generation that is ready.
#[derive(Debug)]
pub struct ReadModel {
    location: Location,
    live: ArcSwap<Generation>,
    newer: Mutex<BTreeMap<i64, Newer>>,
}

/// A generation that may come to serve.
#[derive(Clone, Debug)]
struct Newer {
    generation: Arc<Generation>,
    state: State,
    pace: Pace,
}

/// How far a generation is that is being built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Building {
    /// Which generation.
    pub number: i64,
    /// Every event up to this position is in it.
    pub position: Position,
    /// Events a second, lately.
    pub per_second: Option<f64>,
    /// How long it will take at this pace.
    pub time_left: Option<Duration>,
}

impl ReadModel {
    /// Opens the live generation at `location`: the database that answers queries, which may be a replica.
    ///
    /// # Errors
    /// The database is away, or has no generation yet with the tables that this program reads.
    pub async fn open(location: Location) -> Result<Self, DbErr> {
        let mut newer = newer(&location, 0, BTreeMap::new()).await?;
        let live = take_ready(&mut newer).ok_or_else(|| {
            DbErr::RecordNotFound(
                "a generation of the read model that this version can read".into(),
            )
        })?;
        Ok(Self {
            location,
            live: ArcSwap::new(live.generation),
            newer: Mutex::new(newer),
        })
    }

    /// The generation to read from. Hold it for one query or one item of a stream, not longer.
    pub fn live(&self) -> Arc<Generation> {
        self.live.load_full()
    }

    /// How far the generation is that will serve next, as it was seen last; none when none is being built. `head` is the log's.
    pub fn building(&self, head: Position) -> Option<Building> {
        let newer = self.newer.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, next) = newer.iter().next_back()?;
        Some(Building {
            number: *number,
            position: next.state.position,
            per_second: next.pace.per_second(),
            time_left: next.pace.time_left(head),
        })
    }

    /// Follows to a newer generation, if one is ready that has everything up to `position`: what was announced stays answered.
    pub async fn refresh(&self, position: Position) -> Result<(), DbErr> {
        let known = self.newer.lock().map(|newer| newer.clone());
        let known = known.unwrap_or_default();
        let mut newer = newer(&self.location, self.live().number, known).await?;
        let ready = newer.values().rev().find(|found| found.is_ready());
        if ready.is_some_and(|ready| ready.state.position >= position)
            && let Some(ready) = take_ready(&mut newer)
        {
            self.live.store(ready.generation);
        }
        *self.newer.lock().unwrap_or_else(PoisonError::into_inner) = newer;
        Ok(())
    }
}

impl Newer {
    fn is_ready(&self) -> bool {
        self.state.ready && self.generation.version().tables == Version::CURRENT.tables
    }
}

/// Takes out the newest that is ready, and whatever is older.
fn take_ready(found: &mut BTreeMap<i64, Newer>) -> Option<Newer> {
    let newest = found.values().rev().find(|found| found.is_ready())?.clone();
    found.retain(|number, _| *number > newest.generation.number);
    Some(newest)
}

/// The generations behind number `than`, those that are `known` already not opened again.
async fn newer(
    location: &Location,
    than: i64,
    mut known: BTreeMap<i64, Newer>,
) -> Result<BTreeMap<i64, Newer>, DbErr> {
    let mut found = BTreeMap::new();
    let numbers = location.generations().await?;
    for number in numbers.into_iter().filter(|number| *number > than) {
        match look(location, number, known.remove(&number)).await {
            Ok(newer) => {
                found.insert(number, newer);
            }
            // Being removed, or damaged.
            Err(error) if is_garbage(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

async fn look(location: &Location, number: i64, known: Option<Newer>) -> Result<Newer, DbErr> {
    if let Some(mut known) = known {
        known.state = known.generation.state().await?;
        known.pace.moved_to(known.state.position, Instant::now());
        return Ok(known);
    }
    let (generation, state) = Generation::open(location, number).await?;
    Ok(Newer {
        generation: Arc::new(generation),
        state,
        pace: Pace::starting_at(state.position, Instant::now()),
    })
}
