//! Several versions of the program on one read model: the newest that is alive makes it, and when nobody does, whoever is there.
//!
//! In this process, since two versions of the program are not to be had.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ingest::generation::{Generations, MIXED, Version};
use ingest::log::Limits;
use ingest::projector::{BatchLimits, Projector};
use tests::history::Message;
use tests::until;

use crate::stores::{OTHER_RULES, Stores, catch_up};

/// This program's version is the older one here, and `OTHER_RULES` the newer.
const OLDER: Version = Version::CURRENT;
const NEWER: Version = OTHER_RULES;

/// The time in which a projector sees what others have done, and more.
const A_FEW_LOOKS: Duration = Duration::from_millis(2_500);

struct Two {
    stores: Stores,
    older: Projector,
    newer: Projector,
}

impl Two {
    /// An older version's read model, and a newer version's projector that joins it.
    async fn open() -> Self {
        let stores = Stores::open(Limits::default()).await;
        let generations = stores.generations("live", OLDER).await;
        let mut older = stores.projector(generations, BatchLimits::default());
        stores.append(&message(1)).await;
        catch_up(&mut older).await;
        let newer = joining(&stores, NEWER).await;
        Self {
            stores,
            older,
            newer,
        }
    }
}

async fn joining(stores: &Stores, version: Version) -> Projector {
    let location = stores.location("live").await;
    let mut generations = Generations::join(location, version).await.unwrap();
    if generations.live().version() < version {
        generations.begin_next().await.unwrap();
    }
    stores.projector(generations, BatchLimits::default())
}

fn message(number: u64) -> Message {
    Message::new(format!(
        r#"{{"id":"{number}","type":"org.updated","payload":{{"org":{{"id":"org-{number}"}}}}}}"#
    ))
}

/// Which generation serves, by which rules, and how far it is.
async fn live(stores: &Stores) -> (i64, i32, i64) {
    let read_model = stores.read_model("live").await;
    let live = read_model.live();
    let position = live.position().await.unwrap();
    (live.number(), live.version().rules, position)
}

#[tokio::test]
async fn an_older_version_rests_while_a_newer_one_makes_the_read_model() {
    let Two {
        stores,
        mut older,
        mut newer,
    } = Two::open().await;
    catch_up(&mut newer).await;
    assert_eq!(live(&stores).await, (2, NEWER.rules, 1));
    for number in 2..=4 {
        stores.append(&message(number)).await;
        catch_up(&mut newer).await;
        // It may keep up what it took for the live one, until it looks; it never fails, and never touches what is not its own.
        let begun = Instant::now();
        while begun.elapsed() < A_FEW_LOOKS {
            older.turn().await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let head = i64::try_from(number).unwrap();
        assert_eq!(live(&stores).await, (2, NEWER.rules, head));
    }
    assert!(!older.turn().await.unwrap(), "it has nothing to do");
}

#[tokio::test]
async fn when_nobody_makes_it_any_more_an_older_version_does_and_a_newer_one_replaces_it_again() {
    let Two {
        stores,
        mut older,
        mut newer,
    } = Two::open().await;
    catch_up(&mut newer).await;
    drop(newer);
    stores.append(&message(2)).await;
    until("the older version makes its own", async || {
        older.turn().await.unwrap();
        (live(&stores).await == (3, OLDER.rules, 2)).then_some(())
    })
    .await;
    let mut newer = joining(&stores, NEWER).await;
    catch_up(&mut newer).await;
    assert_eq!(live(&stores).await, (4, NEWER.rules, 2));
    stores.append(&message(3)).await;
    until("the newer version keeps it up", async || {
        older.turn().await.unwrap();
        newer.turn().await.unwrap();
        (live(&stores).await == (4, NEWER.rules, 3)).then_some(())
    })
    .await;
}

/// What another program would build by other rules counts as built by several from its first event on, and is replaced whoever
/// starts next.
#[tokio::test]
async fn an_upgrade_that_is_taken_back_half_way_leaves_no_rows_of_foreign_rules() {
    let Two {
        stores,
        older,
        mut newer,
    } = Two::open().await;
    drop(older);
    for number in 2..=5 {
        stores.append(&message(number)).await;
    }
    let mixed = async || {
        let read_model = stores.read_model("live").await;
        let live = read_model.live();
        live.number() == 1 && live.version().rules == MIXED
    };
    // Before the newer version's own is ready, as it takes one event at a time.
    let few = BatchLimits {
        events: 1,
        ..BatchLimits::default()
    };
    newer = stores.projector(newer.into_generations(), few);
    until("it keeps up what nobody else does", async || {
        let _ = newer.turn().await;
        stores.append(&message(rand())).await;
        mixed().await.then_some(())
    })
    .await;
    drop(newer);
    let generations = stores.generations("live", OLDER).await;
    assert!(
        generations.next().is_some(),
        "the older version does not trust what several have built"
    );
    let mut older = stores.projector(generations, BatchLimits::default());
    catch_up(&mut older).await;
    let (_, rules, _) = live(&stores).await;
    assert_eq!(rules, OLDER.rules);
}

/// A number that no other message has.
fn rand() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[tokio::test]
async fn two_that_build_one_generation_together_build_it_once() {
    let stores = Stores::open(Limits::default()).await;
    let few = BatchLimits {
        events: 1,
        ..BatchLimits::default()
    };
    let generations = stores.generations("live", OLDER).await;
    catch_up(&mut stores.projector(generations, BatchLimits::default())).await;
    for number in 1..=20 {
        stores.append(&message(number)).await;
    }
    let location = stores.location("live").await;
    let join = async || {
        let mut generations = Generations::join(location.clone(), NEWER).await.unwrap();
        generations.begin_next().await.unwrap();
        generations
    };
    let (one, other) = (join().await, join().await);
    assert_eq!(
        one.next().map(|next| next.number()),
        other.next().map(|next| next.number())
    );
    let mut both = [one, other].map(|generations| stores.projector(generations, few));
    until("it serves", async || {
        for projector in &mut both {
            // That the other was faster is no failure.
            let _ = projector.turn().await;
        }
        (live(&stores).await == (2, NEWER.rules, 20)).then_some(())
    })
    .await;
}
