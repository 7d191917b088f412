//! The log: gap-free, each message once, and nothing that stands in it ever changes.

use std::collections::HashMap;

use ingest::log::append::Appended;
use ingest::log::{Arrival, Limits};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use sea_orm::{ConnectionTrait, Database, DatabaseBackend};
use tests::history::{Message, history};

use crate::check::check;
use crate::stores::Stores;

/// What one sender sends, one after the other: (source, message id).
type Sender = Vec<(u8, u8)>;

fn arrival(sender: usize, nth: usize, (source, id): (u8, u8)) -> Arrival {
    Arrival {
        source: format!("source-{source}"),
        message_id: format!("msg_{id}"),
        // Tells who was first.
        body: format!("{sender}/{nth}").into_bytes(),
        ..Message::new("").arrival(0)
    }
}

async fn each_message_stands_once((senders, limits): (Vec<Sender>, Limits)) -> TestCaseResult {
    let stores = Stores::open(limits).await;
    let mut tasks = Vec::new();
    for (sender, messages) in senders.iter().cloned().enumerate() {
        let appender = stores.appender.clone();
        tasks.push(tokio::spawn(async move {
            let mut answers: Vec<(Arrival, Appended)> = Vec::new();
            for (nth, message) in messages.into_iter().enumerate() {
                let arrival = arrival(sender, nth, message);
                let place = appender.append(arrival.clone()).await.unwrap();
                answers.push((arrival, place));
            }
            answers
        }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        let of_sender = task.await.unwrap();
        let new: Vec<i64> = of_sender
            .iter()
            .filter(|(_, appended)| !appended.repeated)
            .map(|(_, appended)| appended.position)
            .collect();
        prop_assert!(
            new.is_sorted(),
            "a sender's later message stands earlier: {new:?}"
        );
        answers.extend(of_sender);
    }

    let events = stores.log.read_after(0, 10_000, usize::MAX).await.unwrap();
    let positions: Vec<i64> = events.iter().map(|event| event.position).collect();
    let gap_free: Vec<i64> = (1..).take(events.len()).collect();
    prop_assert_eq!(&positions, &gap_free);
    prop_assert_eq!(
        stores.log.head().await.unwrap(),
        positions.last().copied().unwrap_or(0)
    );
    let places: HashMap<(&str, &str), i64> = events
        .iter()
        .map(|event| {
            (
                (event.source.as_str(), event.message_id.as_str()),
                event.position,
            )
        })
        .collect();
    prop_assert_eq!(places.len(), events.len(), "a message stands twice");

    let mut first = HashMap::new();
    for (arrival, appended) in &answers {
        let key = (arrival.source.as_str(), arrival.message_id.as_str());
        prop_assert_eq!(places.get(&key), Some(&appended.position));
        if !appended.repeated {
            prop_assert!(
                first.insert(key, arrival).is_none(),
                "two are the first: {key:?}"
            );
        }
    }
    prop_assert_eq!(first.len(), events.len());
    for event in &events {
        let arrival = first[&(event.source.as_str(), event.message_id.as_str())];
        prop_assert_eq!(&event.body, &arrival.body);
    }
    Ok(())
}

#[test]
fn positions_are_gap_free_and_each_message_stands_once() {
    let sender = vec((0..2u8, 0..12u8), 0..20);
    let limits = (1..9usize, 1..60usize).prop_map(|(group, group_bytes)| Limits {
        group,
        group_bytes,
        ..Limits::default()
    });
    check(32, &(vec(sender, 1..8), limits), each_message_stands_once);
}

async fn nothing_changes((messages, at): (Vec<Message>, prop::sample::Index)) -> TestCaseResult {
    let stores = Stores::open(Limits::default()).await;
    stores.append_all(&messages).await;
    let before = stores.log.read_after(0, 10_000, usize::MAX).await.unwrap();
    let position = at.get(&before).position;
    let message_id = &at.get(&before).message_id;
    let db = Database::connect(stores.log_url()).await.unwrap();
    let is_sqlite = db.get_database_backend() == DatabaseBackend::Sqlite;
    let zero = if is_sqlite { "x'00'" } else { "'\\x00'" };
    let events = if is_sqlite {
        "events"
    } else {
        "hookgraph_log.events"
    };
    let row = |position: i64, message_id: &str| {
        format!(
            "INTO {events} (position, source, message_id, received_at, headers, secret_id, body)
             VALUES ({position}, 'salesmagic', '{message_id}', 0, '', '', {zero})"
        )
    };
    let beyond = i64::MAX;
    let on_both = [
        format!("UPDATE {events} SET body = {zero} WHERE position = {position}"),
        format!("UPDATE {events} SET position = position + 1000 WHERE position = {position}"),
        format!("DELETE FROM {events} WHERE position = {position}"),
        format!("DELETE FROM {events}"),
        format!("INSERT {}", row(position, "msg_new")),
        format!("INSERT {}", row(beyond, message_id)),
        format!(
            "INSERT {} ON CONFLICT (source, message_id) DO UPDATE SET body = excluded.body",
            row(beyond, message_id)
        ),
        format!("INSERT {}", row(0, "msg_new")),
        format!("INSERT {}", row(-1, "msg_new")),
    ];
    let on_sqlite = [
        format!("INSERT OR REPLACE {}", row(position, "msg_new")),
        format!("INSERT OR REPLACE {}", row(beyond, message_id)),
        format!("REPLACE {}", row(position, message_id)),
        format!("INSERT OR IGNORE {}", row(position, message_id)),
        format!("UPDATE OR REPLACE events SET position = {position} WHERE position <> {position}"),
    ];
    let on_postgres = [
        format!("TRUNCATE {events}"),
        format!("TRUNCATE {events} CASCADE"),
    ];
    let further = if is_sqlite {
        &on_sqlite[..]
    } else {
        &on_postgres
    };
    let statements = on_both.iter().chain(further);
    for statement in statements {
        let answer = db.execute_unprepared(statement).await;
        let after = stores.log.read_after(0, 10_000, usize::MAX).await.unwrap();
        prop_assert!(after == before, "the log has changed: {statement}");
        // With a single event, the last UPDATE has nothing to change, and so nothing to refuse.
        let idle = before.len() == 1 && statement.starts_with("UPDATE OR REPLACE");
        prop_assert!(answer.is_err() || idle, "taken: {statement}");
    }
    Ok(())
}

#[test]
fn what_stands_in_the_log_cannot_be_changed() {
    let messages = history(3).prop_filter("no message", |messages| !messages.is_empty());
    check(
        6,
        &(messages, any::<prop::sample::Index>()),
        nothing_changes,
    );
}
