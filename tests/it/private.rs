//! What is private reaches no log, however much is logged: in every test of a server, by the harness; here by each command, and by what
//! no other test sends. See `tests::private`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::server::{finish, secret};
use tests::{Backend, Installation, Private, Server, within};

const EMAIL: &str = "somebody.private@customer.example";
const SAID: &str = "we were thinking of leaving your competitor next month";

/// A call in which that was said, and whose user has that address.
fn call(number: u32) -> Value {
    json!({
        "type": "call.completed",
        "data": {
            "id": format!("call-{number}"),
            "org": { "id": "org-1", "name": "An org with a name of its own" },
            "user": { "id": "user-1", "email": EMAIL, "name": "Somebody with a name of their own" },
            "transcript": [{ "speaker": "user", "text": SAID }],
        },
    })
}

#[tokio::test]
#[should_panic(expected = "is in the log")]
async fn the_harness_would_find_it() {
    let server = Server::start().await;
    // It is: the first statements of every server begin so.
    let words = json!("CREATE TABLE IF NOT");
    server.installation.private().add_value(&words);
}

/// Runs a command that logs everything, looks for what is private in what it said, and returns its result.
async fn silent(installation: &Installation, arguments: &[&str], private: &Private) -> String {
    let mut command = installation.on_store(arguments);
    let finished = finish(command.env("HOOKGRAPH_LOG", "trace")).await;
    assert_eq!(finished.code, Some(0), "{arguments:?}: {}", finished.stderr);
    let log = installation.folder().join("log-of-a-command");
    std::fs::write(&log, &finished.stderr).expect("a file");
    let found = private.look_for(&log);
    assert_eq!(found, Ok(()), "{arguments:?}");
    finished.stdout
}

#[tokio::test]
async fn no_command_logs_it() {
    let password = "the-password-of-the-database";
    let server = Installation::new().with_password(password).serve().await;
    let installation = &server.installation;
    let private = installation.private().clone();
    private.add_secret(&secret(1));
    for number in 0..20 {
        let body = call(number).to_string();
        let sent = server.sender().send(&format!("msg_{number}"), body).await;
        assert_eq!(sent.status, 204);
    }
    server.settled().await;
    let token = installation.token(&["--hide", "email"]).await;
    let id = token.split('_').nth(1).expect("a token").to_owned();
    let url = server.url("/webhooks/salesmagic");
    for arguments in [
        &["token", "create", "--name", "another", "--org", "org-1"][..],
        &["token", "list"],
        &["token", "revoke", &id],
        &["status"],
        &["verify"],
        &["verify", "--read-model"],
        &["export", "--format", "csv", "--table", "calls"],
        &["send", "--examples", "--url", &url],
    ] {
        silent(installation, arguments, &private).await;
    }
    if *installation.backend() == Backend::Sqlite {
        let copy = installation.folder().join("copy");
        silent(
            installation,
            &["backup", copy.to_str().expect("a path")],
            &private,
        )
        .await;
    }
    let exported = silent(installation, &["export"], &private).await;
    let other = Installation::new();
    let file = other.folder().join("log.jsonl");
    std::fs::write(&file, exported).expect("a file");
    let file = file.to_str().expect("a path");
    silent(&other, &["import", file], &private).await;
    silent(&other, &["rebuild"], &private).await;
}

#[tokio::test]
async fn nothing_of_a_request_is_logged_whatever_is_wrong_with_it() {
    let server = Server::start().await;
    let private = server.installation.private().clone();
    let wrong = format!("whsec_{}", STANDARD.encode([9; 24]));
    let body = call(1).to_string();
    private.add_body(body.as_bytes());
    private.add_secret("hg_aaaaaaaaaa_ThisTokenIsNotKnownButShallNotBeLogged0123456");
    private.add_value(&json!("a text in a header of its own"));
    // Webhooks: a wrong secret, no signature, a body that breaks off or is no JSON.
    let sender = server.sender();
    let refused = [
        sender.clone().secret(&wrong).sign("msg_1", body.as_str()),
        sender
            .sign("msg_2", body.as_str())
            .without("svix-signature"),
        sender
            .sign("msg_3", body.as_str())
            .with("svix-signature", wrong.as_str()),
        sender
            .sign("msg_4", body.as_str())
            .and("x-own", "a text in a header of its own"),
        sender.sign("msg_5", &body[..body.len() / 2]),
        sender.sign("msg_6", body.replace("\"text\"", "\"text\":1,\"again\"")),
    ];
    for request in refused {
        sender.post(request).await;
    }
    // GraphQL: in documents, in variables, in what is no document, in addresses, by HTTP/2.
    let document = format!("{{ users(filter: {{ email: \"{EMAIL}\" }}) {{ nodes {{ id }} }} }}");
    let search = format!("{{ searchTranscripts(query: \"\\\"{SAID}\\\"\") {{ totalCount }} }}");
    let bodies = [
        json!({ "query": document }).to_string(),
        json!({ "query": search }).to_string(),
        json!({ "query": format!("{{ {SAID} \"") }).to_string(),
        json!({ "query": "query ($email: Int) { status { head } }", "variables": { "email": EMAIL } }).to_string(),
        json!({ "query": "{ status { head } }", "operationName": SAID }).to_string(),
        json!({ "query": "{ status { head } }", "extensions": { "words": SAID } }).to_string(),
        format!("{SAID} {EMAIL}"),
    ];
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    let client = client.build().expect("a client");
    for body in bodies {
        for authorization in [
            None,
            Some("Bearer hg_aaaaaaaaaa_ThisTokenIsNotKnownButShallNotBeLogged0123456"),
        ] {
            let mut ask = client
                .post(server.url("/graphql"))
                .header("content-type", "application/json")
                .body(body.clone());
            if let Some(authorization) = authorization {
                ask = ask.header("authorization", authorization);
            }
            within("an answer", ask.send()).await.expect("an answer");
        }
        let address = reqwest::Url::parse_with_params(
            &server.url("/graphql"),
            [
                ("query", body.as_str()),
                ("ticket", "hgt_ThisTicketIsNotKnown.ButShallNotBeLogged0"),
            ],
        );
        private.add_secret("hgt_ThisTicketIsNotKnown.ButShallNotBeLogged0");
        let ask = client.get(address.expect("an address"));
        let ask = ask.header("accept", "text/event-stream");
        within("an answer", ask.send()).await.expect("an answer");
    }
    let mut socket = server.socket().await;
    socket
        .say(json!({ "type": "connection_init", "payload": { "words": SAID, "email": EMAIL } }))
        .await;
    socket.answer().await;
    socket.ask("1", &document).await;
    socket.answer().await;
    // The harness looks for all of it now.
}
