//! The same with a token of each kind: what is refused does not depend on who asks, and whoever sees little can do no more harm.

use futures_util::{StreamExt, stream};
use jsonwebtoken::Algorithm;
use reqwest::Url;
use serde_json::{Value, json};
use tests::{Server, within};

use super::harmless::harmless;
use super::table::documents;
use super::{check, post};
use crate::jwt::{Key, Provider};

/// The longest address that is sent, in bytes: a longer one is refused below GraphQL.
const LONGEST: usize = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn with_each_kind_of_token_each_hostile_query_is_refused_alike() {
    let key = Key::new("one", Algorithm::ES256);
    let provider = Provider::start(&[&key]).await;
    // All of them together are more than a token may ask for in a minute.
    let installation = provider
        .installation()
        .with_variable("HOOKGRAPH_RATE_LIMIT", "0");
    let mut tokens = Vec::new();
    for flags in [
        &[][..],
        &["--org", "one"],
        &["--org", "one", "--org", "two", "--expires", "1d"],
        &["--hide", "email"],
        &["--org", "one", "--hide", "email,transcript,payload"],
    ] {
        tokens.push((flags.join(" "), installation.token(flags).await));
    }
    let claims = json!({ "orgs": ["one"], "hidden": ["transcript"] });
    tokens.push(("a JWT".to_owned(), key.token(&claims)));
    let server = installation.serve().await;
    let cases = documents();
    let harmless = harmless();
    for (kind, token) in &tokens {
        stream::iter(&cases)
            .for_each_concurrent(8, async |case| {
                let name = format!("{} with {kind}", case.name);
                let body = case.payload.to_string();
                let (status, answer) = post(&server, Some(token), &name, body).await;
                check(&name, &answer["errors"], case.code, case.told);
                let refused = answer.get("data").is_none();
                assert_eq!(status, if refused { 400 } else { 200 }, "{name}");
            })
            .await;
        for (name, payload) in &harmless {
            let body = payload.to_string();
            let (status, answer) = post(&server, Some(token), name, body).await;
            assert_eq!(status, 200, "{name} with {kind}: {answer}");
        }
        by_ticket(&server, kind, token).await;
    }
    let output = server.output();
    for word in ["panicked", " ERROR "] {
        assert!(!output.contains(word), "{word}");
    }
}

/// A ticket stands in an address and opens subscriptions alone; what is no document at all is refused before that is known.
async fn by_ticket(server: &Server, kind: &str, token: &str) {
    let ticket = server.ticket(token).await;
    let mut asked = 0;
    for case in documents() {
        let parameter = |name: &str| match &case.payload[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let address = Url::parse_with_params(
            &server.url("/graphql"),
            [
                ("query", parameter("query")),
                ("variables", parameter("variables")),
                ("ticket", ticket.clone()),
            ],
        );
        let address = address.expect("an address");
        if address.as_str().len() > LONGEST {
            continue;
        }
        asked += 1;
        let name = format!("{} by a ticket for {kind}", case.name);
        let ask = server.client.get(address);
        let ask = ask.header("accept", "text/event-stream").send();
        let answer = within(&name, ask).await.expect("an answer");
        let status = answer.status().as_u16();
        let text = within(&name, answer.text()).await.expect("a body");
        let other = match status {
            401 => Some("subscriptions alone"),
            405 => Some("A GET only reads"),
            _ => None,
        };
        if let Some(other) = other {
            assert!(text.contains(other), "{name}: {text}");
            continue;
        }
        assert_eq!(status, 200, "{name}: {text}");
        let told = text.lines().find_map(|line| line.strip_prefix("data: "));
        let told = told.unwrap_or_else(|| panic!("{name}: {text}"));
        let told: Value = serde_json::from_str(told).expect("JSON");
        check(&name, &told["errors"], case.code, case.told);
        assert!(told.get("data").is_none(), "{name}: {told}");
    }
    assert!(asked > 30, "{asked}");
}
