//! GraphQL over HTTP, as its specification has it: the server audits of `graphql-http`.

use serde_json::Value;
use tests::Server;

use crate::clients::Script;

/// How many audits this version of `graphql-http` has.
const AUDITS: usize = 61;

#[tokio::test]
async fn every_audit_is_passed() {
    let server = Server::start().await;
    let url = server.url("/graphql");
    let mut script = Script::start(&server.installation, "audits.mjs", &[&url]);
    let mut audits = Vec::new();
    for _ in 0..AUDITS {
        audits.push(script.value().await);
    }
    let failed: Vec<&Value> = audits.iter().filter(|a| a["status"] != "ok").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(script.said().len(), AUDITS);
    script.end().await;
}
