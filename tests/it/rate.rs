//! How much a token may ask: told with every answer, counted wherever it asks, and nobody else's business.

use reqwest::Response;
use serde_json::{Value, json};
use tests::{Installation, Server, until, within};

/// Operations a minute. One comes back every six seconds, so that few do while a test runs.
const LIMIT: u32 = 10;

const STATUS: &str = "{ status { head } }";

/// A server with this limit, and two tokens.
async fn limited() -> (Server, [String; 2]) {
    let installation = Installation::new().with_variable("HOOKGRAPH_RATE_LIMIT", LIMIT.to_string());
    let tokens = [installation.token(&[]).await, installation.token(&[]).await];
    (installation.serve().await, tokens)
}

async fn post(server: &Server, token: &str, body: Value) -> Response {
    let ask = server.client.post(server.url("/graphql"));
    let ask = ask.bearer_auth(token).json(&body);
    within("an answer", ask.send()).await.expect("an answer")
}

/// What is left, as an answer tells it.
fn left(answer: &Response) -> u32 {
    let policy = format!("\"operations\";q={LIMIT};w=60");
    assert_eq!(answer.headers()["ratelimit-policy"], policy.as_str());
    let told = answer.headers()["ratelimit"].to_str().expect("text");
    let left = told.strip_prefix("\"operations\";r=").expect(told);
    let (left, whole_in) = left.split_once(";t=").expect(told);
    let left = left.parse().expect(told);
    let whole_in: u32 = whole_in.parse().expect(told);
    assert_eq!(whole_in, (LIMIT - left) * 60 / LIMIT, "{told}");
    left
}

/// Whether so many were taken from a budget, though one may have come back meanwhile.
fn took(before: u32, after: u32, taken: u32) -> bool {
    (before - taken..=before - taken + 1).contains(&after)
}

/// What somebody is told who has nothing left.
async fn refused(answer: Response) {
    assert_eq!(left(&answer), 0);
    too_much(answer).await;
}

/// What somebody is told who has not enough left.
async fn too_much(answer: Response) {
    assert_eq!(answer.status(), 429);
    let header: u64 = answer.headers()["retry-after"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&header), "{header}");
    let body: Value = answer.json().await.expect("JSON");
    assert!(body.get("data").is_none(), "{body}");
    let error = &body["errors"][0];
    assert_eq!(error["extensions"]["code"], "RATE_LIMITED", "{body}");
    assert_eq!(error["extensions"]["retryAfter"], header, "{body}");
    let told = format!("ask again in {header} s");
    assert!(
        error["message"].as_str().expect("text").contains(&told),
        "{body}"
    );
}

/// Asks until nothing is left; returns how often it was answered, and the refusal.
async fn use_up(server: &Server, token: &str) -> (u32, Response) {
    for answered in 0..2 * LIMIT {
        let answer = post(server, token, json!({ "query": STATUS })).await;
        if answer.status() == 429 {
            return (answered, answer);
        }
        assert_eq!(answer.status(), 200);
        left(&answer);
    }
    panic!("there is no end of it");
}

#[tokio::test]
async fn what_is_left_is_told_and_when_there_is_nothing_how_long_to_wait() {
    let (server, [one, other]) = limited().await;
    let (answered, refusal) = use_up(&server, &one).await;
    assert!((LIMIT..=LIMIT + 2).contains(&answered), "{answered}");
    refused(refusal).await;
    // By GET, as an event stream and for a ticket it is the same.
    let get = server
        .client
        .get(server.url("/graphql?query=%7B__typename%7D"));
    refused(get.bearer_auth(&one).send().await.expect("an answer")).await;
    let stream = server
        .client
        .get(server.url("/graphql?query=subscription%7BeventFeed%7Bcursor%7D%7D"))
        .header("accept", "text/event-stream");
    refused(stream.bearer_auth(&one).send().await.expect("an answer")).await;
    let ticket = server.client.post(server.url("/graphql/ticket"));
    let ticket = ticket.bearer_auth(&one).send().await.expect("an answer");
    assert_eq!(ticket.status(), 429);
    // Another token does not feel it, and after a while this one does not either.
    let answer = post(&server, &other, json!({ "query": STATUS })).await;
    assert_eq!((answer.status().as_u16(), left(&answer)), (200, LIMIT - 1));
    until("something is left again", async || {
        let answer = post(&server, &one, json!({ "query": STATUS })).await;
        (answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_as_many_and_a_costly_query_weighs_more() {
    let (server, [token, other]) = limited().await;
    let first = left(&post(&server, &token, json!({ "query": STATUS })).await);
    assert_eq!(first, LIMIT - 1);
    let three = json!([{ "query": STATUS }, { "query": "{ __typename }" }, { "query": STATUS }]);
    let batch = post(&server, &token, three).await;
    assert_eq!(batch.status(), 200);
    let second = left(&batch);
    assert!(took(first, second, 3), "{first} {second}");
    // A thousand of its cost is one more.
    let costly = "{ calls(filter: { score: { min: 1 } }) { totalCount nodes { id title } } }";
    let answer = post(&server, &token, json!({ "query": costly })).await;
    let third = left(&answer);
    let answer: Value = answer.json().await.expect("JSON");
    let cost = answer["extensions"]["cost"]["cost"]
        .as_u64()
        .expect("a cost");
    let more = u32::try_from(cost / 1_000).expect("a small number");
    assert!((1..=3).contains(&more), "{cost}");
    assert!(took(second, third, 1 + more), "{cost}: {second} {third}");
    // Not executed, though as an operation it was allowed: it weighs more than is left.
    let report = "{ callReport(groupBy: [USER]) { rows { figures { calls } } } }";
    let answer = post(&server, &token, json!({ "query": report })).await;
    // Nothing was taken for it but the operation.
    let fourth = left(&answer);
    assert!(took(third, fourth, 1), "{third} {fourth}");
    too_much(answer).await;
    let batch = json!([{ "query": report }, { "query": "{ __typename }" }]);
    let answer = post(&server, &token, batch).await;
    if answer.status() == 200 {
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(answer[0]["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    } else {
        too_much(answer).await;
    }
    // Whoever has everything left may ask for what weighs more than that.
    let answer = post(&server, &other, json!({ "query": report })).await;
    assert_eq!((answer.status().as_u16(), left(&answer)), (200, 0));
}

#[tokio::test]
async fn operations_on_a_socket_count_and_the_socket_goes_on() {
    let (server, [token, other]) = limited().await;
    let mut socket = server.subscribe_as(Some(&token), STATUS, json!({})).await;
    assert!(socket.result().await["data"].is_object());
    let mut refusal = Value::Null;
    for number in 2..2 * LIMIT {
        socket.ask(&number.to_string(), STATUS).await;
        let answer = loop {
            let answer = socket.answer().await;
            if answer["type"] != "complete" {
                break answer;
            }
        };
        if answer["type"] == "error" {
            assert!(number > LIMIT, "{number}");
            refusal = answer["payload"][0].clone();
            break;
        }
    }
    assert_eq!(refusal["extensions"]["code"], "RATE_LIMITED");
    assert!(
        refusal["extensions"]["retryAfter"]
            .as_u64()
            .expect("seconds")
            > 0
    );
    // It is the same budget, whichever way it is spent.
    refused(use_up(&server, &token).await.1).await;
    // A subscription is one, whatever comes by it.
    let feed = "subscription { eventFeed(after: \"0\") { cursor } }";
    let mut feed = server.subscribe_as(Some(&other), feed, json!({})).await;
    for number in 0..3 * LIMIT {
        let sent = server.sender().send(&format!("msg_{number}"), "{}").await;
        assert_eq!(sent.status, 204);
        feed.item().await;
    }
    // And the socket that was refused something is still open.
    until("something is left again", async || {
        socket.ask("again", STATUS).await;
        loop {
            let answer = socket.answer().await;
            match answer["type"].as_str() {
                Some("next") => return Some(()),
                Some("error") => return None,
                _ => {}
            }
        }
    })
    .await;
}

#[tokio::test]
async fn so_many_subscriptions_may_be_open_and_another_when_one_is_completed() {
    let (server, [token, other]) = limited().await;
    let feed = "subscription { eventFeed(after: \"0\", checkpoints: true) { caughtUp } }";
    let mut open = Vec::new();
    // One operation comes back every six seconds, and opening takes one each.
    while open.len() < usize::try_from(LIMIT).expect("few") {
        let mut socket = server.subscribe_as(Some(&token), feed, json!({})).await;
        let answer = socket.answer().await;
        assert_eq!(answer["type"], "next", "{answer}");
        open.push(socket);
    }
    let refusal = until("there is an operation left, but no place", async || {
        let mut socket = server.subscribe_as(Some(&token), feed, json!({})).await;
        let answer = socket.answer().await;
        assert_eq!(answer["type"], "error", "{answer}");
        let refusal = answer["payload"][0].clone();
        assert_eq!(refusal["extensions"]["code"], "RATE_LIMITED");
        let message = refusal["message"].as_str().expect("text").to_owned();
        message.contains("open").then_some(message)
    })
    .await;
    assert!(refusal.contains("10 subscriptions open"), "{refusal}");
    server
        .subscribe_as(Some(&other), feed, json!({}))
        .await
        .item()
        .await;
    open.pop();
    until("there is a place again", async || {
        let mut socket = server.subscribe_as(Some(&token), feed, json!({})).await;
        (socket.answer().await["type"] == "next").then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_a_limit_or_a_token_nothing_is_counted() {
    let installation = Installation::new().with_variable("HOOKGRAPH_RATE_LIMIT", "0");
    let token = installation.token(&[]).await;
    let unlimited = installation.serve().await;
    let open = Installation::new().with_variable("HOOKGRAPH_RATE_LIMIT", "2");
    let open = open.serve().await;
    for _ in 0..20 {
        let answer = post(&unlimited, &token, json!({ "query": STATUS })).await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("ratelimit"));
        let ask = open.client.post(open.url("/graphql"));
        let answer = ask.json(&json!({ "query": STATUS })).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("ratelimit"));
    }
}

/// Asks with a token, as a proxy that speaks for this client.
async fn status_for(server: &Server, client: &str, token: &str) -> u16 {
    let ask = server.client.post(server.url("/graphql"));
    let ask = ask.bearer_auth(token).header("x-forwarded-for", client);
    let answer = ask.json(&json!({ "query": STATUS })).send().await;
    answer.expect("an answer").status().as_u16()
}

/// Shows tokens that are not valid until the client has to wait.
async fn guess(server: &Server, client: &str) {
    for number in 0..1_000 {
        let token = format!("hg_{number:010}_{}", "x".repeat(43));
        match status_for(server, client, &token).await {
            401 => assert!(number <= 600),
            429 => {
                assert!(number >= 300, "{number}");
                return;
            }
            other => panic!("{other}"),
        }
    }
    panic!("there is no end of it");
}

#[tokio::test]
async fn whoever_guesses_tokens_has_to_wait_and_those_behind_the_same_proxy_do_not() {
    let installation =
        Installation::new().with_variable("HOOKGRAPH_TRUSTED_PROXIES", "127.0.0.0/8");
    let token = installation.token(&[]).await;
    let server = installation.serve().await;
    guess(&server, "192.0.2.1").await;
    // Whatever it writes before its own address, which the proxy has added.
    let mut refused = 0;
    for _ in 0..20 {
        let unknown = format!("hg_{}_{}", "y".repeat(10), "y".repeat(43));
        refused += u32::from(status_for(&server, "198.51.100.1, 192.0.2.1", &unknown).await == 429);
        assert_eq!(status_for(&server, "192.0.2.2", &unknown).await, 401);
    }
    assert!(refused > 0);
    assert_eq!(status_for(&server, "192.0.2.2", &token).await, 200);
    // Its token is known by now, and counts from anywhere.
    assert_eq!(status_for(&server, "192.0.2.1", &token).await, 200);
    let output = server.output();
    assert!(
        output.contains("too many tokens that are not known"),
        "{output}"
    );
    assert!(output.contains("192.0.2.1"), "{output}");
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_the_client() {
    let installation = Installation::new();
    let token = installation.token(&[]).await;
    let server = installation.serve().await;
    assert_eq!(status_for(&server, "192.0.2.1", &token).await, 200);
    // Another address each time does not help.
    for number in 0..1_000 {
        let unknown = format!("hg_{number:010}_{}", "x".repeat(43));
        let client = format!("192.0.2.{}", number % 250);
        if status_for(&server, &client, &unknown).await == 429 {
            assert_eq!(status_for(&server, "192.0.2.9", &token).await, 200);
            return;
        }
    }
    panic!("there is no end of it");
}
