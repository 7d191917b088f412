//! The server: stores, writer, projector and routes, from opening to an orderly stop.

mod folder;
mod secrets;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Router, middleware};
use chrono::Utc;
use ingest::feed::Feed;
use ingest::generation::{self, Generation, ReadModel, Version};
use ingest::log::{Appender, Limits, Log};
use ingest::projector::{BatchLimits, Projector};
use ingest::webhook::{self, Webhooks};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

use crate::config::Config;
use crate::graphql::{Graphql, Store};
use crate::http::{self, EdgeLimits, GraphqlEdge};

pub use folder::DataFolder;
pub use secrets::{SECRET_FILE, Secrets};

/// How long a request may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long an orderly stop may take before the process ends all the same. Whatever was not acknowledged by then is sent again.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A server whose stores are open.
pub struct Server {
    log: Log,
    read_model: Arc<ReadModel>,
    next: Option<Arc<Generation>>,
    feed: Feed,
    webhooks: Webhooks,
    writer: JoinHandle<()>,
}

impl Server {
    /// Opens the stores in `folder` and starts the log's writer.
    pub async fn open(
        config: &Config,
        folder: &DataFolder,
        secrets: &Secrets,
    ) -> anyhow::Result<Self> {
        let path = &config.data_dir;
        let log = Log::open(&folder.path().join("log.db"))
            .await
            .with_context(|| format!("cannot open the log in {}", path.display()))?;
        let (read_model, next) = generation::open(folder.path(), Version::CURRENT)
            .await
            .with_context(|| format!("cannot open the read model in {}", path.display()))?;
        let feed = Feed::default();
        feed.appended(log.head().await?);
        feed.projected(read_model.live().position().await?);
        let (appender, writer) = Appender::start(log.clone(), feed.clone(), Limits::default());
        let webhooks = Webhooks {
            sources: Arc::new(HashMap::from([("salesmagic".to_owned(), secrets.parse()?)])),
            appender,
            #[expect(
                clippy::disallowed_methods,
                reason = "the server's edge is where time comes from"
            )]
            clock: Arc::new(Utc::now),
            body_limit: webhook::BODY_LIMIT,
            body_timeout: BODY_TIMEOUT,
        };
        Ok(Self {
            log,
            read_model,
            next,
            feed,
            webhooks,
            writer,
        })
    }

    /// Serves on `listener` until `stopping`, then finishes what is under way.
    pub async fn run(
        self,
        listener: TcpListener,
        stopping: CancellationToken,
    ) -> anyhow::Result<()> {
        let projector = Projector::new(
            self.log.clone(),
            Arc::clone(&self.read_model),
            self.next,
            self.feed.clone(),
            BatchLimits::default(),
        );
        let projector = tokio::spawn(projector.run(stopping.clone()));
        let graphql = Graphql::new(Store {
            log: self.log.clone(),
            read_model: self.read_model,
            feed: self.feed,
            version: env!("CARGO_PKG_VERSION"),
        })
        .context("the GraphQL schema is not valid")?;
        let edge = GraphqlEdge::new(
            graphql,
            async_graphql::Request::data,
            EdgeLimits::default(),
            stopping.clone(),
        );
        let app = routes(edge.clone(), self.webhooks, self.log);
        let served =
            axum::serve(listener, app).with_graceful_shutdown(stopping.clone().cancelled_owned());
        let stopped = async {
            served.await.context("the server failed")?;
            edge.sockets_closed().await;
            // The last appender went with the routes, so the writer commits what waits and ends.
            self.writer.await.context("the log's writer failed")?;
            projector.await.context("the projector failed")?;
            anyhow::Ok(())
        };
        let deadline = async {
            stopping.cancelled().await;
            tokio::time::sleep(STOP_WITHIN).await;
        };
        tokio::select! {
            stopped = stopped => stopped,
            () = deadline => {
                tracing::warn!("some connections did not end in time; nothing acknowledged is lost");
                Ok(())
            }
        }
    }
}

/// All routes. Behind the door stands what reads; webhooks are proven by their signature, and health tells nothing.
fn routes(edge: GraphqlEdge<Graphql>, webhooks: Webhooks, log: Log) -> Router {
    let read = http::routes(edge)
        .merge(http::playground::routes())
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(http::door::guard));
    let health = Router::new()
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
        .with_state(log);
    read.merge(webhook::routes(webhooks)).merge(health)
}

async fn ready(State(log): State<Log>) -> (StatusCode, &'static str) {
    match log.head().await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the log cannot be read\n"),
    }
}
