//! Event streams, read as they are sent.

mod connection;

use std::time::Duration;

use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::ServiceExt;

use crate::http::{EdgeLimits, routes, toy};

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(20);

const ITEMS: &str = "subscription { items(to: 3) { cursor n } }";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// The id and the data of each `next`, and whether `complete` follows them.
    fn results(&self) -> (Vec<(Option<String>, Value)>, bool) {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.headers["content-type"], "text/event-stream");
        let (first, events) = self.body.split_once("\n\n").expect("an event");
        assert_eq!(first, "retry: 2000");
        let (nexts, completed) =
            match events.strip_suffix("event: complete\nid: complete\ndata: \n\n") {
                Some(nexts) => (nexts, true),
                None => (events, false),
            };
        let results = nexts.split_terminator("\n\n").map(|event| {
            let event = event.strip_prefix("event: next\n").expect("a result");
            let (id, data) = event.split_once("data: ").expect("data");
            let id = id.strip_prefix("id: ").map(|id| id.trim_end().to_owned());
            (id, serde_json::from_str(data).expect("JSON"))
        });
        (results.collect(), completed)
    }

    /// The only result, which `complete` follows.
    fn only(&self) -> Value {
        let (results, completed) = self.results();
        let [(None, result)] = &results[..] else {
            panic!("not one result without id: {}", self.body);
        };
        assert!(completed, "{}", self.body);
        result.clone()
    }

    /// The numbers of the items, each of which is its id too.
    fn numbers(&self) -> Vec<i64> {
        let (results, completed) = self.results();
        assert!(completed, "{}", self.body);
        let number = |(id, result): &(Option<String>, Value)| {
            let item = &result["data"]["items"];
            assert_eq!(item["cursor"].as_str(), id.as_deref(), "{result}");
            item["n"].as_i64().expect("a number")
        };
        results.iter().map(number).collect()
    }
}

fn app() -> Router {
    routes(toy::edge(EdgeLimits::default()).0)
}

fn post(body: &Value) -> Request<Body> {
    Request::post("/graphql")
        .header("content-type", "application/json")
        .header("accept", "text/event-stream")
        .body(body.to_string().into())
        .expect("a request")
}

fn get(query_string: &str) -> Request<Body> {
    Request::get(format!("/graphql?{query_string}"))
        .header("accept", "text/event-stream")
        .body(Body::empty())
        .expect("a request")
}

fn resuming(mut request: Request<Body>, id: &'static str) -> Request<Body> {
    let id = http::HeaderValue::from_static(id);
    request.headers_mut().insert("last-event-id", id);
    request
}

async fn run(query: &str) -> Answer {
    send(app(), post(&json!({ "query": query }))).await
}

async fn send(app: Router, request: Request<Body>) -> Answer {
    let response = app.oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let bytes = timeout(PATIENCE, axum::body::to_bytes(body, usize::MAX))
        .await
        .expect("the stream ends")
        .expect("a body");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(bytes.to_vec()).expect("UTF-8"),
    }
}

#[tokio::test]
async fn a_subscription_is_streamed_to_its_end() {
    let answer = run(ITEMS).await;
    assert_eq!(
        answer.body.lines().take(5).collect::<Vec<_>>(),
        [
            "retry: 2000",
            "",
            "event: next",
            "id: 1",
            r#"data: {"data":{"items":{"cursor":"1","n":1}}}"#,
        ]
    );
    assert_eq!(answer.numbers(), [1, 2, 3]);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["vary"], "accept");

    let by_get = send(
        app(),
        get("query=subscription%7Bitems(to:3)%7Bcursor%20n%7D%7D"),
    )
    .await;
    assert_eq!(by_get.body, answer.body);

    let (results, completed) = run("subscription { items(to: 2) { n } }").await.results();
    assert!(completed);
    let ids: Vec<_> = results.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [None, None], "no id without a cursor");
}

#[tokio::test]
async fn a_query_is_one_result() {
    let hello = json!({ "data": { "hello": "hello you", "knowsViewer": true } });
    assert_eq!(run("{ hello knowsViewer }").await.only(), hello);
    let by_get = send(app(), get("query=%7Bhello%20knowsViewer%7D")).await;
    assert_eq!(by_get.only(), hello);
    let failed = run("{ fail }").await.only();
    assert_eq!(failed["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(failed["data"], Value::Null);
}

#[tokio::test]
async fn a_client_that_names_a_stream_last_gets_one_for_a_subscription_only() {
    let asked = |query: &str| {
        let mut request = post(&json!({ "query": query }));
        let accept = "application/graphql-response+json, application/json, text/event-stream";
        let accept = http::HeaderValue::from_static(accept);
        request.headers_mut().insert("accept", accept);
        send(app(), request)
    };
    assert_eq!(asked(ITEMS).await.numbers(), [1, 2, 3]);
    for (query, status) in [("{ hello }", 200), ("{", 400)] {
        let answer = asked(query).await;
        assert_eq!(answer.status, status);
        let media = "application/graphql-response+json; charset=utf-8";
        assert_eq!(answer.headers["content-type"], media);
    }
}

#[tokio::test]
async fn an_operation_that_is_not_executed_is_a_result_with_errors_alone() {
    for query in [
        "{",
        "{ nothing }",
        "subscription { nothing }",
        "subscription { items(to: 1) { nothing } }",
        "subscription { count(to: 1) silence }",
        "query A { hello } query B { hello }",
        "mutation { anything }",
    ] {
        let result = run(query).await.only();
        assert!(result.get("data").is_none(), "{query}: {result}");
        let code = &result["errors"][0]["extensions"]["code"];
        assert_eq!(code, "BAD_USER_INPUT", "{query}: {result}");
    }
    let refused = run("subscription { refuse }").await.only();
    assert_eq!(refused["errors"][0]["message"], "not this one");
}

#[tokio::test]
async fn a_request_that_is_malformed_is_answered_in_json() {
    let plain = Request::post("/graphql")
        .header("accept", "text/event-stream")
        .body(Body::from(r#"{"query":"{ hello }"}"#))
        .expect("a request");
    let mutation = "query=mutation%20%7Banything%7D";
    for (request, status) in [
        (plain, 415),
        (post(&json!({})), 400),
        (post(&json!([{ "query": "{ hello }" }])), 400),
        (get(mutation), 405),
    ] {
        let answer = send(app(), request).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        let media = "application/json; charset=utf-8";
        assert_eq!(answer.headers["content-type"], media);
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(body["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn the_last_id_says_where_to_resume_whatever_the_variables_say() {
    let variables = json!({ "x": "0", "n": 1 });
    for query in [
        ITEMS,
        "subscription { items(after: \"0\", to: 3) { cursor n } }",
        "subscription { items(since: 1, to: 3) { cursor n } }",
        "subscription ($x: String) { items(after: $x, to: 3) { cursor n } }",
        "subscription ($x: String!) { items(after: $x, to: 3) { cursor n } }",
        "subscription ($n: Int) { items(since: $n, to: 3) { cursor n } }",
    ] {
        let request = post(&json!({ "query": query, "variables": variables }));
        let answer = send(app(), resuming(request, "2")).await;
        assert_eq!(answer.numbers(), [3], "{query}");
    }
    let named = json!({
        "query": "query A { hello } subscription B ($x: String) { items(after: $x, to: 3) { cursor n } }",
        "operationName": "B",
    });
    assert_eq!(
        send(app(), resuming(post(&named), "1")).await.numbers(),
        [2, 3]
    );
    // An empty one is none, as the specification of EventSource has it, and a query has no place to resume from.
    assert_eq!(
        send(app(), resuming(post(&json!({ "query": ITEMS })), ""))
            .await
            .numbers(),
        [1, 2, 3]
    );
    let hello = send(app(), resuming(post(&json!({ "query": "{ hello }" })), "2")).await;
    assert_eq!(hello.only()["data"]["hello"], "hello you");
    let foreign = send(app(), resuming(post(&json!({ "query": ITEMS })), "x")).await;
    assert_eq!(foreign.only()["errors"][0]["message"], "not a cursor");
}

#[tokio::test]
async fn who_comes_again_after_the_end_is_sent_away() {
    for request in [post(&json!({ "query": ITEMS })), get("query=%7Bhello%7D")] {
        let answer = send(app(), resuming(request, "complete")).await;
        assert_eq!((answer.status, &*answer.body), (StatusCode::NO_CONTENT, ""));
    }
}

#[tokio::test]
async fn an_item_that_cannot_be_read_ends_the_stream_so_that_it_is_resumed() {
    let (results, completed) = run("subscription { falter }").await.results();
    assert_eq!(results, [(None, json!({ "data": { "falter": 1 } }))]);
    assert!(!completed);
}

#[tokio::test]
async fn a_panic_is_a_result() {
    let (results, completed) = run("subscription { crash }").await.results();
    assert!(completed);
    assert_eq!(results.len(), 2);
    assert_eq!(results[1].1["errors"][0]["extensions"]["code"], "INTERNAL");
    assert_eq!(
        run("{ crash }").await.only()["errors"][0]["extensions"]["code"],
        "INTERNAL"
    );
}
