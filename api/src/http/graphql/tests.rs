//! The HTTP edge, asked as a client asks it.

use std::time::Duration;

use axum::{Router, body::Body};
use futures_util::{FutureExt, StreamExt};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::http::{EdgeLimits, Refusal, routes, toy};

const NEW: &str = "application/graphql-response+json";
const OLD: &str = "application/json";

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Value,
}

impl Answer {
    fn code(&self) -> &Value {
        &self.body["errors"][0]["extensions"]["code"]
    }
}

fn app(limits: EdgeLimits) -> Router {
    routes(toy::edge(limits).0)
}

async fn send(app: Router, request: Request<Body>) -> Answer {
    let response = app.oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("a body");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    }
}

async fn post(accept: &str, body: impl Into<Body>) -> Answer {
    post_to(app(EdgeLimits::default()), accept, body).await
}

async fn post_to(app: Router, accept: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post("/graphql")
        .header("content-type", "application/json")
        .header("accept", accept)
        .body(body.into())
        .expect("a request");
    send(app, request).await
}

async fn query(accept: &str, query: &str) -> Answer {
    post(accept, json!({ "query": query }).to_string()).await
}

async fn get(query_string: &str) -> Answer {
    let request = Request::get(format!("/graphql?{query_string}"))
        .header("accept", NEW)
        .body(Body::empty())
        .expect("a request");
    send(app(EdgeLimits::default()), request).await
}

#[tokio::test]
async fn a_query_is_answered_in_the_media_type_that_was_asked_for() {
    for media in [NEW, OLD] {
        let answer = query(media, "{ hello knowsViewer }").await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.body,
            json!({ "data": { "hello": "hello you", "knowsViewer": true } })
        );
        assert_eq!(
            answer.headers["content-type"],
            format!("{media}; charset=utf-8")
        );
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let answer = query("text/html", "{ hello }").await;
    assert_eq!(answer.status, 406);
    assert_eq!(answer.code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn request_errors_have_no_data() {
    for wrong in [
        "{",
        "{ nothing }",
        "{ double(n: \"two\") }",
        "query($n: Int!) { double(n: $n) }",
        "query A { hello } query B { hello }",
        "mutation { anything }",
        "subscription { count(to: 1) }",
        "",
    ] {
        for (media, status) in [(NEW, 400), (OLD, 200)] {
            let answer = query(media, wrong).await;
            assert_eq!(answer.status, status, "{wrong}");
            assert!(
                answer.body.get("data").is_none(),
                "{wrong}: {}",
                answer.body
            );
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{wrong}");
        }
    }
    let unknown = json!({ "query": "query A { hello }", "operationName": "B" });
    let answer = post(NEW, unknown.to_string()).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.get("data").is_none());
}

#[tokio::test]
async fn field_errors_have_data_even_when_it_is_null() {
    let answer = query(NEW, "{ fail }").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["data"], Value::Null);
    assert!(
        answer
            .body
            .as_object()
            .expect("an object")
            .contains_key("data")
    );
    assert_eq!(answer.code(), "FORBIDDEN");
    assert_eq!(answer.body["errors"][0]["path"], json!(["fail"]));
}

#[tokio::test]
async fn what_is_not_a_request_is_400_under_every_media_type() {
    for body in [
        "",
        "nonsense",
        "null",
        "7",
        "\"{ hello }\"",
        "{}",
        r#"{"query":null}"#,
        r#"{"query":7}"#,
        r#"{"qeury":"{hello}"}"#,
        r#"{"query":"{hello}","variables":[]}"#,
        r#"{"query":"{hello}","variables":"{}"}"#,
        r#"{"query":"{hello}","operationName":1}"#,
        r#"{"query":"{hello}","extensions":false}"#,
        "[]",
        "[7]",
        r#"[{"query":"{hello}"},{}]"#,
    ] {
        for media in [NEW, OLD] {
            let answer = post(media, body).await;
            assert_eq!(answer.status, 400, "{body}");
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{body}");
            assert!(answer.body.get("data").is_none());
        }
    }
}

#[tokio::test]
async fn null_is_the_same_as_absent() {
    let body = r#"{"query":"{hello}","variables":null,"operationName":null,"extensions":null}"#;
    let answer = post(NEW, body).await;
    assert_eq!(answer.body["data"]["hello"], "hello you");
}

#[tokio::test]
async fn variables_and_operation_names_reach_the_schema() {
    let body = json!({
        "query": "query A($n: Int!) { double(n: $n) } query B { hello }",
        "operationName": "A",
        "variables": { "n": 21 },
        "extensions": { "anything": [1] },
    });
    let answer = post(NEW, body.to_string()).await;
    assert_eq!(answer.body["data"]["double"], 42);
}

#[tokio::test]
async fn a_get_reads() {
    let answer = get("query=query+A(%24name:String!)%7Bhello(name:%24name)%7D%20query%20B%7B__typename%7D&operationName=A&variables=%7B%22name%22%3A%22%C3%A9%20%2B%20%26%22%7D&extensions=").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["data"]["hello"], "hello é + &");
    assert_eq!(get("query=%7Bhello%7D&operationName=").await.status, 200);

    for (query_string, status) in [
        ("", 400),
        ("query=%7Bhello", 400),
        ("query=%7Bhello%7D&query=%7Bhello%7D", 400),
        ("query=%7Bhello%7D&variables=nonsense", 400),
        ("query=%7Bhello%7D&variables=%5B%5D", 400),
        ("query=%7Bhello%7D&extensions=1", 400),
        ("query=%7Bhello%7D&operationName=null", 400),
        ("query=mutation%7Bany%7D", 405),
        ("query=subscription%7Bcount(to:1)%7D", 405),
    ] {
        let answer = get(query_string).await;
        assert_eq!(answer.status, status, "{query_string}");
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{query_string}");
        assert_eq!(answer.headers.contains_key("allow"), status == 405);
    }
}

#[tokio::test]
async fn other_methods_are_405() {
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let request = Request::builder()
            .method(method)
            .uri("/graphql")
            .body(Body::empty())
            .expect("a request");
        let answer = send(app(EdgeLimits::default()), request).await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.headers["allow"], "GET, POST");
    }
}

#[tokio::test]
async fn a_post_is_json_in_utf8() {
    for (content_types, status) in [
        (&["application/json"][..], 200),
        (&["Application/JSON; Charset=\"UTF-8\""], 200),
        (&["application/json;charset=utf8"], 200),
        (&["application/json; charset=utf-16"], 415),
        (&["application/json; charset=iso-8859-1"], 415),
        (&["text/plain"], 415),
        (&["text/plain; application/json"], 415),
        (&["application/x-www-form-urlencoded"], 415),
        (&["multipart/form-data; boundary=x"], 415),
        (&["application/jsonp"], 415),
        (&["application/json", "text/plain"], 415),
        (&[""], 415),
        (&[], 415),
    ] {
        let mut request = Request::post("/graphql");
        for content_type in content_types {
            request = request.header("content-type", *content_type);
        }
        let request = request
            .body(Body::from(r#"{"query":"{hello}"}"#))
            .expect("a request");
        let answer = send(app(EdgeLimits::default()), request).await;
        assert_eq!(answer.status, status, "{content_types:?}");
    }
}

#[tokio::test]
async fn batches_are_bounded_and_each_request_tells_its_own_story() {
    let body = r#"[{"query":"{hello}"},{"query":"{"},{"query":"{fail}"}]"#;
    let answer = post(NEW, body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body[0]["data"]["hello"], "hello you");
    assert!(answer.body[1].get("data").is_none());
    assert_eq!(answer.body[2]["data"], Value::Null);

    let batch = |n| Value::Array(vec![json!({ "query": "{hello}" }); n]).to_string();
    assert_eq!(post(NEW, batch(10)).await.status, 200);
    assert_eq!(post(NEW, batch(11)).await.status, 400);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let limits = EdgeLimits {
        body_bytes: 100,
        ..EdgeLimits::default()
    };
    let body = |n| json!({ "query": format!("{{hello}} #{}", "x".repeat(n)) }).to_string();
    assert_eq!(
        post_to(app(limits.clone()), NEW, body(10)).await.status,
        200
    );
    let answer = post_to(app(limits.clone()), NEW, body(100)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (413, Some("BAD_USER_INPUT"))
    );

    // Also when the length is not announced.
    let chunks = futures_util::stream::iter(["{\"query\":"; 30]).map(Ok::<_, std::io::Error>);
    let answer = post_to(app(limits), NEW, Body::from_stream(chunks)).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test(start_paused = true)]
async fn a_query_that_takes_too_long_ends() {
    let limits = EdgeLimits {
        execution: Duration::from_secs(1),
        ..EdgeLimits::default()
    };
    let slow = json!({ "query": "{ slow }" }).to_string();
    for (media, status) in [(NEW, 504), (OLD, 200)] {
        let answer = post_to(app(limits.clone()), media, slow.clone()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.code(), "TIMEOUT");
        assert!(answer.body.get("data").is_none());
    }
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let answer = query(NEW, "{ crash }").await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.code(), "INTERNAL");
    assert!(!answer.body.to_string().contains("a test asked for"));
}

#[tokio::test]
async fn who_is_not_admitted_is_told_so() {
    let edge = toy::edge(EdgeLimits::default()).0.admitting(|credentials| {
        let known = credentials.headers.get("authorization").is_some();
        std::future::ready(if known {
            Ok(crate::http::Admission::forever(
                crate::graphql::Viewer::everything(),
            ))
        } else {
            Err(Refusal::unauthenticated("Send a token."))
        })
        .boxed()
    });
    let answer = post_to(routes(edge.clone()), OLD, r#"{"query":"{hello}"}"#).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (401, Some("UNAUTHENTICATED"))
    );
    let request = Request::get("/graphql?query=%7Bhello%7D")
        .header("authorization", "Bearer x")
        .body(Body::empty())
        .expect("a request");
    assert_eq!(send(routes(edge), request).await.status, 200);
}
