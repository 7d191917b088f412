//! A subscriber sees each later event exactly once, in order, however often it is cut, while events arrive and are
//! projected and a generation takes the place of another.

use std::time::Duration;

use api::graphql::Graphql;
use entity::read_model::event_index::{self, Outcome};
use futures_util::StreamExt;
use ingest::generation::{ReadModel, Version};
use ingest::log::Limits;
use ingest::projector::BatchLimits;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseResult;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tests::history::{self, Message, company, history, sketch};
use tokio_util::sync::CancellationToken;

use crate::check::{check, check_exactly};
use crate::client::{data, graphql, query, subscribe};
use crate::stores::{OTHER_RULES, Stores, append_all};

/// An item that does not come within this is lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked for: the root, its filter, and which rows of the event index it lets pass. Every filter lets the last
/// event of its kind pass, which is named `"last"`.
#[derive(Clone, Copy, Debug)]
struct Wish {
    root: &'static str,
    filter: &'static str,
    passes: fn(&event_index::Model) -> bool,
}

fn is_announced_call(row: &event_index::Model) -> bool {
    row.event_type.as_deref() == Some("call.completed")
        && row.outcome == Outcome::Projected
        && (row.duplicate_of.is_none() || row.is_example)
}

fn is(field: Option<&String>, values: &[&str]) -> bool {
    field.is_some_and(|field| values.contains(&field.as_str()))
}

/// The filters of a call say what the call is now, so only what no event changes is filtered by: its id.
const WISHES: [Wish; 9] = [
    Wish {
        root: "eventFeed",
        filter: "{}",
        passes: |_| true,
    },
    Wish {
        root: "eventFeed",
        filter: r#"{type: ["user.updated", "call.completed"]}"#,
        passes: |row| is(row.event_type.as_ref(), &["user.updated", "call.completed"]),
    },
    Wish {
        root: "eventFeed",
        filter: "{outcome: [PROJECTED], duplicate: false}",
        passes: |row| row.outcome == Outcome::Projected && row.duplicate_of.is_none(),
    },
    Wish {
        root: "eventFeed",
        filter: r#"{subject: ["u0", "last"]}"#,
        passes: |row| is(row.subject_id.as_ref(), &["u0", "last"]),
    },
    Wish {
        root: "eventFeed",
        filter: r#"{orgId: ["o1", "org-last"]}"#,
        passes: |row| is(row.org_id.as_ref(), &["o1", "org-last"]),
    },
    Wish {
        root: "eventFeed",
        filter: r#"{subject: ["last"]}"#,
        passes: |row| is(row.subject_id.as_ref(), &["last"]),
    },
    Wish {
        root: "callCompleted",
        filter: "{}",
        passes: is_announced_call,
    },
    Wish {
        root: "callCompleted",
        filter: r#"{id: ["c0", "last"]}"#,
        passes: |row| is_announced_call(row) && is(row.subject_id.as_ref(), &["c0", "last"]),
    },
    Wish {
        root: "callCompleted",
        filter: r#"{id: ["last"]}"#,
        passes: |row| is_announced_call(row) && is(row.subject_id.as_ref(), &["last"]),
    },
];

/// A subscriber, and when its connection is cut: after so many responses, and whether it asked for one more that was lost.
#[derive(Clone, Debug)]
struct Subscriber {
    wish: Wish,
    checkpoints: bool,
    joins_at: Index,
    cuts: Vec<(usize, bool)>,
}

/// What happens in a case.
#[derive(Clone, Debug)]
struct Course {
    messages: Vec<Message>,
    /// How many stand in the log before anyone subscribes, and how many of these are projected.
    ahead: [Index; 2],
    appended_at_once: Vec<usize>,
    projected_at_once: u64,
    new_generation: bool,
    subscribers: Vec<Subscriber>,
}

fn subscriber() -> impl Strategy<Value = Subscriber> {
    let cuts = vec((0..70usize, any::<bool>()), 0..6);
    (select(WISHES.to_vec()), any::<bool>(), any::<Index>(), cuts).prop_map(
        |(wish, checkpoints, joins_at, cuts)| Subscriber {
            wish,
            checkpoints,
            joins_at,
            cuts,
        },
    )
}

fn course() -> impl Strategy<Value = Course> {
    let messages = prop_oneof![
        history(20),
        company(),
        // More than one read of a subscription takes.
        vec(sketch(), 60..220),
    ];
    let subscribers = vec(subscriber(), 1..4);
    let at_once = vec(1..100usize, 1..4);
    let switch = any::<bool>();
    let ahead = any::<[Index; 2]>();
    (messages, ahead, at_once, 1..100u64, switch, subscribers).prop_map(
        |(messages, ahead, appended_at_once, projected_at_once, new_generation, subscribers)| {
            Course {
                messages,
                ahead,
                appended_at_once,
                projected_at_once,
                new_generation,
                subscribers,
            }
        },
    )
}

/// What a subscriber got.
struct Got {
    positions: Vec<i64>,
    /// Of the last item.
    caught_up: bool,
}

/// Follows from behind `after` until the event named `"last"`, cut on the way and resumed from the last cursor it got.
async fn follow(graphql: Graphql, subscriber: Subscriber, after: i64, identity: String) -> Got {
    let Wish { root, filter, .. } = subscriber.wish;
    let subject = if root == "callCompleted" {
        "call { id }"
    } else {
        ""
    };
    let text = format!(
        "subscription($after: Cursor!, $checkpoints: Boolean!) {{
           {root}(after: $after, filter: {filter}, checkpoints: $checkpoints) {{
             cursor caughtUp {subject} event {{ position eventId messageId outcome subject {{ ... on Call {{ id }} }} }} }} }}"
    );
    let mut cursor = format!("{identity}-{after}");
    let mut cuts = subscriber.cuts.iter();
    let mut got = Vec::new();
    loop {
        let variables = json!({"after": cursor, "checkpoints": subscriber.checkpoints});
        let mut stream = subscribe(&graphql, &text, variables);
        let cut = cuts.next();
        let mut left = cut.map_or(usize::MAX, |cut| cut.0);
        let mut is_first = true;
        let mut was_caught_up = true;
        while left > 0 {
            left -= 1;
            let response = tokio::time::timeout(PATIENCE, stream.next()).await;
            let response = response.unwrap_or_else(|_| {
                panic!("{root} {filter}: nothing comes behind {cursor}; got {got:?}")
            });
            let item = data(response.expect("the stream ended"))[root].take();
            let event = &item["event"];
            item["cursor"].as_str().unwrap().clone_into(&mut cursor);
            let caught_up = item["caughtUp"] == true;
            if event.is_null() {
                // One comes at once, and one when there is no more and nothing has said so.
                let news = is_first || caught_up && !was_caught_up;
                assert!(news && subscriber.checkpoints, "a checkpoint: {item}");
                (is_first, was_caught_up) = (false, caught_up);
                continue;
            }
            assert!(
                !is_first || !subscriber.checkpoints,
                "no checkpoint: {item}"
            );
            (is_first, was_caught_up) = (false, caught_up);
            let position = event["position"].as_i64().unwrap();
            assert!(
                cursor.starts_with(&format!("{identity}-{position}-")),
                "{cursor}"
            );
            assert_ne!(
                event["outcome"], "PENDING",
                "announced before it can be queried"
            );
            if root == "callCompleted" {
                assert_eq!(item["call"]["id"], event["subject"]["id"]);
            }
            got.push(position);
            if event["eventId"] == "event-last" && is_last(root, event) {
                return Got {
                    positions: got,
                    caught_up,
                };
            }
        }
        if cut.is_some_and(|cut| cut.1) {
            // Sent and lost with the connection: it comes again.
            let _ = futures_util::poll!(stream.next());
        }
    }
}

/// The call named `"last"` ends the calls, the user of that name ends everything.
fn is_last(root: &str, event: &Value) -> bool {
    root == "callCompleted" || event["subject"].get("id").is_none()
}

async fn each_later_event_comes_once(course: Course) -> TestCaseResult {
    let stores = Stores::open(Limits::default()).await;
    let mut messages = course.messages;
    let ahead = course.ahead[0].index(messages.len() + 1);
    let projected = course.ahead[1].index(ahead + 1);
    messages.push(history::unmistakable_call("last"));
    messages.push(history::unmistakable_user("last"));
    let (before, later) = messages.split_at(ahead);

    stores.append_all(&before[..projected]).await;
    stores.projected("a").await;
    stores.append_all(&before[projected..]).await;
    let version = if course.new_generation {
        OTHER_RULES
    } else {
        Version::CURRENT
    };
    let generations = stores.generations("a", version).await;
    let read_model = stores.read_model("a").await;
    let mut follower = stores.follower(&read_model);
    follower.turn().await.unwrap();
    let limits = BatchLimits {
        events: course.projected_at_once,
        ..BatchLimits::default()
    };
    let projector = stores.projector(generations, limits);
    let graphql = graphql(&stores, &read_model);

    let head = stores.log.head().await.unwrap();
    let followers: Vec<_> = course
        .subscribers
        .iter()
        .map(|subscriber| {
            let after = subscriber
                .joins_at
                .index(usize::try_from(head).unwrap() + 1);
            let after = i64::try_from(after).unwrap();
            let identity = stores.log.identity().to_owned();
            let follow = follow(graphql.clone(), subscriber.clone(), after, identity);
            (subscriber.wish, after, tokio::spawn(follow))
        })
        .collect();
    let shutdown = CancellationToken::new();
    let projecting = tokio::spawn(projector.run(shutdown.clone()));
    let following = tokio::spawn(follower.run(shutdown.clone()));
    let writing = {
        let (appender, later) = (stores.appender.clone(), later.to_vec());
        tokio::spawn(async move {
            let mut sizes = course.appended_at_once.iter().cycle();
            let mut left = &later[..];
            while !left.is_empty() {
                let (now, rest) = left.split_at(left.len().min(*sizes.next().unwrap()));
                append_all(&appender, now).await;
                left = rest;
            }
        })
    };
    writing.await.unwrap();
    let mut gots = Vec::new();
    for (wish, after, follower) in followers {
        match follower.await {
            Ok(got) => gots.push((wish, after, got)),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    tests::until("the newest generation is live", async || {
        (read_model.live().version() == version).then_some(())
    })
    .await;
    shutdown.cancel();
    projecting.await.unwrap();
    following.await.unwrap();

    let index = index(&read_model).await;
    prop_assert_eq!(
        i64::try_from(index.len()).unwrap(),
        stores.log.head().await.unwrap()
    );
    for (wish, after, got) in gots {
        let expected: Vec<i64> = index
            .iter()
            .filter(|row| row.position > after && (wish.passes)(row))
            .map(|row| row.position)
            .collect();
        prop_assert_eq!(&got.positions, &expected, "{:?} behind {}", wish, after);
        if wish.root == "eventFeed" {
            prop_assert!(got.caught_up, "nothing comes behind the last one");
        }
    }
    Ok(())
}

async fn index(read_model: &ReadModel) -> Vec<event_index::Model> {
    event_index::Entity::find()
        .order_by_asc(event_index::Column::Position)
        .all(read_model.live().db())
        .await
        .unwrap()
}

#[test]
fn a_subscriber_sees_each_later_event_once_and_in_order() {
    check(32, &course(), each_later_event_comes_once);
}

/// The one test that takes its time: the silence after which a checkpoint comes is 15 seconds.
#[test]
fn a_checkpoint_in_a_silence_is_behind_all_that_was_left_out() {
    check_exactly(1, &vec(sketch(), 70..80), async |messages| {
        let stores = Stores::open(Limits::default()).await;
        let read_model = stores.projected("a").await;
        let graphql = graphql(&stores, &read_model);
        let text = r#"subscription($after: Cursor) { eventFeed(after: $after, filter: {orgId: ["org-last"]}, checkpoints: true) {
             cursor caughtUp event { eventId } } }"#;
        let mut stream = subscribe(&graphql, text, json!({"after": "0"}));
        let next = async |stream: &mut futures_util::stream::BoxStream<'static, _>| {
            let response = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap();
            data(response.unwrap())["eventFeed"].take()
        };
        let first = next(&mut stream).await;
        prop_assert_eq!(first["caughtUp"].as_bool(), Some(true));
        stores.append_all(&messages).await;
        stores.projected("a").await;
        let second = next(&mut stream).await;
        let status = query(&graphql, "{ status { cursor projected } }", json!({})).await;
        prop_assert_eq!(&second["cursor"], &status["status"]["cursor"]);
        prop_assert_eq!(&second["event"], &Value::Null);
        prop_assert_eq!(second["caughtUp"].as_bool(), Some(true));
        drop(stream);

        let mut resumed = subscribe(&graphql, text, json!({"after": second["cursor"]}));
        prop_assert_eq!(&next(&mut resumed).await["cursor"], &second["cursor"]);
        stores.append(&history::unmistakable_user("last")).await;
        stores.projected("a").await;
        let news = next(&mut resumed).await;
        prop_assert_eq!(&news["event"]["eventId"], &json!("event-last"));
        Ok(())
    });
}
