//! The playground in a browser, and the operations that it opens with.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tests::Server;
use tests::server::secret;
use tokio::process::Command;

/// A check in a browser ends by itself after a minute; its start and its end come on top.
const CHECK_WITHIN: Duration = Duration::from_secs(100);

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../web")
}

/// Runs a check of `web/test` with these arguments.
async fn check(script: &str, arguments: &[&str]) {
    const INSTALL: &str = "`make test` installs what these checks need";
    let web = web();
    assert!(
        web.join("node_modules").is_dir(),
        "web/node_modules is missing: {INSTALL}"
    );
    let mut command = Command::new("node");
    command
        .arg(format!("test/{script}"))
        .args(arguments)
        .current_dir(&web)
        .env("HOOKGRAPH_WEBHOOK_SECRET", secret(1))
        .kill_on_drop(true);
    let Ok(ended) = tokio::time::timeout(CHECK_WITHIN, command.output()).await else {
        panic!("{script} did not end within {CHECK_WITHIN:?}");
    };
    let output = match ended {
        Err(error) if error.kind() == ErrorKind::NotFound => panic!("node is missing: {INSTALL}"),
        ended => ended.expect("node runs"),
    };
    let [said, complaints] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{script}:\n{said}{complaints}");
}

async fn page(server: &Server, path: &str) -> String {
    let answer = server
        .client
        .get(server.url(path))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.expect("a page")
}

#[tokio::test]
async fn the_plain_page_works_in_a_browser() {
    let server = Server::start().await;
    check("plain.mjs", &[&server.url("")]).await;
}

#[tokio::test]
async fn the_playground_works_in_a_browser() {
    let server = Server::start().await;
    if page(&server, "/playground").await == page(&server, "/playground/plain").await {
        // A binary that was compiled without the build of `web/` shows the plain page in its place.
        check("plain.mjs", &[&server.url(""), "/playground"]).await;
        return;
    }
    let send = server.installation.hookgraph(["send"]);
    let program = send
        .as_std()
        .get_program()
        .to_str()
        .expect("text")
        .to_owned();
    let url = server.url("/webhooks/salesmagic");
    let send = format!("'{program}' send --examples --url {url}");
    check("playground.mjs", &[&server.url(""), "--send", &send]).await;
}

#[tokio::test]
async fn the_operations_that_it_opens_with_are_answered() {
    let server = Server::start().await;
    let deliveries = crate::expected::deliveries();
    server.sender().deliver(&deliveries).await;
    server.settled().await;
    let mut files: Vec<_> = fs::read_dir(web().join("src/examples"))
        .expect("the examples")
        .map(|file| file.expect("a file").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "graphql")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let operation = fs::read_to_string(&file).expect("a text");
        let code = operation
            .lines()
            .find(|line| !line.starts_with('#'))
            .expect("an operation");
        if code.starts_with("subscription") {
            let mut subscription = server.subscribe(&operation, json!({})).await;
            assert!(
                subscription.item().await["cursor"].is_string(),
                "{}",
                file.display()
            );
        } else {
            let data = server.graphql(&operation, json!({})).await;
            let answers = data.as_object().expect("an object").values();
            let all = answers.clone().all(|answer| *answer != Value::Null);
            assert!(all && answers.len() > 0, "{}: {data:#}", file.display());
        }
    }
}
