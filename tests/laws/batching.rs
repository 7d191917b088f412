//! Live, at once, in pieces, and anew beside the live one: the same rows, positions included.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tests::history::{Message, Positions, history};

use crate::check::check;
use crate::stores::{OTHER_RULES, Stores, dump};
use ingest::generation::Version;
use ingest::log::Limits;
use ingest::projector::BatchLimits;

/// A turn of a projector, and whether everything is closed and opened from its file before the next one.
#[derive(Clone, Copy, Debug)]
struct Turn {
    limits: BatchLimits,
    then_stop: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    let bytes = prop_oneof![Just(8 << 20), Just(1), Just(2000)];
    (1..12u64, bytes, any::<bool>()).prop_map(|(events, bytes, then_stop)| Turn {
        limits: BatchLimits { events, bytes },
        then_stop,
    })
}

/// Projects into the folder `name` by these turns, again and again, until nothing moves.
async fn project_in_turns(
    stores: &Stores,
    name: &str,
    version: Version,
    turns: &[Turn],
) -> TestCaseResult {
    let mut turns = turns.iter().cycle();
    let mut generations = stores.generations(name, version).await;
    let read_model = stores.read_model(name).await;
    let mut follower = stores.follower(&read_model);
    let mut seen = 0;
    loop {
        let Turn { limits, then_stop } = turns.next().unwrap();
        let mut projector = stores.projector(generations, *limits);
        let moved = projector.turn().await.unwrap();
        // Who has been told of a position finds it, whichever generation serves.
        follower.turn().await.unwrap();
        let live = read_model.live().position().await.unwrap();
        prop_assert!(live >= seen, "queries have gone back from {seen} to {live}");
        seen = live;
        if !moved {
            return Ok(());
        }
        generations = if *then_stop {
            drop(projector);
            stores.generations(name, version).await
        } else {
            projector.into_generations()
        };
    }
}

async fn all_ways_give_the_same_rows(
    (messages, turns): (Vec<Message>, Vec<Turn>),
) -> TestCaseResult {
    let stores = Stores::open(Limits::default()).await;

    let generations = stores.generations("live", Version::CURRENT).await;
    let mut projector = stores.projector(generations, BatchLimits::default());
    for message in &messages {
        stores.append(message).await;
        projector.turn().await.unwrap();
    }
    drop(projector);
    let live = dump(&*stores.read_model("live").await, Positions::Kept).await;
    prop_assert_eq!(
        i64::try_from(live.count("event_index")).unwrap(),
        stores.log.head().await.unwrap()
    );

    let all = BatchLimits {
        events: 10_000,
        bytes: usize::MAX,
    };
    let at_once = stores.projected_by("at-once", all).await;
    let difference = live.difference(&dump(&at_once, Positions::Kept).await);
    prop_assert!(
        difference.is_none(),
        "live, at once: {}",
        difference.unwrap_or_default()
    );

    project_in_turns(&stores, "in-pieces", Version::CURRENT, &turns).await?;
    let in_pieces = stores.read_model("in-pieces").await;
    let difference = live.difference(&dump(&in_pieces, Positions::Kept).await);
    prop_assert!(
        difference.is_none(),
        "live, in pieces: {}",
        difference.unwrap_or_default()
    );

    project_in_turns(&stores, "live", OTHER_RULES, &turns).await?;
    let generations = stores.generations("live", OTHER_RULES).await;
    prop_assert!(
        generations.next().is_none(),
        "the new generation is not live"
    );
    let anew = stores.read_model("live").await;
    prop_assert_eq!(anew.live().version(), OTHER_RULES);
    let difference = live.difference(&dump(&anew, Positions::Kept).await);
    prop_assert!(
        difference.is_none(),
        "live, anew: {}",
        difference.unwrap_or_default()
    );
    Ok(())
}

#[test]
fn live_and_batched_and_resumed_and_rebuilt_are_the_same() {
    check(
        24,
        &(history(24), vec(turn(), 1..6)),
        all_ways_give_the_same_rows,
    );
}
