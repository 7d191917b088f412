//! Which rooms there are: one for all that ask for the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_graphql::Executor;

use super::super::GraphqlEdge;
use super::asked::Asked;
use super::room::{Member, Refused, Room};

/// The rooms that have members. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::http) struct Rooms(Arc<Mutex<HashMap<Arc<Asked>, Weak<Room>>>>);

impl Rooms {
    /// Takes a seat among those that ask for the same, behind `position`. None: they are further.
    pub(super) fn join<E: Executor>(
        &self,
        edge: &GraphqlEdge<E>,
        asked: &Arc<Asked>,
        position: i64,
    ) -> Option<Member> {
        loop {
            let open = self.locked().get(asked).map(Weak::clone);
            let open = open.unwrap_or_default();
            // A room is never dropped under the lock, which its end takes.
            match open.upgrade().map(|room| Room::seat(&room, position)) {
                Some(Ok(member)) => return Some(member),
                Some(Err(Refused::Further)) => return None,
                Some(Err(Refused::Closed)) | None => {}
            }
            let room = Room::new(Arc::clone(asked), position, self.clone());
            let mut rooms = self.locked();
            let now = rooms.get(asked);
            let is_replaced = now.is_some_and(|now| !now.ptr_eq(&open) && now.strong_count() > 0);
            if !is_replaced {
                rooms.insert(Arc::clone(asked), Arc::downgrade(&room));
                drop(rooms);
                let member = Room::seat(&room, position).ok();
                Room::open(&room, edge, position);
                return member;
            }
        }
    }

    /// Forgets the room of `asked`, unless another has taken its place.
    pub(super) fn closed(&self, asked: &Arc<Asked>) {
        let mut rooms = self.locked();
        if rooms
            .get(asked)
            .is_some_and(|room| room.strong_count() == 0)
        {
            rooms.remove(asked);
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Arc<Asked>, Weak<Room>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
