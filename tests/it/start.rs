//! Starting and stopping: what a first start makes and says, what a second one finds again, and why a start fails.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::server::{Finished, finish, secret};
use tests::{Installation, Server, within};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// An installation whose server makes its own secret, which it does on SQLite alone.
fn unconfigured() -> Installation {
    Installation::new().on_sqlite().with_secrets([])
}

/// Checks that a start failed as it should: at once, in one sentence that has `words`, with nothing else said.
pub fn assert_refused(finished: &Finished, words: &[&str]) {
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert_eq!(finished.stdout, "", "{finished:?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    for word in ["panicked", "backtrace", "RUST_BACKTRACE", "Os {"] {
        assert!(!finished.stderr.contains(word), "{finished:?}");
    }
    for word in words {
        assert!(finished.stderr.contains(word), "no {word:?}: {finished:?}");
    }
}

pub const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

async fn cursor(server: &Server) -> Value {
    let query = "{ status { cursor version } }";
    let status = server.graphql(query, json!({})).await["status"].take();
    assert!(
        server
            .output()
            .contains(status["version"].as_str().expect("a version"))
    );
    status["cursor"].clone()
}

#[tokio::test]
async fn a_first_start_makes_what_it_needs_and_says_where_everything_is() {
    let server = unconfigured().serve().await;
    let data_dir = server.installation.data_dir();
    let kept = data_dir.join("webhook-secret");
    let mode = fs::metadata(&kept)
        .expect("a secret is kept")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mode = fs::metadata(&data_dir)
        .expect("the data folder")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700, "only its owner reads the data");
    let secret = server.installation.secrets().remove(0);
    assert!(secret.starts_with("whsec_"));

    let banner = server.output();
    let address = server.address();
    for part in [
        "Hookgraph 0.",
        &format!("http://{address}/webhooks/salesmagic"),
        &format!("http://{address}/graphql"),
        &format!("ws://{address}/graphql"),
        &format!("http://{address}/playground"),
        "SQLite in data",
        "data/webhook-secret",
        &format!("send --examples --url http://{address}/webhooks/salesmagic"),
    ] {
        assert!(banner.contains(part), "no {part:?} in {banner}");
    }
    assert!(
        !banner.contains(&secret["whsec_".len()..]),
        "the secret is not shown"
    );

    // The command that it shows, with the program itself in place of cargo.
    let (_, command) = banner.split_once("send --examples").expect("it is shown");
    let rest = command.split_whitespace().take(2);
    let sent = server
        .installation
        .run(["send", "--examples"].into_iter().chain(rest))
        .await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert_eq!(server.head().await, 6);
}

#[tokio::test]
async fn a_second_start_finds_the_same_secret_events_and_cursors() {
    let mut server = unconfigured().serve().await;
    let secrets = server.installation.secrets();
    assert_eq!(server.sender().send("msg_1", "{}").await.status, 204);
    server.settled().await;
    let before = cursor(&server).await;
    assert_eq!(server.stop().await.code(), Some(0));
    server.start_again().await;
    assert_eq!(server.installation.secrets(), secrets);
    assert_eq!(cursor(&server).await, before);
    let query = r#"{ event(messageId: "msg_1") { body } }"#;
    assert_eq!(
        server.graphql(query, json!({})).await["event"]["body"],
        "{}"
    );
    assert_eq!(server.sender().send("msg_2", "{}").await.status, 204);
    assert_eq!(server.head().await, 2);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let mut server = Server::start().await;
    for number in 0..20 {
        let id = format!("msg_{number}");
        assert_eq!(server.sender().send(&id, "{}").await.status, 204);
    }
    let before = cursor(&server).await;
    assert_eq!(server.kill().await.code(), None);
    server.start_again().await;
    server.settled().await;
    assert_eq!(server.head().await, 20);
    let identity = |cursor: &Value| {
        let (identity, _) = cursor
            .as_str()
            .expect("a text")
            .split_once('-')
            .expect("and a position");
        identity.to_owned()
    };
    assert_eq!(identity(&cursor(&server).await), identity(&before));
}

#[tokio::test]
async fn sigterm_ends_it_in_order() {
    let mut server = Server::start().await;
    assert_eq!(server.stop().await.code(), Some(0));
    server.start_again().await;
    assert_eq!(server.stop().await.code(), Some(0));
    for word in ["ERROR", "panicked"] {
        assert!(!server.output().contains(word), "{}", server.output());
    }
}

#[tokio::test]
async fn a_server_whose_log_nobody_reads_ends_in_order() {
    let installation = Installation::new().on_sqlite();
    let mut server = installation
        .hookgraph(SERVE)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    drop(server.stderr.take());
    let mut banner = BufReader::new(server.stdout.take().expect("a pipe")).lines();
    let started = async {
        while let Some(line) = banner.next_line().await.expect("a line") {
            if line.contains("Playground") {
                return true;
            }
        }
        false
    };
    assert!(within("the banner", started).await, "it starts");
    let kill = format!("kill -TERM {}", server.id().expect("it runs"));
    let asked = Instant::now();
    finish(Command::new("sh").args(["-c", &kill])).await;
    let ended = within("the server to end", server.wait()).await;
    assert_eq!(ended.expect("its status").code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10), "{asked:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let installation = Installation::new();
    let finished = installation.run(["serve", "--listen", &address]).await;
    assert_refused(&finished, &[&address, "--listen"]);
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_is_named() {
    let installation = Installation::new().on_sqlite();
    fs::write(installation.data_dir(), "a file").expect("a file");
    assert_refused(&installation.run(SERVE).await, &["data", "--data-dir"]);
}

#[tokio::test]
async fn a_data_folder_is_held_by_one_server() {
    let server = Installation::new().on_sqlite().serve().await;
    let finished = server.installation.run(SERVE).await;
    let process = format!("process {}", server.process());
    assert_refused(&finished, &["data", &process, "--data-dir"]);
    assert_eq!(server.sender().send("msg_1", "{}").await.status, 204);
}

#[tokio::test]
async fn a_configured_secret_that_is_none_is_not_repeated() {
    for broken in ["whsec_not*base64", "whsec_", "hunter2!"] {
        let secrets = [secret(1), broken.to_owned()];
        let finished = Installation::new().with_secrets(secrets).run(SERVE).await;
        assert_refused(&finished, &["HOOKGRAPH_WEBHOOK_SECRET"]);
        for text in ["not*base64", "hunter2", &secret(1)["whsec_".len()..]] {
            assert!(!finished.stderr.contains(text), "{finished:?}");
        }
    }
}

#[tokio::test]
async fn a_kept_secret_that_is_none_is_not_repeated() {
    let installation = unconfigured();
    fs::create_dir(installation.data_dir()).expect("a folder");
    let kept = installation.data_dir().join("webhook-secret");
    fs::write(kept, "whsec_not*base64\n").expect("a file");
    let finished = installation.run(SERVE).await;
    assert_refused(&finished, &["data/webhook-secret"]);
    assert!(!finished.stderr.contains("not*base64"), "{finished:?}");
}

#[tokio::test]
async fn an_address_beyond_this_machine_is_refused_without_tokens() {
    let wanted = "hookgraph token create";
    for (address, words) in [
        ("0.0.0.0:0", &[wanted, "127.0.0.1"][..]),
        ("[::]:0", &[wanted, "127.0.0.1"]),
        ("192.0.2.1:8080", &["--listen"]),
    ] {
        let installation = Installation::new().with_log("warn");
        let finished = installation.run(["serve", "--listen", address]).await;
        assert_refused(&finished, &[&[address], words].concat());
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_refused_without_showing_its_password() {
    let installation = Installation::new();
    for (url, words) in [
        (
            "mysql://me:hunter2@127.0.0.1/hookgraph",
            ["postgres://", "--data-dir"],
        ),
        (
            "postgres://me:hunter2@127.0.0.1:1/hookgraph",
            ["PostgreSQL", "running"],
        ),
    ] {
        let mut command = installation.hookgraph(SERVE);
        command.env("HOOKGRAPH_DATABASE_URL", url);
        let finished = finish(&mut command).await;
        assert_refused(&finished, &words);
        assert!(!finished.stderr.contains("hunter2"), "{finished:?}");
    }
}

#[tokio::test]
async fn with_postgres_the_secret_must_be_configured() {
    let installation = unconfigured();
    let mut command = installation.hookgraph(SERVE);
    command.env("HOOKGRAPH_DATABASE_URL", "postgres://127.0.0.1:1/hookgraph");
    let finished = finish(&mut command).await;
    assert_refused(&finished, &["HOOKGRAPH_WEBHOOK_SECRET"]);
}

#[tokio::test]
async fn roles_are_refused_on_sqlite() {
    let installation = Installation::new().on_sqlite();
    let finished = installation.run(["serve", "--role", "api"]).await;
    assert_refused(&finished, &["--database-url", "--role"]);
}

#[tokio::test]
async fn the_most_detailed_log_shows_neither_secrets_nor_bodies() {
    let mut server = Installation::new()
        .with_password("hunter2")
        .with_log("trace")
        .serve()
        .await;
    let body =
        r#"{"id":"e1","type":"org.updated","payload":{"org":{"id":"o1","name":"Mockingbird"}}}"#;
    assert_eq!(server.sender().send("msg_1", body).await.status, 204);
    assert_eq!(
        server.sender().send("msg_2", "Mockingbird").await.status,
        204
    );
    let unproven = server.sender().secret(&secret(2)).send("msg_3", body).await;
    assert_eq!(unproven.status, 401);
    server.settled().await;
    let query = r#"{ orgs { nodes { name lastEvent { body } } } event(messageId: "msg_2") { body reason } }"#;
    server.graphql(query, json!({})).await;
    assert_eq!(server.stop().await.code(), Some(0));
    let log = server.output();
    assert!(log.contains("TRACE"), "it is the most detailed log");
    for (what, text) in [
        ("a body", "Mockingbird"),
        ("a secret", &secret(1)["whsec_".len()..]),
        ("the database's password", "hunter2"),
    ] {
        let shown: Vec<_> = log.lines().filter(|line| line.contains(text)).collect();
        assert!(shown.is_empty(), "the log shows {what}: {shown:#?}");
    }
}

#[tokio::test]
async fn the_schema_is_as_documented() {
    let finished = Installation::new().run(["schema"]).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema.graphql");
    let documented = fs::read_to_string(file).unwrap_or_default();
    assert!(
        documented == finished.stdout,
        "docs/schema.graphql is not the schema of this server. Write it anew: target/debug/hookgraph schema > docs/schema.graphql"
    );
}
