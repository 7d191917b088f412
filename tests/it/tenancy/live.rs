//! What is new while subscriptions are open: each viewer gets their own, however much there is of others.

use serde_json::{Value, json};
use tests::{Server, Subscription};

/// Events of others in one go: more than a subscription reads together with others.
const MANY: usize = 600;

/// A subscription that is told when there is nothing more; whoever asks for it the same way shares its execution.
async fn feed(server: &Server, token: &str) -> Subscription {
    let document = "subscription { eventFeed(after: \"0\", checkpoints: true) {
        caughtUp event { orgId payload subject { ... on User { id orgId } } } } }";
    let mut feed = server
        .subscribe_as(Some(token), document, Value::Null)
        .await;
    assert_eq!(feed.item().await["caughtUp"], true);
    feed
}

/// The users of the next so many events; checkpoints are passed over.
async fn users(feed: &mut Subscription, count: usize) -> Vec<String> {
    let mut users = Vec::new();
    while users.len() < count {
        let item = feed.item().await;
        let event = &item["event"];
        if let Some(id) = event["subject"]["id"].as_str() {
            assert_eq!(event["payload"]["payload"]["user"]["id"], id, "{item}");
            assert_eq!(event["subject"]["orgId"], event["orgId"], "{item}");
            users.push(id.to_owned());
        }
    }
    users
}

#[tokio::test(flavor = "multi_thread")]
async fn each_viewer_is_told_of_their_own_org_while_others_are_busy() {
    let server = Server::start().await;
    let mut tokens = Vec::new();
    for flags in [&["--org", "one"][..], &["--org", "two"], &[]] {
        tokens.push(server.installation.token(flags).await);
    }
    let mut feeds = Vec::new();
    for token in &tokens {
        // Two of each, which share what is executed.
        feeds.push(feed(&server, token).await);
        feeds.push(feed(&server, token).await);
    }
    let send = async |number: usize, org: &str| {
        let user = json!({ "id": format!("user-{org}-{number}"), "orgId": org });
        let body = json!({ "type": "user.created", "payload": { "user": user } });
        let id = format!("msg_{org}_{number}");
        let sent = server.sender().send(&id, body.to_string()).await;
        assert_eq!(sent.status, 204);
    };
    send(0, "one").await;
    for number in 0..MANY {
        send(number, "two").await;
    }
    send(1, "one").await;
    let two: Vec<String> = (0..MANY)
        .map(|number| format!("user-two-{number}"))
        .collect();
    let one = ["user-one-0", "user-one-1"].map(str::to_owned);
    for (at, feed) in feeds.iter_mut().enumerate() {
        let expected = match at / 2 {
            0 => one.to_vec(),
            1 => two.clone(),
            _ => [&one[..1], &two, &one[1..]].concat(),
        };
        assert_eq!(users(feed, expected.len()).await, expected, "{at}");
    }
    // And nothing behind that: what comes next is the next that is theirs.
    send(2, "one").await;
    send(MANY, "two").await;
    for (at, feed) in feeds.iter_mut().enumerate() {
        let expected = match at / 2 {
            0 => vec!["user-one-2".to_owned()],
            1 => vec![format!("user-two-{MANY}")],
            _ => vec!["user-one-2".to_owned(), format!("user-two-{MANY}")],
        };
        assert_eq!(users(feed, expected.len()).await, expected, "{at}");
    }
}
