//! A backup that is made under load has everything that was acknowledged before it, and a server on it is as good as the
//! original: `hookgraph backup` for SQLite, PostgreSQL's own tools for PostgreSQL.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sample::catalogue;
use sample::company::{Company, Size};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use tests::server::{Finished, finish};
use tests::{Installation, Sender, Server, postgres, until};
use tokio::process::Command;
use tokio::task::JoinSet;

/// Webhooks that a sender sends at most.
const MOST: usize = 5000;

/// Senders that go on until they are told to stop.
struct Load {
    senders: JoinSet<()>,
    stopping: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<String>>>,
}

impl Load {
    fn on(server: &Server) -> Self {
        let mut load = Self {
            senders: JoinSet::new(),
            stopping: Arc::default(),
            acknowledged: Arc::default(),
        };
        let next = Arc::new(AtomicUsize::new(0));
        for _ in 0..4 {
            let (stopping, acknowledged) = (load.stopping.clone(), load.acknowledged.clone());
            let (sender, next) = (server.sender(), next.clone());
            load.senders.spawn(async move {
                while !stopping.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number == MOST {
                        break;
                    }
                    let id = format!("msg_load_{number}");
                    send_user(&sender, &id).await;
                    acknowledged.lock().expect("no panic").push(id);
                }
            });
        }
        load
    }

    fn acknowledged(&self) -> Vec<String> {
        self.acknowledged.lock().expect("no panic").clone()
    }

    /// Waits until so many more are acknowledged.
    async fn more(&self, more: usize) -> Vec<String> {
        let now = self.acknowledged().len();
        until("more webhooks are acknowledged", async || {
            let acknowledged = self.acknowledged();
            (acknowledged.len() >= now + more).then_some(acknowledged)
        })
        .await
    }

    async fn stop(mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        while let Some(sender) = self.senders.join_next().await {
            sender.expect("everything was acknowledged");
        }
    }
}

async fn send_user(sender: &Sender, id: &str) {
    let user = format!(
        r#"{{"id":"{id}","type":"user.created","timestamp":"2025-01-01T00:00:00Z","payload":{{"user":{{"id":"{id}","name":"ü{id}"}}}}}}"#
    );
    assert_eq!(sender.send(id, user).await.status, 204);
}

/// A company's webhooks, the examples, and what is no event.
async fn fill(server: &Server) {
    let size = Size {
        calls: 40,
        ..Size::default()
    };
    let company: Vec<_> = Company::new(size).deliveries().collect();
    let examples: Vec<_> = catalogue::deliveries(1).collect();
    server
        .sender()
        .deliver(company.iter().chain(&examples))
        .await;
    let odd = server.sender().hint("call.completed");
    assert_eq!(odd.send("msg_odd", "not JSON").await.status, 204);
}

/// What a server says of everything but the load.
async fn answers(server: &Server) -> Value {
    server.settled().await;
    let query = "{
        status { head cursor }
        calls(first: 50) { totalCount nodes { id title score user { id name } prospects { id name } lastEvent { position }
            analysis { score summary objections } transcript { lineCount } } }
        users(first: 100) { totalCount nodes { id name email deleted } }
        orgs { totalCount nodes { id name deleted } }
        events(first: 100) { totalCount nodes { position messageId type outcome receivedAt secretId body } }
    }";
    server.graphql(query, json!({})).await
}

async fn jsonl(installation: &Installation) -> String {
    let exported = finish(&mut installation.on_store(["export"])).await;
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    exported.stdout
}

/// Checks the log of a restored installation: it is the beginning of the original's, and has these messages.
async fn assert_beginning(copy: &Installation, original: &str, acknowledged: &[String]) {
    let log = jsonl(copy).await;
    assert!(original.starts_with(&log), "the copy says something else");
    for (line, position) in log.lines().zip(1..) {
        let event: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(event["position"], position);
    }
    for id in acknowledged {
        let field = format!(r#""messageId":"{id}""#);
        assert!(log.contains(&field), "{id} was acknowledged before");
    }
    let events = log.lines().count();
    let verified = finish(&mut copy.on_store(["verify"])).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let expected = format!("Checked {events} events, up to position {events}.");
    assert!(verified.stdout.starts_with(&expected), "{verified:?}");
    let all = format!("verified      {events}\n");
    assert!(verified.stdout.contains(&all), "{verified:?}");
}

async fn backup(installation: &Installation, to: &Path) -> Finished {
    let to = to.to_str().expect("a path");
    finish(&mut installation.on_store(["backup", to])).await
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("a name"))
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).expect("it is there");
    metadata.permissions().mode() & 0o777
}

fn own_secret() -> Installation {
    Installation::new().on_sqlite().with_secrets([])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_all_that_was_acknowledged_and_a_server_on_it_is_as_good() {
    let server = own_secret().serve().await;
    fill(&server).await;
    let load = Load::on(&server);
    let before = load.more(50).await;
    let [first, second] = [own_secret(), own_secret()];
    let to = first.data_dir();
    let made = backup(&server.installation, &to).await;
    load.more(50).await;
    load.stop().await;

    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(names(&to), ["log.db", "webhook-secret"]);
    assert_eq!(mode(&to), 0o700);
    for name in names(&to) {
        assert_eq!(mode(&to.join(&name)), 0o600, "{name}");
    }
    assert_eq!(names(to.parent().expect("a folder")), ["data"]);
    assert_eq!(first.secrets(), server.installation.secrets());
    let original = jsonl(&server.installation).await;
    assert_beginning(&first, &original, &before).await;
    let events = jsonl(&first).await.lines().count();
    assert!(events < original.lines().count());
    let said = format!("{events} events, up to position {events} of the log");
    assert!(made.stdout.contains(&said), "{made:?}");
    let serve = format!("hookgraph serve --data-dir {}", to.display());
    assert!(made.stdout.contains(&serve), "{made:?}");
    let secret = &server.installation.secrets()[0];
    assert!(!format!("{made:?}").contains(secret));

    // What was sent since is sent again: each is stored once, those that were there stay where they are.
    let restored = first.serve().await;
    let sender = restored.sender();
    let after = original.lines().skip(events - 10);
    for line in after {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let id = event["messageId"].as_str().expect("an id");
        let body = event["body"].as_str().expect("a body");
        assert_eq!(sender.send(id, body).await.status, 204);
    }
    restored.settled().await;
    assert_eq!(restored.head().await, server.head().await);
    let users = "{ calls { totalCount } users { totalCount } orgs { totalCount } }";
    assert_eq!(
        restored.graphql(users, json!({})).await,
        server.graphql(users, json!({})).await
    );

    // Nothing arrives any more: both say the same throughout.
    let made = backup(&server.installation, &second.data_dir()).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let second = second.serve().await;
    assert_eq!(answers(&second).await, answers(&server).await);
    assert!(jsonl(&second.installation).await == original);
    send_user(&second.sender().secret(secret), "msg_new").await;
}

#[tokio::test]
async fn what_a_killed_server_left_in_its_journal_is_backed_up() {
    let mut server = Installation::new().on_sqlite().serve().await;
    fill(&server).await;
    let expected = answers(&server).await;
    server.kill().await;
    let left = names(&server.installation.data_dir());
    assert!(left.contains(&"log.db-wal".to_owned()), "{left:?}");

    let copy = Installation::new().on_sqlite();
    // An empty folder will do, and becomes private.
    fs::create_dir(copy.data_dir()).expect("a folder");
    fs::set_permissions(copy.data_dir(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let made = backup(&server.installation, &copy.data_dir()).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(mode(&copy.data_dir()), 0o700);
    // The secret is configured, so none is kept.
    assert_eq!(names(&copy.data_dir()), ["log.db"]);
    assert!(made.stdout.contains("keeps no secret"), "{made:?}");
    assert_eq!(answers(&copy.serve().await).await, expected);
}

#[tokio::test]
async fn where_no_backup_can_be_made_nothing_is() {
    let mut server = Installation::new().on_sqlite().serve().await;
    fill(&server).await;
    let installation = &server.installation;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("full")).expect("a folder");
    fs::write(at("full/something"), "dear").expect("a file");
    fs::write(at("file"), "dear").expect("a file");
    for (name, word) in [
        ("full", "not empty"),
        ("file", "not a folder"),
        ("file/in", "file/in"),
        ("none/in", "cannot make a folder"),
    ] {
        let refused = backup(installation, &at(name)).await;
        assert_eq!(refused.code, Some(2), "{name}: {refused:?}");
        assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
        assert!(refused.stderr.contains(word), "{refused:?}");
        assert_eq!(refused.stdout, "");
    }
    // A wrong folder is not made into a data folder.
    let refused = backup(&Installation::new().on_sqlite(), &at("new")).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--data-dir"), "{refused:?}");

    // Pages in the middle of the log are spoilt, once the journal is in it.
    assert_eq!(server.stop().await.code(), Some(0));
    let log = server.installation.data_dir().join("log.db");
    let url = format!("sqlite://{}", log.display());
    let db = Database::connect(url).await.expect("the log");
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let done = db.execute_unprepared(checkpoint).await;
    done.expect("it is written back");
    db.close().await.expect("it is closed");
    assert!(fs::metadata(&log).expect("a file").len() > 100 * 4096);
    let file = fs::OpenOptions::new().write(true).open(log);
    let spoilt = file
        .expect("it can be written")
        .write_all_at(&vec![0xff; 50 * 4096], 5 * 4096);
    spoilt.expect("it is written");
    let refused = backup(&server.installation, &at("new")).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("malformed"), "{refused:?}");

    assert_eq!(names(folder.path()), ["file", "full"]);
    assert_eq!(names(&at("full")), ["something"]);
}

/// Runs a command of PostgreSQL's as it is shown to people.
async fn shell(command: &str) {
    let programs = postgres::binary("pg_dump");
    let programs = programs.parent().expect("a folder");
    let mut shell = Command::new("sh");
    let command = format!("PATH={}:$PATH; {command}", programs.display());
    let done = finish(shell.args(["-c", &command])).await;
    assert_eq!(done.code, Some(0), "{command}: {done:?}");
    assert_eq!(done.stderr, "", "{command}");
}

/// The command that `hookgraph backup` tells, with this file.
async fn pg_dump(installation: &Installation, file: &str) -> String {
    let told = backup(installation, &installation.folder().join("backup")).await;
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(!told.stderr.contains("hidden"), "{told:?}");
    assert!(!installation.folder().join("backup").exists());
    let (_, command) = told.stderr.split_once(": pg_dump ").expect("a command");
    let (command, _) = command.split_once(" --file=FILE").expect("its end");
    format!("pg_dump {command} --file={file}")
}

/// A new database with what was dumped to `file`.
async fn restored(file: &str) -> String {
    let url = postgres::shared().create_database();
    let (address, socket) = url.split_once("?host=").expect("a socket");
    let (_, name) = address.rsplit_once('/').expect("a name");
    let to = format!("--host={socket} --username=postgres --dbname={name}");
    shell(&format!("pg_restore --exit-on-error {to} {file}")).await;
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pg_dump_takes_under_load_pg_restore_makes_a_log_of_in_another_database() {
    let url = postgres::shared().create_database();
    let installation = Installation::new().on_postgres(&url);
    let server = installation.with_password("hidden").serve().await;
    fill(&server).await;
    let file = server.installation.folder().join("one.dump");
    let file = file.to_str().expect("a path");
    let dump = pg_dump(&server.installation, file).await;
    let load = Load::on(&server);
    let before = load.more(50).await;
    shell(&dump).await;
    load.more(50).await;
    load.stop().await;
    let original = jsonl(&server.installation).await;

    let url = restored(file).await;
    let copy = Installation::new().on_postgres(&url);
    assert_beginning(&copy, &original, &before).await;

    let file = file.replace("one", "two");
    let dump = pg_dump(&server.installation, &file).await;
    shell(&dump).await;
    let url = restored(&file).await;
    let copy = Installation::new().on_postgres(&url).serve().await;
    assert_eq!(answers(&copy).await, answers(&server).await);
    assert!(jsonl(&copy.installation).await == original);
    send_user(&copy.sender(), "msg_new").await;
    copy.settled().await;
    assert_eq!(copy.head().await, server.head().await + 1);

    let db = Database::connect(&url).await.expect("the database");
    for change in [
        "UPDATE hookgraph_log.events SET body = 'x' WHERE position = 1",
        "DELETE FROM hookgraph_log.events WHERE position = 1",
        "TRUNCATE hookgraph_log.events",
    ] {
        let refused = db.execute_unprepared(change).await;
        let error = refused.expect_err("the log is append-only").to_string();
        assert!(error.contains("append-only"), "{change}: {error}");
    }
    db.close().await.expect("it is closed");
}
