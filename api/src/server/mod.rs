//! The server: stores, writer, projector and routes, as far as its roles need them, from opening to an orderly stop.

mod folder;
mod headers;
mod listen;
mod metrics;
mod secrets;
mod shares;
mod stream;
mod tls;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::routing::get;
use axum::{Router, middleware};
use chrono::Utc;
use futures_util::FutureExt;
use ingest::body::Room;
use ingest::database::Location;
use ingest::feed::{Feed, Follower, Notifier, POLL};
use ingest::generation::{Generations, ReadModel, Version};
use ingest::log::{Appender, Limits, Log};
use ingest::projector::{BatchLimits, Projector};
use ingest::quiet;
use ingest::refused::Recorder;
use ingest::webhook::{self, Clock, Webhooks};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::auth::{self, Auth};
use crate::config::{Config, Database, Network, Role};
use crate::graphql::{Graphql, Judge, Store};
use crate::http::{self, Answers, GraphqlEdge, Trusted, TrustedProxies};
use crate::rate::Limiter;

use self::headers::Encrypted;
use self::metrics::Metrics;
use self::tls::Tls;

pub use folder::DataFolder;
pub use secrets::Secrets;
pub use tls::TlsFiles;

/// How long a request may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a browser remembers what it was told of a page of another origin.
const PREFLIGHT_LASTS: Duration = Duration::from_mins(10);

/// How long an orderly stop may take before the process ends all the same. Whatever was not acknowledged by then is sent again.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// How much longer than a query PostgreSQL may take for a statement of it.
const GIVES_UP: Duration = Duration::from_secs(2);

/// How long it may take at least: subscriptions read by the same connections, and have no end of their own.
const LEAST: Duration = Duration::from_secs(10);

/// How long a server that answers queries waits for another one to make the read model.
const READ_MODEL_WITHIN: Duration = Duration::from_mins(1);

/// A server whose stores are open.
pub struct Server {
    app: Router,
    edge: Option<GraphqlEdge<Graphql>>,
    tasks: JoinSet<()>,
    /// How many documents are trusted, where only such are executed.
    pub trusted: Option<usize>,
    /// Whether nobody reads without a token.
    pub closed: bool,
    /// What connections are encrypted with, if they are.
    tls: Option<Arc<Tls>>,
    proxies: TrustedProxies,
    /// The handles on the log, to be closed at the end.
    logs: Vec<Log>,
    stopping: CancellationToken,
}

impl Server {
    /// Opens the stores and starts what the roles of `config` need. `stopping` ends it.
    pub async fn open(
        config: &Config,
        secrets: &Secrets,
        stopping: CancellationToken,
    ) -> anyhow::Result<Self> {
        // Before anything is opened: what is in that folder is quickly put right.
        let trusted = trusted(config)?;
        let network = &config.network;
        let tls = Tls::of(network).await?;
        let location = location(config).await?;
        let log = Log::open(&location).await.context("cannot open the log")?;
        let feed = Feed::default();
        let mut tasks = JoinSet::new();
        let mut needed = log.clone();
        let mut read_model = None;
        let mut server = Self {
            app: Router::new(),
            edge: None,
            tasks: JoinSet::new(),
            trusted: trusted.as_ref().map(Trusted::count),
            closed: false,
            tls: tls.clone(),
            proxies: network.trusted_proxies.clone(),
            logs: vec![log.clone()],
            stopping: stopping.clone(),
        };
        if config.has(Role::Project) {
            let generations = Generations::open(location.clone(), Version::CURRENT)
                .await
                .context("cannot open the read model")?;
            let limits = BatchLimits::default();
            let projector = Projector::new(log.clone(), generations, feed.clone(), limits);
            tasks.spawn(projector.run(stopping.clone()));
        }
        if config.has(Role::Ingest) {
            let (appender, writer) = Appender::start(log.clone(), feed.clone(), Limits::default());
            tasks.spawn(async { drop(writer.await) });
            let (recorder, writer) = Recorder::start(log.clone());
            tasks.spawn(async { drop(writer.await) });
            let webhooks = webhooks(appender, recorder, secrets)?;
            server.app = server.app.merge(webhook::routes(webhooks));
            let watch = quiet::watch(log.clone(), clock(), config.quiet_after, stopping.clone());
            tasks.spawn(watch);
        }
        // On SQLite the log's own connection is busy with webhooks.
        let mut reads = vec![log.clone()];
        let mut store = None;
        if config.has(Role::Api) {
            let side = read_side(config, &location, &feed).await?;
            reads = side.primary.follow().clone().into_iter().collect();
            reads.push(side.log.follow().clone());
            store = Some(side);
        }
        if let Some(tls) = tls {
            tasks.spawn(tls.keep_fresh(stopping.clone()));
        }
        let limiter = network.rate_limit.map(Limiter::new);
        let auth = Auth::open(log.clone(), reads, config.jwt.clone(), limiter, clock())
            .await
            .context("cannot read the tokens")?;
        ensure!(
            network.listen.ip().is_loopback() || auth.is_closed(),
            "listening on {} without tokens would open every transcript to the network: make a token first (`hookgraph token create --name …`), or listen on 127.0.0.1",
            network.listen
        );
        server.closed = auth.is_closed();
        tasks.spawn(auth.clone().keep_up(stopping.clone()));
        if let Some(store) = store {
            let writes = config.has(Role::Ingest) || config.has(Role::Project);
            if store.primary.follow().is_some() && !writes {
                needed = store.log.follow().clone();
            }
            read_model = Some(Arc::clone(&store.read_model));
            server.logs.push(store.log.follow().clone());
            let follower = Follower::new(Arc::clone(&store.read_model), feed.clone());
            tasks.spawn(follower.run(stopping.clone()));
            let graphql = Graphql::new(store).context("the GraphQL schema is not valid")?;
            let graphql = graphql.within(config.limits.query);
            let edge = edge(graphql, config, &auth, trusted, stopping.clone());
            server.app = server
                .app
                .merge(read_routes(edge.clone(), &auth, &network.cors_origins));
            server.edge = Some(edge);
        }
        if let Some(notifier) = Notifier::between(&location, feed) {
            tasks.spawn(notifier.run(stopping.clone()));
        }
        let metrics = Metrics::of(needed.clone(), read_model)?;
        tasks.spawn(metrics.clone().keep_up(stopping.clone()));
        let guarded = metrics
            .routes()
            .layer(middleware::from_fn_with_state(auth, auth::operators));
        let app = server.app.merge(guarded);
        let app = app.layer(middleware::from_fn(metrics::count));
        server.app = around(app.merge(health(needed)), network);
        server.tasks = tasks;
        Ok(server)
    }

    /// Serves on `listener` until it is stopped, then finishes what is under way.
    pub async fn run(mut self, listener: TcpListener) -> anyhow::Result<()> {
        let stopping = self.stopping.clone();
        let served = listen::serve(
            listener,
            self.app,
            listen::CONNECTIONS,
            self.tls,
            self.proxies,
            stopping.clone(),
        );
        let stopped = async {
            let mut served = pin!(served);
            loop {
                tokio::select! {
                    () = &mut served => break,
                    // A server without its writer or its projector would look alive and not be.
                    Some(ended) = self.tasks.join_next() => {
                        ended.context("a task of the server failed")?;
                        ensure!(stopping.is_cancelled(), "a task of the server ended by itself");
                    }
                }
            }
            if let Some(edge) = self.edge {
                edge.sockets_closed().await;
            }
            // The last appender went with the routes, so the writer commits what waits and ends.
            while let Some(ended) = self.tasks.join_next().await {
                ended.context("a task of the server failed")?;
            }
            for log in self.logs {
                log.close().await.context("cannot close the log")?;
            }
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

async fn location(config: &Config) -> anyhow::Result<Location> {
    match &config.database {
        Database::Sqlite => Ok(Location::Sqlite(config.data_dir.clone())),
        Database::Postgres { url, .. } => Location::postgres(url).await.context(
            "cannot connect to the PostgreSQL database (is it running, and is the address right?)",
        ),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server's edge is where time comes from"
)]
pub(crate) fn clock() -> Clock {
    Arc::new(Utc::now)
}

fn webhooks(appender: Appender, recorder: Recorder, secrets: &Secrets) -> anyhow::Result<Webhooks> {
    Ok(Webhooks {
        sources: Arc::new(HashMap::from([("salesmagic".to_owned(), secrets.parse()?)])),
        appender,
        recorder,
        clock: clock(),
        body_limit: webhook::BODY_LIMIT,
        body_timeout: BODY_TIMEOUT,
        body_room: Room::default(),
    })
}

/// What queries read from: the stores themselves, or their replica.
async fn read_side(config: &Config, location: &Location, feed: &Feed) -> anyhow::Result<Store> {
    let replica = match &config.database {
        Database::Postgres {
            read_url: Some(url),
            ..
        } => Some(Location::postgres(url).await.context(
            "cannot connect to the replica of the PostgreSQL database (is it running, and is its address right?)",
        )?),
        _ => None,
    };
    // It was there a moment ago, when this server opened its log; from now on it may go away.
    let primary = match replica {
        Some(_) => Some(
            Log::open_for_reading(location)
                .await
                .context("cannot open the log of the primary for reading")?,
        ),
        None => None,
    };
    let location = replica.as_ref().unwrap_or(location).clone();
    let location = &location.with_statements_within(config.limits.execution.max(LEAST) + GIVES_UP);
    // Connections of their own: however many queries wait for one, webhooks are stored and projected.
    let log = if replica.is_some() {
        log_of_replica(location).await?
    } else {
        Log::open_for_reading(location)
            .await
            .context("cannot open the log for reading")?
    };
    let read_model = read_model(location.clone()).await?;
    Ok(Store {
        old: log.head().await?,
        log: log.into(),
        primary: primary.into(),
        read_model: Arc::new(read_model),
        feed: feed.clone(),
        clock: clock().into(),
        quiet_after: config.quiet_after,
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// The log of a replica, which may not have replayed yet what this server has just made of the primary's.
async fn log_of_replica(location: &Location) -> anyhow::Result<Log> {
    let begun = Instant::now();
    loop {
        match Log::open_for_reading(location).await {
            Ok(log) => return Ok(log),
            Err(error) if begun.elapsed() > READ_MODEL_WITHIN => {
                return Err(error).context("cannot open the log of the replica for reading");
            }
            Err(error) => {
                tracing::debug!(%error, "waiting for the log of the replica");
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

/// The read model, which a projector makes: on a first start perhaps in this very moment, in another process.
async fn read_model(location: Location) -> anyhow::Result<ReadModel> {
    let opened = async {
        let mut told = false;
        loop {
            match ReadModel::open(location.clone()).await {
                Ok(read_model) => return read_model,
                Err(error) if !told => {
                    tracing::info!(%error, "waiting for the read model, which a server with the role `project` makes");
                    told = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(READ_MODEL_WITHIN, opened)
        .await
        .context("there is no read model: start a server with the role `project` on this database")
}

/// The documents that the operator trusts, if only such are executed. One that does not fit the schema refuses the start: it would
/// fail when its client needs it.
fn trusted(config: &Config) -> anyhow::Result<Option<Trusted>> {
    let folder = config.trusted_documents.as_ref();
    let Some(folder) = folder.filter(|_| config.has(Role::Api)) else {
        return Ok(None);
    };
    let judge = Judge::new(config.limits.query);
    let check = |document, operation: Option<&str>, variables| {
        judge.check(document, operation, variables).map(|_| ())
    };
    Trusted::read(folder, &config.limits, check)
        .map(Some)
        .context("the folder of trusted documents (HOOKGRAPH_TRUSTED_DOCUMENTS) cannot be used")
}

/// The GraphQL edge, which admits whom `auth` does.
fn edge(
    graphql: Graphql,
    config: &Config,
    auth: &Auth,
    trusted: Option<Trusted>,
    stopping: CancellationToken,
) -> GraphqlEdge<Graphql> {
    let answers = Answers::new(graphql.states(), config.limits.answer_bytes);
    let auth = auth.clone();
    let edge = GraphqlEdge::new(
        graphql,
        async_graphql::Request::data,
        config.limits.clone(),
        stopping,
    )
    .keeping(answers)
    .admitting(move |credentials| {
        let auth = auth.clone();
        async move { auth.admit(&credentials).await }.boxed()
    });
    match trusted {
        Some(trusted) => edge.trusting(trusted),
        None => edge,
    }
}

/// What reads stands behind the door; webhooks are proven by their signature, and health tells nothing.
fn read_routes(edge: GraphqlEdge<Graphql>, auth: &Auth, origins: &[HeaderValue]) -> Router {
    let playground = if edge.trusts_documents() {
        http::playground::closed()
    } else {
        http::playground::routes()
    };
    let routes = http::routes(edge)
        .merge(auth::routes(auth.clone()))
        .merge(playground)
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(auth.clone(), auth::door));
    if origins.is_empty() {
        routes
    } else {
        routes.layer(cors(origins))
    }
}

/// What a browser is told of pages of other origins. Without credentials: who asks is said by a token, which no browser sends by itself.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let layer = CorsLayer::new().allow_origin(AllowOrigin::list(origins.iter().cloned()));
    layer
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([
            header::RETRY_AFTER,
            http::RATE_LIMIT,
            http::RATE_LIMIT_POLICY,
        ])
        .max_age(PREFLIGHT_LASTS)
}

/// What belongs to every answer.
fn around(app: Router, network: &Network) -> Router {
    let proxies = network.trusted_proxies.clone();
    let encrypted = Encrypted(network.tls.is_some());
    app.layer(middleware::from_fn_with_state(
        proxies,
        http::client::locate,
    ))
    .layer(middleware::from_fn_with_state(encrypted, headers::say))
}

/// `needed` is the log that this server cannot work without: the primary's, unless it only answers from a replica.
fn health(needed: Log) -> Router {
    Router::new()
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
        .with_state(needed)
}

async fn ready(State(log): State<Log>) -> (StatusCode, &'static str) {
    match log.head().await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the log cannot be read\n"),
    }
}
