//! A room without an execution: what is put into it, and who gets it.

use std::task::Waker;

use async_graphql::Request;

use super::*;
use crate::{graphql::Viewer, http::live::Written};

fn room() -> Arc<Room> {
    let mut request = Request::new("subscription { s { n } }");
    let asked = Asked::of(&mut request, Viewer::everything());
    Room::new(Arc::new(asked), 0, Rooms::default())
}

fn item(position: i64) -> Item {
    let written = Written {
        json: position.to_string().into(),
        cursor: None,
    };
    Item {
        told: Told::Next(written),
        position,
        has_news: true,
        has_more: false,
        left: 0,
    }
}

fn seat(room: &Arc<Room>, position: i64) -> Member {
    let seat = Room::seat(room, position);
    seat.unwrap_or_else(|refused| panic!("no seat behind {position}: {refused:?}"))
}

/// Whether there was room for an item.
fn put(room: &Room, position: i64) -> bool {
    room.locked().put(item(position)).is_ok()
}

/// What a member takes at once. None: it waits.
fn take(member: &mut Member) -> Option<(Taken, Vec<String>)> {
    let mut told = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    match member.poll_take(&mut context, &mut told) {
        Poll::Pending => None,
        Poll::Ready(taken) => {
            let texts = told.iter().map(|told| match told {
                Told::Next(written) => written.json.to_string(),
                _ => "the end".to_owned(),
            });
            Some((taken, texts.collect()))
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what is compared is an option")]
fn some(positions: std::ops::RangeInclusive<i64>) -> Option<(Taken, Vec<String>)> {
    Some((
        Taken::Some,
        positions.map(|position| position.to_string()).collect(),
    ))
}

#[test]
fn a_newcomer_gets_what_it_has_not_seen() {
    let room = room();
    let mut first = seat(&room, 0);
    assert_eq!(take(&mut first), None);
    for position in 1..=3 {
        assert!(put(&room, position));
    }
    let mut second = seat(&room, 2);
    // It was further than the room.
    let mut third = seat(&room, 5);
    assert_eq!(take(&mut first), some(1..=3));
    assert_eq!(take(&mut second), some(3..=3));
    assert_eq!(take(&mut third), None);
    for position in 4..=6 {
        assert!(put(&room, position));
    }
    assert_eq!(take(&mut third), some(6..=6));
    assert_eq!(take(&mut second), some(4..=6));
}

#[test]
fn who_asks_for_what_is_gone_has_to_catch_up() {
    let room = room();
    let mut member = seat(&room, 0);
    for position in 1..=10 {
        assert!(put(&room, position));
    }
    assert_eq!(take(&mut member), some(1..=10));
    assert_eq!(take(&mut member), None);
    assert_eq!(Room::seat(&room, 3).err(), Some(Refused::Further));
    assert!(Room::seat(&room, 8).is_ok());
}

#[test]
fn a_room_rests_while_nobody_waits_and_leaves_behind_who_is_slow_when_somebody_does() {
    let room = room();
    let mut slow = seat(&room, 0);
    let mut quick = seat(&room, 0);
    let most = i64::try_from(MOST).expect("few");
    for position in 1..=most {
        assert!(put(&room, position));
    }
    assert!(!put(&room, most + 1), "both have something to take");
    while take(&mut quick).is_some() {}
    assert!(put(&room, most + 1), "one waits");
    assert_eq!(take(&mut quick), some(most + 1..=most + 1));
    assert_eq!(take(&mut slow), Some((Taken::Behind, Vec::new())));
    drop(slow);
    assert!(
        room.locked().items.len() <= KEPT,
        "nobody waits for the slow one's"
    );
}

#[test]
fn those_who_wait_are_woken_when_nothing_more_follows_at_once() {
    let room = room();
    let mut member = seat(&room, 0);
    assert_eq!(take(&mut member), None);
    let more = Item {
        has_more: true,
        ..item(1)
    };
    assert_eq!(
        room.locked().put(more).map_err(drop).expect("room").len(),
        0
    );
    assert_eq!(
        room.locked()
            .put(item(2))
            .map_err(drop)
            .expect("room")
            .len(),
        1
    );
    assert_eq!(take(&mut member), some(1..=2));
}
