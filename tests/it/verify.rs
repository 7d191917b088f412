//! `hookgraph verify`: it tells a log that is as it was sent from one that is not, and that from one it cannot judge.

use sample::catalogue;
use sea_orm::{ConnectionTrait, Database};
use tests::server::{Finished, finish, secret};
use tests::{Backend, Installation, Server};

/// A word of the examples' bodies that no report may repeat.
const OF_A_BODY: &str = "transcript";

/// Verifies with these secrets, the retired ones behind.
async fn verify(installation: &Installation, secrets: [&str; 2]) -> Finished {
    let mut command = installation.on_store(["verify"]);
    command
        .env("HOOKGRAPH_LOG", "warn")
        .env("HOOKGRAPH_WEBHOOK_SECRET", secrets[0])
        .env("HOOKGRAPH_RETIRED_SECRETS", secrets[1]);
    let finished = finish(&mut command).await;
    for said in [&finished.stdout, &finished.stderr] {
        for number in [1, 2, 3] {
            let text = &secret(number)["whsec_".len()..];
            assert!(!said.contains(text), "{finished:?}");
        }
        assert!(!said.contains(OF_A_BODY), "{finished:?}");
    }
    assert_eq!(finished.stderr, "", "{finished:?}");
    finished
}

/// The rows of a report, each as its name, its count, and what follows.
fn assert_report(finished: &Finished, code: i32, expected: [(&str, &str); 4]) {
    assert_eq!(finished.code, Some(code), "{finished:?}");
    let rows: Vec<_> = finished
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_once(' '))
        .map(|(name, rest)| {
            let words: Vec<_> = rest.split_whitespace().collect();
            (name, words.join(" "))
        })
        .collect();
    let expected = expected.map(|(name, rest)| (name, rest.to_owned()));
    assert_eq!(rows, expected, "{finished:?}");
}

/// A server that has received the six examples, with the first secret.
async fn with_examples() -> Server {
    let server = Server::start().await;
    let deliveries: Vec<_> = catalogue::deliveries(1).collect();
    server.sender().deliver(&deliveries).await;
    server
}

#[tokio::test]
async fn what_is_as_it_was_signed_is_verified_while_a_server_runs() {
    let server = with_examples().await;
    let [live, next] = [secret(1), secret(2)];
    let good = [
        ("verified", "6"),
        ("unverifiable", "0"),
        ("failed", "0"),
        ("missing", "0"),
    ];
    let both = format!("{next}, {live}");
    for secrets in [[live.as_str(), ""], [&both, ""], [&next, &live]] {
        assert_report(&verify(&server.installation, secrets).await, 0, good);
    }
}

#[tokio::test]
async fn an_event_whose_secret_is_gone_is_unverifiable_and_not_failed() {
    let server = with_examples().await;
    let another = server.sender().secret(&secret(2));
    assert_eq!(another.send("msg_unknown", "{}").await.status, 401);
    let report = verify(&server.installation, [&secret(2), &secret(3)]).await;
    let expected = [
        ("verified", "0"),
        ("unverifiable", "6"),
        ("failed", "0"),
        ("missing", "0"),
    ];
    assert_report(&report, 0, expected);
    assert!(report.stdout.contains("--retired-secrets"), "{report:?}");
}

#[tokio::test]
async fn the_secret_that_the_server_made_is_found() {
    let mut server = Installation::new()
        .on_sqlite()
        .with_secrets([])
        .serve()
        .await;
    assert_eq!(server.sender().send("msg_1", "{}").await.status, 204);
    let expected = [
        ("verified", "1"),
        ("unverifiable", "0"),
        ("failed", "0"),
        ("missing", "0"),
    ];
    assert_report(&server.installation.run(["verify"]).await, 0, expected);
    server.stop().await;
    assert_report(&server.installation.run(["verify"]).await, 0, expected);
}

#[tokio::test]
async fn a_secret_that_is_none_is_told_without_being_repeated() {
    let installation = Installation::new();
    let mut command = installation.on_store(["verify", "--retired-secrets", "whsec_n0t!base64"]);
    let refused = finish(&mut command).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("HOOKGRAPH_RETIRED_SECRETS"),
        "{refused:?}"
    );
    assert!(!refused.stderr.contains("n0t"), "{refused:?}");
}

#[tokio::test]
async fn what_was_changed_or_removed_behind_the_log_s_back_is_found_and_named() {
    let mut server = with_examples().await;
    assert_eq!(server.stop().await.code(), Some(0));
    let installation = &server.installation;
    let (url, free) = match installation.backend() {
        Backend::Sqlite => {
            let file = installation.data_dir().join("log.db");
            let free = "DROP TRIGGER IF EXISTS events_no_update; DROP TRIGGER IF EXISTS events_no_delete; DROP TRIGGER IF EXISTS events_no_replace;";
            (format!("sqlite://{}", file.display()), free)
        }
        Backend::Postgres(url) => {
            let free = "SET search_path = hookgraph_log; ALTER TABLE events DISABLE TRIGGER USER;";
            (url.clone(), free)
        }
    };
    let bytes = |text: &str| match installation.backend() {
        Backend::Sqlite => format!("CAST('{text}' AS BLOB)"),
        Backend::Postgres(_) => format!("convert_to('{text}', 'UTF8')"),
    };
    let live = secret(1);
    let changes = [
        (
            format!(
                "UPDATE events SET body = {} WHERE position = 2",
                bytes("{}")
            ),
            ["5", "0", "1 at 2", "0"],
        ),
        (
            "UPDATE events SET message_id = 'msg_other' WHERE position = 4".to_owned(),
            ["4", "0", "2 at 2, 4", "0"],
        ),
        (
            "UPDATE events SET headers = 'none' WHERE position = 5".to_owned(),
            ["3", "0", "3 at 2, 4, 5", "0"],
        ),
        (
            "UPDATE events SET secret_id = 'of another' WHERE position = 6".to_owned(),
            ["2", "1", "3 at 2, 4, 5", "0"],
        ),
        (
            "DELETE FROM events WHERE position = 3".to_owned(),
            ["1", "1", "3 at 2, 4, 5", "1 at 3"],
        ),
        (
            "DELETE FROM events WHERE position < 3".to_owned(),
            ["0", "1", "2 at 4, 5", "3 at 1 to 3"],
        ),
    ];
    for (change, found) in changes {
        let db = Database::connect(&url).await.expect("the database");
        db.execute_unprepared(&format!("{free} {change}"))
            .await
            .expect("it is changed");
        db.close().await.expect("it is closed");
        let report = verify(installation, [&live, ""]).await;
        let names = ["verified", "unverifiable", "failed", "missing"];
        let expected = std::array::from_fn(|at| (names[at], found[at]));
        assert_report(&report, 1, expected);
    }

    // An export stops at what no line can hold, and says how to go on.
    let exported = finish(&mut installation.on_store(["export"])).await;
    assert_eq!(exported.code, Some(2), "{exported:?}");
    assert_eq!(exported.stdout.lines().count(), 1, "{exported:?}");
    assert!(exported.stderr.contains("--after 5"), "{exported:?}");
}
