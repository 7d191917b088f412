//! Live, at once, in pieces, and anew beside the live one: the same rows, positions included.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tests::history::{Message, Positions, history};

use crate::check::check;
use crate::stores::{OTHER_RULES, Stores, catch_up, dump};
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
    let mut opened = stores.read_model(name, version).await;
    let mut seen = 0;
    loop {
        let Turn { limits, then_stop } = turns.next().unwrap();
        let mut projector = stores.projector(opened.clone(), *limits);
        let moved = projector.turn().await.unwrap();
        // Who has been told of a position finds it, whichever generation serves.
        let live = opened.0.live().position().await.unwrap();
        prop_assert!(live >= seen, "queries have gone back from {seen} to {live}");
        seen = live;
        if !moved {
            return Ok(());
        }
        if *then_stop {
            drop((projector, opened));
            opened = stores.read_model(name, version).await;
        } else if opened.0.live().version() == version {
            // The projector that switched has forgotten the generation that it built; the next one must too.
            opened.1 = None;
        }
    }
}

async fn all_ways_give_the_same_rows(
    (messages, turns): (Vec<Message>, Vec<Turn>),
) -> TestCaseResult {
    let stores = Stores::open(Limits::default()).await;

    let (read_model, next) = stores.read_model("live", Version::CURRENT).await;
    let mut projector = stores.projector((read_model.clone(), next), BatchLimits::default());
    for message in &messages {
        stores.append(message).await;
        projector.turn().await.unwrap();
    }
    let live = dump(&read_model, Positions::Kept).await;
    prop_assert_eq!(
        i64::try_from(live.count("event_index")).unwrap(),
        stores.log.head().await.unwrap()
    );

    let (at_once, next) = stores.read_model("at once", Version::CURRENT).await;
    let all = BatchLimits {
        events: 10_000,
        bytes: usize::MAX,
    };
    catch_up(&mut stores.projector((at_once.clone(), next), all)).await;
    let difference = live.difference(&dump(&at_once, Positions::Kept).await);
    prop_assert!(
        difference.is_none(),
        "live, at once: {}",
        difference.unwrap_or_default()
    );

    project_in_turns(&stores, "in pieces", Version::CURRENT, &turns).await?;
    let (in_pieces, _) = stores.read_model("in pieces", Version::CURRENT).await;
    let difference = live.difference(&dump(&in_pieces, Positions::Kept).await);
    prop_assert!(
        difference.is_none(),
        "live, in pieces: {}",
        difference.unwrap_or_default()
    );

    drop((projector, read_model));
    project_in_turns(&stores, "live", OTHER_RULES, &turns).await?;
    let (anew, next) = stores.read_model("live", OTHER_RULES).await;
    prop_assert!(next.is_none(), "the new generation is not live");
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
