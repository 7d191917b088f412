//! Tokens of an identity provider: which are taken, what they see, until when; and how its keys change.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tests::sender::now;
use tests::{Installation, Server, until};
use tokio::net::TcpListener;

const ISSUER: &str = "https://identity.example";
const AUDIENCE: &str = "hookgraph";

/// A key of a provider.
pub(crate) struct Key {
    algorithm: Algorithm,
    secret: EncodingKey,
    published: Value,
}

impl Key {
    pub(crate) fn new(kid: &str, algorithm: Algorithm) -> Self {
        let secret = match algorithm {
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
                EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("DER").as_ref())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().expect("a key");
                EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("DER").as_ref())
            }
            other => panic!("no key for {other:?}"),
        };
        let mut jwk = Jwk::from_encoding_key(&secret, algorithm).expect("a public key");
        jwk.common.key_id = Some(kid.to_owned());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Self {
            algorithm,
            secret,
            published: serde_json::to_value(jwk).expect("JSON"),
        }
    }

    fn kid(&self) -> Option<String> {
        self.published["kid"].as_str().map(str::to_owned)
    }

    /// A token with these claims beside the usual ones; null takes one away.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(self.kid(), claims)
    }

    fn token_with(&self, kid: Option<String>, claims: &Value) -> String {
        let header = Header {
            kid,
            ..Header::new(self.algorithm)
        };
        encode(&header, &all(claims), &self.secret).expect("a token")
    }
}

fn all(claims: &Value) -> Value {
    let mut all = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "someone", "exp": now() + 600, "orgs": "*" });
    for (name, value) in claims.as_object().expect("claims") {
        all[name] = value.clone();
    }
    let fields = all.as_object_mut().expect("claims");
    fields.retain(|_, value| !value.is_null());
    all
}

/// An identity provider, whose keys can be changed.
pub(crate) struct Provider {
    keys: Arc<Mutex<Vec<Value>>>,
    address: String,
}

impl Provider {
    pub(crate) async fn start(keys: &[&Key]) -> Self {
        let keys: Vec<Value> = keys.iter().map(|key| key.published.clone()).collect();
        let keys = Arc::new(Mutex::new(keys));
        let published = Arc::clone(&keys);
        let show = move || {
            let keys = published.lock().expect("keys").clone();
            async move { Json(json!({ "keys": keys })) }
        };
        let app = Router::new().route("/keys", get(show));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { keys, address }
    }

    pub(crate) fn installation(&self) -> Installation {
        Installation::new()
            .with_variable(
                "HOOKGRAPH_JWT_JWKS_URL",
                format!("http://{}/keys", self.address),
            )
            .with_variable("HOOKGRAPH_JWT_ISSUER", ISSUER)
            .with_variable("HOOKGRAPH_JWT_AUDIENCE", AUDIENCE)
    }
}

async fn ask(server: &Server, token: &str) -> (u16, Value) {
    server.installation.private().add_secret(token);
    let answer = server
        .client
        .post(server.url("/graphql"))
        .bearer_auth(token)
        .json(&json!({ "query": "{ orgs { nodes { id } } users { nodes { email } } }" }))
        .send()
        .await
        .expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

async fn assert_refused(server: &Server, token: &str, why: &str) {
    let (status, body) = ask(server, token).await;
    assert_eq!(status, 401, "{why}: {body}");
    assert_eq!(
        body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED",
        "{why}"
    );
    assert!(body.get("data").is_none(), "{why}");
}

async fn two_orgs(server: &Server) {
    for org in ["one", "two"] {
        let user = json!({ "id": format!("user-{org}"), "orgId": org, "email": format!("{org}@example.com") });
        let body = json!({ "type": "user.created", "payload": { "user": user } });
        server
            .sender()
            .send(&format!("msg_{org}"), body.to_string())
            .await;
    }
}

#[tokio::test]
async fn a_token_sees_what_its_claims_say() {
    let keys = [
        Key::new("a", Algorithm::ES256),
        Key::new("b", Algorithm::EdDSA),
    ];
    let provider = Provider::start(&[&keys[0], &keys[1]]).await;
    let server = provider.installation().serve().await;
    two_orgs(&server).await;
    for key in &keys {
        until("both are projected", async || {
            let (status, body) = ask(&server, &key.token(&json!({}))).await;
            assert_eq!(status, 200, "{body}");
            (body["data"]["orgs"]["nodes"].as_array().map(Vec::len) == Some(2)).then_some(())
        })
        .await;
        for (claims, orgs, email) in [
            (
                json!({ "orgs": ["one"] }),
                json!([{ "id": "one" }]),
                json!("one@example.com"),
            ),
            (
                json!({ "orgs": "two", "hidden": ["email"] }),
                json!([{ "id": "two" }]),
                Value::Null,
            ),
            (json!({ "orgs": ["nobody"] }), json!([]), Value::Null),
            (
                json!({ "orgs": ["one"], "aud": ["other", AUDIENCE] }),
                json!([{ "id": "one" }]),
                json!("one@example.com"),
            ),
        ] {
            let (status, body) = ask(&server, &key.token(&claims)).await;
            assert_eq!(
                (status, &body["data"]["orgs"]["nodes"]),
                (200, &orgs),
                "{claims}"
            );
            assert_eq!(
                body["data"]["users"]["nodes"][0]["email"], email,
                "{claims}"
            );
        }
    }
    for claims in [
        json!({ "orgs": null }),
        json!({ "orgs": [] }),
        json!({ "orgs": 5 }),
        json!({ "orgs": [1] }),
        json!({ "orgs": "" }),
        json!({ "orgs": ["one", " "] }),
        json!({ "orgs": "one", "hidden": "everything" }),
        json!({ "orgs": "one", "hidden": true }),
    ] {
        let (status, body) = ask(&server, &keys[0].token(&claims)).await;
        assert_eq!(status, 403, "{claims}: {body}");
        assert!(body.get("data").is_none());
    }
    // The installation's own tokens count beside them.
    let own = server.installation.token(&["--org", "one"]).await;
    let (status, body) = ask(&server, &own).await;
    assert_eq!(
        (status, &body["data"]["orgs"]["nodes"]),
        (200, &json!([{ "id": "one" }]))
    );
}

#[tokio::test]
async fn what_proves_nothing_is_refused() {
    let [key, other] = ["a", "a"].map(|kid| Key::new(kid, Algorithm::ES256));
    let second = Key::new("b", Algorithm::EdDSA);
    let provider = Provider::start(&[&key, &second]).await;
    let server = provider.installation().serve().await;
    let good = key.token(&json!({}));
    assert_eq!(ask(&server, &good).await.0, 200);

    for (claims, why) in [
        (json!({ "iss": "https://evil.example" }), "another issuer"),
        (json!({ "iss": null }), "no issuer"),
        (json!({ "aud": "other" }), "another audience"),
        (json!({ "aud": null }), "no audience"),
        (json!({ "exp": now() - 61 }), "expired"),
        (json!({ "exp": null }), "no end"),
        (json!({ "exp": "soon" }), "an end that is no time"),
        (json!({ "nbf": now() + 120 }), "not yet"),
    ] {
        assert_refused(&server, &key.token(&claims), why).await;
    }
    // Within the skew that clocks may have.
    assert_eq!(
        ask(&server, &key.token(&json!({ "exp": now() - 5 })))
            .await
            .0,
        200
    );

    assert_refused(
        &server,
        &other.token(&json!({})),
        "another key by the same id",
    )
    .await;
    let unknown = key.token_with(Some("c".to_owned()), &json!({}));
    assert_refused(&server, &unknown, "an unknown key").await;
    let wrong_key = key.token_with(second.kid(), &json!({}));
    assert_refused(&server, &wrong_key, "the id of a key for another algorithm").await;

    let parts: Vec<&str> = good.split('.').collect();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = part(json!({ "alg": "none", "typ": "JWT" }));
    assert_refused(&server, &format!("{none}.{}.", parts[1]), "alg none").await;
    assert_refused(
        &server,
        &format!("{none}.{}.{}", parts[1], parts[2]),
        "alg none with a signature",
    )
    .await;
    // The public key as the secret of a symmetric algorithm.
    let header = Header {
        kid: key.kid(),
        ..Header::new(Algorithm::HS256)
    };
    for secret in [
        key.published.to_string(),
        key.published["x"].as_str().expect("a point").to_owned(),
    ] {
        let secret = EncodingKey::from_secret(secret.as_bytes()).expect("a secret");
        let forged = encode(&header, &all(&json!({})), &secret).expect("a token");
        assert_refused(&server, &forged, "a symmetric algorithm").await;
    }
    let more = part(all(&json!({ "orgs": ["one"] })));
    assert_refused(
        &server,
        &format!("{}.{more}.{}", parts[0], parts[2]),
        "other claims",
    )
    .await;
    for text in [
        "..",
        "a.b.c",
        &good[..good.len() - 2],
        &format!("{good}A"),
        &format!("{good}.x"),
        &"x.".repeat(40_000),
    ] {
        // A head of that size does not get as far.
        let status = ask_status(&server, text).await;
        assert!(status == 401 || status == 431, "{status}");
    }
    assert_eq!(ask_status(&server, "").await, 401);
    let without = server
        .client
        .get(server.url("/graphql?query=%7B__typename%7D"));
    assert_eq!(
        without.send().await.expect("an answer").status(),
        401,
        "nobody reads without a token"
    );
}

async fn ask_status(server: &Server, token: &str) -> u16 {
    let ask = server
        .client
        .get(server.url("/graphql?query=%7B__typename%7D"));
    let answer = ask.bearer_auth(token).send().await.expect("an answer");
    answer.status().as_u16()
}

#[tokio::test]
async fn a_new_key_counts_as_soon_as_it_is_published_and_what_a_token_opened_ends_with_it() {
    let [old, new] = ["a", "b"].map(|kid| Key::new(kid, Algorithm::ES256));
    let provider = Provider::start(&[&old]).await;
    let server = provider
        .installation()
        .with_variable("HOOKGRAPH_JWT_LEEWAY", "0")
        .serve()
        .await;
    assert_eq!(ask(&server, &old.token(&json!({}))).await.0, 200);
    assert_refused(&server, &new.token(&json!({})), "not published yet").await;
    provider
        .keys
        .lock()
        .expect("keys")
        .push(new.published.clone());
    // The keys are asked for again ten seconds after the last time.
    until("the new key counts", async || {
        (ask(&server, &new.token(&json!({}))).await.0 == 200).then_some(())
    })
    .await;

    let short = new.token(&json!({ "exp": now() + 3 }));
    let feed = "subscription { eventFeed(after: \"0\", checkpoints: true) { caughtUp } }";
    let mut socket = server.subscribe_as(Some(&short), feed, Value::Null).await;
    assert_eq!(socket.item().await["caughtUp"], true);
    let ticket = server.ticket(&short).await;
    let address = [
        ("query", "subscription { eventFeed { cursor } }"),
        ("ticket", ticket.as_str()),
    ];
    let address =
        reqwest::Url::parse_with_params(&server.url("/graphql"), address).expect("an address");
    let ask_stream = || {
        server
            .client
            .get(address.clone())
            .header("accept", "text/event-stream")
            .send()
    };
    let mut stream = ask_stream().await.expect("an answer");
    assert_eq!(stream.status(), 200);
    assert_eq!(socket.item_or_close().await, Err(4403));
    let ended = tokio::time::timeout(Duration::from_secs(5), async {
        while let Ok(Some(_)) = stream.chunk().await {}
    });
    assert!(ended.await.is_ok(), "the stream goes on");
    assert_refused(&server, &short, "expired").await;
    assert_eq!(ask_stream().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn without_its_provider_a_server_starts_and_says_that_it_waits() {
    let key = Key::new("a", Algorithm::ES256);
    let provider = Provider::start(&[]).await;
    let server = provider.installation().serve().await;
    let (status, body) = ask(&server, &key.token(&json!({}))).await;
    assert_eq!(status, 503, "{body}");
    for settings in [
        &["--jwt-jwks-url", "https://identity.example/keys"][..],
        &["--jwt-issuer", "x"],
        &[
            "--jwt-jwks-url",
            "http://identity.example/keys",
            "--jwt-issuer",
            "x",
            "--jwt-audience",
            "y",
        ],
        &[
            "--jwt-jwks-url",
            "keys",
            "--jwt-issuer",
            "x",
            "--jwt-audience",
            "y",
        ],
    ] {
        let refused = Installation::new()
            .run([&["serve"], settings].concat())
            .await;
        assert_eq!(refused.code, Some(2), "{settings:?}: {refused:?}");
        assert!(
            refused.stderr.contains("jwt") || refused.stderr.contains("JWT"),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn tokens_of_one_subject_share_what_they_may_ask() {
    let key = Key::new("one", Algorithm::ES256);
    let provider = Provider::start(&[&key]).await;
    let installation = provider
        .installation()
        .with_variable("HOOKGRAPH_RATE_LIMIT", "10");
    let server = installation.serve().await;
    let mut answered = 0;
    loop {
        // A new one each time, as an app gets them.
        let (status, body) = ask(&server, &key.token(&json!({ "jti": answered }))).await;
        if status == 429 {
            assert_eq!(body["errors"][0]["extensions"]["code"], "RATE_LIMITED");
            break;
        }
        assert_eq!(status, 200, "{body}");
        answered += 1;
        assert!(answered < 20, "there is no end of it");
    }
    assert!(answered >= 10, "{answered}");
    // Of somebody else, of nobody, and of what is no text: each has its own.
    for subject in [json!("another"), Value::Null, json!(7)] {
        let (status, body) = ask(&server, &key.token(&json!({ "sub": subject }))).await;
        assert_eq!(status, 200, "{subject}: {body}");
    }
}
