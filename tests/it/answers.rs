//! Answers that are given again: as soon as there is something new they are not, and nobody can tell them from others.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::load::user;
use tests::{Installation, Server};

/// How many answers were given again.
async fn given_again(server: &Server) -> u64 {
    let asked = server.client.get(server.url("/metrics")).send().await;
    let text = asked.expect("an answer").text().await.expect("a text");
    let metric = text
        .lines()
        .find_map(|line| line.strip_prefix("hookgraph_kept_answers_total "));
    metric.map_or(0, |number| number.parse().expect("a number"))
}

const COUNT: &str = "{ users { totalCount nodes { id } } }";

#[tokio::test]
async fn an_answer_is_given_again_until_there_is_something_new() {
    let server = Server::start().await;
    for number in 1..=30 {
        // Kept, and given again.
        let before = server.graphql(COUNT, json!({})).await;
        assert_eq!(server.graphql(COUNT, json!({})).await, before);
        assert_eq!(before["users"]["totalCount"], number - 1);
        let id = format!("user-{number}");
        let message = format!("msg_{number}");
        let sent = server.sender().send(&message, user(&id, 0)).await;
        assert_eq!(sent.status, 204);
        server.settled().await;
        let after = server.graphql(COUNT, json!({})).await;
        assert_eq!(after["users"]["totalCount"], number, "after {id}");
    }
    assert!(given_again(&server).await >= 30);
}

#[tokio::test]
async fn what_asks_otherwise_is_answered_otherwise() {
    let server = Server::start().await;
    for id in ["one", "two"] {
        server
            .sender()
            .send(&format!("msg_{id}"), user(id, 0))
            .await;
    }
    server.settled().await;
    let query = "query ($id: ID!) { user(id: $id) { id } }";
    for _ in 0..3 {
        for id in ["one", "two", "three"] {
            let found = server.graphql(query, json!({ "id": id })).await;
            let expected = if id == "three" {
                Value::Null
            } else {
                json!({ "id": id })
            };
            assert_eq!(found["user"], expected);
        }
    }
    // One document, other operations of it.
    let both = "query A { users { totalCount } } query B { calls { totalCount } }";
    for _ in 0..2 {
        for (name, field) in [("A", "users"), ("B", "calls")] {
            let body = json!({ "query": both, "operationName": name });
            let asked = server.client.post(server.url("/graphql")).json(&body);
            let answer: Value = asked.send().await.unwrap().json().await.unwrap();
            assert!(answer["data"][field].is_object(), "{answer}");
        }
    }
}

/// The log and the clock move while the read model stands still.
#[tokio::test]
async fn what_is_of_its_moment_is_asked_anew() {
    let server = Server::start().await;
    let refused = "{ refusedRequests { totalCount } }";
    let head = "{ status { head } }";
    for number in 1..=5 {
        let answer = server.graphql(head, json!({})).await;
        assert_eq!(answer["status"]["head"], number - 1);
        let message = format!("msg_{number}");
        let sent = server.sender().send(&message, user("u", 0)).await;
        assert_eq!(sent.status, 204);
        // Acknowledged is enough: the head is the log's.
        let answer = server.graphql(head, json!({})).await;
        assert_eq!(answer["status"]["head"], number);
    }
    server.settled().await;
    let before = server.graphql(refused, json!({})).await;
    assert_eq!(server.graphql(refused, json!({})).await, before);
    let wrong = server.sender().secret(&tests::server::secret(9));
    assert_eq!(wrong.send("msg_wrong", "{}").await.status, 401);
    tests::until("the refused request shows", async || {
        let now = server.graphql(refused, json!({})).await;
        (now != before).then_some(())
    })
    .await;
    assert_eq!(given_again(&server).await, 0);
}

#[tokio::test]
async fn equal_requests_at_once_have_equal_answers() {
    let server = Server::start().await;
    for number in 1..=20 {
        let id = format!("user-{number}");
        server
            .sender()
            .send(&format!("msg_{number}"), user(&id, 0))
            .await;
    }
    server.settled().await;
    let query =
        "{ users(first: 100) { totalCount nodes { id name isExample lastEvent { messageId } } } }";
    let answers = join_all((0..50).map(|_| server.graphql(query, json!({})))).await;
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
        assert_eq!(answer["users"]["totalCount"], 20);
    }
}

#[tokio::test]
async fn none_are_kept_when_the_operator_says_so() {
    let server = Installation::new()
        .with_variable("HOOKGRAPH_KEPT_ANSWERS", "0")
        .serve()
        .await;
    for _ in 0..3 {
        assert_eq!(
            server.graphql(COUNT, json!({})).await["users"]["totalCount"],
            0
        );
    }
    assert_eq!(given_again(&server).await, 0);
}
