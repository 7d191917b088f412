//! What every answer says to browsers: of each route, whatever is answered.

use reqwest::Method;
use tests::{Installation, Server};

/// Each route, and how it is asked.
const ROUTES: [(Method, &str); 10] = [
    (Method::GET, "/"),
    (Method::GET, "/playground"),
    (Method::GET, "/playground/nothing"),
    (Method::GET, "/graphql?query=%7B__typename%7D"),
    (Method::PUT, "/graphql"),
    (Method::POST, "/graphql/ticket"),
    (Method::GET, "/metrics"),
    (Method::GET, "/health/live"),
    (Method::POST, "/webhooks/salesmagic"),
    (Method::GET, "/nothing"),
];

async fn check(server: &Server) {
    for (method, path) in ROUTES {
        let ask = server.client.request(method.clone(), server.url(path));
        let answer = ask.send().await.expect("an answer");
        let said = |name: &str| {
            let value = answer.headers().get_all(name).iter().collect::<Vec<_>>();
            assert_eq!(value.len(), 1, "{method} {path}: {name}");
            value[0].to_str().expect("text").to_owned()
        };
        assert_eq!(said("x-content-type-options"), "nosniff");
        assert_eq!(said("referrer-policy"), "no-referrer");
        assert_eq!(said("cross-origin-resource-policy"), "same-origin");
        let policy = said("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none';"),
            "{path}: {policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        // Scripts are the playground's alone.
        let is_page = path == "/" || path.starts_with("/playground");
        assert_eq!(policy.contains("script-src"), is_page, "{path}: {policy}");
        assert!(!answer.headers().contains_key("server"), "{path}");
    }
}

#[tokio::test]
async fn every_answer_says_what_browsers_must_not_do_with_it() {
    check(&Server::start().await).await;
    // Refused, too.
    let closed = Installation::new();
    closed.token(&[]).await;
    check(&closed.serve().await).await;
}
