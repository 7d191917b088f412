//! A query that ran out of time is given up by the database as well: nobody waits for it, and it must not keep a connection or a
//! processor.
//!
//! On PostgreSQL whatever this run of the tests is for.

use sea_orm::{ConnectionTrait, Database, DatabaseBackend, Statement, TransactionTrait};
use serde_json::json;
use tests::{Installation, postgres, until};

/// Statements of the server that run.
const RUNNING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'hookgraph' AND state = 'active'
    AND query LIKE 'SELECT%\"calls\"%'";

#[tokio::test]
async fn what_ran_out_of_time_does_not_go_on_in_the_database() {
    let url = postgres::shared().create_database();
    let server = Installation::new()
        .on_postgres(&url)
        .with_variable("HOOKGRAPH_QUERY_TIMEOUT", "1")
        .serve()
        .await;
    server.settled().await;
    let db = Database::connect(&url).await.expect("the database");
    let running = async || {
        let statement = Statement::from_string(DatabaseBackend::Postgres, RUNNING);
        let row = db.query_one_raw(statement).await.expect("an answer");
        let count: i64 = row.expect("a row").try_get_by_index(0).expect("a number");
        count
    };
    // Whoever asks for calls has to wait.
    let lock = db.begin().await.expect("a transaction");
    lock.execute_unprepared("LOCK TABLE hookgraph_read_1.calls IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("the lock");
    // More of them than the server has connections.
    let asks = (0..12).map(|number| {
        let query = format!("{{ calls(first: {}) {{ nodes {{ id }} }} }}", number + 1);
        let server = &server;
        async move { server.error_code(&query, json!({})).await }
    });
    for code in futures_util::future::join_all(asks).await {
        assert_eq!(code, "TIMEOUT");
    }
    assert!(running().await > 0);
    until("the database has given them up", async || {
        (running().await == 0).then_some(())
    })
    .await;
    lock.commit().await.expect("it is unlocked");
    let query = "{ calls { totalCount } }";
    let answer = server.graphql(query, json!({})).await;
    assert_eq!(answer["calls"]["totalCount"], 0);
}
