//! The floor: what the database and HTTP allow at best. A minimal server that runs one statement, written by hand, for
//! each question, and writes the same JSON as Hookgraph does, from the same tables.
//!
//! On PostgreSQL eight pipelined connections with prepared statements; on SQLite a connection for each worker thread, also with
//! prepared statements.

mod postgres;
mod sqlite;
mod statement;
mod write;

use std::path::PathBuf;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;

use crate::question::Case;

/// Serve the floor's answers, for the other commands.
#[derive(Debug, clap::Args)]
pub struct FloorArgs {
    /// The PostgreSQL database; SQLite without it
    #[arg(long)]
    database_url: Option<String>,
    /// The schema in which the read model is
    #[arg(long, default_value = "")]
    schema: String,
    /// The file of the read model
    #[arg(long)]
    file: Option<PathBuf>,
}

/// What is asked of the floor.
#[derive(Deserialize)]
struct Asked {
    question: String,
    case: Case,
}

#[derive(Clone)]
enum Store {
    Postgres(postgres::Store),
    Sqlite(sqlite::Store),
}

/// Whether there is a statement for `question`.
pub fn answers(question: &str) -> bool {
    statement::number(question).is_some()
}

/// Serves until its standard input ends, on any free port, which it prints.
pub async fn serve(args: FloorArgs) -> anyhow::Result<()> {
    let store = match (args.database_url, args.file) {
        (Some(url), _) => Store::Postgres(postgres::Store::open(&url, &args.schema).await?),
        (None, Some(file)) => Store::Sqlite(sqlite::Store::open(&file)?),
        (None, None) => anyhow::bail!("the floor needs a database"),
    };
    let app = Router::new()
        .route("/graphql", post(answer))
        .with_state(store);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/graphql", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(crate::process::orphaned())
        .await
        .context("the floor's server ended")
}

async fn answer(State(store): State<Store>, body: Bytes) -> Response {
    match reply(&store, &body).await {
        Ok(json) => {
            let mut response = json.into_response();
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}

async fn reply(store: &Store, body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let asked: Asked = serde_json::from_slice(body)?;
    let at = statement::number(&asked.question).context("no such question")?;
    match store {
        Store::Postgres(store) => store.answer(at, &asked.case).await,
        Store::Sqlite(store) => store.answer(at, &asked.case),
    }
}
