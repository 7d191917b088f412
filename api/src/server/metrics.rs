//! `/metrics`: what a server counts and measures, in Prometheus's text format.
//!
//! Counters and histograms are kept where things happen; how far the stores are is asked of them when somebody looks. Nothing of
//! what was sent is in a label: no id, no address, no text.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ingest::generation::ReadModel;
use ingest::log::Log;
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;

/// The bounds of durations, in seconds.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How often what was measured is put into its buckets, so that it takes no memory meanwhile.
const UPKEEP: Duration = Duration::from_secs(5);

/// What this process measures, and the stores that it asks.
#[derive(Clone)]
pub(super) struct Metrics {
    measured: PrometheusHandle,
    log: Log,
    read_model: Option<Arc<ReadModel>>,
}

impl Metrics {
    /// The measurements of this process, beside the state of these stores.
    pub(super) fn of(log: Log, read_model: Option<Arc<ReadModel>>) -> anyhow::Result<Self> {
        Ok(Self {
            measured: measured()?,
            log,
            read_model,
        })
    }

    /// `GET /metrics`
    pub(super) fn routes(self) -> Router {
        Router::new().route("/metrics", get(show)).with_state(self)
    }

    /// Keeps memory bounded however seldom somebody looks.
    pub(super) async fn keep_up(self, stopping: CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(UPKEEP) => self.measured.run_upkeep(),
            }
        }
    }

    async fn ask_stores(&self) -> Result<(), DbErr> {
        let head = self.log.head().await?;
        set("hookgraph_log_head", head);
        if let Some(micros) = self.log.last_received_at().await? {
            set(
                "hookgraph_last_webhook_timestamp_seconds",
                micros / 1_000_000,
            );
        }
        let Some(read_model) = &self.read_model else {
            return Ok(());
        };
        let live = read_model.live();
        let position = live.position().await?;
        set("hookgraph_read_model_generation", live.number());
        set("hookgraph_read_model_position", position);
        set("hookgraph_read_model_lag", (head - position).max(0));
        let building = read_model.building(head);
        set(
            "hookgraph_read_model_building_position",
            building.map_or(0, |building| building.position),
        );
        Ok(())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus knows only doubles, and positions and seconds stay below 2^52"
)]
fn set(name: &'static str, value: i64) {
    gauge!(name).set(value as f64);
}

async fn show(State(metrics): State<Metrics>) -> Response {
    // What the process itself has measured is shown all the same.
    let up = metrics.ask_stores().await.is_ok();
    gauge!("hookgraph_database_up").set(f64::from(u8::from(up)));
    metrics.measured.run_upkeep();
    let text = metrics.measured.render();
    let version = "text/plain; version=0.0.4; charset=utf-8";
    (StatusCode::OK, [(CONTENT_TYPE, version)], text).into_response()
}

/// Counts a request and how long its answer took, by route and status.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    counter!("hookgraph_http_requests_total", "route" => route.clone(), "status" => status)
        .increment(1);
    histogram!("hookgraph_http_request_seconds", "route" => route)
        .record(begun.elapsed().as_secs_f64());
    response
}

/// What this process measures. There is one of it, however many servers a test opens.
fn measured() -> anyhow::Result<PrometheusHandle> {
    static MEASURED: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(measured) = MEASURED.get() {
        return Ok(measured.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .context("the buckets of the metrics are not valid")?
        .build_recorder();
    let measured = MEASURED.get_or_init(|| recorder.handle()).clone();
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
    }
    Ok(measured)
}

fn describe() {
    let counts = [
        (
            "hookgraph_http_requests_total",
            "Requests, by route and status of the answer",
        ),
        (
            "hookgraph_appended_events_total",
            "Webhooks that were stored",
        ),
        (
            "hookgraph_repeated_webhooks_total",
            "Webhooks that had been stored before",
        ),
        (
            "hookgraph_projected_events_total",
            "Events that this process has projected, rebuilding included",
        ),
        (
            "hookgraph_kept_answers_total",
            "Queries that were given an answer that had been made before, or was being made",
        ),
    ];
    for (name, what) in counts {
        describe_counter!(name, what);
    }
    let states = [
        (
            "hookgraph_database_up",
            "1 when the stores could be asked just now",
        ),
        ("hookgraph_log_head", "Position of the newest event"),
        (
            "hookgraph_last_webhook_timestamp_seconds",
            "When the newest event was received, in seconds since 1970",
        ),
        (
            "hookgraph_read_model_generation",
            "Which generation of the read model answers",
        ),
        (
            "hookgraph_read_model_position",
            "Up to which position answers go",
        ),
        (
            "hookgraph_read_model_lag",
            "Events that are stored and not yet in the answers",
        ),
        (
            "hookgraph_read_model_building_position",
            "How far the generation is that is being built; 0 when none is",
        ),
        ("hookgraph_sockets", "Open WebSockets"),
        (
            "hookgraph_event_streams",
            "Answers that are streamed as server-sent events",
        ),
    ];
    for (name, what) in states {
        describe_gauge!(name, what);
    }
    let times = [
        ("hookgraph_http_request_seconds", "Time to answer, by route"),
        (
            "hookgraph_append_seconds",
            "Time of a transaction that stores webhooks",
        ),
        (
            "hookgraph_projection_seconds",
            "Time of a transaction that projects events",
        ),
    ];
    for (name, what) in times {
        describe_histogram!(name, Unit::Seconds, what);
    }
}
