//! No body stops the way of an event.

use std::collections::HashMap;
use std::fmt::{self, Write};

use entity::read_model::event_index::{Entity, Outcome};
use ingest::generation::Version;
use ingest::log::Limits;
use ingest::projector::BatchLimits;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use sea_orm::EntityTrait;
use serde_json::json;
use tests::history::{Message, hostile};

use crate::check::{check, check_exactly};
use crate::client::{graphql, query};
use crate::stores::Stores;

/// Bodies as they are sent, one after the other; `Debug` shows the ends of long ones.
#[derive(Clone)]
struct Bodies(Vec<String>);

impl fmt::Debug for Bodies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|body| {
            let mut shown: String = body.chars().take(300).collect();
            if body.chars().count() > 300 {
                let _ = write!(shown, "… ({} bytes)", body.len());
            }
            shown
        });
        f.debug_list().entries(shown).finish()
    }
}

async fn every_body_gets_through((sent, batch): (Bodies, u64)) -> TestCaseResult {
    let stores = Stores::open(Limits::default()).await;
    let mut messages: Vec<Message> = sent.0.iter().map(Message::new).collect();
    messages.push(Message::new(hostile::good("the good one")));
    let appended = stores.append_all(&messages).await;
    let generations = stores.generations("a", Version::CURRENT).await;
    let limits = BatchLimits {
        events: batch,
        ..BatchLimits::default()
    };
    let mut projector = stores.projector(generations, limits);
    // As `catch_up`, but an error of the database is what this law is about.
    loop {
        match projector.turn().await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                return Err(TestCaseError::fail(format!(
                    "the projector stands: {error}"
                )));
            }
        }
    }

    let read_model = stores.read_model("a").await;
    let live = read_model.live();
    let rows = Entity::find().all(live.db()).await.unwrap();
    let outcomes: HashMap<i64, Outcome> =
        rows.iter().map(|row| (row.position, row.outcome)).collect();
    let positions: Vec<i64> = appended.iter().map(|place| place.position).collect();
    let bodies: HashMap<i64, Vec<u8>> = stores
        .log
        .bodies_at(&positions)
        .await
        .unwrap()
        .into_iter()
        .collect();
    let graphql = graphql(&stores, &read_model);
    for (message, position) in messages.iter().zip(&positions) {
        prop_assert!(outcomes.contains_key(position), "{position} is lost");
        prop_assert!(bodies[position] == message.body.as_bytes(), "another body");
        let shown = query(
            &graphql,
            "query($at: Position!) { event(position: $at) { body payload outcome reason subject { __typename } } }",
            json!({"at": position}),
        )
        .await;
        prop_assert!(
            shown["event"]["body"] == message.body.as_str(),
            "{position} is shown otherwise"
        );
    }
    prop_assert_eq!(outcomes[positions.last().unwrap()], Outcome::Projected);
    // What was made of them can be answered.
    query(
        &graphql,
        "{ calls { nodes { id title score prospectIds user { name streak } prospects { name details { age } }
           transcript { lineCount } analysis { score summary } } }
           users { nodes { name createdAt streak } } orgs { nodes { name createdAt } } }",
        json!({}),
    )
    .await;
    Ok(())
}

#[test]
fn whatever_a_body_is_the_next_event_is_projected() {
    let bodies = vec(hostile::body(), 1..6).prop_map(Bodies);
    check(64, &(bodies, 1..8u64), every_body_gets_through);
}

/// Each within the webhook's limit, with more elements than a statement of SQLite has parameters.
#[test]
fn lists_as_long_as_a_body_can_hold_get_through() {
    let lists = prop::sample::select(vec![
        ("prospects", r#"{"id":#}"#),
        ("prospects", r#"{"id":"p0"}"#),
        ("prospectIds", "#"),
        ("transcript", r#"{"prospectText":"a"}"#),
        ("analysis", r#"{"objections":["a","b"]}"#),
    ]);
    let bodies =
        lists.prop_map(|(list, element)| Bodies(vec![hostile::list_of(list, element, usize::MAX)]));
    check_exactly(5, &(bodies, Just(8)), every_body_gets_through);
}

/// A call with thousands of analyses costs what is shown of it, not the square of that.
#[test]
fn the_lists_of_many_analyses_can_be_shown() {
    let body = hostile::list_of("analysis", r#"{"objections":["a","b"]}"#, usize::MAX);
    check_exactly(1, &Just(Bodies(vec![body])), async |bodies| {
        let stores = Stores::open(Limits::default()).await;
        stores.append(&Message::new(bodies.0[0].as_str())).await;
        let read_model = stores.projected("a").await;
        let graphql = graphql(&stores, &read_model);
        let asked = "{ calls { nodes { analysis { objections competitors } } } }";
        let shown = query(&graphql, asked, json!({})).await;
        let analyses = shown["calls"]["nodes"][0]["analysis"].as_array().unwrap();
        prop_assert!(analyses.len() > 30_000);
        prop_assert!(
            analyses
                .iter()
                .all(|one| one["objections"] == json!(["a", "b"]))
        );
        Ok(())
    });
}
