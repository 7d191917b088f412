//! Whatever is sent over HTTP is answered.

use reqwest::{RequestBuilder, Url};
use tests::fuzz::Corpus;

use crate::{TIME, answer, check_server, server};

/// An address that is longer than this the head's own limit refuses, below GraphQL.
const LONGEST: usize = 60_000;

async fn send(request: RequestBuilder) {
    answer::of(request.header("accept", "application/graphql-response+json")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_posted_is_answered() {
    let server = server().await;
    let corpus = Corpus::of("body").lasting(TIME);
    corpus
        .fuzz_async(async |body: &[u8]| {
            let post = server.client.post(server.url("/graphql"));
            let post = post.header("content-type", "application/json");
            send(post.body(body.to_vec())).await;
        })
        .await;
    check_server(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_in_the_address_is_answered() {
    let server = server().await;
    let corpus = Corpus::of("address").lasting(TIME);
    corpus
        .fuzz_async(async |query: &[u8]| {
            let query = String::from_utf8_lossy(query);
            let address = format!("{}?{query}", server.url("/graphql"));
            let Ok(url) = Url::parse(&address) else {
                return;
            };
            if url.as_str().len() <= LONGEST {
                send(server.client.get(url)).await;
            }
        })
        .await;
    check_server(&server).await;
}
