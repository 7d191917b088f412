//! A client of the schema, in this process.

use api::graphql::{Graphql, Store, Viewer};
use async_graphql::{Executor, Request, Response, Variables};
use chrono::DateTime;
use futures_util::stream::BoxStream;
use ingest::generation::ReadModel;
use ingest::webhook::Clock;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

use crate::stores::Stores;

/// The schema over these stores.
pub fn graphql(stores: &Stores, read_model: &Arc<ReadModel>) -> Graphql {
    Graphql::new(Store {
        primary: None.into(),
        log: stores.log.clone().into(),
        read_model: Arc::clone(read_model),
        feed: stores.feed.clone(),
        old: 0,
        clock: (Arc::new(|| DateTime::UNIX_EPOCH) as Clock).into(),
        quiet_after: Duration::from_hours(1),
        version: "0",
    })
    .unwrap()
}

fn request(text: &str, variables: Value) -> Request {
    Request::new(text)
        .variables(Variables::from_json(variables))
        .data(Viewer::everything())
}

/// The answer to a query that must succeed.
pub async fn query(graphql: &Graphql, text: &str, variables: Value) -> Value {
    data(graphql.execute(request(text, variables)).await)
}

/// A subscription.
pub fn subscribe(graphql: &Graphql, text: &str, variables: Value) -> BoxStream<'static, Response> {
    graphql.execute_stream(request(text, variables), None)
}

/// What a response that must have no errors says.
pub fn data(response: Response) -> Value {
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    response.data.into_json().unwrap()
}
