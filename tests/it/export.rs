//! `hookgraph export` and `hookgraph import`: what leaves one log arrives in another, and only what is proven does.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sample::company::{Company, Size};
use sample::{Delivery, catalogue};
use serde_json::{Value, json};
use tests::server::{Finished, finish, secret};
use tests::{Backend, Installation, Server, within};
use tokio::io::{AsyncBufReadExt, BufReader};

/// Words of a body that no command may repeat.
const SECRET_WORDS: &str = "the launch code is 0000";

/// The six examples, a company, and bodies that are not JSON or are hard to quote.
fn deliveries() -> Vec<Delivery> {
    let odd = [
        "not JSON \u{0} \u{1} \u{7f} \u{2028} \u{1f600} \\ \" \t\r\n".to_owned(),
        format!(r#"{{"text":"\ud800 {SECRET_WORDS}"}}"#),
        String::new(),
    ];
    let odd = odd.into_iter().enumerate().map(|(n, body)| Delivery {
        message_id: format!("msg_odd_{n}"),
        event_type: "odd".to_owned(),
        body,
    });
    let size = Size {
        calls: 4,
        ..Size::default()
    };
    catalogue::deliveries(1)
        .chain(Company::new(size).deliveries())
        .chain(odd)
        .collect()
}

async fn run(installation: &Installation, arguments: &[&str]) -> Finished {
    silent(finish(&mut installation.on_store(arguments)).await)
}

/// Checks that neither a secret nor a body is told where people look.
fn silent(finished: Finished) -> Finished {
    for number in [1, 2] {
        let text = &secret(number)["whsec_".len()..];
        assert!(!finished.stderr.contains(text), "{}", finished.stderr);
        assert!(!finished.stdout.contains(text), "a secret is told");
    }
    let said = &finished.stderr;
    assert!(!said.contains(SECRET_WORDS), "a body is told: {said}");
    assert!(!said.contains("panicked"), "{said}");
    finished
}

async fn export(installation: &Installation, options: &[&str]) -> String {
    let exported = run(installation, &[&["export"], options].concat()).await;
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    exported.stdout
}

/// Imports a file, and returns what is said.
async fn import(installation: &Installation, file: &Path, code: i32) -> String {
    let file = file.to_str().expect("a path");
    let imported = run(installation, &["import", file]).await;
    assert_eq!(imported.code, Some(code), "{imported:?}");
    assert!(!imported.stdout.contains(SECRET_WORDS), "a body is told");
    imported.stdout
}

fn written(installation: &Installation, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let file = installation.folder().join(name);
    fs::write(&file, text).expect("it is written");
    file
}

fn lines(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("a line is JSON");
    text.lines().map(parse).collect()
}

/// A server's log without its server: exported, one line an event.
async fn exported(deliveries: &[Delivery]) -> Vec<String> {
    let server = Server::start().await;
    server.sender().deliver(deliveries).await;
    let text = export(&server.installation, &[]).await;
    text.lines().map(str::to_owned).collect()
}

async fn answers(server: &Server) -> Value {
    server.settled().await;
    let query = "{
        calls(first: 100) { totalCount nodes { id title transcript { lineCount } analysis { objections } lastEvent { position } } }
        users { totalCount nodes { id name } }
        orgs { totalCount nodes { id name } }
        events(first: 100) { totalCount nodes { position messageId type receivedAt secretId body } }
    }";
    server.graphql(query, json!({})).await
}

#[tokio::test]
async fn what_was_exported_gives_the_same_log_and_the_same_answers_elsewhere() {
    let mut server = Server::start().await;
    let mut deliveries = deliveries();
    // More than either command takes at once.
    deliveries.extend((0..550).map(|n| Delivery {
        message_id: format!("msg_small_{n}"),
        event_type: "small".to_owned(),
        body: n.to_string(),
    }));
    server.sender().deliver(&deliveries).await;
    let hinted = server.sender().hint("call.completed");
    assert_eq!(hinted.send("msg_hinted", "{}").await.status, 204);
    let there = &server.installation;
    let file = there.folder().join("events.jsonl");
    let path = file.to_str().expect("a path");
    // While the server runs.
    assert_eq!(export(there, &["--to", path]).await, "");
    let text = fs::read_to_string(&file).expect("it is written");

    let events = lines(&text);
    assert_eq!(events.len(), deliveries.len() + 1);
    for (at, (event, delivery)) in events.iter().zip(&deliveries).enumerate() {
        assert_eq!(event["position"], at + 1);
        assert_eq!(event["messageId"], delivery.message_id);
        assert!(event["body"] == *delivery.body, "{}", delivery.message_id);
        assert_eq!(event["source"], "salesmagic");
        assert_eq!(event["typeHint"], Value::Null);
        assert_eq!(event["headers"]["id"], delivery.message_id);
        let received_at = event["receivedAt"].as_str().expect("a time");
        assert_eq!(received_at.len(), "2025-06-02T00:00:00.000000Z".len());
        assert_eq!(event["secretId"].as_str().map(str::len), Some(12));
    }
    let last = events.last().expect("an event");
    assert_eq!(last["typeHint"], "call.completed");

    let here = Installation::new();
    let said = import(&here, &file, 0).await;
    let count = events.len();
    let expected = format!("Read {count} lines: {count} stored, 0 already there, 0 refused.\n");
    assert_eq!(said, expected);
    assert!(export(&here, &[]).await == text, "the logs differ");
    let mut other = here.serve().await;
    assert_eq!(answers(&other).await, answers(&server).await);

    assert_eq!(other.stop().await.code(), Some(0));
    let mut again = other.installation.on_store(["import"]);
    again.stdin(File::open(&file).expect("the file"));
    let again = silent(finish(&mut again).await);
    assert_eq!(again.code, Some(0), "{again:?}");
    let expected = format!("Read {count} lines: 0 stored, {count} already there, 0 refused.\n");
    assert_eq!(again.stdout, expected);
    let after = export(&other.installation, &[]).await;
    assert!(after == text, "the second import changed the log");
    server.stop().await;
}

#[tokio::test]
async fn an_export_continues_where_another_one_ended() {
    let server = Server::start().await;
    let installation = &server.installation;
    let deliveries = deliveries();
    let (old, new) = deliveries.split_at(9);
    server.sender().deliver(old).await;
    let first = run(installation, &["export", "--to", "events.jsonl"]).await;
    assert!(first.stderr.contains("9 events"), "{first:?}");
    let (_, position) = first.stderr.rsplit_once("--after ").expect("how to go on");
    let position = position.trim();
    let nothing = run(installation, &["export", "--after", position]).await;
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(0), ""));

    server.sender().deliver(new).await;
    let rest = export(installation, &["--after", position]).await;
    assert_eq!(rest.lines().count(), new.len());
    let file = installation.folder().join("events.jsonl");
    let begin = fs::read_to_string(&file).expect("it is written");
    assert!(begin.clone() + &rest == export(installation, &[]).await);

    // What is there already is not overwritten.
    let refused = run(installation, &["export", "--to", "events.jsonl"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("events.jsonl"), "{refused:?}");
    assert!(fs::read_to_string(&file).expect("it is there") == begin);
}

#[tokio::test]
async fn a_line_that_proves_nothing_is_refused_and_named_and_the_others_are_stored() {
    let lines = exported(&deliveries()[..8]).await;
    let with = |at: usize, change: &dyn Fn(&mut Value)| {
        let mut line = serde_json::from_str(&lines[at]).expect("a line");
        change(&mut line);
        line.to_string()
    };
    let long = format!(r#"{{"body":"{}"}}"#, "x".repeat(9 << 20));
    let spoilt = [
        lines[0].clone(),
        with(1, &|line| line["body"] = json!(SECRET_WORDS)),
        format!("{SECRET_WORDS}: not JSON"),
        with(1, &|line| line["messageId"] = json!("msg_other")),
        with(1, &|line| line["source"] = json!(SECRET_WORDS)),
        with(1, &|line| line["receivedAt"] = json!(SECRET_WORDS)),
        with(1, &|line| line["headers"]["timestamp"] = json!("1")),
        with(1, &|line| line["headers"]["timestamp"] = json!("soon")),
        with(1, &|line| line["headers"]["signature"] = json!("")),
        with(1, &|line| line["headers"] = json!(SECRET_WORDS)),
        String::new(),
        long,
        "\u{feff}[]".to_owned(),
        // A secret's name may be anything: the one that matches is written down.
        with(2, &|line| line["secretId"] = json!(SECRET_WORDS)),
        lines[7].clone(),
        lines[1][..lines[1].len() / 2].to_owned(),
    ];
    let here = Installation::new();
    let file = written(&here, "spoilt.jsonl", spoilt.join("\n"));
    let said = import(&here, &file, 1).await;
    let mut told = said.lines();
    let count = spoilt.len();
    let expected = format!(
        "Read {count} lines: 3 stored, 0 already there, {} refused.",
        count - 3
    );
    assert_eq!(told.next(), Some(expected.as_str()));
    for (number, why) in [
        (2, "no secret matches"),
        (3, "JSON object"),
        (4, "messageId"),
        (5, "source"),
        (6, "receivedAt"),
        (7, "no secret matches"),
        (8, "timestamp"),
        (9, "signature"),
        (10, "JSON object"),
        (11, "JSON object"),
        (12, "longer"),
        (13, "JSON object"),
        (16, "cut off"),
    ] {
        let line = told.next().expect("a line for each");
        let begin = format!("  line {number}: ");
        assert!(line.starts_with(&begin) && line.contains(why), "{said}");
    }
    assert_eq!(told.next(), None);
    let stored = export(&here, &[]).await;
    let body = |line: &str| serde_json::from_str::<Value>(line).expect("a line")["body"].take();
    let stored: Vec<_> = stored.lines().map(body).collect();
    let expected = [0, 2, 7].map(|at| body(&lines[at]));
    assert!(stored == expected, "{stored:?}");
}

#[tokio::test]
async fn events_of_a_retired_secret_are_imported_when_it_is_named() {
    let mut many = exported(&deliveries()).await;
    let count = many.len();
    assert!(count > 20);
    many.push(String::new());
    let here = Installation::new().with_secrets([secret(2)]);
    let file = written(&here, "events.jsonl", many.join("\n"));
    let said = import(&here, &file, 1).await;
    assert!(
        said.contains(&format!("0 stored, 0 already there, {count} refused")),
        "{said}"
    );
    // The summary, the first twenty, and how many more there are.
    assert_eq!(said.lines().count(), 22, "{said}");
    let more = format!("  and {} more\n", count - 20);
    assert!(said.ends_with(&more), "{said}");

    let retired = ["import", "events.jsonl", "--retired-secrets", &secret(1)];
    let imported = run(&here, &retired).await;
    assert_eq!(imported.code, Some(0), "{imported:?}");
    assert!(imported.stdout.contains(&format!("{count} stored")));
}

#[tokio::test]
async fn without_a_secret_or_a_file_nothing_is_made() {
    let here = Installation::new().with_secrets([]);
    let file = written(&here, "empty.jsonl", "");
    let file = file.to_str().expect("a path");
    for (arguments, word) in [
        (&["import", file][..], "HOOKGRAPH_WEBHOOK_SECRET"),
        (&["import", "missing.jsonl"], "missing.jsonl"),
        (&["import", "."], "folder"),
    ] {
        let refused = run(&here, arguments).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
        assert!(refused.stderr.contains(word), "{refused:?}");
    }
    if *here.backend() == Backend::Sqlite {
        for command in ["export", "verify"] {
            let refused = run(&here, &[command]).await;
            assert_eq!(refused.code, Some(2), "{refused:?}");
            assert!(refused.stderr.contains("--data-dir"), "{refused:?}");
        }
    }
    assert!(!here.data_dir().exists());
}

#[tokio::test]
async fn files_of_a_running_server_are_not_imported_into() {
    let server = Installation::new().on_sqlite().serve().await;
    let file = written(&server.installation, "empty.jsonl", "");
    let file = file.to_str().expect("a path");
    let refused = run(&server.installation, &["import", file]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let process = server.process().to_string();
    assert!(refused.stderr.contains(&process), "{refused:?}");
}

#[tokio::test]
async fn a_reader_that_has_enough_ends_an_export_quietly() {
    let server = Server::start().await;
    let size = Size {
        calls: 12,
        ..Size::default()
    };
    let deliveries: Vec<_> = Company::new(size).deliveries().collect();
    server.sender().deliver(&deliveries).await;
    let mut export = server.installation.on_store(["export"]);
    export.env("HOOKGRAPH_LOG", "warn");
    export.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut export = export.spawn().expect("it starts");
    // A pipe holds less than what is written, so the export meets its end.
    let output = export.stdout.take().expect("its output");
    let mut first = String::new();
    let mut output = BufReader::new(output);
    let read = within("a first line", output.read_line(&mut first)).await;
    assert!(read.expect("it can be read") > 0);
    drop(output);
    let ended = within("the export to end", export.wait_with_output()).await;
    let ended = ended.expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}
