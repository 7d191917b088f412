//! Seaography 2 over the schema `peer`, put together as its documentation does: entities with relations, its builder, axum.
//!
//! Started with `DATABASE_URL`, it listens on any free port of this machine, prints where, and ends when its standard input does.

use async_graphql::dynamic::{Schema, SchemaError};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{Router, extract::State, routing::post};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use seaography::{Builder, BuilderContext, async_graphql, lazy_static::lazy_static};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::entity::{analysis, call, call_prospect, org, prospect, transcript_line, user};

mod entity;

seaography::register_entity_modules!([
    analysis,
    call,
    call_prospect,
    org,
    prospect,
    transcript_line,
    user,
]);

lazy_static! {
    static ref CONTEXT: BuilderContext = BuilderContext::default();
}

fn schema(database: DatabaseConnection) -> Result<Schema, SchemaError> {
    let builder = Builder::new(&CONTEXT, database.clone());
    let builder = register_entity_modules(builder);
    builder.schema_builder().data(database).finish()
}

async fn answer(State(schema): State<Schema>, request: GraphQLRequest) -> GraphQLResponse {
    schema.execute(request.into_inner()).await.into()
}

/// Until whoever started this lets go of its standard input.
async fn orphaned() {
    let mut input = tokio::io::stdin();
    let mut bytes = [0; 64];
    while matches!(input.read(&mut bytes).await, Ok(read) if read > 0) {}
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = ConnectOptions::new(std::env::var("DATABASE_URL")?);
    options
        .max_connections(16)
        .min_connections(16)
        .sqlx_logging(false);
    let schema = schema(Database::connect(options).await?)?;
    let app = Router::new()
        .route("/graphql", post(answer))
        .with_state(schema);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/graphql", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(orphaned())
        .await?;
    Ok(())
}
