//! `hookgraph verify --read-model`: it tells a read model that is what the events say from one that is not, and names each row
//! without saying what stands in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use sample::catalogue;
use sample::company::{Company, Size};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use tempfile::TempDir;
use tests::load::Plan;
use tests::server::{Finished, finish};
use tests::{Backend, Installation, Server, until, within};

/// Rows that are equal, different, missing and additional.
type Counts = [usize; 4];

/// Verifies with a scratch folder of its own, in which nothing may be left.
async fn verify(installation: &Installation) -> Finished {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let finished = finish(&mut in_scratch(installation, scratch.path())).await;
    assert_eq!(left_in(&scratch), Vec::<String>::new(), "{finished:?}");
    finished
}

fn in_scratch(installation: &Installation, scratch: &Path) -> tokio::process::Command {
    let mut command = installation.on_store(["verify", "--read-model", "--scratch"]);
    command.arg(scratch).env("HOOKGRAPH_LOG", "warn");
    command
}

fn left_in(folder: &TempDir) -> Vec<String> {
    let files = fs::read_dir(folder.path()).expect("the folder");
    let names = files.map(|file| file.expect("a file").file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

/// What a report counts, by table.
fn counts(report: &Finished) -> BTreeMap<String, Counts> {
    let rows = report.stdout.lines().filter_map(|line| {
        let (name, counts) = line.strip_prefix("  ")?.split_once(' ')?;
        let counts: Result<Vec<usize>, _> = counts.split_whitespace().map(str::parse).collect();
        Some((name.to_owned(), Counts::try_from(counts.ok()?).ok()?))
    });
    rows.collect()
}

/// Checks that everything is equal, and returns how many rows of each table are.
fn assert_equal(report: &Finished) -> BTreeMap<String, usize> {
    assert_eq!(report.code, Some(0), "{report:?}");
    assert_eq!(report.stderr, "", "{report:?}");
    let counts = counts(report);
    for (table, counts) in &counts {
        assert_eq!(counts[1..], [0, 0, 0], "{table}: {report:?}");
    }
    counts
        .into_iter()
        .map(|(table, [equal, ..])| (table, equal))
        .collect()
}

/// Sends a company's webhooks, the examples, and whatever else there may be; returns how many positions they take.
async fn fill(server: &Server) -> usize {
    let size = Size {
        calls: 20,
        orgs: 3,
        ..Size::default()
    };
    let mut deliveries: Vec<_> = Company::new(size).deliveries().collect();
    deliveries.extend(catalogue::deliveries(1));
    let mut again = deliveries[3].clone();
    "msg_again".clone_into(&mut again.message_id);
    deliveries.push(again);
    let sender = server.sender();
    sender.deliver(&deliveries).await;
    let odd = [
        ("msg_text", "no JSON at all"),
        (
            "msg_dead",
            r#"{"id":"d","type":"call.completed","payload":{"call":7}}"#,
        ),
        (
            "msg_later",
            r#"{"id":"l","type":"call.imagined","payload":{}}"#,
        ),
        (
            "msg_numbers",
            r#"{"id":"n","type":"call.completed","payload":{"call":{"id":"n","stats":{"duration":-0.0},"analysis":[{"score":0.1},{"score":1e308},{"score":5e-324}]}}}"#,
        ),
        (
            "msg_texts",
            r#"{"id":"t","type":"user.updated","payload":{"user":{"id":"\u0000é\ud83d\ude00\n","name":"a\u0000b","email":"e\ud83d"}}}"#,
        ),
    ];
    for (id, body) in odd {
        assert_eq!(sender.send(id, body).await.status, 204, "{id}");
    }
    server.settled().await;
    deliveries.len() + odd.len()
}

/// The first generation's tables, for statements from outside.
async fn read_model(server: &Server) -> DatabaseConnection {
    let installation = &server.installation;
    let url = match installation.backend() {
        Backend::Sqlite => {
            let file = installation.data_dir().join("read-1.db");
            format!("sqlite://{}", file.display())
        }
        Backend::Postgres(url) => format!("{url}&options=-csearch_path%3Dhookgraph_read_1"),
    };
    Database::connect(url).await.expect("the read model")
}

async fn change(server: &Server, statement: &str) {
    let db = read_model(server).await;
    let changed = db.execute_unprepared(statement).await;
    let changed = changed.unwrap_or_else(|error| panic!("{statement}: {error}"));
    assert!(changed.rows_affected() > 0, "{statement} changes nothing");
    db.close().await.expect("it is closed");
}

/// The texts that a statement finds.
async fn texts(server: &Server, statement: &str) -> Vec<String> {
    let db = read_model(server).await;
    let statement = Statement::from_string(db.get_database_backend(), statement);
    let rows = db.query_all_raw(statement).await.expect("rows");
    db.close().await.expect("it is closed");
    let texts = rows.iter().map(|row| row.try_get_by_index(0));
    texts.map(|text| text.expect("a text")).collect()
}

#[tokio::test]
async fn what_the_events_say_is_equal_in_every_table() {
    let mut server = Server::start().await;
    let events = fill(&server).await;
    let equal = assert_equal(&verify(&server.installation).await);
    assert_eq!(equal["event_index"], events);
    assert_eq!(
        equal["calls"], 22,
        "the company's, an example, and one of odd numbers"
    );

    let tables = match server.installation.backend() {
        Backend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
        Backend::Postgres(_) => {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'hookgraph_read_1'"
        }
    };
    let mut tables = texts(&server, tables).await;
    tables.sort();
    // What an index of SQLite keeps of `call_words` follows from it.
    tables.retain(|table| table != "checkpoint" && !table.starts_with("call_words_index"));
    assert!(tables.iter().eq(equal.keys()), "{tables:?} in {equal:?}");
    for (table, rows) in &equal {
        assert!(*rows > 0, "{table} has rows");
    }

    assert_eq!(server.stop().await.code(), Some(0));
    assert_eq!(assert_equal(&verify(&server.installation).await), equal);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_equal_while_webhooks_arrive() {
    let server = Server::start().await;
    let events = fill(&server).await;
    let mut load = Plan::to([&server]).start("verify");
    for _ in 0..3 {
        load.further(30).await;
        let equal = assert_equal(&verify(&server.installation).await);
        assert!(equal["event_index"] > events, "{equal:?}");
    }
    load.end().await;
}

/// Checks that a report names exactly this, under these words, and that it repeats nothing of what was sent.
fn assert_named(report: &Finished, named: &[(&str, &[&str])]) {
    assert_eq!(report.code, Some(1), "{report:?}");
    assert_eq!(report.stderr, "", "{report:?}");
    let (_, listed) = report
        .stdout
        .split_once("seen_fields")
        .expect("the last table");
    let listed: Vec<_> = listed.lines().skip(1).collect();
    let mut expected: Vec<String> = Vec::new();
    for (what, rows) in named {
        expected.push(format!("{what}:"));
        expected.extend(rows.iter().map(|row| format!("  {row}")));
    }
    let (end, rows) = listed.split_last().expect("a last line");
    assert_eq!(rows, expected, "{report:?}");
    assert!(end.contains("hookgraph rebuild"), "{report:?}");
}

#[tokio::test]
async fn what_was_changed_behind_its_back_is_named_and_not_shown() {
    let server = Server::start().await;
    fill(&server).await;
    let before = assert_equal(&verify(&server.installation).await);
    let id = async |table: &str, at: usize| {
        let ids = format!("SELECT id FROM {table} WHERE id LIKE '%-%' ORDER BY id");
        texts(&server, &ids).await.swap_remove(at)
    };
    let (user, org, call) = (
        id("users", 0).await,
        id("orgs", 1).await,
        id("calls", 2).await,
    );
    for statement in [
        &format!(
            "UPDATE users SET email = 'spy@elsewhere.example', streak = 0.5 WHERE id = '{user}'"
        ),
        &format!("DELETE FROM orgs WHERE id = '{org}'"),
        &format!("DELETE FROM transcripts WHERE call_id = '{call}'"),
        &format!(
            "UPDATE analyses SET summary = 'forged words' WHERE call_id = '{call}' AND ordinal = 0"
        ),
        "INSERT INTO insights VALUES ('a call that never was', 0, 'products', 3, 'forged words', '')",
        "UPDATE event_index SET outcome = 'DEAD', reason = 'forged words' WHERE position = 1",
        "INSERT INTO prospects (org_id, id, name, is_example) VALUES ('', 'an \"id\"', 'forged words', FALSE)",
    ] {
        change(&server, statement).await;
    }
    let report = verify(&server.installation).await;
    assert_named(
        &report,
        &[
            (
                "Different",
                &[
                    "event_index 1: outcome, reason",
                    &format!("users {user:?}: email, streak"),
                    &format!("analyses {call:?}, 0: summary"),
                ],
            ),
            (
                "Missing",
                &[&format!("orgs {org:?}"), &format!("transcripts {call:?}")],
            ),
            (
                "Additional",
                &[
                    r#"prospects "", "an \"id\"""#,
                    r#"insights "a call that never was", 0, "products", 3"#,
                ],
            ),
        ],
    );
    assert!(
        !report.stdout.contains('@') && !report.stdout.contains("forged"),
        "{report:?}"
    );
    let counts = counts(&report);
    assert_eq!(counts["users"], [before["users"] - 1, 1, 0, 0]);
    assert_eq!(counts["orgs"], [before["orgs"] - 1, 0, 1, 0]);
    assert_eq!(counts["prospects"], [before["prospects"], 0, 0, 1]);
    assert_eq!(counts["calls"], [before["calls"], 0, 0, 0]);

    let rebuilt = finish(&mut server.installation.on_store(["rebuild"])).await;
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    assert_equal(&verify(&server.installation).await);
}

#[tokio::test]
async fn of_many_rows_the_first_are_named() {
    let server = Server::start().await;
    let events = fill(&server).await;
    change(&server, "DELETE FROM event_index WHERE position > 5").await;
    let report = verify(&server.installation).await;
    assert_eq!(report.code, Some(1), "{report:?}");
    assert_eq!(counts(&report)["event_index"], [5, 0, events - 5, 0]);
    let named: Vec<_> = report.stdout.lines().collect();
    let first = named.iter().position(|line| line.starts_with("Missing"));
    let first = first.expect("a list") + 1;
    let expected: Vec<_> = (6..26).map(|at| format!("  event_index {at}")).collect();
    assert_eq!(named[first..named.len() - 1], expected, "{report:?}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_counted() {
    let server = Server::start().await;
    let events = fill(&server).await;
    change(
        &server,
        "UPDATE event_index SET outcome = 'forged' WHERE position = 2",
    )
    .await;
    let report = verify(&server.installation).await;
    assert_eq!(report.code, Some(1), "{report:?}");
    assert_eq!(counts(&report)["event_index"], [events - 1, 0, 1, 0]);
    let unreadable = "Of the missing in event_index, 1 may be there and cannot be read.";
    assert!(report.stdout.contains(unreadable), "{report:?}");
    assert!(!report.stdout.contains("forged"), "{report:?}");
}

#[tokio::test]
async fn a_read_model_that_is_ahead_of_the_log_is_told() {
    let mut server = Server::start().await;
    let events = fill(&server).await;
    assert_eq!(server.stop().await.code(), Some(0));
    change(&server, "UPDATE checkpoint SET position = 1000").await;
    let report = verify(&server.installation).await;
    assert_eq!(report.code, Some(1), "{report:?}");
    for words in ["position 1000", &format!("the log ends at {events}")] {
        assert!(report.stdout.contains(words), "{report:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_compared_is_told_in_a_sentence() {
    let refused = |report: &Finished, words: &str| {
        assert_eq!(report.code, Some(2), "{report:?}");
        assert_eq!(report.stdout, "", "{report:?}");
        assert!(report.stderr.contains(words), "{report:?}");
    };
    let mut server = Server::start().await;
    fill(&server).await;
    assert_eq!(server.stop().await.code(), Some(0));
    let nowhere = server.installation.folder().join("nowhere");
    let report = finish(&mut in_scratch(&server.installation, &nowhere)).await;
    refused(&report, "cannot make a scratch folder in ");
    let mut without = server.installation.on_store(["verify", "--scratch", "."]);
    refused(&finish(&mut without).await, "--read-model");
    change(&server, "UPDATE checkpoint SET rules = rules + 1").await;
    refused(
        &verify(&server.installation).await,
        "built by another version of Hookgraph",
    );
    change(&server, "UPDATE checkpoint SET tables = tables + 1").await;
    refused(
        &verify(&server.installation).await,
        "no read model that this version can read",
    );
    refused(&verify(&Installation::new()).await, "log");
}

#[tokio::test]
async fn an_interruption_leaves_nothing_in_the_scratch_folder() {
    let server = Server::start().await;
    fill(&server).await;
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut command = in_scratch(&server.installation, scratch.path());
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.expect("it starts");
    until("it makes a scratch folder", async || {
        (!left_in(&scratch).is_empty()).then_some(())
    })
    .await;
    let kill = format!("kill -TERM {}", child.id().expect("it runs"));
    let sent = finish(tokio::process::Command::new("sh").args(["-c", &kill])).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let ended = within("its end", child.wait_with_output()).await;
    let ended = ended.expect("it can be waited for");
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert_eq!(left_in(&scratch), Vec::<String>::new());
}
