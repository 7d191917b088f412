//! `hookgraph send` against a server.

use serde_json::json;
use tests::server::{Finished, secret};
use tests::{Installation, Server};

async fn send(server: &Server, options: &[&str]) -> Finished {
    let url = server.url("/webhooks/salesmagic");
    let arguments = ["send", "--url", &url]
        .into_iter()
        .chain(options.iter().copied());
    let finished = server.installation.run(arguments).await;
    assert_no_secret(&finished);
    finished
}

fn assert_no_secret(finished: &Finished) {
    for number in [1, 2] {
        let text = &secret(number)["whsec_".len()..];
        let said = [&finished.stdout, &finished.stderr];
        assert!(said.iter().all(|said| !said.contains(text)), "{finished:?}");
    }
}

/// Checks that all that was sent is in the read model, and returns how many events there are.
async fn all_projected(server: &Server) -> i64 {
    server.settled().await;
    let query = "{ all: events { totalCount } projected: events(filter: { outcome: [PROJECTED] }) { totalCount } }";
    let data = server.graphql(query, json!({})).await;
    assert_eq!(data["all"], data["projected"]);
    let head = server.head().await;
    assert_eq!(data["all"]["totalCount"], head);
    head
}

#[tokio::test]
async fn the_examples_arrive() {
    let server = Server::start().await;
    for _ in 0..2 {
        let sent = send(&server, &["--examples", "--seed", "3"]).await;
        assert_eq!(sent.code, Some(0), "{sent:?}");
        assert!(sent.stdout.contains("Sent 6 events"), "{sent:?}");
        assert!(sent.stdout.contains("204 × 6"), "{sent:?}");
        assert_eq!(all_projected(&server).await, 6);
    }
    // Without a seed they come under new message ids, as the Testing tab sends them.
    assert_eq!(send(&server, &["--examples"]).await.code, Some(0));
    assert_eq!(all_projected(&server).await, 12);
}

#[tokio::test]
async fn a_company_arrives_once_however_often_and_in_whatever_order_it_is_sent() {
    let server = Server::start().await;
    let company = [
        "--calls",
        "20",
        "--users",
        "5",
        "--orgs",
        "2",
        "--ends-at",
        "2025-06-02T00:00:00Z",
    ];
    let unruly = [&company[..], &["--shuffle", "--duplicates", "0.2"]].concat();
    let sent = send(&server, &unruly).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert!(sent.stdout.starts_with("Sent "), "{sent:?}");
    let head = all_projected(&server).await;
    let query = "{ calls { totalCount } users { totalCount } orgs { totalCount } }";
    let counts = server.graphql(query, json!({})).await;
    assert_eq!(
        counts,
        json!({ "calls": { "totalCount": 20 }, "users": { "totalCount": 5 }, "orgs": { "totalCount": 2 } })
    );

    for again in [&unruly[..], &company] {
        let sent = send(&server, again).await;
        assert_eq!(sent.code, Some(0), "{sent:?}");
        assert_eq!(all_projected(&server).await, head, "all of it was there");
    }
    assert_eq!(server.graphql(query, json!({})).await, counts);
}

#[tokio::test]
async fn another_secret_is_told_with_what_to_do() {
    let server = Server::start().await;
    let sent = send(&server, &["--examples", "--webhook-secret", &secret(2)]).await;
    assert_eq!(sent.code, Some(1), "{sent:?}");
    assert!(sent.stdout.contains("401"), "{sent:?}");
    assert!(sent.stdout.contains("HOOKGRAPH_WEBHOOK_SECRET"), "{sent:?}");
    assert_eq!(server.head().await, 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_what_to_do() {
    let mut server = Server::start().await;
    server.stop().await;
    let sent = send(&server, &["--examples"]).await;
    assert_eq!(sent.code, Some(2), "{sent:?}");
    assert!(sent.stderr.contains(server.address()), "{sent:?}");
    assert!(sent.stderr.contains("hookgraph serve"), "{sent:?}");
}

#[tokio::test]
async fn without_a_secret_it_says_where_one_comes_from() {
    let installation = Installation::new().with_secrets([]);
    let sent = installation.run(["send", "--examples"]).await;
    assert_eq!(sent.code, Some(2), "{sent:?}");
    assert_eq!(sent.stderr.lines().count(), 1, "{sent:?}");
    assert!(sent.stderr.contains("HOOKGRAPH_WEBHOOK_SECRET"), "{sent:?}");
}
