//! Several servers on one database: each learns of tokens that are made and revoked elsewhere, whatever it has found out before.
//!
//! They run on PostgreSQL whatever this run of the tests is for.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Installation, Server, Subscription, postgres, until};

use crate::processes::serve;

const FEED: &str = "subscription { eventFeed(after: \"0\", checkpoints: true) { caughtUp } }";

/// Within how long a token that was revoked stops.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

async fn servers(url: &str) -> Vec<Server> {
    let first = serve(url, "ingest,project,api").await;
    let others = join_all([serve(url, "api"), serve(url, "api")]).await;
    [first].into_iter().chain(others).collect()
}

/// The feed of each server, opened with this token.
async fn feeds(servers: &[Server], token: Option<&str>) -> Vec<Subscription> {
    let mut feeds = Vec::new();
    for server in servers {
        let mut feed = server.subscribe_as(token, FEED, Value::Null).await;
        assert_eq!(feed.item().await["caughtUp"], true);
        feeds.push(feed);
    }
    feeds
}

/// The code of the error with which a query is refused, if it is.
async fn refusal(server: &Server, token: Option<&str>) -> Option<String> {
    let query = "{ status { version } }";
    let answer = match token {
        Some(token) => server.answer_to(token, query, json!({})).await,
        None => server.answer(query, json!({})).await,
    };
    let code = answer["errors"][0]["extensions"]["code"].as_str();
    code.map(str::to_owned)
}

#[tokio::test]
async fn the_first_token_closes_the_door_of_each_server_and_ends_what_was_opened_without() {
    let url = postgres::shared().create_database();
    let servers = servers(&url).await;
    let opened = feeds(&servers, None).await;
    let token = servers[0].installation.token(&[]).await;
    for server in &servers {
        until("the door is closed", async || {
            let refused = refusal(server, None).await;
            refused.filter(|code| code == "UNAUTHENTICATED")
        })
        .await;
        // At once, wherever it was made.
        assert_eq!(refusal(server, Some(&token)).await, None);
    }
    for mut feed in opened {
        assert_eq!(feed.item_or_close().await, Err(4403));
    }
}

#[tokio::test]
async fn a_token_that_is_revoked_stops_at_each_server_within_five_seconds() {
    let url = postgres::shared().create_database();
    let installation = Installation::new().on_postgres(&url);
    // Made before, so that the door is closed from the start.
    let [one, other] = [installation.token(&[]).await, installation.token(&[]).await];
    let servers = servers(&url).await;
    let opened = feeds(&servers, Some(&one)).await;
    let mut stays = feeds(&servers, Some(&other)).await;
    for server in &servers {
        assert_eq!(refusal(server, Some(&one)).await, None);
    }
    let id = one.split('_').nth(1).expect("a token");
    let mut revoke = installation.on_store(["token", "revoke", id]);
    let revoked = tests::server::finish(&mut revoke).await;
    assert_eq!(revoked.code, Some(0), "{}", revoked.stderr);
    let begun = Instant::now();
    let stopped = servers.iter().zip(opened).map(async |(server, mut feed)| {
        until("it is refused", async || {
            let refused = refusal(server, Some(&one)).await;
            refused.filter(|code| code == "UNAUTHENTICATED")
        })
        .await;
        assert_eq!(feed.item_or_close().await, Err(4403));
        begun.elapsed()
    });
    for took in join_all(stopped).await {
        assert!(took < STOPS_WITHIN, "{took:?}");
    }
    // The other token, and what was opened with it, goes on.
    let sent = servers[0].sender().send("msg_1", "{}").await;
    assert_eq!(sent.status, 204);
    for (server, feed) in servers.iter().zip(&mut stays) {
        assert_eq!(refusal(server, Some(&other)).await, None);
        feed.item().await;
    }
}
