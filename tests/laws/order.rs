//! The order of arrival decides nothing.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tests::history::{Message, Positions, ambiguous, history, shuffled};

use crate::check::{check, check_exactly};
use crate::stores::{Stores, dump};
use ingest::log::Limits;
use ingest::projector::BatchLimits;

/// Appends and projects `messages`, and dumps what there is.
async fn read_model_of(messages: &[Message], batch: u64) -> tests::history::Dump {
    let stores = Stores::open(Limits::default()).await;
    stores.append_all(messages).await;
    let limits = BatchLimits {
        events: batch,
        ..BatchLimits::default()
    };
    let read_model = stores.projected_by("a", limits).await;
    dump(&read_model, Positions::Aside).await
}

async fn any_order_gives_the_same_rows(
    (messages, seed, batches): (Vec<Message>, u64, [u64; 2]),
) -> TestCaseResult {
    let one = read_model_of(&messages, batches[0]).await;
    let other = read_model_of(&shuffled(&messages, seed), batches[1]).await;
    let difference = one.difference(&other);
    prop_assert!(difference.is_none(), "{}", difference.unwrap_or_default());
    Ok(())
}

#[test]
fn any_permutation_of_the_deliveries_gives_the_same_read_model() {
    let batches = [1..10u64, 1..10u64];
    check(
        48,
        &(history(24), 1..u64::MAX, batches),
        any_order_gives_the_same_rows,
    );
}

#[test]
fn bodies_whose_types_only_their_urls_tell_can_come_in_any_order() {
    let messages = vec(ambiguous(), 1..5).prop_map(|pairs| pairs.concat());
    let batches = [1..10u64, 1..10u64];
    check(
        48,
        &(messages, 1..u64::MAX, batches),
        any_order_gives_the_same_rows,
    );
}

/// The smallest of them: the same body is once the call of a user and once the user, who has another name there.
#[test]
fn one_body_as_a_call_and_as_a_user_describes_the_user_the_same_way_in_any_order() {
    let body = r#"{"type":"string","payload":{"call":{"id":"c","user":{"id":"u","name":"A"}},"user":{"id":"u","name":"B"}}}"#;
    let pair = ["call.completed", "user.updated"].map(|hint| Message {
        type_hint: Some(hint.to_owned()),
        ..Message::new(body)
    });
    check_exactly(1, &Just(pair), async |pair| {
        let turned: Vec<Message> = pair.iter().rev().cloned().collect();
        let one = read_model_of(&pair, 1).await;
        let other = read_model_of(&turned, 1).await;
        let difference = one.difference(&other);
        prop_assert!(difference.is_none(), "{}", difference.unwrap_or_default());
        Ok(())
    });
}
