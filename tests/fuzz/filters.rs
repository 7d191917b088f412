//! Whatever a filter is, whoever takes one answers.

use rand::rngs::StdRng;
use serde_json::json;
use tests::Server;
use tests::fuzz::Run;

use crate::schema::{Place, places};
use crate::{TIME, answer, check_server, server};

/// Requests of a batch: as many as one may have.
const BATCH: usize = 10;

/// Bytes of a request: ten of these are less than a body may have.
const LONGEST: usize = 100_000;

fn batch(place: &Place, dice: &mut StdRng) -> String {
    let requests = (0..BATCH).map(|_| {
        let filter = place.filters.draw(dice);
        json!({ "query": place.query, "variables": { "filter": filter } }).to_string()
    });
    let requests = requests.filter(|request| request.len() <= LONGEST);
    format!("[{}]", requests.collect::<Vec<_>>().join(","))
}

async fn send(server: &Server, body: String) {
    let request = server
        .client
        .post(server.url("/graphql"))
        .header("content-type", "application/json")
        .body(body);
    answer::of(request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_filter_is_it_is_answered() {
    let server = server().await;
    let places = places(&server).await;
    assert!(places.len() >= 19, "{places:?}");
    for place in &places {
        // Every one can be asked at all.
        server.graphql(&place.query, json!({ "filter": {} })).await;
    }
    let mut run = Run::begin("filters", TIME);
    let mut dice = run.dice();
    for place in places.iter().cycle() {
        if !run.goes_on() {
            break;
        }
        let body = batch(place, &mut dice);
        run.tries(body.as_bytes());
        send(&server, body).await;
    }
    drop(run);
    check_server(&server).await;
}
