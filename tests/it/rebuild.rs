//! New generations of the read model through the real program: built beside the one that serves, by hand or by an upgrade, and
//! nobody who asks or subscribes notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use entity::read_model::checkpoint;
use ingest::database::Location;
use ingest::generation::{self, Generation, Generations, Version};
use sample::company::{Company, Size};
use sea_orm::{ConnectionTrait, Database, EntityTrait, TransactionTrait, sea_query::Expr};
use serde_json::{Value, json};
use tests::fault::Chance;
use tests::graphql::number;
use tests::load::Plan;
use tests::server::finish;
use tests::{Backend, Resuming, Server, postgres, until};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::processes::serve;

/// What is asked again and again.
const QUESTIONS: [&str; 3] = [
    "{ calls(first: 5) { totalCount nodes { title score user { name } transcript { lineCount } analysis { score } } } }",
    "{ users(first: 5) { nodes { name calls(first: 2) { nodes { id } } } } }",
    "{ events(first: 5) { nodes { messageId type outcome payload } } }",
];

/// How long a replaced generation stays, and the time to see that it goes.
const GONE_WITHIN: Duration = Duration::from_secs(50);

/// Longer than what was replaced would stay if nobody read it.
const READ_FOR: Duration = Duration::from_secs(40);

async fn location(server: &Server) -> Location {
    match server.installation.backend() {
        Backend::Sqlite => Location::Sqlite(server.installation.data_dir()),
        Backend::Postgres(url) => Location::postgres(url).await.expect("a database"),
    }
}

async fn numbers(location: &Location) -> Vec<i64> {
    let all = generation::all(location).await.expect("generations");
    all.iter().map(|(found, _)| found.number()).collect()
}

/// Sends the webhooks of a company that made so many calls, and waits until all is projected.
pub async fn fill(server: &Server, calls: usize) {
    let size = Size {
        calls,
        ..Size::default()
    };
    let deliveries: Vec<_> = Company::new(size).deliveries().collect();
    server.sender().deliver(&deliveries).await;
    server.settled().await;
}

async fn serving(server: &Server) -> i64 {
    let data = server.graphql("{ status { generation } }", json!({})).await;
    number(&data["status"]["generation"])
}

async fn answers(server: &Server) -> Vec<Value> {
    let mut answers = Vec::new();
    for question in QUESTIONS {
        answers.push(server.graphql(question, json!({})).await);
    }
    answers
}

fn rebuild(server: &Server) -> Command {
    server.installation.on_store(["rebuild"])
}

/// Asks the questions again and again; any error ends it with a panic.
struct Curious {
    enough: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Curious {
    fn about(server: &Server) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicUsize::new(0));
        let (client, url) = (server.client.clone(), server.url("/graphql"));
        let (until, count) = (Arc::clone(&enough), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while !until.load(Ordering::Relaxed) {
                for question in QUESTIONS {
                    let request = client.post(&url).json(&json!({ "query": question }));
                    let answer = request.send().await.expect("an answer");
                    let answer: Value = answer.json().await.expect("JSON");
                    assert!(answer["errors"].is_null(), "{question}: {answer:#}");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self {
            enough,
            asked,
            task,
        }
    }

    /// How many questions were answered, all of them without an error.
    async fn end(self) -> usize {
        self.enough.store(true, Ordering::Relaxed);
        self.task.await.expect("every question is answered");
        self.asked.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_fails_no_query_and_breaks_no_subscription() {
    let server = Server::start().await;
    fill(&server, 60).await;
    let subscriber = Resuming::follow(server.route());
    let curious = Curious::about(&server);
    let mut load = Plan::to([&server]).senders(2).start("meanwhile");
    for generation in 2..=3 {
        load.further(10).await;
        let rebuilt = finish(&mut rebuild(&server)).await;
        assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
        let told = format!("Generation {generation} of the read model serves");
        assert!(rebuilt.stdout.contains(&told), "{rebuilt:?}");
        until("the server has moved on", async || {
            (serving(&server).await == generation).then_some(())
        })
        .await;
        load.further(10).await;
    }
    load.end().await;
    server.settled().await;
    let head = server.head().await;
    subscriber.read_to(head).await;
    assert_eq!(subscriber.connections(), 1, "the subscription was broken");

    // What was replaced goes, while questions go on.
    let location = location(&server).await;
    let begun = Instant::now();
    while numbers(&location).await != [3] {
        assert!(begun.elapsed() < GONE_WITHIN, "old generations stay");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(curious.end().await > 20);
    let data = server.graphql("{ events { totalCount } }", json!({})).await;
    assert_eq!(data["events"]["totalCount"], head);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_moves_on_to_what_one_has_built() {
    let url = postgres::shared().create_database();
    let (all, api) = tokio::join!(serve(&url, "ingest,project,api"), serve(&url, "api"));
    let _second_projector = serve(&url, "project").await;
    fill(&all, 60).await;
    let subscribers = [&all, &api].map(|server| Resuming::follow(server.route()));
    let curious = [&all, &api].map(Curious::about);
    let mut load = Plan::to([&all]).senders(2).start("meanwhile");
    load.further(10).await;
    let rebuilt = finish(&mut rebuild(&all)).await;
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    for server in [&all, &api] {
        until("every process has moved on", async || {
            (serving(server).await == 2).then_some(())
        })
        .await;
    }
    load.further(10).await;
    load.end().await;
    all.settled().await;
    let head = all.head().await;
    for subscriber in &subscribers {
        subscriber.read_to(head).await;
        assert_eq!(subscriber.connections(), 1, "a subscription was broken");
    }
    for curious in curious {
        assert!(curious.end().await > 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_replaced_generation_holds_up_no_projector() {
    let url = postgres::shared().create_database();
    let server = serve(&url, "ingest,project,api").await;
    fill(&server, 5).await;
    let db = Database::connect(&url).await.expect("a connection");
    let reader = db.begin().await.expect("a transaction");
    let read = "SELECT count(*) FROM hookgraph_read_1.calls";
    reader.execute_unprepared(read).await.expect("it is read");
    let rebuilt = finish(&mut rebuild(&server)).await;
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    let begun = Instant::now();
    for number in 0.. {
        if begun.elapsed() > READ_FOR {
            break;
        }
        let id = format!("msg_{number}");
        assert_eq!(server.sender().send(&id, "{}").await.status, 204);
        server.settled().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let location = location(&server).await;
    assert_eq!(numbers(&location).await, [1, 2], "it is still read");
    reader.rollback().await.expect("it ends");
    until("it is removed", async || {
        (numbers(&location).await == [2]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_stopped_in_the_middle_holds_up_nothing() {
    let server = Server::start().await;
    fill(&server, 200).await;
    let mut process = rebuild(&server).spawn().expect("it starts");
    let location = location(&server).await;
    until("it is at work", async || {
        let all = generation::all(&location).await.expect("generations");
        let at_work = all
            .iter()
            .any(|(_, state)| !state.ready && state.position > 0);
        at_work.then_some(())
    })
    .await;
    let id = process.id().expect("it runs");
    let stop = format!("kill -STOP {id}");
    finish(Command::new("sh").args(["-c", &stop])).await;
    // Whether or not it was stopped within a transaction, others go on: what arrives is projected, for as long as a server waits
    // before it goes on with what nobody seems to build, and longer.
    let begun = Instant::now();
    for number in 0.. {
        if begun.elapsed() > Duration::from_secs(8) {
            break;
        }
        let id = format!("msg_{number}");
        assert_eq!(server.sender().send(&id, "{}").await.status, 204);
        server.settled().await;
    }
    process.kill().await.expect("it is killed");
    until("the server finishes it", async || {
        (serving(&server).await == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_rebuild_goes_on_where_it_was() {
    let mut server = Server::start().await;
    fill(&server, 120).await;
    let head = server.head().await;
    let before = answers(&server).await;
    server.stop().await;
    let location = location(&server).await;
    let mut chance = Chance::of("an_interrupted_rebuild_goes_on_where_it_was");
    for _ in 0..6 {
        let mut process = rebuild(&server).spawn().expect("it starts");
        tokio::time::sleep(chance.moment(Duration::from_millis(400))).await;
        // It may have ended by itself meanwhile: then the next one begins another generation.
        process.kill().await.expect("it is killed");
    }
    let unfinished = until("one is left unfinished", async || {
        let all = generation::all(&location).await.expect("generations");
        if let Some((unfinished, state)) = all.into_iter().find(|(_, state)| !state.ready) {
            return Some((unfinished.number(), state.position));
        }
        let mut process = rebuild(&server).spawn().expect("it starts");
        tokio::time::sleep(chance.moment(Duration::from_millis(400))).await;
        process.kill().await.expect("it is killed");
        None
    })
    .await;
    let rebuilt = finish(&mut rebuild(&server)).await;
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    let told = format!(
        "Generation {} of the read model serves, up to position {head}: {} event",
        unfinished.0,
        head - unfinished.1
    );
    assert!(rebuilt.stdout.contains(&told), "{told}: {rebuilt:?}");
    server.start_again().await;
    assert_eq!(serving(&server).await, unfinished.0);
    assert_eq!(answers(&server).await, before);
    assert_eq!(numbers(&location).await.last(), Some(&unfinished.0));
}

#[tokio::test]
async fn what_was_begun_is_told_of_and_finished_by_a_running_server() {
    let server = Server::start().await;
    fill(&server, 20).await;
    let head = server.head().await;
    let before = answers(&server).await;
    let location = location(&server).await;
    // Begun, and left alone: as by a `rebuild` that was killed at once.
    let mut generations = Generations::join(location, Version::CURRENT)
        .await
        .expect("generations");
    generations.begin_next().await.expect("a generation");
    let query =
        "{ status { generation building { generation projected eventsPerSecond secondsLeft } } }";
    let status = until("the server tells of it", async || {
        let data = server.graphql(query, json!({})).await;
        (!data["status"]["building"].is_null()).then(|| data["status"].clone())
    })
    .await;
    assert_eq!(status["generation"], 1);
    assert_eq!(status["building"]["generation"], 2);
    until("the server finishes it", async || {
        (serving(&server).await == 2).then_some(())
    })
    .await;
    let data = server.graphql(query, json!({})).await;
    assert_eq!(data["status"], json!({ "generation": 2, "building": null }));
    assert_eq!(answers(&server).await, before);
    let status = finish(&mut server.installation.on_store(["status", "--json"])).await;
    assert_eq!(status.code, Some(0), "{status:?}");
    let status: Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert_eq!(status["head"], head);
    assert_eq!(
        status["serving"],
        json!({
            "generation": 2, "projected": head, "lag": 0, "dead": 0, "unrecognized": 0,
            "tables": Version::CURRENT.tables, "rules": Version::CURRENT.rules,
        })
    );
}

/// A server that has stopped, what it answered, and its read model made to look as if another version of the program had built it.
async fn aged(calls: usize, column: checkpoint::Column, version: i32) -> (Server, Vec<Value>) {
    let mut server = Server::start().await;
    fill(&server, calls).await;
    let before = answers(&server).await;
    server.stop().await;
    let location = location(&server).await;
    let (found, _) = Generation::open(&location, 1).await.expect("a generation");
    checkpoint::Entity::update_many()
        .col_expr(column, Expr::value(version))
        .exec(found.db())
        .await
        .expect("it is written");
    (server, before)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_changes_the_rules_rebuilds_by_itself() {
    let older = Version::CURRENT.rules - 1;
    let (mut server, before) = aged(60, checkpoint::Column::Rules, older).await;
    server.start_again().await;
    let curious = Curious::about(&server);
    assert_eq!(answers(&server).await, before, "while it is being built");
    until("the new generation serves", async || {
        (serving(&server).await == 2).then_some(())
    })
    .await;
    assert_eq!(answers(&server).await, before);
    assert!(curious.end().await >= 3);
    let location = location(&server).await;
    let (found, state) = Generation::open(&location, 2).await.expect("a generation");
    assert!(state.ready);
    assert_eq!(found.version(), Version::CURRENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_changes_the_tables_builds_them_anew() {
    let older = Version::CURRENT.tables - 1;
    let (mut server, before) = aged(30, checkpoint::Column::Tables, older).await;
    // The new version's `rebuild` before its first start: then nobody sees a read model that is not complete.
    let rebuilt = finish(&mut rebuild(&server)).await;
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    server.start_again().await;
    assert_eq!(answers(&server).await, before);
    assert_eq!(serving(&server).await, 2);
}

#[tokio::test]
async fn status_tells_of_an_empty_installation_and_of_none() {
    let mut server = Server::start().await;
    let status = finish(&mut server.installation.on_store(["status"])).await;
    assert_eq!(status.code, Some(0), "{status:?}");
    assert!(status.stdout.contains("Events       0\n"), "{status:?}");
    assert!(
        status.stdout.contains("up to the newest event"),
        "{status:?}"
    );
    server.stop().await;
    let elsewhere = server
        .installation
        .hookgraph(["status", "--data-dir", "elsewhere"]);
    let nowhere = finish(&mut { elsewhere }).await;
    assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
    assert!(nowhere.stderr.contains("--data-dir"), "{nowhere:?}");
}
