//! The machine's clock jumps, an hour back and a day forward, while webhooks arrive: nothing that was received depends on it.
//!
//! The real server runs with libfaketime, which reads at every look at the clock how far it is off. What counts up steadily, as
//! timeouts use it, does not jump, as on a real machine.

use std::fs;
use std::path::PathBuf;

use chrono::DateTime;
use sample::Delivery;
use sample::company::{Company, Size};
use serde_json::{Value, json};
use tests::fault::{Chance, is_long};
use tests::graphql::number;
use tests::load::Plan;
use tests::{Installation, Resuming, Server, until};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A server whose clock can be set.
struct Clock {
    file: PathBuf,
    process: u32,
}

impl Drop for Clock {
    /// What libfaketime leaves of a process that is killed.
    fn drop(&mut self) {
        for left in ["faketime_shm", "sem.faketime_sem"] {
            let _ = fs::remove_file(format!("/dev/shm/{left}_{}", self.process));
        }
    }
}

impl Clock {
    async fn serve(installation: Installation) -> (Self, Server) {
        let mut clock = Self {
            file: installation.folder().join("clock"),
            process: 0,
        };
        clock.set(0);
        let file = clock.file.to_str().expect("a path").to_owned();
        let server = installation
            .with_variable("LD_PRELOAD", library().to_str().expect("a path"))
            .with_variable("FAKETIME_TIMESTAMP_FILE", file)
            .with_variable("FAKETIME_NO_CACHE", "1")
            .with_variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .serve()
            .await;
        clock.process = server.process();
        (clock, server)
    }

    /// Sets it so many seconds ahead of the true time. It jumps at once.
    fn set(&self, ahead: i64) {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{ahead:+}\n")).expect("a file");
        fs::rename(new, &self.file).expect("it is replaced");
    }
}

fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
        .expect("libfaketime is installed: `make test` does it")
}

/// What a query finds of a company, whose order of arrival and whose positions differ from server to server.
async fn state(server: &Server) -> Value {
    let query = "{
        orgs(first: 100) { nodes { id name deleted lastEvent { messageId } } }
        users(first: 100) { nodes { id name role deleted lastEvent { messageId } } }
        calls(first: 100) { nodes { id title score createdAt transcript { lineCount } lastEvent { messageId } } }
    }";
    server.graphql(query, json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn jumps_of_the_clock_change_nothing() {
    let (clock, server) = Clock::serve(Installation::new()).await;
    let subscriber = Resuming::follow(server.route());
    let company: Vec<Delivery> = Company::new(Size::default()).deliveries().collect();

    let mut jumps = vec![0, -HOUR, DAY, 0];
    if is_long() {
        let mut chance = Chance::of("clock");
        let days = usize::try_from(2 * DAY).expect("a number");
        jumps.extend((0..40).map(|_| i64::try_from(chance.below(days)).expect("few") - DAY));
    }
    let mut load = Plan::to([&server]).tolerating(401).start("clock");
    let mut jumped = 0;
    let share = company.len().div_ceil(jumps.len());
    for (number, ahead) in jumps.iter().copied().enumerate() {
        clock.set(ahead);
        load.ahead_by(ahead);
        // Some are in flight between the one and the other.
        load.further(20).await;
        let sender = server.sender().ahead_by(ahead);
        let from = (number * share).min(company.len());
        sender
            .deliver(&company[from..(from + share).min(company.len())])
            .await;
        // Who signs with the true time is refused for as long as the server's clock is off.
        let expected = if ahead.abs() > 300 { 401 } else { 204 };
        jumped += usize::from(expected == 204);
        let id = format!("msg_true_{number}");
        let answer = server.sender().send(&id, user_like(&id)).await;
        assert_eq!(answer.status, expected, "{ahead}: {answer:?}");
        // What was stored before the jump is known after it.
        for id in load.acknowledged().iter().rev().step_by(7).take(10) {
            let answer = sender.send(id, tests::load::user(id, 0)).await;
            assert_eq!(answer.status, 204, "{answer:?}");
        }
        sender.deliver(company.iter().take(5)).await;
    }
    let mut acknowledged = load.end().await;
    let of_load = acknowledged.len() + jumped;
    acknowledged.extend(company.iter().map(|delivery| delivery.message_id.clone()));
    let stored = server.assert_stored(&acknowledged).await;
    assert_eq!(stored.len(), of_load + company.len(), "each once");
    let head = i64::try_from(stored.len()).expect("few");
    assert!(subscriber.read_to(head).await == stored, "another order");
    assert_eq!(subscriber.connections(), 1, "it was never cut off");
    assert_since_answers(&server, head).await;
}

fn user_like(id: &str) -> String {
    tests::load::user(id, 0)
}

/// A subscription `since` a time begins at a place where the times of arrival pass it.
async fn assert_since_answers(server: &Server, head: i64) {
    let query = "query ($at: Position!) { event(position: $at) { receivedAt } }";
    let received = async |at: i64| {
        let data = server.graphql(query, json!({ "at": at })).await;
        data["event"]["receivedAt"].clone()
    };
    let time = |value: &Value| {
        let text = value.as_str().expect("a time");
        DateTime::parse_from_rfc3339(text).expect("a time")
    };
    let newest = time(&received(head).await);
    for at in [1, head / 4, head / 2, head * 3 / 4, head] {
        let since = received(at).await;
        // Later than the newest event is also behind all of them.
        if time(&since) > newest {
            continue;
        }
        let feed = "subscription ($since: DateTime) { eventFeed(since: $since) { event { position receivedAt } } }";
        let mut feed = server.subscribe(feed, json!({ "since": since })).await;
        let event = feed.item().await["event"].take();
        assert!(time(&event["receivedAt"]) >= time(&since), "{event}");
        let first = number(&event["position"]);
        if first > 1 {
            let before = received(first - 1).await;
            assert!(time(&before) < time(&since), "{before} {event}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_projected_does_not_depend_on_the_clock() {
    let company: Vec<Delivery> = Company::new(Size::default()).deliveries().collect();
    let (clock, jumping) = Clock::serve(Installation::new()).await;
    let steady = Server::start().await;
    steady.sender().deliver(&company).await;
    let jumps = [0, DAY, -HOUR, 30 * DAY, -DAY, 0];
    for (ahead, part) in jumps
        .into_iter()
        .zip(company.chunks(company.len().div_ceil(jumps.len())))
    {
        clock.set(ahead);
        let sender = jumping.sender().ahead_by(ahead);
        until("the clock has jumped", async || {
            let probe = sender.send(&part[0].message_id, part[0].body.as_str());
            (probe.await.status == 204).then_some(())
        })
        .await;
        sender.deliver(part).await;
    }
    steady.settled().await;
    jumping.settled().await;
    let expected = state(&steady).await;
    assert!(expected["calls"]["nodes"].as_array().map(Vec::len) >= Some(50));
    assert_eq!(state(&jumping).await, expected);
}
