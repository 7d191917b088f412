//! Pages of other origins: those that are listed may ask, and read what is answered; others may not.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::json;
use tests::{Installation, Server};

const LISTED: &str = "https://app.example.com";

async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}

async fn server() -> (Server, String) {
    let installation = Installation::new().with_variable(
        "HOOKGRAPH_CORS_ORIGINS",
        format!("{LISTED}, http://localhost:5173"),
    );
    let token = installation.token(&[]).await;
    (installation.serve().await, token)
}

#[tokio::test]
async fn a_browser_is_told_that_a_listed_page_may_ask_and_read() {
    let (server, token) = server().await;
    for path in ["/graphql", "/graphql/ticket"] {
        for origin in [LISTED, "http://localhost:5173"] {
            let preflight = server
                .client
                .request(Method::OPTIONS, server.url(path))
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header(
                    "access-control-request-headers",
                    "authorization,content-type",
                );
            let answer = send(preflight).await;
            assert_eq!(answer.status(), 200, "{path} {origin}");
            assert_eq!(header(&answer, "access-control-allow-origin"), Some(origin));
            let allowed = header(&answer, "access-control-allow-headers").expect("headers");
            for wanted in ["authorization", "content-type", "last-event-id"] {
                assert!(allowed.contains(wanted), "{allowed}");
            }
            assert!(
                header(&answer, "access-control-allow-methods")
                    .expect("methods")
                    .contains("POST")
            );
            // Nothing a browser sends by itself says who asks.
            assert_eq!(header(&answer, "access-control-allow-credentials"), None);
        }
    }
    let ask = |origin: &str| {
        let query = json!({ "query": "{ status { version } }" });
        let ask = server
            .client
            .post(server.url("/graphql"))
            .bearer_auth(&token);
        ask.header("origin", origin).json(&query)
    };
    let answer = send(ask(LISTED)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "access-control-allow-origin"), Some(LISTED));
    let varies = answer.headers().get_all("vary").iter();
    assert!(varies.into_iter().any(|value| {
        value
            .to_str()
            .is_ok_and(|value| value.to_ascii_lowercase().contains("origin"))
    }));
    assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
    // Its script may read how its budget stands.
    let exposed = header(&answer, "access-control-expose-headers").expect("headers");
    for readable in ["ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(exposed.contains(readable), "{exposed}");
    }
    assert!(header(&answer, "ratelimit").is_some());
    let refused = server
        .client
        .get(server.url("/graphql?query=%7B__typename%7D"))
        .header("origin", LISTED);
    let refused = send(refused).await;
    assert_eq!(
        (
            refused.status().as_u16(),
            header(&refused, "access-control-allow-origin")
        ),
        (401, Some(LISTED)),
        "a page can read why"
    );

    for other in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "null",
    ] {
        let answer = send(ask(other)).await;
        assert_eq!(
            header(&answer, "access-control-allow-origin"),
            None,
            "{other}"
        );
        let preflight = server
            .client
            .request(Method::OPTIONS, server.url("/graphql"))
            .header("origin", other)
            .header("access-control-request-method", "POST");
        assert_eq!(
            header(&send(preflight).await, "access-control-allow-origin"),
            None,
            "{other}"
        );
    }
}

#[tokio::test]
async fn without_a_list_no_other_page_reads_and_the_open_door_stays_as_it_is() {
    let server = Server::start().await;
    let asked = server
        .client
        .post(server.url("/graphql"))
        .header("origin", LISTED);
    let answer = send(asked.json(&json!({ "query": "{ __typename }" }))).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            header(&answer, "access-control-allow-origin")
        ),
        (403, None)
    );
    // A list does not open it.
    let server = Installation::new()
        .with_variable("HOOKGRAPH_CORS_ORIGINS", LISTED)
        .serve()
        .await;
    let asked = server
        .client
        .post(server.url("/graphql"))
        .header("origin", LISTED);
    let answer = send(asked.json(&json!({ "query": "{ __typename }" }))).await;
    assert_eq!(answer.status(), 403);

    for wrong in ["*", "app.example.com", "https://app.example.com/path"] {
        let refused = Installation::new()
            .run(["serve", "--cors-origins", wrong])
            .await;
        assert_eq!(refused.code, Some(2), "{wrong}");
        assert!(
            refused.stderr.contains("https://app.example.com"),
            "{}",
            refused.stderr
        );
    }
}
