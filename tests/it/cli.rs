//! The commands as a terminal meets them: no password is shown, a closed or full output is no crash, and an error is one sentence.

use std::fs::{self, File, Permissions};
use std::io::{PipeWriter, pipe};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;

use futures_util::future::join_all;
use tests::server::{Finished, finish};
use tests::{Installation, Server, postgres, until, within};
use tokio::process::Command;

use crate::start::{SERVE, assert_refused};

/// Every command that takes a database's address.
const COMMANDS: [&[&str]; 7] = [
    &SERVE,
    &["status"],
    &["verify"],
    &["export"],
    &["import"],
    &["rebuild"],
    &["backup", "copy"],
];

/// Addresses that cannot be read. The password, or what may be a part of one, is made of these words.
const SECRET: [&str; 2] = ["Mocking", "Bird"];
const UNREADABLE: [&str; 11] = [
    "postgres://me:Mocking/Bird@127.0.0.1:1/x",
    "postgres://me:Mocking#Bird@127.0.0.1:1/x",
    "postgres://me:Mocking?Bird@127.0.0.1:1/x",
    // What stands before the special character is as good as a port.
    "postgres://me:99/MockingBird@127.0.0.1:1/x",
    "postgres://me:99#MockingBird@127.0.0.1:1/x",
    "postgres://me:99?MockingBird@127.0.0.1:1/x",
    "postgres://me:a@b/MockingBird@127.0.0.1:1/x",
    "postgres://me:MockingBird@127.0.0.1:99999/x",
    "postgres://me:MockingBird@127.0.0.1 :1/x",
    "postgres://me:x@127.0.0.1:1/x?sslmode=MockingBird",
    "postgresql://me:Mocking[Bird@[127/x",
];

/// Addresses that can be read, and nobody is there.
const READABLE: [&str; 4] = [
    "postgres://me:Mocking@Bird@127.0.0.1:1/x",
    "postgres://me:Mocking Bird@127.0.0.1:1/x",
    "postgres://me:Mocking%2FBird@127.0.0.1:1/x",
    "postgres://me:x@127.0.0.1:1/x?passwd=MockingBird",
];

fn assert_hidden(finished: &Finished, what: &str) {
    assert_eq!(finished.code, Some(2), "{what}: {finished:?}");
    for word in SECRET {
        for said in [&finished.stdout, &finished.stderr] {
            assert!(!said.contains(word), "{what}: {said}");
        }
    }
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_not_repeated() {
    let installation = Installation::new().on_sqlite();
    for arguments in COMMANDS {
        join_all(UNREADABLE.map(async |url| {
            for log in ["info", "trace", "sea_orm::driver::sqlx_postgres=trace"] {
                let mut command = installation.hookgraph(arguments);
                command.env("HOOKGRAPH_LOG", log);
                command.env("HOOKGRAPH_DATABASE_URL", url);
                let finished = finish(&mut command).await;
                assert_hidden(&finished, &format!("{arguments:?} {url}"));
                if log == "info" {
                    assert_refused(&finished, &["HOOKGRAPH_DATABASE_URL", "%2F"]);
                }
            }
        }))
        .await;
    }
    let mut flag = installation.hookgraph(["status", "--database-url", UNREADABLE[0]]);
    assert_hidden(&finish(&mut flag).await, "a flag");
}

#[tokio::test]
async fn nor_is_the_address_of_a_replica() {
    let installation = Installation::new().on_sqlite();
    join_all(UNREADABLE.map(async |url| {
        let mut command = installation.hookgraph(SERVE);
        command.env("HOOKGRAPH_DATABASE_URL", "postgres://127.0.0.1:1/x");
        command.env("HOOKGRAPH_READ_DATABASE_URL", url);
        let finished = finish(&mut command).await;
        assert_hidden(&finished, url);
        assert_refused(&finished, &["HOOKGRAPH_READ_DATABASE_URL", "%2F"]);
    }))
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_is_told_without_its_password() {
    let installation = Installation::new().on_sqlite();
    let trace = "sea_orm::driver::sqlx_postgres=trace,trace";
    let commands = COMMANDS.iter().filter(|command| command[0] != "backup");
    let addresses = READABLE.into_iter().zip(["info", trace, "info", trace]);
    join_all(commands.map(async |arguments| {
        join_all(addresses.clone().map(async |(url, log)| {
            let mut command = installation.hookgraph(*arguments);
            command.env("HOOKGRAPH_LOG", log);
            command.env("HOOKGRAPH_DATABASE_URL", url);
            let finished = finish(&mut command).await;
            assert_hidden(&finished, &format!("{arguments:?} {url}"));
            if log == "info" {
                assert_refused(&finished, &["PostgreSQL", "running", "refused"]);
                assert_eq!(finished.stderr.matches("refused").count(), 1);
            }
        }))
        .await;
    }))
    .await;
}

#[tokio::test]
async fn a_password_that_is_percent_encoded_is_taken() {
    let mut server = Installation::new()
        .on_postgres(&postgres::shared().create_database())
        .with_password("a%2Fb%3Fc%23d%40e%25")
        .serve()
        .await;
    let status = finish(&mut server.installation.on_store(["status"])).await;
    assert_eq!(status.code, Some(0), "{status:?}");
    assert_eq!(server.stop().await.code(), Some(0));
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_once() {
    let url = postgres::shared().create_database();
    let installation = Installation::new().on_postgres(&url.replacen("/hookgraph", "/other", 1));
    let finished = finish(&mut installation.on_store(["status"])).await;
    assert_refused(&finished, &["does not exist", "is the address right"]);
    for twice in ["does not exist", "other_hookgraph", "database \"other"] {
        assert!(finished.stderr.matches(twice).count() <= 1, "{finished:?}");
    }
    assert!(!finished.stderr.contains("at line"), "{finished:?}");
}

/// The writing end of a pipe that nobody reads.
fn closed() -> PipeWriter {
    let (_, writer) = pipe().expect("a pipe");
    writer
}

/// Runs a command whose output goes there until it ends.
async fn finish_into(
    command: &mut Command,
    stdout: impl Into<Stdio>,
    stderr: impl Into<Stdio>,
) -> Finished {
    let started = command.stdout(stdout).stderr(stderr).spawn();
    let output = within(
        "a command to end",
        started.expect("the command starts").wait_with_output(),
    )
    .await
    .expect("its output");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn full() -> File {
    let opened = File::options().write(true).open("/dev/full");
    opened.expect("a device that is always full")
}

/// Every command that has a result to print.
const RESULTS: [&[&str]; 8] = [
    &["status"],
    &["status", "--json"],
    &["verify"],
    &["verify", "--read-model"],
    &["schema"],
    &["export"],
    &["import"],
    &["rebuild"],
];

/// The same and those that need something of this server.
fn commands(server: &Server, copy: &str) -> Vec<Command> {
    let url = server.url("/webhooks/salesmagic");
    let mut commands: Vec<_> = RESULTS
        .iter()
        // A server holds its folder.
        .filter(|arguments| arguments[0] != "import")
        .map(|arguments| server.installation.on_store(*arguments))
        .collect();
    let send = ["send", "--examples", "--url", &url];
    commands.push(server.installation.on_store(send));
    commands.push(server.installation.on_store(["backup", copy]));
    commands
}

#[tokio::test]
async fn a_reader_that_has_gone_is_no_failure() {
    let server = Installation::new().on_sqlite().serve().await;
    assert_eq!(server.sender().send("msg_1", "{}").await.status, 204);
    server.settled().await;
    for mut command in commands(&server, "copy") {
        let finished = finish_into(&mut command, closed(), Stdio::piped()).await;
        assert_eq!(finished.code, Some(0), "{command:?}: {finished:?}");
        assert!(!finished.stderr.contains("panicked"), "{finished:?}");
    }
    assert!(server.installation.folder().join("copy/log.db").exists());
    // Nor is one of the notes beside the results.
    for mut command in commands(&server, "copy-2") {
        let finished = finish_into(&mut command, Stdio::piped(), closed()).await;
        assert_eq!(finished.code, Some(0), "{command:?}: {finished:?}");
    }
    let mut failing = server
        .installation
        .hookgraph(["status", "--data-dir", "none"]);
    let finished = finish_into(&mut failing, Stdio::piped(), closed()).await;
    assert_eq!(finished.code, Some(2), "{finished:?}");
}

#[tokio::test]
async fn a_result_that_cannot_be_written_is_an_error() {
    let server = Installation::new()
        .on_sqlite()
        .with_log("error")
        .serve()
        .await;
    assert_eq!(server.sender().send("msg_1", "{}").await.status, 204);
    server.settled().await;
    for mut command in commands(&server, "copy") {
        let finished = finish_into(&mut command, full(), Stdio::piped()).await;
        assert_refused(&finished, &["No space left"]);
    }
    assert!(server.installation.folder().join("copy/log.db").exists());
}

#[tokio::test]
async fn an_import_whose_report_cannot_be_written_is_done() {
    let server = Installation::new().on_sqlite().serve().await;
    assert_eq!(server.sender().send("msg_1", "{}").await.status, 204);
    let file = server.installation.folder().join("events");
    let exported = server.installation.run(["export", "--to", "events"]).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let file = file.to_str().expect("a path");
    let there = Installation::new().on_sqlite().with_log("error");
    let finished = finish_into(
        &mut there.hookgraph(["import", file]),
        full(),
        Stdio::piped(),
    )
    .await;
    assert_refused(&finished, &["No space left"]);
    let there = there.serve().await;
    assert_eq!(there.head().await, 1);
}

#[tokio::test]
async fn a_server_serves_though_its_banner_cannot_be_written() {
    let installation = Installation::new().on_sqlite();
    let mut outputs: Vec<Stdio> = vec![full().into(), closed().into()];
    while let Some(output) = outputs.pop() {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address").to_string();
        drop(free);
        let mut command = installation.hookgraph(["serve", "--listen", &address]);
        let mut server = command.stdout(output).spawn().expect("the server starts");
        let ready = format!("http://{address}/health/ready");
        until("the server is ready", async || {
            assert_eq!(server.try_wait().expect("a child can be asked"), None);
            let answer = reqwest::get(&ready).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        server.kill().await.expect("it ends");
    }
}

/// This command as somebody who owns nothing here. Who is not root is nobody to a folder whose permissions are taken away.
fn as_a_stranger(command: &mut Command, folder: &Path) {
    const NOBODY: u32 = 65534;
    if fs::metadata(folder).expect("a folder").uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

#[tokio::test]
async fn a_data_folder_that_may_not_be_entered_or_written_is_told() {
    let mut server = Installation::new().on_sqlite().serve().await;
    server.settled().await;
    assert_eq!(server.stop().await.code(), Some(0));
    let installation = &server.installation;
    let data = installation.data_dir();
    allow(installation.folder(), 0o755);
    let is_root = fs::metadata(&data).expect("a folder").uid() == 0;
    let commands: [&[&str]; 5] = [
        &["status"],
        &["verify"],
        &["export"],
        &["rebuild"],
        &["backup", "/tmp/hookgraph-never-made"],
    ];
    for arguments in commands {
        allow(&data, if is_root { 0o700 } else { 0 });
        let mut command = installation.hookgraph(arguments);
        as_a_stranger(&mut command, &data);
        let finished = finish(&mut command).await;
        assert_refused(&finished, &["data", "cannot be read", "Permission denied"]);
        allow(&data, 0o555);
        for entry in fs::read_dir(&data).expect("a folder") {
            allow(&entry.expect("an entry").path(), 0o444);
        }
        let finished = finish(&mut command).await;
        assert_refused(&finished, &["must be allowed to write"]);
        assert!(!finished.stderr.contains("code:"), "{finished:?}");
    }
    allow(&data, 0o700);
}

#[tokio::test]
async fn a_secret_that_is_too_short_is_refused() {
    // Six bytes, and 15.
    for short in ["SECRETPW", "whsec_TW9ja2luZ2JpcmRNb2Nr"] {
        let installation = Installation::new().with_secrets([short.to_owned()]);
        let finished = installation.run(SERVE).await;
        assert_refused(
            &finished,
            &["HOOKGRAPH_WEBHOOK_SECRET", "at least 16 bytes"],
        );
        assert!(!finished.stderr.contains(short), "{finished:?}");
    }
}
