//! What the README shows works as it stands there.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tests::graphql::number;
use tests::{Server, until};
use tokio::process::Command;

use crate::clients::{page, start_in_its_place};

const README: &str = include_str!("../../README.md");

/// The block of this language with this number, from 0.
fn block(language: &str, number: usize) -> &'static str {
    let begin = format!("```{language}\n");
    let behind = README.split(&begin).nth(number + 1);
    let behind = behind.expect("there is such a block");
    behind.split_once("\n```").expect("it ends").0
}

#[tokio::test]
async fn the_first_query_is_answered() {
    let server = Server::start().await;
    let sent = server.installation.run(send(&server, 1)).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    server.settled().await;
    let (_, query) = README.split_once("-d '{\"query\":\n  \"").expect("a query");
    let (query, _) = query.split_once("\"}'").expect("its end");
    let answer = server.graphql(query, json!({})).await;
    assert_eq!(answer["calls"]["totalCount"], 3);
    let objections = &answer["calls"]["nodes"][0]["analysis"][0]["objections"];
    assert!(objections[0].is_string(), "{answer}");
}

#[tokio::test]
async fn the_report_is_answered() {
    let server = Server::start().await;
    let sent = server.installation.run(send(&server, 1)).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    server.settled().await;
    let answer = server.graphql(block("graphql", 0), json!({})).await;
    let report = &answer["callReport"];
    assert_eq!(report["total"]["calls"], 3);
    let rows = report["rows"].as_array().expect("rows");
    let calls = rows.iter().map(|row| number(&row["figures"]["calls"]));
    assert_eq!(calls.sum::<i64>(), 3, "{answer}");
}

#[tokio::test]
async fn the_subscription_resumes_after_the_server_was_away() {
    let server = Server::start().await;
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web");
    assert!(
        web.join("node_modules/graphql-ws").is_dir(),
        "web/node_modules is missing: `make test` installs what this check needs"
    );
    let script = block("js", 0).replace("127.0.0.1:8080", server.address());
    let output = server.installation.folder().join("subscriber");
    let file = File::create(&output).expect("a file");
    let _subscriber = Command::new("node")
        // Older than 22, Node.js has a WebSocket only when asked.
        .args([
            "--experimental-websocket",
            "--input-type=module",
            "-e",
            &script,
        ])
        .current_dir(&web)
        .stdout(Stdio::from(file.try_clone().expect("a file")))
        .stderr(Stdio::from(file))
        .kill_on_drop(true)
        .spawn()
        .expect("`make test` installs Node.js");
    let shows = |title: &Value| {
        let text = fs::read_to_string(&output).expect("what the subscriber shows");
        text.matches(title.as_str().expect("a title")).count()
    };

    check_that_it_resumes(server, shows).await;
}

#[tokio::test]
async fn the_subscription_of_a_page_resumes_after_the_server_was_away() {
    let server = Server::start().await;
    let page = page(&server, block("js", 1));
    let shows = |title: &Value| {
        let shown = page.said();
        shown.iter().filter(|call| call["title"] == *title).count()
    };
    check_that_it_resumes(server, shows).await;
    page.end().await;
}

/// Checks that a subscriber, of which `shows` says how often it has shown the call with a title, shows each once, whether it came
/// before or after the server was away.
async fn check_that_it_resumes(mut server: Server, shows: impl Fn(&Value) -> usize) {
    // The first checkpoint is not shown, so calls are sent until one of them is.
    let mut seed = 1;
    let title = until("the subscriber shows a call", async || {
        seed += 1;
        let title = send_and_name_the_last(&server, seed).await;
        (shows(&title) > 0).then_some(title)
    })
    .await;
    assert_eq!(server.stop().await.code(), Some(0));
    let _again = start_in_its_place(&server).await;
    let missed = send_and_name_the_last(&server, 1000).await;
    until(
        "the subscriber shows what came while it was away",
        async || (shows(&missed) > 0).then_some(()),
    )
    .await;
    assert_eq!([shows(&title), shows(&missed)], [1, 1]);
}

/// Sends three calls, and returns the title of the last one that was received.
async fn send_and_name_the_last(server: &Server, seed: u32) -> Value {
    let sent = server.installation.run(send(server, seed)).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    server.settled().await;
    let query = r#"{ events(first: 1, filter: { type: "call.completed" }) { nodes { subject { ... on Call { title } } } } }"#;
    let answer = server.graphql(query, json!({})).await;
    answer["events"]["nodes"][0]["subject"]["title"].clone()
}

/// `hookgraph send` of three calls to this server.
fn send(server: &Server, seed: u32) -> [String; 7] {
    [
        "send",
        "--calls",
        "3",
        "--seed",
        &seed.to_string(),
        "--url",
        &server.url("/webhooks/salesmagic"),
    ]
    .map(str::to_owned)
}
