//! Documents that a request names instead of sending: automatic persisted queries as Apollo's clients speak them, and servers that
//! execute only what their operator trusts. Over every transport, against the real binary.

use std::fs;

use futures_util::{SinkExt, StreamExt};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::server::finish;
use tests::{Installation, Server, within};
use tokio_tungstenite::tungstenite::Message;

use crate::start::assert_refused;

const QUERY: &str = "query Which($id: ID!) { call(id: $id) { id } __typename }";
const FEED: &str = "subscription { eventFeed(after: \"0\", checkpoints: true) { cursor } }";

const OLD: &str = "application/json";
const NEW: &str = "application/graphql-response+json";
const STREAM: &str = "text/event-stream";

fn hash(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

/// `extensions` as Apollo's clients send them.
fn apollo(text: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(text) } })
}

fn named(text: &str) -> Value {
    json!({ "extensions": apollo(text), "variables": { "id": "c" } })
}

fn sent(text: &str) -> Value {
    let mut request = named(text);
    request["query"] = text.into();
    request
}

fn post(server: &Server, accept: &str, body: &Value) -> RequestBuilder {
    let request = server.client.post(server.url("/graphql"));
    request.header("accept", accept).json(body)
}

fn get(server: &Server, accept: &str, parameters: &Value) -> RequestBuilder {
    let mut url = reqwest::Url::parse(&server.url("/graphql")).expect("an address");
    for (name, value) in parameters.as_object().expect("parameters") {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        url.query_pairs_mut().append_pair(name, &text);
    }
    server.client.get(url).header("accept", accept)
}

async fn send(request: RequestBuilder) -> Response {
    let answer = within("an answer", request.send()).await;
    answer.expect("an answer")
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer = send(request).await;
    let status = answer.status().as_u16();
    let text = within("a body", answer.text()).await.expect("a body");
    (
        status,
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}")),
    )
}

/// The first result of an event stream.
async fn first_result(request: RequestBuilder) -> Value {
    let mut answer = send(request).await;
    assert_eq!(answer.status(), 200);
    let mut text = String::new();
    loop {
        if let Some((_, behind)) = text.split_once("data: ")
            && let Some((data, _)) = behind.split_once('\n')
        {
            return serde_json::from_str(data).expect("JSON");
        }
        let chunk = within("a result", answer.chunk()).await.expect("a stream");
        text.push_str(std::str::from_utf8(&chunk.expect("a result")).expect("UTF-8"));
    }
}

/// The first answer to each `subscribe` with one of these payloads, one after the other on one socket.
async fn over_a_socket(server: &Server, payloads: &[Value]) -> Vec<Value> {
    let mut socket = server.handshake(&[]).await.expect("a socket");
    let subscribe = payloads.iter().enumerate().map(
        |(n, payload)| json!({ "type": "subscribe", "id": n.to_string(), "payload": payload }),
    );
    let mut answers = Vec::new();
    for message in [json!({ "type": "connection_init" })]
        .into_iter()
        .chain(subscribe)
    {
        socket
            .send(Message::text(message.to_string()))
            .await
            .expect("an open socket");
        let answer = loop {
            let Some(Ok(message)) = within("an answer", socket.next()).await else {
                panic!("the socket is closed: {message}");
            };
            let Message::Text(text) = message else {
                continue;
            };
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            // Of the operation that was asked for last, or the acknowledgement.
            let last = answers.len().checked_sub(1).map(|n: usize| n.to_string());
            if answer["id"].as_str() == last.as_deref() {
                break answer;
            }
        };
        answers.push(answer);
    }
    answers.remove(0);
    answers
}

fn code(answer: &Value) -> &str {
    let errors = answer.get("errors").unwrap_or(&answer["payload"]);
    let errors = errors.get("errors").unwrap_or(errors);
    errors[0]["extensions"]["code"]
        .as_str()
        .unwrap_or_else(|| panic!("no code: {answer}"))
}

#[tokio::test]
async fn a_query_is_named_by_its_hash_once_it_was_sent() {
    let server = Server::start().await;
    let data = json!({ "call": null, "__typename": "Query" });
    // Clients know the miss by its words, and send hash and query then.
    for (media, status) in [(OLD, 200), (NEW, 400)] {
        for request in [
            post(&server, media, &named(QUERY)),
            get(&server, media, &named(QUERY)),
        ] {
            let (found, missed) = answer(request).await;
            assert_eq!(found, status, "{missed}");
            assert_eq!(missed["errors"][0]["message"], "PersistedQueryNotFound");
            assert_eq!(code(&missed), "PERSISTED_QUERY_NOT_FOUND");
            assert!(missed.get("data").is_none(), "{missed}");
        }
    }
    let (status, first) = answer(post(&server, OLD, &sent(QUERY))).await;
    assert_eq!((status, &first["data"]), (200, &data), "{first}");
    let variables = json!({ "id": "c" });
    for parameters in [
        named(QUERY),
        json!({ "documentId": format!("sha256:{}", hash(QUERY)), "variables": variables }),
        json!({ "documentId": hash(QUERY), "variables": variables, "operationName": "Which" }),
    ] {
        for request in [
            post(&server, NEW, &parameters),
            get(&server, NEW, &parameters),
        ] {
            let (status, hit) = answer(request).await;
            assert_eq!((status, &hit["data"]), (200, &data), "{hit}");
        }
        let hit = first_result(get(&server, STREAM, &parameters)).await;
        assert_eq!(hit["data"], data);
    }
}

#[tokio::test]
async fn what_was_sent_over_one_transport_is_known_over_the_others() {
    let server = Server::start().await;
    let batch = json!([named(QUERY), sent(FEED), { "query": "{ __typename }" }]);
    let (status, answers) = answer(post(&server, NEW, &batch)).await;
    assert_eq!(status, 200);
    assert_eq!(code(&answers[0]), "PERSISTED_QUERY_NOT_FOUND");
    // Kept, although it cannot be answered there.
    assert_eq!(code(&answers[1]), "BAD_USER_INPUT");
    assert_eq!(answers[2]["data"]["__typename"], "Query");

    let answers = over_a_socket(
        &server,
        &[named(QUERY), sent(QUERY), named(QUERY), named(FEED)],
    )
    .await;
    assert_eq!(code(&answers[0]), "PERSISTED_QUERY_NOT_FOUND");
    for hit in &answers[1..3] {
        assert_eq!(hit["payload"]["data"]["__typename"], "Query", "{hit}");
    }
    assert!(answers[3]["payload"]["data"]["eventFeed"]["cursor"].is_string());
    let item = first_result(post(&server, STREAM, &named(FEED))).await;
    assert!(item["data"]["eventFeed"]["cursor"].is_string(), "{item}");
    let unknown = named("subscription { eventFeed { cursor event { position } } }");
    let missed = first_result(get(&server, STREAM, &unknown)).await;
    assert_eq!(code(&missed), "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test]
async fn a_hash_stands_for_the_text_whose_hash_it_is() {
    let server = Server::start().await;
    let mut poison = sent(QUERY);
    poison["query"] = "{ __typename }".into();
    let (status, refused) = answer(post(&server, NEW, &poison)).await;
    assert_eq!((status, code(&refused)), (400, "BAD_USER_INPUT"));
    let (_, missed) = answer(post(&server, NEW, &named(QUERY))).await;
    assert_eq!(code(&missed), "PERSISTED_QUERY_NOT_FOUND");
    // What is over a limit, or no document at all, is not kept.
    let aliases: Vec<String> = (0..101).map(|n| format!("a{n}: __typename")).collect();
    for (text, refusal) in [
        (format!("{{ {} }}", aliases.join(" ")), "COST_LIMIT"),
        ("{ __typename".to_owned(), "BAD_USER_INPUT"),
    ] {
        let (_, refused) = answer(post(&server, NEW, &sent(&text))).await;
        assert_eq!(code(&refused), refusal);
        let (_, missed) = answer(post(&server, NEW, &named(&text))).await;
        assert_eq!(code(&missed), "PERSISTED_QUERY_NOT_FOUND");
    }
    for persisted in [
        json!({ "version": 2, "sha256Hash": hash(QUERY) }),
        json!({ "version": 1 }),
        json!({ "version": 1, "sha256Hash": 7 }),
        json!("x"),
    ] {
        let request = json!({ "query": QUERY, "extensions": { "persistedQuery": persisted } });
        let (status, refused) = answer(post(&server, NEW, &request)).await;
        assert_eq!(
            (status, code(&refused)),
            (400, "BAD_USER_INPUT"),
            "{request}"
        );
    }
}

/// An installation whose server trusts the documents of a folder.
fn trusting(files: &[(&str, &str)]) -> Installation {
    let installation = Installation::new().with_variable("HOOKGRAPH_TRUSTED_DOCUMENTS", "trusted");
    let folder = installation.folder().join("trusted");
    fs::create_dir(&folder).expect("a folder");
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a file");
    }
    installation
}

#[tokio::test]
async fn a_server_that_trusts_some_documents_executes_no_others() {
    let manifest = json!({ "feed-1": FEED }).to_string();
    let server = trusting(&[
        ("which.graphql", QUERY),
        ("persisted-documents.json", &manifest),
    ]);
    let server = server.serve().await;
    let banner = server.output();
    assert!(
        banner.contains("2 trusted; no others are executed"),
        "{banner}"
    );

    let variables = json!({ "id": "c" });
    let by_id = json!({ "documentId": format!("sha256:{}", hash(QUERY)), "variables": variables });
    let by_text = json!({ "query": QUERY, "variables": variables });
    // Tools add and cut off white space around a document.
    let spaced = json!({ "query": format!("\n{QUERY} \n"), "variables": variables });
    for parameters in [named(QUERY), sent(QUERY), by_id, by_text, spaced] {
        for request in [
            post(&server, NEW, &parameters),
            get(&server, NEW, &parameters),
        ] {
            let (status, hit) = answer(request).await;
            assert_eq!(
                (status, &hit["data"]["__typename"]),
                (200, &json!("Query")),
                "{hit}"
            );
        }
    }
    let feed = json!({ "documentId": "feed-1" });
    let item = first_result(get(&server, STREAM, &feed)).await;
    assert!(item["data"]["eventFeed"]["cursor"].is_string(), "{item}");

    let others = [
        json!({ "query": "{ __typename }" }),
        json!({ "query": "{ __schema { queryType { name } } }" }),
        sent("{ __typename }"),
        named("{ __typename }"),
        json!({ "documentId": "feed-2" }),
        json!({ "query": format!("{QUERY} # and more") }),
    ];
    for other in &others {
        for request in [post(&server, NEW, other), get(&server, NEW, other)] {
            let (status, refused) = answer(request).await;
            assert_eq!(
                (status, code(&refused)),
                (400, "DOCUMENT_NOT_TRUSTED"),
                "{other}"
            );
            let message = refused["errors"][0]["message"].as_str().expect("a message");
            assert!(message.contains("ask the operator"), "{message}");
        }
        let refused = first_result(post(&server, STREAM, other)).await;
        assert_eq!(code(&refused), "DOCUMENT_NOT_TRUSTED", "{other}");
    }
    let (_, batch) = answer(post(&server, NEW, &json!([named(QUERY), others[0]]))).await;
    assert_eq!(batch[0]["data"]["__typename"], "Query");
    assert_eq!(code(&batch[1]), "DOCUMENT_NOT_TRUSTED");
    for refused in over_a_socket(&server, &others).await {
        assert_eq!(code(&refused), "DOCUMENT_NOT_TRUSTED", "{refused}");
    }
    let answers = over_a_socket(&server, &[named(QUERY), feed]).await;
    assert_eq!(answers[0]["payload"]["data"]["__typename"], "Query");
    assert!(answers[1]["payload"]["data"]["eventFeed"]["cursor"].is_string());
    let mut other_text = named(QUERY);
    other_text["query"] = "{ __typename }".into();
    let (_, refused) = answer(post(&server, NEW, &other_text)).await;
    assert_eq!(code(&refused), "BAD_USER_INPUT");

    for path in ["/", "/playground", "/playground/plain"] {
        let page = send(server.client.get(server.url(path))).await;
        assert_eq!(page.status(), 403, "{path}");
        let text = page.text().await.expect("a body");
        assert!(text.contains("HOOKGRAPH_TRUSTED_DOCUMENTS"), "{text}");
    }
}

#[tokio::test]
async fn documents_that_cannot_be_trusted_refuse_the_start() {
    for (name, text, words) in [
        (
            "a.graphql",
            "query A {\n  nothing\n}",
            &["trusted/a.graphql, line 2", "nothing"][..],
        ),
        (
            "a.gql",
            "query A {\n  call(id: \"x\n",
            &["trusted/a.gql, line 2"],
        ),
        (
            "a.graphql",
            "query A($n: Int!) {\n orgs(first: 100) { nodes { users(first: 100) { nodes { calls(first: 100) { nodes { id } } } } } } calls(first: $n) { totalCount } }",
            &["trusted/a.graphql", "its cost is"],
        ),
        ("a.json", "{\"a\": 1}", &["trusted/a.json", "manifest"]),
        (
            "a.json",
            "{\"one\": \"{ nothing }\"}",
            &["trusted/a.json, document one", "line 1", "nothing"],
        ),
        ("a.txt", "", &["there is no *.graphql"]),
    ] {
        let installation = trusting(&[(name, text)]);
        let finished = finish(&mut installation.server()).await;
        let words = [words, &["HOOKGRAPH_TRUSTED_DOCUMENTS"]].concat();
        assert_refused(&finished, &words);
    }
    let installation = Installation::new().with_variable("HOOKGRAPH_TRUSTED_DOCUMENTS", "nowhere");
    assert_refused(
        &finish(&mut installation.server()).await,
        &["cannot read nowhere"],
    );
}
