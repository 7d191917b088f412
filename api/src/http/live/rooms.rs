//! Which rooms there are: one for all that ask for the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use async_graphql::Executor;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use super::super::GraphqlEdge;
use super::asked::Asked;
use super::room::{Member, Refused, Room};

/// What a query at the greatest depth takes, as on the threads of the server.
const STACK: usize = 8 << 20;

/// The rooms that have members. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::http) struct Rooms(Arc<Building>);

#[derive(Default)]
struct Building {
    rooms: Mutex<HashMap<Arc<Asked>, Weak<Room>>>,
    stage: OnceLock<Option<Stage>>,
}

/// Where the executions run: a thread of their own. Each waits for the database several times an item, and elsewhere would every time
/// come behind the thousands whom the item before has woken.
struct Stage(Option<Runtime>);

impl Stage {
    fn build() -> Option<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("feed")
            .thread_stack_size(STACK)
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => Some(Self(Some(runtime))),
            Err(error) => {
                tracing::warn!(%error, "subscriptions have no thread of their own");
                None
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

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

    /// Runs an execution.
    pub(super) fn spawn(
        &self,
        execution: impl Future<Output = ()> + Send + 'static,
    ) -> AbortHandle {
        let stage = self.0.stage.get_or_init(Stage::build);
        let runtime = stage.as_ref().and_then(|stage| stage.0.as_ref());
        let task = match runtime {
            Some(runtime) => runtime.spawn(execution),
            None => tokio::spawn(execution),
        };
        task.abort_handle()
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
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
