//! The clients that people use, from npm and in a browser, against the real server: what they follow goes on without gap or repeat
//! behind the end of a server, whether it stops or is killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tests::graphql::number;
use tests::{Installation, Server, until, within};
use tokio::process::{Child, Command};

use crate::expected::deliveries;

/// A script of `tests/clients` that runs. What it says are lines of JSON.
pub(crate) struct Script {
    child: Child,
    said: PathBuf,
    complaints: PathBuf,
    heard: usize,
}

impl Script {
    /// Starts a script. What it says is kept in the folder of `installation`.
    pub(crate) fn start(
        installation: &Installation,
        script: &'static str,
        arguments: &[&str],
    ) -> Self {
        let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        assert!(
            clients.join("node_modules").is_dir(),
            "tests/clients/node_modules is missing: `make test` installs what this check needs"
        );
        let output = |stream| installation.folder().join(format!("{script}.{stream}"));
        let [said, complaints] = ["said", "complaints"].map(output);
        let child = Command::new("node")
            // Older than 22, Node.js has a WebSocket only when asked.
            .args(["--experimental-websocket", script])
            .args(arguments)
            .current_dir(&clients)
            .stdin(Stdio::piped())
            .stdout(File::create(&said).expect("a file"))
            .stderr(File::create(&complaints).expect("a file"))
            .kill_on_drop(true)
            .spawn()
            .expect("`make test` installs Node.js");
        Self {
            child,
            said,
            complaints,
            heard: 0,
        }
    }

    /// All that it has said.
    pub(crate) fn said(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.said).expect("what the script says");
        let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
        let value = |line| serde_json::from_str(line).expect("JSON");
        whole.lines().map(value).collect()
    }

    /// What it says next.
    pub(crate) async fn value(&mut self) -> Value {
        let value = until("the script says something", async || {
            let value = self.said().into_iter().nth(self.heard);
            let ended = self.child.try_wait().expect("a child can be asked");
            value.map(Ok).or_else(|| ended.map(Err))
        })
        .await;
        self.heard += 1;
        value.unwrap_or_else(|status| panic!("{status}: {}", self.complaints()))
    }

    /// Waits for its end, which comes by itself or with that of its standard input.
    pub(crate) async fn end(mut self) {
        drop(self.child.stdin.take());
        let ended = within("the script to end", self.child.wait()).await;
        let status = ended.expect("a child can be waited for");
        assert!(status.success(), "{status}: {}", self.complaints());
    }

    fn complaints(&self) -> String {
        fs::read_to_string(&self.complaints).unwrap_or_default()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the script said:\n{}---", self.complaints());
        }
    }
}

/// Runs a script on a page of the server.
pub(crate) fn page(server: &Server, script: &str) -> Script {
    let url = server.url("/playground/plain");
    Script::start(&server.installation, "page.mjs", &[&url, script])
}

/// Starts a server where the last one was.
pub(crate) async fn start_in_its_place(server: &Server) -> Child {
    let mut child = server
        .installation
        .on_store(["serve", "--listen", server.address()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts again");
    until("the server answers again", async || {
        let ended = child.try_wait().expect("a child can be asked");
        assert!(ended.is_none(), "it does not start again: {ended:?}");
        let health = server.client.get(server.url("/health/ready")).send().await;
        health.is_ok().then_some(())
    })
    .await;
    child
}

/// Sends events, ends the server in between, once by a stop and once by a kill, and checks that the positions that somebody sees are
/// all of them, in order.
async fn check_that_it_follows(mut server: Server, mut seen: impl AsyncFnMut() -> i64) {
    let deliveries = deliveries();
    let mut parts = deliveries.chunks(deliveries.len() / 3 + 1);
    let mut position = 0;
    let mut send_and_follow = async |server: &Server| {
        let part = parts.next().expect("three parts");
        server.sender().deliver(part).await;
        let head = server.head().await;
        while position < head {
            position += 1;
            assert_eq!(seen().await, position);
        }
    };
    send_and_follow(&server).await;
    assert_eq!(server.stop().await.code(), Some(0));
    let mut second = start_in_its_place(&server).await;
    send_and_follow(&server).await;
    second.kill().await.expect("it can be killed");
    let _third = start_in_its_place(&server).await;
    send_and_follow(&server).await;
}

#[tokio::test]
async fn graphql_sse_follows_the_feed() {
    let server = Server::start().await;
    let url = server.url("/graphql");
    let mut script = Script::start(&server.installation, "sse.mjs", &[&url]);
    assert_eq!(
        script.value().await[0]["data"],
        json!({ "__typename": "Query" })
    );
    for what in ["an invalid query", "a cursor of another log"] {
        let results = script.value().await;
        let code = &results[0]["errors"][0]["extensions"]["code"];
        assert_eq!(code, "BAD_USER_INPUT", "{what}: {results}");
        assert_eq!(results[1], Value::Null, "{what}: {results}");
    }
    check_that_it_follows(server, async || number(&script.value().await)).await;
}

#[tokio::test]
async fn graphql_ws_follows_the_feed_while_another_operation_of_its_socket_is_completed() {
    let server = Server::start().await;
    let url = format!("ws://{}/graphql", server.address());
    let mut script = Script::start(&server.installation, "ws.mjs", &[&url]);
    let mut short = 0;
    let mut sockets = 0;
    check_that_it_follows(server, async || {
        loop {
            let value = script.value().await;
            sockets = number(&value["sockets"]);
            if value["name"] == "long" {
                return number(&value["position"]);
            }
            short += 1;
            assert_eq!(number(&value["position"]), short);
        }
    })
    .await;
    assert_eq!(short, 2, "it was completed");
    assert_eq!(sockets, 3, "one socket for each server");
}

#[tokio::test]
async fn graphql_ws_understands_why_its_socket_is_closed() {
    let server = Server::start().await;
    let url = format!("ws://{}/graphql", server.address());
    let mut script = Script::start(&server.installation, "close.mjs", &[&url]);
    // It did not say hello in time: it comes again, and is answered.
    let late = script.value().await;
    let closed =
        json!([{ "code": 4408, "reason": "Connection initialisation timeout", "wasClean": true }]);
    assert_eq!(late["closed"], closed);
    assert_eq!(late["connections"], 2, "{late}");
    let result = &late["answers"][0]["result"];
    assert_eq!(result["data"]["__typename"], "Query", "{late}");
    // It used an id twice: whatever it may retry, it does not, and both operations fail by the close.
    let taken = script.value().await;
    let closed = json!([{ "code": 4409, "reason": "Subscriber for taken already exists", "wasClean": true }]);
    assert_eq!(taken["closed"], closed);
    assert_eq!(taken["connections"], 1, "{taken}");
    let failed = json!({ "error": { "code": 4409, "errors": false } });
    assert_eq!(taken["answers"], json!([failed, failed]));
    script.end().await;
}

#[tokio::test]
async fn a_browser_follows_the_feed_by_itself() {
    let server = Server::start().await;
    let script = r#"
        const query = 'subscription { eventFeed(after: "0") { at: cursor event { position } } }';
        const feed = new EventSource(`/graphql?${new URLSearchParams({ query })}`);
        feed.addEventListener('next', ({ data, lastEventId }) => {
            const { at, event } = JSON.parse(data).data.eventFeed;
            console.log(at === lastEventId ? event.position : lastEventId);
        });
    "#;
    let mut page = page(&server, script);
    check_that_it_follows(server, async || number(&page.value().await)).await;
    page.end().await;
}

#[tokio::test]
async fn a_browser_does_not_ask_again_for_what_is_complete() {
    let server = Server::start().await;
    let script = r"
        const events = new EventSource('/graphql?query={__typename}');
        for (const name of ['next', 'complete']) {
            events.addEventListener(name, ({ data, lastEventId }) => console.log([name, data, lastEventId]));
        }
        events.onerror = () => console.log(['error', events.readyState]);
    ";
    let mut page = page(&server, script);
    for expected in [
        json!([
            "next",
            r#"{"data":{"__typename":"Query"},"extensions":{"cost":{"cost":0,"limit":200000}}}"#,
            ""
        ]),
        json!(["complete", "", "complete"]),
        // It connects again, and is closed for good.
        json!(["error", 0]),
        json!(["error", 2]),
    ] {
        assert_eq!(page.value().await, expected);
    }
    page.end().await;
}
