//! Reading a request's body: within its own bounds, and within the [`Room`] that all bodies share.
//!
//! A body is unproven until it has been read, so strangers may fill the room. Invariant: what is kept of bodies that are being
//! read is never more than the room, whoever sends it. When it is full, the body that has been arriving for the longest time gives way
//! to the newest bytes. A signed sender needs a moment, so it is not the one to go, unless more than the whole room arrives
//! within that moment: then it is told to send again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use tokio_util::sync::CancellationToken;

/// The default of a [`Room`]: 32 MiB.
const ROOM: usize = 32 << 20;

/// How many bytes are reserved at a time: as many as there are already, within these bounds.
const SMALLEST: usize = 4 << 10;
const BLOCK: usize = 64 << 10;

/// The memory for all bodies that are being read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Room(Arc<Mutex<Places>>);

#[derive(Debug)]
struct Places {
    most: usize,
    taken: usize,
    next: u64,
    /// In the order in which they came.
    of: BTreeMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    bytes: usize,
    gives_way: CancellationToken,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Places {
            most,
            taken: 0,
            next: 0,
            of: BTreeMap::new(),
        })))
    }

    fn enter(&self) -> Share {
        let gives_way = CancellationToken::new();
        let number = self.locked(|places| places.enter(gives_way.clone()));
        Share {
            room: self.clone(),
            number,
            gives_way,
        }
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Places) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new(ROOM)
    }
}

impl Places {
    fn enter(&mut self, gives_way: CancellationToken) -> u64 {
        let number = self.next;
        self.next += 1;
        self.of.insert(
            number,
            Place {
                bytes: 0,
                gives_way,
            },
        );
        number
    }

    /// Lets `number` have `bytes` in all, for which the oldest give way. False when that is itself, or when it has given way already.
    fn grow(&mut self, number: u64, bytes: usize) -> bool {
        while let Some(place) = self.of.get_mut(&number) {
            let taken = self.taken - place.bytes + bytes;
            if taken <= self.most {
                self.taken = taken;
                place.bytes = bytes;
                return true;
            }
            if let Some((_, oldest)) = self.of.pop_first() {
                self.taken -= oldest.bytes;
                oldest.gives_way.cancel();
            }
        }
        false
    }

    fn leave(&mut self, number: u64) {
        if let Some(place) = self.of.remove(&number) {
            self.taken -= place.bytes;
        }
    }
}

/// A body's part of the room, given back when it is dropped.
#[derive(Debug)]
struct Share {
    room: Room,
    number: u64,
    gives_way: CancellationToken,
}

impl Share {
    fn grow(&self, bytes: usize) -> bool {
        self.room.locked(|places| places.grow(self.number, bytes))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.locked(|places| places.leave(self.number));
    }
}

/// The bytes of a body, and the room that they take. In blocks, of which the next body can use those that this one gives back: one
/// piece that grows leaves holes of all sizes behind.
#[derive(Debug)]
pub(crate) struct Kept {
    blocks: Vec<Vec<u8>>,
    length: usize,
    share: Share,
}

impl Kept {
    fn new(room: &Room) -> Self {
        Self {
            blocks: Vec::new(),
            length: 0,
            share: room.enter(),
        }
    }

    /// Adds `data` to a body of at most `most` bytes. False when there is no room.
    fn push(&mut self, mut data: &[u8], most: usize) -> bool {
        while !data.is_empty() {
            let room = self.blocks.last().map_or(0, |b| b.capacity() - b.len());
            if room == 0 {
                let expected = most.saturating_sub(self.length).max(data.len());
                let block = self.length.clamp(SMALLEST, BLOCK).min(expected);
                // All blocks are full, so this is what they take together.
                if !self.share.grow(self.length + block) {
                    return false;
                }
                self.blocks.push(Vec::with_capacity(block));
                continue;
            }
            let (now, later) = data.split_at(room.min(data.len()));
            if let Some(block) = self.blocks.last_mut() {
                block.extend_from_slice(now);
            }
            self.length += now.len();
            data = later;
        }
        true
    }

    /// The bytes in one piece. They give the room back, so who takes them proves them before anything else, or drops them.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.blocks.concat()
    }
}

/// The bounds of a body.
#[derive(Debug)]
pub(crate) struct Bounds<'r> {
    /// How long it may be, in bytes.
    pub limit: usize,
    /// How long it may take to arrive.
    pub within: Duration,
    /// Where it is kept meanwhile; without, it is only passed over.
    pub room: Option<&'r Room>,
}

/// A body that has arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// Its length in bytes.
    pub size: usize,
    /// Its bytes, unless it was only passed over or had to give way.
    pub kept: Option<Kept>,
}

/// Why a body has not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is longer than so many bytes.
    TooLarge(usize),
    TooSlow,
    CutOff,
}

/// Reads a body to its end, kept or not: who is answered before it has sent everything may see a broken connection instead.
/// `declared` is its length, if the request told it.
pub(crate) async fn read(
    body: Body,
    declared: Option<u64>,
    bounds: &Bounds<'_>,
) -> Result<Arrived, Fault> {
    let limit = bounds.limit;
    let most = declared.map_or(Some(limit), |declared| usize::try_from(declared).ok());
    let most = most.filter(|&most| most <= limit);
    let most = most.ok_or(Fault::TooLarge(limit))?;
    let reading = read_all(body, most, limit, bounds.room);
    let read = tokio::time::timeout(bounds.within, reading).await;
    read.unwrap_or(Err(Fault::TooSlow))
}

async fn read_all(
    mut body: Body,
    most: usize,
    limit: usize,
    room: Option<&Room>,
) -> Result<Arrived, Fault> {
    let mut size = 0;
    let mut kept = room.map(Kept::new);
    loop {
        let next = match &kept {
            Some(Kept { share, .. }) => {
                let arrived = share.gives_way.run_until_cancelled(next(&mut body)).await;
                let Some(next) = arrived else {
                    // A body that has stopped arriving gives its room back all the same.
                    kept = None;
                    continue;
                };
                next?
            }
            None => next(&mut body).await?,
        };
        let Some(data) = next else {
            return Ok(Arrived { size, kept });
        };
        size += data.len();
        if size > limit {
            return Err(Fault::TooLarge(limit));
        }
        if kept.as_mut().is_some_and(|kept| !kept.push(&data, most)) {
            kept = None;
        }
    }
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, Fault> {
    match body.frame().await {
        // Trailers are no part of what was signed.
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(_)) => Err(Fault::CutOff),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(room: &Room) -> usize {
        room.locked(|places| places.taken)
    }

    #[test]
    fn the_oldest_give_way_to_the_newest_bytes_and_only_as_many_as_it_takes() {
        let room = Room::new(10);
        let shares = [(); 3].map(|()| room.enter());
        for share in &shares {
            assert!(share.grow(3));
        }
        let newest = room.enter();
        assert!(newest.grow(1));
        assert!(newest.grow(5));
        let gone = shares
            .each_ref()
            .map(|share| share.gives_way.is_cancelled());
        assert_eq!(gone, [true, true, false]);
        assert_eq!(taken(&room), 8);
        assert!(!shares[0].grow(4), "who has given way is out");
        assert!(!shares[2].grow(6), "the oldest gives way to itself");
        assert!(newest.grow(10));
        drop(shares);
        assert_eq!(taken(&room), 10);
        drop(newest);
        assert_eq!(taken(&room), 0);
    }

    #[tokio::test]
    async fn a_body_is_read_whole_with_no_more_room_than_it_declares() {
        let room = Room::new(10_000);
        let bounds = Bounds {
            limit: 20_000,
            within: Duration::from_secs(10),
            room: Some(&room),
        };
        let arrived = read(Body::from(vec![7; 10_000]), Some(10_000), &bounds).await;
        let arrived = arrived.unwrap();
        assert_eq!((arrived.size, taken(&room)), (10_000, 10_000));
        assert_eq!(arrived.kept.unwrap().into_bytes(), vec![7; 10_000]);
        assert_eq!(taken(&room), 0);
        let too_much = read(Body::from(vec![7; 10_001]), None, &bounds)
            .await
            .unwrap();
        assert_eq!(too_much.size, 10_001);
        assert!(too_much.kept.is_none());
    }
}
