//! HTTPS: everything that comes by HTTP comes by it too, the certificate can be renewed, and whoever dawdles is cut off.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clients::Script;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use tests::server::finish;
use tests::{Installation, Server, until, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// The names that the certificates are for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "hooks.example"];

/// Longer than the server gives anybody to get to the point (10 s).
const CUT_OFF_WITHIN: Duration = Duration::from_secs(20);

/// Makes a certificate that vouches for itself, and puts it and its key into the folder.
fn certify(folder: &Path) -> String {
    let names = NAMES.map(str::to_owned).to_vec();
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
    let cert = made.cert.pem();
    fs::write(folder.join("cert.pem"), &cert).expect("a file");
    cert
}

/// An installation with a certificate, and the certificate.
fn installation() -> (Installation, String) {
    let installation = Installation::new()
        .with_variable("HOOKGRAPH_TLS_CERT", "cert.pem")
        .with_variable("HOOKGRAPH_TLS_KEY", "key.pem");
    let cert = certify(installation.folder());
    (installation, cert)
}

/// A client that trusts this certificate and nothing else.
fn client(cert: &str) -> Client {
    let cert = Certificate::from_pem(cert.as_bytes()).expect("a certificate");
    let client = Client::builder().no_proxy().tls_certs_only([cert]);
    client.build().expect("a client")
}

/// Shakes hands, offering these protocols.
async fn connect(server: &Server, cert: &str, protocols: &[&str]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let cert = CertificateDer::from_pem_slice(cert.as_bytes()).expect("a certificate");
    roots.add(cert).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let stream = TcpStream::connect(server.address()).await;
    let name = ServerName::try_from("localhost").expect("a name");
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream.expect("a connection"));
    within("the handshake", shaken)
        .await
        .expect("the server's certificate is the one")
}

async fn ask(
    client: &Client,
    server: &Server,
    host: Option<&str>,
    token: &str,
) -> reqwest::Response {
    let mut ask = client
        .post(server.url("/graphql"))
        .bearer_auth(token)
        .json(&json!({ "query": "{ status { head } }" }));
    if let Some(host) = host {
        ask = ask.header("host", host);
    }
    within("an answer", ask.send()).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_by_http_comes_by_https_too() {
    let (installation, cert) = installation();
    let token = installation.token(&[]).await;
    let server = installation.serve().await;
    assert!(
        server.url("").starts_with("https://"),
        "{}",
        server.output()
    );
    let client = client(&cert);

    let sender = server.sender().through(client.clone());
    assert_eq!(sender.send("msg_1", "{}").await.status, 204);
    let answer = ask(&client, &server, None, &token).await;
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["data"]["status"]["head"], 1, "{answer}");
    let page = client.get(server.url("/playground")).send().await;
    assert_eq!(page.expect("an answer").status(), 200);

    // HTTP/2, when both sides speak it.
    let stream = connect(&server, &cert, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sending, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    let request = hyper::Request::post(server.url("/graphql"))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::<hyper::body::Bytes>::from(
            r#"{"query":"{ status { head } }"}"#,
        ))
        .expect("a request");
    let answer = within("an answer", sending.send_request(request)).await;
    let answer = answer.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, hyper::Version::HTTP_2)
    );
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    assert!(
        String::from_utf8_lossy(&body).contains(r#""head":1"#),
        "{body:?}"
    );

    // A socket.
    let stream = connect(&server, &cert, &["http/1.1"]).await;
    let mut request = format!("wss://{}/graphql", server.address())
        .into_client_request()
        .expect("a request");
    let protocol = HeaderValue::from_static("graphql-transport-ws");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .expect("a socket");
    let init = json!({ "type": "connection_init", "payload": { "authorization": token } });
    let subscribe = json!({
        "type": "subscribe",
        "id": "1",
        "payload": { "query": "subscription { eventFeed(after: \"0\") { cursor } }" },
    });
    for message in [init, subscribe] {
        socket
            .send(Message::text(message.to_string()))
            .await
            .expect("an open socket");
    }
    loop {
        match within("an item", socket.next()).await {
            Some(Ok(Message::Text(text))) if text.contains(r#""type":"next""#) => break,
            Some(Ok(Message::Text(text))) => assert!(text.contains("_ack"), "{text}"),
            Some(Ok(Message::Ping(_))) => {}
            end => panic!("{end:?}"),
        }
    }

    // The command sends to it, when it is told whom to trust.
    let url = server
        .url("/webhooks/salesmagic")
        .replace("127.0.0.1", "localhost");
    let mut command = server
        .installation
        .hookgraph(["send", "--examples", "--url", &url]);
    let sent = finish(command.env(
        "SSL_CERT_FILE",
        server.installation.folder().join("cert.pem"),
    ))
    .await;
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
}

#[tokio::test]
async fn a_browser_is_told_to_come_by_https_alone_but_not_to_this_machine() {
    let (installation, cert) = installation();
    let token = installation.token(&[]).await;
    let server = installation.serve().await;
    let client = client(&cert);
    let hsts = "strict-transport-security";
    let answer = ask(&client, &server, Some("hooks.example"), &token).await;
    assert_eq!(answer.headers()[hsts], "max-age=31536000");
    let refused = ask(&client, &server, Some("hooks.example"), "hg_nobody").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()[hsts], "max-age=31536000");
    for host in [None, Some("localhost:8443")] {
        let answer = ask(&client, &server, host, &token).await;
        assert!(!answer.headers().contains_key(hsts), "{host:?}");
    }
    let plain = Server::start().await;
    let answer = plain.client.get(plain.url("/health/live"));
    let answer = answer.header("host", "hooks.example").send().await;
    assert!(!answer.expect("an answer").headers().contains_key(hsts));
}

#[tokio::test]
async fn who_speaks_http_to_it_is_told() {
    let (installation, _) = installation();
    let server = installation.serve().await;
    let url = format!("http://{}/graphql", server.address());
    let answer = server.client.post(url).json(&json!({})).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 400);
    let told = answer.text().await.expect("a body");
    assert!(told.contains("https://"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
    let (installation, before) = installation();
    let server = installation.serve().await;
    let folder = server.installation.folder().to_owned();
    let trusts = |cert: String| {
        let url = server.url("/health/live");
        async move { client(&cert).get(url).send().await.is_ok() }
    };
    assert!(trusts(before.clone()).await);
    // A key that goes with no certificate: as in the middle of a renewal.
    let key = folder.join("key.pem");
    let own = fs::read(&key).expect("a key");
    certify(&folder);
    fs::write(&key, &own).expect("a file");
    until("it says that it cannot take it", async || {
        let output = server.output();
        output
            .contains("the certificate cannot be renewed")
            .then_some(())
    })
    .await;
    assert!(trusts(before.clone()).await);
    let after = certify(&folder);
    until("it takes the new one", async || {
        trusts(after.clone()).await.then_some(())
    })
    .await;
    assert!(!trusts(before).await);
    let line = String::from_utf8_lossy(&own).into_owned();
    let line = line.lines().nth(1).expect("a key has several lines");
    assert!(!server.output().contains(line));
}

#[tokio::test]
async fn what_is_no_certificate_refuses_the_start_and_says_why() {
    let (installation, _) = installation();
    let folder = installation.folder().to_owned();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    let [good_cert, good_key] = [&cert, &key].map(|path| fs::read(path).expect("a file"));
    let other = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    for (cert_is, key_is, told) in [
        (b"nonsense".to_vec(), good_key.clone(), "has no certificate"),
        (good_key.clone(), good_key.clone(), "has no certificate"),
        (good_cert.clone(), good_cert.clone(), "has no private key"),
        (
            good_cert.clone(),
            other.into_bytes(),
            "is not that of the first certificate",
        ),
    ] {
        fs::write(&cert, cert_is).expect("a file");
        let material = String::from_utf8_lossy(&key_is).into_owned();
        fs::write(&key, key_is).expect("a file");
        let failed = finish(&mut installation.server()).await;
        assert_eq!(failed.code, Some(2), "{}", failed.stderr);
        assert!(failed.stderr.contains(told), "{told}: {}", failed.stderr);
        let line = material.lines().nth(1).expect("a key has several lines");
        assert!(!failed.stderr.contains(line), "{}", failed.stderr);
    }
    fs::remove_file(&key).expect("a file");
    let failed = finish(&mut installation.server()).await;
    assert!(
        failed.stderr.contains("cannot read key.pem"),
        "{}",
        failed.stderr
    );
    let alone = ["serve", "--tls-cert", "cert.pem"];
    let failed = finish(
        Installation::new()
            .hookgraph(alone)
            .env_remove("HOOKGRAPH_TLS_KEY"),
    )
    .await;
    assert!(failed.stderr.contains("--tls-key"), "{}", failed.stderr);
}

/// Says `words`, and waits until the server ends the connection.
async fn dawdle(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, words: &[u8]) {
    stream.write_all(words).await.expect("it is taken");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(CUT_OFF_WITHIN, stream.read_to_end(&mut rest)).await;
    assert!(
        ended.is_ok(),
        "{}: it is cut off in time",
        words.escape_ascii()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_get_to_the_point_is_cut_off() {
    let (installation, cert) = installation();
    let server = installation.serve().await;
    let plain = Server::start().await;
    let mut all = JoinSet::new();
    // P may be the beginning of POST, or of HTTP/2.
    for words in [
        &b""[..],
        b"P",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
        b"GET / HTTP/1.1\r\n",
    ] {
        let stream = TcpStream::connect(plain.address())
            .await
            .expect("a connection");
        all.spawn(dawdle(stream, words));
        let stream = connect(&server, &cert, &["h2", "http/1.1"]).await;
        all.spawn(dawdle(stream, words));
    }
    for words in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"] {
        let stream = TcpStream::connect(server.address())
            .await
            .expect("a connection");
        all.spawn(dawdle(stream, words));
    }
    while let Some(ended) = all.join_next().await {
        ended.expect("it is cut off");
    }
    let live = client(&cert).get(server.url("/health/live")).send().await;
    assert_eq!(live.expect("an answer").status(), 200);
}

#[tokio::test]
async fn the_playground_works_by_https_with_a_token_within_its_policy() {
    let (installation, cert) = installation();
    let token = installation.token(&[]).await;
    let server = installation.serve().await;
    let sender = server.sender().through(client(&cert));
    assert_eq!(sender.send("msg_1", "{}").await.status, 204);
    let arguments = [server.url("/playground"), token];
    let [url, token] = arguments.each_ref().map(String::as_str);
    let mut script = Script::start(&server.installation, "playground.mjs", &[url, token]);
    let opened = script.value().await;
    assert_eq!(opened["status"], 200);
    let policy = opened["csp"].as_str().expect("a policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-eval"), "{policy}");
    for step in ["refused", "documented", "answered", "followed"] {
        assert_eq!(script.value().await[step], true, "{step}");
    }
    assert_eq!(script.value().await, json!({ "violations": [] }));
    script.end().await;
}
