//! What a server tells of itself: `/metrics`, and that no webhook has come for long.

use entity::log::event;
use sample::company::{Company, Size};
use sea_orm::{ActiveValue::Set, Database, EntityTrait};
use serde_json::json;
use tests::{Backend, Server, until};

use crate::expected::deliveries;

/// The value of a metric, labels and all as they are written.
fn value(text: &str, metric: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '))
        .map(|value| value.parse().expect("a number"))
}

async fn metrics(server: &Server) -> String {
    let asked = server.client.get(server.url("/metrics")).send().await;
    let answer = asked.expect("an answer");
    assert_eq!(answer.status(), 200);
    let media_type = answer.headers()["content-type"].to_str().expect("a text");
    assert!(media_type.starts_with("text/plain; version=0.0.4"));
    answer.text().await.expect("a text")
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let server = Server::start().await;
    let size = Size {
        calls: 5,
        ..Size::default()
    };
    let sent: Vec<_> = Company::new(size).deliveries().collect();
    server.sender().deliver(&sent).await;
    server.sender().deliver(&sent[..1]).await;
    let wrong = server.sender().secret(&tests::server::secret(9));
    assert_eq!(wrong.send("msg_wrong", "{}").await.status, 401);
    server.settled().await;
    let text = metrics(&server).await;
    let webhooks = |status| {
        let metric = format!(
            "hookgraph_http_requests_total{{route=\"/webhooks/{{source}}\",status=\"{status}\"}}"
        );
        value(&text, &metric)
    };
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    let count = sent.len() as f64;
    assert_eq!(webhooks(204), Some(count + 1.0), "{text}");
    assert_eq!(webhooks(401), Some(1.0), "{text}");
    for (metric, expected) in [
        ("hookgraph_appended_events_total", count),
        ("hookgraph_repeated_webhooks_total", 1.0),
        ("hookgraph_projected_events_total", count),
        ("hookgraph_log_head", count),
        ("hookgraph_read_model_position", count),
        ("hookgraph_read_model_lag", 0.0),
        ("hookgraph_read_model_generation", 1.0),
        ("hookgraph_read_model_building_position", 0.0),
        ("hookgraph_database_up", 1.0),
    ] {
        assert_eq!(value(&text, metric), Some(expected), "{metric}\n{text}");
    }
    for metric in ["hookgraph_append_seconds", "hookgraph_projection_seconds"] {
        let counted = value(&text, &format!("{metric}_count"));
        assert!(
            counted.is_some_and(|count| count >= 1.0),
            "{metric}\n{text}"
        );
    }
    let received = value(&text, "hookgraph_last_webhook_timestamp_seconds");
    assert!(received.is_some_and(|at| at > 1_700_000_000.0), "{text}");
    for line in text.lines().filter(|line| line.starts_with("# TYPE")) {
        let name = line.split(' ').nth(2).expect("a name");
        assert!(
            text.contains(&format!("# HELP {name} ")),
            "{name} is not described"
        );
    }
    for delivery in &sent {
        assert!(
            !text.contains(&delivery.message_id),
            "a message id is in it"
        );
    }
}

#[tokio::test]
async fn metrics_are_for_this_machine_alone() {
    let server = Server::start().await;
    let foreign = server
        .client
        .get(server.url("/metrics"))
        .header("x-forwarded-for", "192.0.2.1");
    let answer = foreign.send().await.expect("an answer");
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn an_installation_that_hears_nothing_for_long_says_so() {
    let mut server = Server::start().await;
    let quiet = async |server: &Server| {
        let data = server.graphql("{ status { quiet } }", json!({})).await;
        data["status"]["quiet"].clone()
    };
    assert_eq!(
        quiet(&server).await,
        false,
        "the endpoint is still to be set up"
    );
    server.stop().await;
    let url = match server.installation.backend() {
        Backend::Postgres(url) => format!("{url}&options=-csearch_path%3Dhookgraph_log"),
        Backend::Sqlite => {
            let file = server.installation.data_dir().join("log.db");
            format!("sqlite://{}", file.display())
        }
    };
    let db = Database::connect(url).await.expect("a connection");
    let old = event::ActiveModel {
        position: Set(1),
        source: Set("salesmagic".to_owned()),
        message_id: Set("msg_old".to_owned()),
        received_at: Set(0),
        type_hint: Set(None),
        headers: Set("{}".to_owned()),
        secret_id: Set("0".to_owned()),
        body: Set(b"{}".to_vec()),
    };
    event::Entity::insert(old)
        .exec_without_returning(&db)
        .await
        .expect("a row");
    db.close().await.expect("it is closed");
    server.start_again().await;
    until("the log warns", async || {
        let warns = server.output().contains("no webhook for so long");
        warns.then_some(())
    })
    .await;
    assert_eq!(quiet(&server).await, true);
    server.sender().deliver(&deliveries()[..1]).await;
    assert_eq!(quiet(&server).await, false);
}
