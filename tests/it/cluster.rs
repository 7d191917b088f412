//! Seven servers on one PostgreSQL, any of which dies at any moment and comes back: three receive, two project, two answer.
//!
//! They run on PostgreSQL whatever this run of the tests is for.

use std::time::Duration;

use futures_util::future::join_all;
use tests::fault::{Chance, scale};
use tests::load::Plan;
use tests::{Resuming, postgres};

use crate::processes::serve;

const ROLES: [&str; 7] = [
    "ingest", "ingest", "ingest", "project", "project", "api", "api",
];

/// Where those that answer stand.
const APIS: [usize; 2] = [5, 6];

/// The longest pause before some are killed, and before each of them is started again.
const PAUSE: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn whichever_die_nothing_is_lost_and_all_see_one_order() {
    let mut chance = Chance::of("cluster");
    let url = postgres::shared().create_database();
    let mut servers = join_all(ROLES.map(|role| serve(&url, role))).await;
    let subscribers = APIS.map(|api| Resuming::follow(servers[api].route()));
    let mut load = Plan::to(&servers[..3]).senders(6).start("cluster");
    let mut killed = [0; ROLES.len()];
    for _ in 0..scale(12, 120) {
        load.further(20).await;
        tokio::time::sleep(chance.moment(PAUSE)).await;
        let first = chance.below(ROLES.len());
        let victims: Vec<_> = (0..ROLES.len())
            .map(|server| server == first || chance.below(4) == 0)
            .collect();
        let pauses: Vec<_> = victims.iter().map(|_| chance.moment(PAUSE)).collect();
        let deaths = servers.iter_mut().zip(victims).zip(pauses).zip(&mut killed);
        join_all(deaths.filter(|(((_, dies), _), _)| *dies).map(
            async |(((server, _), pause), killed)| {
                server.kill().await;
                *killed += 1;
                tokio::time::sleep(pause).await;
                server.start_again().await;
            },
        ))
        .await;
    }
    let acknowledged = load.end().await;
    assert!(killed.iter().all(|times| *times > 0), "{killed:?}");
    for (api, subscriber) in APIS.into_iter().zip(subscribers) {
        let order = servers[api].assert_holds(&acknowledged).await;
        let head = i64::try_from(order.len()).expect("few");
        assert!(subscriber.read_to(head).await == order, "another order");
        assert!(subscriber.connections() > killed[api], "it was cut off");
    }
    eprintln!(
        "cluster: {} acknowledged, deaths {killed:?}",
        acknowledged.len()
    );
}
