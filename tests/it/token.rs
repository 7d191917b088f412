//! Tokens: made, used, counted and revoked; and what the door does once there is one.

use std::time::{Duration, Instant};

use reqwest::Url;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use tests::server::{Finished, finish};
use tests::{Backend, Installation, Server, until, within};

const STATUS: &str = "{ status { version } }";

/// Within how long a token that was revoked stops.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

async fn run(installation: &Installation, arguments: &[&str]) -> Finished {
    let finished = finish(&mut installation.on_store(arguments)).await;
    assert_eq!(finished.code, Some(0), "{arguments:?}: {}", finished.stderr);
    finished
}

async fn listed(installation: &Installation) -> Vec<Value> {
    let list = run(installation, &["token", "list", "--json"]).await;
    serde_json::from_str(&list.stdout).expect("JSON")
}

/// As if their time had come.
async fn expire_all(installation: &Installation) {
    let (url, table) = match installation.backend() {
        Backend::Sqlite => {
            let file = installation.data_dir().join("log.db");
            (format!("sqlite://{}", file.display()), "tokens")
        }
        Backend::Postgres(url) => (url.clone(), "hookgraph_log.tokens"),
    };
    let db = Database::connect(url).await.expect("the database");
    let expire = format!("UPDATE {table} SET expires_at = created_at + 1");
    db.execute_unprepared(&expire).await.expect("it is done");
}

fn id_of(token: &str) -> &str {
    token.split('_').nth(1).expect("a token")
}

/// The address of a query by GET.
fn address(server: &Server, pairs: &[(&str, &str)]) -> Url {
    Url::parse_with_params(&server.url("/graphql"), pairs).expect("an address")
}

/// The status of a query by GET, with these headers.
async fn status(server: &Server, headers: &[(&str, &str)]) -> u16 {
    let mut ask = server.client.get(address(server, &[("query", STATUS)]));
    for (name, value) in headers {
        ask = ask.header(*name, *value);
    }
    ask.send().await.expect("an answer").status().as_u16()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Opens the feed as an event stream.
async fn stream(server: &Server, more: &[(&str, &str)], token: Option<&str>) -> reqwest::Response {
    let feed = ("query", "subscription { eventFeed { cursor } }");
    let pairs: Vec<_> = [feed].into_iter().chain(more.iter().copied()).collect();
    let mut ask = server
        .client
        .get(address(server, &pairs))
        .header("accept", "text/event-stream");
    if let Some(token) = token {
        ask = ask.bearer_auth(token);
    }
    within("an answer", ask.send()).await.expect("an answer")
}

/// Waits until the stream ends.
async fn ended(mut stream: reqwest::Response) {
    while let Ok(Some(_)) = within("the stream to end", stream.chunk()).await {}
}

#[tokio::test]
async fn a_token_is_shown_once_and_listed_with_what_it_is_for() {
    let server = Server::start().await;
    let installation = &server.installation;
    let made = run(
        installation,
        &[
            "token",
            "create",
            "--name",
            "weekly report",
            "--org",
            "o1",
            "--org",
            "o2",
            "--hide",
            "email,transcript",
            "--expires",
            "90d",
        ],
    )
    .await;
    let token = made.stdout.trim();
    assert!(
        token.starts_with("hg_") && !made.stderr.contains(token),
        "{}",
        made.stderr
    );
    let list = run(installation, &["token", "list"]).await.stdout;
    let secret = token.rsplit('_').next().expect("a token");
    for text in [
        id_of(token),
        "weekly report",
        "2 orgs (o1, o2), but no email, no transcript",
        "valid until",
        "never used",
    ] {
        assert!(list.contains(text), "{text}: {list}");
    }
    assert!(!list.contains(secret), "{list}");
    let [one] = &listed(installation).await[..] else {
        panic!("one token");
    };
    assert_eq!(one["orgs"], json!(["o1", "o2"]));
    assert_eq!(one["hidden"], json!(["email", "transcript"]));
    assert_eq!((&one["state"], &one["uses"]), (&json!("valid"), &json!(0)));

    for _ in 0..3 {
        until("the token is known", async || {
            (status(&server, &[("authorization", &bearer(token))]).await == 200).then_some(())
        })
        .await;
    }
    until("its use is counted", async || {
        let one = &listed(installation).await[0];
        (one["uses"] == 3 && one["lastUsedAt"].is_string()).then_some(())
    })
    .await;
    // Whoever holds a leaked one may have nothing else.
    let revoked = run(installation, &["token", "revoke", token]).await.stdout;
    assert!(
        revoked.contains(id_of(token)) && !revoked.contains(secret),
        "{revoked}"
    );
    let again = run(installation, &["token", "revoke", id_of(token)])
        .await
        .stdout;
    assert!(again.contains("before"), "{again}");
    assert_eq!(listed(installation).await[0]["state"], "revoked");
    for wrong in [
        &["token", "revoke", "nobody"][..],
        &["token", "create", "--name", " "],
        &["token", "create", "--name", "x", "--expires", "soon"],
        &["token", "create", "--name", "x", "--hide", "names"],
        &["token", "create", "--name", "x", "--org", ""],
    ] {
        let refused = finish(&mut installation.on_store(wrong)).await;
        assert_eq!(refused.code, Some(2), "{wrong:?}: {}", refused.stdout);
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty());
    }
}

#[tokio::test]
async fn the_first_token_closes_the_door_behind_whoever_came_without() {
    let server = Server::start().await;
    let mut socket = server
        .subscribe(
            "subscription { eventFeed(after: \"0\", checkpoints: true) { caughtUp } }",
            Value::Null,
        )
        .await;
    assert_eq!(socket.item().await["caughtUp"], true);
    let open = stream(&server, &[], None).await;
    assert_eq!(open.status(), 200);
    let token = server.installation.token(&[]).await;
    until("nobody reads without a token", async || {
        (status(&server, &[]).await == 401).then_some(())
    })
    .await;
    assert_eq!(socket.item_or_close().await, Err(4403));
    ended(open).await;

    let asked = server
        .client
        .post(server.url("/graphql"))
        .json(&json!({ "query": STATUS }));
    let answer = asked.send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
    assert!(
        answer.headers()["www-authenticate"]
            .to_str()
            .expect("text")
            .starts_with("Bearer")
    );
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert!(body.get("data").is_none());

    // With one it is the token that decides, not where the request comes from.
    let foreign = [("host", "hooks.example"), ("x-forwarded-for", "192.0.2.1")];
    let with_token = [("authorization", &*bearer(&token)), foreign[0], foreign[1]];
    assert_eq!(status(&server, &with_token).await, 200);
    assert_eq!(status(&server, &foreign).await, 401);

    // It stays closed when the last one is revoked.
    run(&server.installation, &["token", "revoke", id_of(&token)]).await;
    until("the token is no longer valid", async || {
        (status(&server, &with_token).await == 401).then_some(())
    })
    .await;
    assert_eq!(status(&server, &[]).await, 401);
}

#[tokio::test]
async fn a_revoked_token_stops_within_five_seconds_with_all_that_is_open() {
    let server = Server::start().await;
    let [token, other] = [
        server.installation.token(&[]).await,
        server.installation.token(&[]).await,
    ];
    let headers = [("authorization", &*bearer(&token))];
    assert_eq!(status(&server, &headers).await, 200);
    let feed = "subscription { eventFeed(after: \"0\", checkpoints: true) { caughtUp } }";
    let mut socket = server.subscribe_as(Some(&token), feed, Value::Null).await;
    let mut others = server.subscribe_as(Some(&other), feed, Value::Null).await;
    for one in [&mut socket, &mut others] {
        assert_eq!(one.item().await["caughtUp"], true);
    }
    let open = stream(&server, &[], Some(&token)).await;
    assert_eq!(open.status(), 200);
    let begun = Instant::now();
    run(&server.installation, &["token", "revoke", &token]).await;
    let stopped = tokio::time::timeout(STOPS_WITHIN, async {
        until("it is refused", async || {
            (status(&server, &headers).await == 401).then_some(())
        })
        .await;
        assert_eq!(socket.item_or_close().await, Err(4403));
        ended(open).await;
    });
    assert!(stopped.await.is_ok(), "after {:?}", begun.elapsed());
    assert_eq!(stream(&server, &[], Some(&token)).await.status(), 401);
    // Whoever else is there notices nothing.
    server.sender().send("msg_1", "{}").await;
    assert_eq!(others.item().await["caughtUp"], true);
}

#[tokio::test]
async fn a_token_is_no_longer_valid_when_it_expires() {
    let server = Server::start().await;
    let token = server.installation.token(&["--expires", "30m"]).await;
    let headers = [("authorization", &*bearer(&token))];
    assert_eq!(status(&server, &headers).await, 200);
    let feed = "subscription { eventFeed(after: \"0\", checkpoints: true) { caughtUp } }";
    let mut socket = server.subscribe_as(Some(&token), feed, Value::Null).await;
    assert_eq!(socket.item().await["caughtUp"], true);
    expire_all(&server.installation).await;
    until("it is refused", async || {
        (status(&server, &headers).await == 401).then_some(())
    })
    .await;
    assert_eq!(socket.item_or_close().await, Err(4403));
    assert_eq!(listed(&server.installation).await[0]["state"], "expired");
}

#[tokio::test]
async fn what_is_no_valid_token_is_refused_everywhere() {
    let installation = Installation::new();
    let token = installation.token(&[]).await;
    let server = installation.serve().await;
    let id = id_of(&token);
    let mut wrong = token.clone();
    wrong.replace_range(
        token.len() - 1..,
        if token.ends_with('a') { "b" } else { "a" },
    );
    for text in [
        "",
        "x",
        "hg_",
        id,
        &wrong,
        &token[..token.len() - 1],
        &format!("{token}x"),
        &token.to_uppercase(),
        "hgt_e30.e30",
        "eyJhbGciOiJub25lIn0.eyJvcmdzIjoiKiJ9.",
    ] {
        assert_eq!(
            status(&server, &[("authorization", &bearer(text))]).await,
            401,
            "{text}"
        );
        let mut client = server.socket().await;
        client
            .say(json!({ "type": "connection_init", "payload": { "authorization": bearer(text) } }))
            .await;
        assert_eq!(client.hear_or_close().await.err(), Some(4403), "{text}");
    }
    for header in ["Basic dXNlcjpwYXNz", "hg"] {
        assert_eq!(
            status(&server, &[("authorization", header)]).await,
            401,
            "{header}"
        );
    }
    // A socket's client may send it in the handshake, and a page of any origin has none to send.
    let stream = server
        .handshake(&[("authorization", &bearer(&token))])
        .await;
    assert!(stream.is_ok());
    let stream = server
        .handshake(&[("origin", "https://evil.example")])
        .await;
    assert!(
        stream.is_ok(),
        "a socket opens, and is closed when it does not say who it is"
    );
    let mut client = server.socket().await;
    client.say(json!({ "type": "connection_init" })).await;
    assert_eq!(client.hear_or_close().await.err(), Some(4403));
}

#[tokio::test]
async fn an_event_source_opens_its_stream_with_a_ticket() {
    let installation = Installation::new();
    let token = installation.token(&[]).await;
    let server = installation.serve().await;
    let exchange = |token: Option<String>| {
        let mut ask = server.client.post(server.url("/graphql/ticket"));
        if let Some(token) = token {
            ask = ask.bearer_auth(token);
        }
        async { ask.send().await.expect("an answer") }
    };
    assert_eq!(exchange(None).await.status(), 401);
    assert_eq!(exchange(Some("hg_x".to_owned())).await.status(), 401);
    let made = exchange(Some(token.clone())).await;
    assert_eq!(made.headers()["cache-control"], "no-store");
    let made: Value = made.json().await.expect("JSON");
    let ticket = made["ticket"].as_str().expect("a ticket");
    assert_eq!(made["expiresIn"], 60);

    let opened = stream(&server, &[("ticket", ticket)], None).await;
    assert_eq!(opened.status(), 200);
    assert_eq!(stream(&server, &[], None).await.status(), 401);
    let other = ticket.replace("hgt_", "hgt_A");
    assert_eq!(
        stream(&server, &[("ticket", &other)], None).await.status(),
        401
    );
    // No token stands in an address, and a ticket opens subscriptions alone.
    let in_address = stream(&server, &[("ticket", &token)], None).await;
    assert_eq!(in_address.status(), 401);
    for accept in ["text/event-stream", "application/json, text/event-stream"] {
        let asked = server
            .client
            .get(address(&server, &[("query", STATUS), ("ticket", ticket)]))
            .header("accept", accept);
        assert_eq!(
            asked.send().await.expect("an answer").status(),
            401,
            "{accept}"
        );
    }
    let asked = server
        .client
        .get(address(&server, &[("query", STATUS), ("ticket", ticket)]));
    assert_eq!(asked.send().await.expect("an answer").status(), 401);
    assert_eq!(
        status(&server, &[("authorization", &bearer(ticket))]).await,
        401
    );
    // And it ends with its token.
    run(&server.installation, &["token", "revoke", &token]).await;
    ended(opened).await;
    assert_eq!(
        stream(&server, &[("ticket", ticket)], None).await.status(),
        401
    );
}

#[tokio::test]
async fn metrics_are_for_whoever_sees_everything() {
    let installation = Installation::new();
    let all = installation.token(&[]).await;
    let server = installation.serve().await;
    let some = server.installation.token(&["--org", "o"]).await;
    for (token, expected) in [(None, 401), (Some(&some), 403), (Some(&all), 200)] {
        let mut ask = server.client.get(server.url("/metrics"));
        if let Some(token) = token {
            ask = ask.bearer_auth(token);
        }
        let status = ask.send().await.expect("an answer").status();
        assert_eq!(status, expected, "{token:?}");
    }
}

#[tokio::test]
async fn no_token_is_written_into_a_log() {
    let server = Installation::new().with_log("trace").serve().await;
    let token = server.installation.token(&[]).await;
    let ticket = server.ticket(&token).await;
    assert_eq!(
        status(&server, &[("authorization", &bearer(&token))]).await,
        200
    );
    assert_eq!(
        stream(&server, &[("ticket", &ticket)], None).await.status(),
        200
    );
    let wrong = token.replace("hg_", "hg_A");
    assert_eq!(
        status(&server, &[("authorization", &bearer(&wrong))]).await,
        401
    );
    let _ = server
        .subscribe_as(
            Some(&token),
            "subscription { eventFeed { cursor } }",
            Value::Null,
        )
        .await;
    run(&server.installation, &["token", "revoke", &token]).await;
    until("it is refused", async || {
        (status(&server, &[("authorization", &bearer(&token))]).await == 401).then_some(())
    })
    .await;
    let output = server.output();
    let secret = token.rsplit('_').next().expect("a token");
    for text in [secret, &ticket[4..]] {
        assert!(!output.contains(text), "the log tells it");
    }
}
