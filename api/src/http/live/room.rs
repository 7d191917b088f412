//! A room: one execution for all who ask for the same, from where its first member stood on.
//!
//! Invariant: what a member has not taken is bounded, and nobody waits for a slow one. When the room is full, its execution rests as long
//! as every member has something to take; when one waits for news, the oldest item goes, and whoever has not taken it has fallen
//! behind and catches up by itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use async_graphql::Executor;
use tokio::{sync::Notify, task::AbortHandle};

use super::super::GraphqlEdge;
use super::{Execution, Told, asked::Asked, rooms::Rooms};
use crate::graphql::Leg;

/// Items that wait for a member at most.
const MOST: usize = 256;

/// Their bytes, unless it is a single one.
const MOST_BYTES: usize = 1 << 20;

/// Items that everybody has taken and that stay, for those who arrive in this moment.
const KEPT: usize = 4;

/// Items, and about how many bytes of them, that a member takes at once.
const AT_ONCE: usize = 16;
const BYTES_AT_ONCE: usize = 16 << 10;

/// Positions that an execution which rests may be behind a new member. Further back it would have to run after it for too long.
const NEAR: i64 = 256;

/// An execution and its members.
pub(super) struct Room {
    asked: Arc<Asked>,
    hall: Mutex<Hall>,
    /// The execution rests until this rings.
    may_go_on: Notify,
    execution: OnceLock<AbortHandle>,
    rooms: Rooms,
}

/// Why there is no seat.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// What the newcomer has not seen is gone.
    Further,
    /// It is over, or too far back.
    Closed,
}

struct Hall {
    items: VecDeque<Item>,
    /// The number of the oldest item that is there.
    first: u64,
    bytes: usize,
    /// What is gone ended here.
    gone: i64,
    leg: Option<Arc<Leg>>,
    is_over: bool,
    seats: HashMap<u64, Seat>,
    seated: u64,
    /// How many members wait for news.
    waiting: usize,
    /// Items of which those who wait have not been told: more follow at once.
    unsaid: usize,
    /// Whether the execution waits for room.
    is_resting: bool,
}

struct Item {
    told: Told,
    position: i64,
    has_news: bool,
    /// Whether another one follows at once.
    has_more: bool,
    /// How many members have not taken it.
    left: usize,
}

struct Seat {
    /// The number of the item that is taken next.
    next: u64,
    /// Behind the last item that was taken.
    position: i64,
    waker: Option<Waker>,
}

impl Item {
    fn bytes(&self) -> usize {
        match &self.told {
            Told::Next(written) => written.json.len(),
            _ => 0,
        }
    }

    /// Whether it is new to who has seen everything up to `position`.
    fn is_behind(&self, position: i64) -> bool {
        self.position > position || self.position == position && !self.has_news
    }
}

impl Room {
    /// A room whose execution begins behind `position`.
    pub(super) fn new(asked: Arc<Asked>, position: i64, rooms: Rooms) -> Arc<Self> {
        let hall = Hall {
            items: VecDeque::new(),
            first: 0,
            bytes: 0,
            gone: position,
            leg: None,
            is_over: false,
            seats: HashMap::new(),
            seated: 0,
            waiting: 0,
            unsaid: 0,
            is_resting: false,
        };
        Arc::new(Self {
            asked,
            hall: Mutex::new(hall),
            may_go_on: Notify::new(),
            execution: OnceLock::new(),
            rooms,
        })
    }

    /// Starts the execution. It ends with the room, which ends with its last member.
    pub(super) fn open<E: Executor>(room: &Arc<Self>, edge: &GraphqlEdge<E>, position: i64) {
        let request = room.asked.again(edge);
        let leg = Leg::endless(position);
        let mut execution = Execution::start(edge, &room.asked, request, leg);
        room.locked().leg = Some(Arc::clone(&execution.leg));
        let audience = Arc::downgrade(room);
        let task = room.rooms.spawn(async move {
            loop {
                let told = execution.next().await.unwrap_or(Told::Complete);
                let goes_on = told.goes_on();
                let item = Item {
                    told,
                    position: execution.leg.position(),
                    has_news: execution.leg.has_news(),
                    has_more: goes_on && execution.leg.has_more(),
                    left: 0,
                };
                let Some(room) = audience.upgrade() else {
                    return;
                };
                room.tell(item).await;
                if !goes_on {
                    return;
                }
            }
        });
        let _ = room.execution.set(task);
    }

    /// Takes a seat for somebody who has seen everything up to `position`.
    pub(super) fn seat(room: &Arc<Self>, position: i64) -> Result<Member, Refused> {
        let mut hall = room.locked();
        let reached = hall.leg.as_ref().map_or(position, |leg| leg.position());
        if hall.is_over || hall.is_full() && reached + NEAR < position {
            return Err(Refused::Closed);
        }
        if position < hall.gone {
            return Err(Refused::Further);
        }
        let number = hall.seated;
        hall.seated += 1;
        let next = hall.first;
        for item in &mut hall.items {
            item.left += 1;
        }
        let seat = Seat {
            next,
            position,
            waker: None,
        };
        hall.seats.insert(number, seat);
        drop(hall);
        Ok(Member {
            room: Arc::clone(room),
            number,
        })
    }

    /// Tells everybody, once there is room.
    async fn tell(&self, item: Item) {
        let mut item = Some(item);
        while let Some(waiting) = item.take() {
            let put = self.locked().put(waiting);
            match put {
                Ok(wakers) => wakers.into_iter().for_each(Waker::wake),
                Err(refused) => {
                    item = Some(refused);
                    self.may_go_on.notified().await;
                }
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(execution) = self.execution.get() {
            execution.abort();
        }
        self.rooms.closed(&self.asked);
    }
}

impl Hall {
    fn is_full(&self) -> bool {
        self.items.len() >= MOST || self.bytes >= MOST_BYTES
    }

    /// Whether the execution need not rest: there is room, or somebody waits, or nobody is there.
    fn may_go_on(&self) -> bool {
        !self.is_full() || self.waiting > 0 || self.seats.is_empty()
    }

    /// Whether the execution has rested, and is to go on.
    fn awakens(&mut self) -> bool {
        let awakens = self.is_resting && self.may_go_on();
        self.is_resting &= !awakens;
        awakens
    }

    /// Takes in an item, or gives it back while it is full; and whom to wake.
    fn put(&mut self, mut item: Item) -> Result<Vec<Waker>, Item> {
        while self.is_full() {
            if !self.may_go_on() {
                self.is_resting = true;
                return Err(item);
            }
            self.let_go();
        }
        item.left = self.seats.len();
        self.is_over = !item.told.goes_on();
        self.bytes += item.bytes();
        self.unsaid += 1;
        let has_more = item.has_more;
        self.items.push_back(item);
        if has_more && self.unsaid < AT_ONCE && !self.is_full() {
            return Ok(Vec::new());
        }
        self.unsaid = 0;
        self.waiting = 0;
        let seats = self.seats.values_mut();
        let wakers = seats.filter_map(|seat| seat.waker.take()).collect();
        self.tidy();
        Ok(wakers)
    }

    /// Lets go what everybody has taken.
    fn tidy(&mut self) {
        while self.items.len() > KEPT && self.items.front().is_some_and(|item| item.left == 0) {
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        if let Some(item) = self.items.pop_front() {
            self.first += 1;
            self.bytes -= item.bytes();
            self.gone = item.position;
        }
    }

    /// What the member at this seat has not taken.
    fn take(&mut self, number: u64, most: usize, told: &mut Vec<Told>) -> Taken {
        let Some(seat) = self.seats.get_mut(&number) else {
            return Taken::Over;
        };
        if seat.waker.take().is_some() {
            self.waiting -= 1;
        }
        let Some(skipped) = seat.next.checked_sub(self.first) else {
            return Taken::Behind;
        };
        let mut bytes = 0;
        // What was put is counted, and fits.
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        for item in self.items.iter_mut().skip(skipped) {
            if told.len() >= most || bytes >= BYTES_AT_ONCE {
                break;
            }
            seat.next += 1;
            item.left -= 1;
            if !item.told.goes_on() || item.is_behind(seat.position) {
                bytes += item.bytes();
                seat.position = item.position;
                told.push(item.told.clone());
            }
        }
        self.tidy();
        if told.is_empty() {
            Taken::Nothing
        } else {
            Taken::Some
        }
    }

    fn leave(&mut self, number: u64) {
        let Some(seat) = self.seats.remove(&number) else {
            return;
        };
        if seat.waker.is_some() {
            self.waiting -= 1;
        }
        let taken = seat.next.saturating_sub(self.first);
        let taken = usize::try_from(taken).unwrap_or(usize::MAX);
        for item in self.items.iter_mut().skip(taken) {
            item.left -= 1;
        }
        self.tidy();
    }
}

/// What became of the wish to take something.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) enum Taken {
    /// There was something.
    Some,
    /// There is nothing new.
    Nothing,
    /// What comes next is gone: the member has to catch up.
    Behind,
    /// It has left.
    Over,
}

/// Somebody with a seat. It takes what it has time for.
pub(in crate::http) struct Member {
    room: Arc<Room>,
    number: u64,
}

impl Member {
    /// Adds to `told` what is new, or waits for it.
    pub(in crate::http) fn poll_take(
        &mut self,
        context: &mut Context<'_>,
        told: &mut Vec<Told>,
    ) -> Poll<Taken> {
        let mut hall = self.room.locked();
        let taken = hall.take(self.number, AT_ONCE, told);
        if taken == Taken::Nothing {
            if let Some(seat) = hall.seats.get_mut(&self.number) {
                seat.waker = Some(context.waker().clone());
            }
            hall.waiting += 1;
        }
        let awakens = hall.awakens();
        drop(hall);
        if awakens {
            self.room.may_go_on.notify_one();
        }
        match taken {
            Taken::Nothing => Poll::Pending,
            taken => Poll::Ready(taken),
        }
    }

    /// Takes what is new.
    pub(in crate::http) async fn take(&mut self, told: &mut Vec<Told>) -> Taken {
        std::future::poll_fn(|context| self.poll_take(context, told)).await
    }

    pub(super) fn asked(&self) -> Arc<Asked> {
        Arc::clone(&self.room.asked)
    }

    /// Everything up to here was taken.
    pub(super) fn position(&self) -> i64 {
        let hall = self.room.locked();
        hall.seats.get(&self.number).map_or(0, |seat| seat.position)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut hall = self.room.locked();
        hall.leave(self.number);
        let awakens = hall.awakens();
        drop(hall);
        if awakens {
            self.room.may_go_on.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
