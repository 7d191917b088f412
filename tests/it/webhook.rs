//! The answers at the webhook's door, case by case. Those that need a fault (503) are not here: a full queue and a database
//! that is away have to be caused first.

use futures_util::future::join_all;
use serde_json::json;
use tests::sender::{Signed, now};
use tests::server::secret;
use tests::{Answer, Family, Installation, Server, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MIB: usize = 1 << 20;

/// An event of some org, `length` bytes long.
fn body(length: usize) -> String {
    let text = r#"{"id":"e","type":"org.updated","payload":{"org":{"id":"o","name":""}}}"#;
    let name = "x".repeat(length.checked_sub(text.len()).expect("long enough"));
    text.replace(r#""name":"""#, &format!(r#""name":"{name}""#))
}

async fn body_of(server: &Server, message_id: &str) -> String {
    let query = "query ($id: String!) { event(messageId: $id) { body } }";
    let data = server.graphql(query, json!({ "id": message_id })).await;
    data["event"]["body"].as_str().expect("a body").to_owned()
}

#[tokio::test]
async fn a_signed_webhook_is_stored_under_either_header_family() {
    let server = Server::start().await;
    for (family, id) in [(Family::Svix, "msg_1"), (Family::Webhook, "msg_2")] {
        let answer = server.sender().family(family).send(id, body(100)).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (204, ""),
            "{family:?}"
        );
    }
    assert_eq!(server.head().await, 2);
    assert_eq!(body_of(&server, "msg_2").await, body(100));
}

#[tokio::test]
async fn a_repeated_message_id_is_accepted_and_changes_nothing() {
    let server = Server::start().await;
    let sender = server.sender();
    for text in [body(100), body(100), body(200), "not JSON".to_owned()] {
        assert_eq!(sender.send("msg_1", text).await.status, 204);
        assert_eq!(
            sender
                .clone()
                .family(Family::Webhook)
                .send("msg_1", body(300))
                .await
                .status,
            204
        );
    }
    assert_eq!(server.head().await, 1);
    assert_eq!(body_of(&server, "msg_1").await, body(100));
}

#[tokio::test]
async fn of_many_at_once_with_one_message_id_one_is_stored() {
    let server = Server::start().await;
    let sender = server.sender();
    let sent = (0..20).map(|n| sender.send("msg_1", body(100 + n)));
    for answer in join_all(sent).await {
        assert_eq!(answer.status, 204);
    }
    assert_eq!(server.head().await, 1);
}

#[tokio::test]
async fn every_live_secret_is_good_and_any_signature_of_several() {
    let secrets = [secret(1), secret(2), secret(3)];
    let server = Installation::new()
        .with_secrets(secrets.clone())
        .serve()
        .await;
    let mut kept = Vec::new();
    for (number, live) in secrets.iter().enumerate() {
        let id = format!("msg_{number}");
        let answer = server.sender().secret(live).send(&id, body(100)).await;
        assert_eq!(answer.status, 204);
        let query = "query ($id: String!) { event(messageId: $id) { secretId } }";
        kept.push(server.graphql(query, json!({ "id": id })).await["event"]["secretId"].take());
    }
    kept.dedup();
    assert_eq!(
        kept.len(),
        3,
        "each secret has its own fingerprint: {kept:?}"
    );

    // During a rotation Svix signs with both, and sends both signatures.
    let signature = |signed: Signed| signed.headers.into_iter().next_back().expect("three").1;
    let signed = |number| {
        server
            .sender()
            .secret(&secret(number))
            .sign("msg_9", body(100))
    };
    let both = [signature(signed(9)), signature(signed(2))].join(&b' ');
    let request = signed(2).with("svix-signature", both);
    assert_eq!(server.sender().post(request).await.status, 204);
    assert_eq!(server.head().await, 4);
}

#[tokio::test]
async fn a_missing_or_malformed_header_is_400() {
    let server = Server::start().await;
    let sender = server.sender();
    for family in [Family::Svix, Family::Webhook] {
        let sender = sender.clone().family(family);
        let good = sender.sign("msg_1", body(100));
        let [id, timestamp, signature] = family.names();
        let mut spoilt = vec![
            good.clone().with(timestamp, "soon"),
            good.clone().with(timestamp, "1.5"),
            good.clone().with(timestamp, "99999999999999999999"),
        ];
        for name in [id, timestamp, signature] {
            let value = good.headers.iter().find(|header| header.0 == name);
            let value = value.expect("it has it").1.clone();
            spoilt.extend([
                good.clone().without(name),
                good.clone().with(name, ""),
                good.clone().with(name, "\u{e9}".as_bytes()),
                good.clone().and(name, value),
            ]);
        }
        for request in spoilt {
            let answer = sender.post(request.clone()).await;
            assert_eq!(answer.status, 400, "{request:?}: {answer:?}");
        }
    }
    let mixed = Signed {
        headers: [
            sender.sign("msg_1", body(100)).headers[..1].to_vec(),
            sender
                .clone()
                .family(Family::Webhook)
                .sign("msg_1", body(100))
                .headers[1..]
                .to_vec(),
        ]
        .concat(),
        body: body(100).into(),
    };
    assert_eq!(sender.post(mixed).await.status, 400);
    let none = Signed {
        headers: Vec::new(),
        body: body(100).into(),
    };
    assert_eq!(sender.post(none).await.status, 400);
    assert_eq!(server.head().await, 0);
}

#[tokio::test]
async fn a_message_id_has_256_bytes_at_most() {
    let server = Server::start().await;
    let sender = server.sender();
    assert_eq!(sender.send(&"m".repeat(257), body(100)).await.status, 400);
    assert_eq!(sender.send(&"m".repeat(256), body(100)).await.status, 204);
    assert_eq!(server.head().await, 1);
    assert_eq!(body_of(&server, &"m".repeat(256)).await, body(100));
}

#[tokio::test]
async fn a_body_that_is_not_text_is_400() {
    let server = Server::start().await;
    let mut request = server.sender().sign("msg_1", "");
    request.body = b"{\"id\":\"\xff\"}".to_vec();
    assert_eq!(server.sender().post(request).await.status, 400);
    assert_eq!(server.head().await, 0);
}

/// What `send` is answered when the second does not change on the way, so that the server's clock shows the same one.
async fn within_one_second(mut send: impl AsyncFnMut() -> Answer) -> Answer {
    within("a second in which an answer fits", async {
        loop {
            let second = now();
            let answer = send().await;
            if now() == second {
                return answer;
            }
        }
    })
    .await
}

#[tokio::test]
async fn another_secret_and_another_time_are_401_and_cannot_be_told_apart() {
    let server = Server::start().await;
    let sender = server.sender();
    let other = sender.clone().secret(&secret(9));
    let wrong = other.send("msg_1", body(100)).await;
    assert_eq!(wrong.status, 401);
    for offset in [-301, 301, -86_400, 86_400] {
        for sender in [&sender, &other] {
            let sender = sender.clone().ahead_by(offset);
            let answer = within_one_second(async || sender.send("msg_1", body(100)).await).await;
            assert_eq!(answer, wrong, "{offset} s");
        }
    }
    let spoilt = sender.sign("msg_1", body(100));
    for request in [
        Signed {
            body: body(101).into(),
            ..spoilt.clone()
        },
        spoilt.clone().with("svix-id", "msg_2"),
        spoilt
            .clone()
            .with("svix-timestamp", (now() - 9).to_string()),
        spoilt.clone().with("svix-signature", "v1,"),
        spoilt.clone().with("svix-signature", "nonsense"),
    ] {
        assert_eq!(sender.post(request.clone()).await, wrong, "{request:?}");
    }
    assert_eq!(server.head().await, 0);
}

#[tokio::test]
async fn a_signature_is_good_for_five_minutes_both_ways() {
    let server = Server::start().await;
    for (offset, id) in [(-299, "msg_1"), (299, "msg_2")] {
        let sender = server.sender().ahead_by(offset);
        assert_eq!(sender.send(id, body(100)).await.status, 204, "{offset} s");
    }
    assert_eq!(server.head().await, 2);
}

#[tokio::test]
async fn an_unknown_source_is_404_and_another_method_405() {
    let server = Server::start().await;
    let signed = server.sender().sign("msg_1", body(100));
    for path in [
        "/webhooks/other",
        "/webhooks/SalesMagic",
        "/webhooks/",
        "/webhooks",
    ] {
        let mut post = server
            .client
            .post(server.url(path))
            .body(signed.body.clone());
        for (name, value) in &signed.headers {
            post = post.header(*name, value.as_slice());
        }
        let answer = Answer::of(post.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let url = server.url("/webhooks/salesmagic");
    for ask in [
        server.client.get(&url),
        server.client.put(&url),
        server.client.delete(&url),
    ] {
        let answer = Answer::of(ask.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 405);
        let allow = answer.headers.iter().find(|header| header.0 == "allow");
        assert_eq!(allow.expect("it says what is allowed").1, "POST");
    }
    assert_eq!(server.head().await, 0);
}

#[tokio::test]
async fn a_body_of_exactly_one_mebibyte_is_stored() {
    let server = Server::start().await;
    assert_eq!(server.sender().send("msg_1", body(MIB)).await.status, 204);
    assert_eq!(body_of(&server, "msg_1").await, body(MIB));
}

/// The status that is answered to a request whose body has these parts, each sent as a chunk, or, without any, to one that
/// only declares its length.
async fn raw_post(server: &Server, signed: &Signed, length: usize, chunks: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(server.address())
        .await
        .expect("a connection");
    let headers = signed.headers.iter();
    let headers =
        headers.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)));
    let mut lines = vec![
        "POST /webhooks/salesmagic HTTP/1.1".to_owned(),
        format!("host: {}", server.address()),
    ];
    lines.extend(headers);
    lines.push(match chunks {
        [] => format!("content-length: {length}"),
        _ => "transfer-encoding: chunked".to_owned(),
    });
    let head = lines.join("\r\n") + "\r\n\r\n";
    stream
        .write_all(head.as_bytes())
        .await
        .expect("the head is sent");
    for chunk in chunks {
        let size = format!("{:x}\r\n", chunk.len());
        for part in [size.as_bytes(), chunk, b"\r\n"] {
            stream.write_all(part).await.expect("the body is sent");
        }
    }
    let mut answer = [0; 12];
    let read = within("an answer", stream.read_exact(&mut answer)).await;
    read.expect("a status line");
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

#[tokio::test]
async fn a_longer_body_is_413_by_its_declared_length_and_by_its_bytes() {
    let server = Server::start().await;
    let text = body(MIB + 1);
    let signed = server.sender().sign("msg_1", text.as_str());
    assert_eq!(raw_post(&server, &signed, MIB + 1, &[]).await, "413");
    let (most, rest) = text.as_bytes().split_at(MIB);
    assert_eq!(raw_post(&server, &signed, 0, &[most, rest]).await, "413");
    // In chunks too, exactly the limit is stored.
    let text = body(MIB);
    let signed = server.sender().sign("msg_2", text.as_str());
    assert_eq!(
        raw_post(&server, &signed, 0, &[text.as_bytes(), b""]).await,
        "204"
    );
    assert_eq!(server.head().await, 1);
}
