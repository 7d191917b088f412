//! A stranger's flood: bodies that nobody has signed cost a bounded amount of memory, and requests that are refused a bounded
//! number of lines in the log. Signed webhooks are stored meanwhile.

use std::fs;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};
use tests::sender::now;
use tests::server::secret;
use tests::{Answer, Installation, Server, until, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The longest body that is taken.
const BODY: usize = 1 << 20;

/// How many connections hold one that lacks its end.
const HELD: usize = 300;

/// What the server may take for all of them: 32 MiB for those that might be signed, and what each connection costs.
const MEMORY: usize = 120_000_000;

/// How many signed webhooks are sent meanwhile.
const SIGNED: usize = 20;

/// How much memory the server has, in bytes.
fn memory(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: usize = kib.and_then(|kib| kib.parse().ok()).expect("a number");
    kib << 10
}

/// The head of a request that is not signed: without the headers, with a time long ago, or as if it were.
fn head(server: &Server, number: usize) -> String {
    let signature = |time: i64| {
        format!("svix-id: held_{number}\r\nsvix-timestamp: {time}\r\nsvix-signature: v1,AAAA\r\n")
    };
    let headers = match number % 3 {
        0 => String::new(),
        1 => signature(now() - 4_000),
        _ => signature(now()),
    };
    format!(
        "POST /webhooks/salesmagic HTTP/1.1\r\nhost: {}\r\ncontent-length: {BODY}\r\n{headers}\r\n",
        server.address()
    )
}

/// Sends all of a body but its last ten bytes.
async fn hold(address: String, head: String) -> TcpStream {
    let stream = within("a connection", TcpStream::connect(address)).await;
    let mut stream = stream.expect("a connection");
    let request = [head.into_bytes(), vec![b'x'; BODY - 10]].concat();
    // Who is refused before may find that nobody reads on.
    let _ = within("it is taken", stream.write_all(&request)).await;
    stream
}

/// Sends a webhook until it is stored, as Svix does.
async fn send(server: &Server, id: &str, body: &str) {
    until("a signed webhook is stored", async || {
        let answer = within("an answer", server.sender().send(id, body)).await;
        if answer.status == 204 {
            return Some(());
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        let retry_after = |answer: &Answer| answer.headers.iter().any(|h| h.0 == "retry-after");
        assert!(retry_after(&answer), "{answer:?}");
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_nobody_has_signed_take_no_more_memory_than_there_is_room_for() {
    rlimit::increase_nofile_limit(4096).expect("the limit can be asked for");
    let server = Installation::new().serve().await;
    send(&server, "msg_first", "{}").await;
    let before = memory(&server);
    let mut holding = JoinSet::new();
    for number in 0..HELD {
        holding.spawn(hold(server.address().to_owned(), head(&server, number)));
    }
    let held = holding.join_all().await;
    let full = memory(&server);
    let body = "x".repeat(100_000);
    for number in 0..SIGNED {
        send(&server, &format!("msg_{number}"), &body).await;
    }
    let meanwhile = memory(&server);
    eprintln!(
        "flood: {HELD} bodies of {BODY} bytes; the server's memory before {before}, full {full}, meanwhile {meanwhile} bytes"
    );
    for now in [full, meanwhile] {
        assert!(now < before + MEMORY, "{before} {now}");
    }

    let mut ended = JoinSet::new();
    for mut stream in held {
        ended.spawn(async move {
            let mut answer = [0; 12];
            let read = within("the server lets go", stream.read_exact(&mut answer)).await;
            read.is_ok()
                .then(|| String::from_utf8_lossy(&answer[9..]).into_owned())
        });
    }
    for status in ended.join_all().await.into_iter().flatten() {
        assert_eq!(status, "408");
    }
    send(&server, "msg_last", &"x".repeat(BODY)).await;
    assert_eq!(server.head().await, i64::try_from(SIGNED).expect("few") + 2);
    server.settled().await;
}

/// How many lines of the log tell of refused requests, and of how many requests.
fn told(output: &str) -> (usize, usize) {
    let lines = output
        .lines()
        .filter(|line| line.contains("a webhook is refused"));
    let counts = lines.map(|line| match line.split_once("repeated=") {
        Some((_, count)) => {
            let count = count.split_whitespace().next().expect("a count");
            count.parse().expect("a number")
        }
        None => 1,
    });
    counts.fold((0, 0), |(lines, all), count: usize| {
        (lines + 1, all + count)
    })
}

/// Sends so many requests, half of them without a header, half signed with another secret.
async fn refuse(server: &Server, requests: usize) {
    let stranger = server.sender().secret(&secret(9));
    stream::iter(0..requests)
        .for_each_concurrent(32, async |number| {
            let signed = stranger.sign("msg_1", "{}");
            let (signed, status) = match number % 2 {
                0 => (signed.without("svix-signature"), 400),
                _ => (signed, 401),
            };
            assert_eq!(stranger.post(signed).await.status, status);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_flood_the_log_tells_once_a_second_how_many_there_were() {
    let mut server = Installation::new().serve().await;
    let begun = Instant::now();
    refuse(&server, 2_000).await;
    // Nothing more has to come.
    until("all are told", async || {
        (told(&server.output()).1 == 2_000).then_some(())
    })
    .await;
    refuse(&server, 200).await;
    // What is counted and not yet told is told at the end.
    assert_eq!(server.stop().await.code(), Some(0));
    let seconds = usize::try_from(begun.elapsed().as_secs()).expect("few");
    let output = server.output();
    let (lines, requests) = told(&output);
    assert_eq!(requests, 2_200);
    // Of two reasons, in each second that has begun, and at the end.
    assert!(lines <= 2 * (seconds + 2), "{lines} lines in {seconds} s");
    for cause in ["no secret matches", "svix-signature header is missing"] {
        assert!(output.contains(cause), "{cause}");
    }
    server.start_again().await;
    let query =
        "{ refusedRequests(filter: { reason: [HEADER, NO_SECRET_MATCHES] }) { totalCount } }";
    let data = server.graphql(query, json!({})).await;
    assert_eq!(data["refusedRequests"]["totalCount"], Value::from(200));
}
