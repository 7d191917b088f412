//! No report reads all calls to find some of them: the plans of the statements that the server sends.
//!
//! PostgreSQL plans as if a small table were a large one (`enable_seqscan = off`), and whatever the values.

use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement, TransactionTrait,
};
use serde_json::json;
use tests::{Backend, Installation, Server, until};

use crate::expected::deliveries;

/// A report, and the indexes that its statements seek in. The primary keys are named as PostgreSQL names them.
const REPORTS: &[(&str, &[&str])] = &[
    (
        "callReport(filter: { createdAt: { from: \"2025-05-01T00:00:00Z\" } }, groupBy: [TEAM]) { rows { teamId } }",
        &["calls_order"],
    ),
    (
        "callReport(filter: { userId: \"u\" }, groupBy: [DIFFICULTY, INDUSTRY]) { rows { industry } }",
        &["calls_user", "call_prospects_pkey"],
    ),
    (
        "callReport(filter: { teamId: \"t\" }, groupBy: [ANALYSIS_TYPE]) { rows { analysisType } }",
        &["calls_team", "analyses_pkey"],
    ),
    (
        "insightReport(kind: OBJECTIONS, filter: { createdAt: { from: \"2025-05-01T00:00:00Z\", to: \"2025-05-08T00:00:00Z\" } }) { rows { text } }",
        &["calls_order", "insights"],
    ),
    (
        "insightReport(kind: OBJECTIONS, filter: { userId: \"u\" }) { rows { text } }",
        &["calls_user", "insights"],
    ),
    (
        "insightReport(kind: OBJECTIONS, filter: { orgId: \"o\" }) { totalCalls }",
        &["calls_org"],
    ),
    ("trend(userId: \"u\") { slope }", &["calls_user"]),
    ("trend(teamId: \"t\") { points { score } }", &["calls_team"]),
    (
        "leaderboard(metric: MEAN_SCORE, asOf: \"2025-05-20T00:00:00Z\") { totalCount }",
        &["calls_order", "users_pkey"],
    ),
    (
        "practiceGaps(days: 7, filter: { orgId: \"o\" }) { totalCount }",
        &["calls_user", "users_org"],
    ),
    (
        "streaksAtRisk(filter: { orgId: \"o\" }) { totalCount }",
        &["calls_user", "users_org"],
    ),
];

/// The last statement of a report that the server has logged behind a place of its log.
fn logged(output: &str) -> Option<String> {
    let mut statements = output.lines().filter_map(|line| {
        let (_, behind) = line.split_once("db.statement=")?;
        let mut values = serde_json::Deserializer::from_str(behind).into_iter::<String>();
        Some(values.next()?.ok()?.trim().to_owned())
    });
    statements.rfind(|text| text.starts_with("WITH ") || text.starts_with("SELECT COUNT(*)"))
}

async fn statement(server: &Server, report: &str) -> String {
    let before = server.output().len();
    server.graphql(&format!("{{ {report} }}"), json!({})).await;
    until("the statement is in the log", async || {
        logged(server.output().get(before..)?)
    })
    .await
}

fn raw(db: &DatabaseConnection, text: &str) -> Statement {
    Statement::from_string(db.get_database_backend(), text)
}

fn column(rows: &[QueryResult], name: &str) -> Vec<String> {
    rows.iter()
        .map(|row| row.try_get("", name).expect("a text"))
        .collect()
}

/// The lines of a plan in which an index is sought, each with the name of the index.
async fn sought(db: &DatabaseConnection, backend: &Backend, text: &str) -> Vec<String> {
    match backend {
        Backend::Sqlite => {
            let explain = raw(db, &format!("EXPLAIN QUERY PLAN {text}"));
            let rows = db.query_all_raw(explain).await.expect("a plan");
            let lines = column(&rows, "detail").into_iter();
            let named = lines
                .filter(|line| line.starts_with("SEARCH "))
                .map(|line| {
                    let table = line.split(' ').nth(1).unwrap_or_default().to_owned();
                    line.replace(
                        &format!("sqlite_autoindex_{table}_1"),
                        &format!("{table}_pkey"),
                    )
                });
            named.collect()
        }
        Backend::Postgres(_) => {
            let which = "SELECT schemaname FROM pg_tables WHERE tablename = 'calls'";
            let rows = db.query_all_raw(raw(db, which)).await.expect("a catalogue");
            let schema = column(&rows, "schemaname").remove(0);
            let values = (1..100).take_while(|nth| text.contains(&format!("${nth}")));
            let values = vec!["NULL"; values.count()].join(", ");
            let values = if values.is_empty() {
                values
            } else {
                format!("({values})")
            };
            let txn = db.begin().await.expect("a transaction");
            for setting in [
                format!("SET LOCAL search_path = \"{schema}\""),
                "SET LOCAL plan_cache_mode = force_generic_plan".to_owned(),
                "SET LOCAL enable_seqscan = off".to_owned(),
                format!("PREPARE asked AS {text}"),
            ] {
                txn.execute_unprepared(&setting).await.expect("a setting");
            }
            let explain = raw(db, &format!("EXPLAIN (COSTS OFF) EXECUTE asked{values}"));
            let rows = txn.query_all_raw(explain).await.expect("a plan");
            txn.execute_unprepared("DEALLOCATE asked")
                .await
                .expect("it is prepared");
            txn.rollback().await.expect("nothing is kept");
            let lines = column(&rows, "QUERY PLAN");
            // An index that is sought in says by what, a line below.
            let pairs = lines
                .windows(2)
                .filter(|two| two[1].contains("Index Cond:"));
            pairs.map(|two| two[0].clone()).collect()
        }
    }
}

#[tokio::test]
async fn every_report_seeks_its_calls_in_an_index() {
    let installation = Installation::new().with_log("warn,sqlx::query=trace");
    let server = installation.serve().await;
    server.sender().deliver(&deliveries()).await;
    server.settled().await;
    let backend = server.installation.backend().clone();
    let url = match &backend {
        Backend::Sqlite => {
            let file = server.installation.data_dir().join("read-1.db");
            format!("sqlite://{}?mode=ro", file.display())
        }
        Backend::Postgres(url) => url.clone(),
    };
    let db = Database::connect(&url).await.expect("a database");
    for (report, indexes) in REPORTS {
        let text = statement(&server, report).await;
        let sought = sought(&db, &backend, &text).await;
        for index in *indexes {
            let named = sought.iter().any(|line| {
                let mut words = line.split([' ', '(']);
                words.any(|word| {
                    word == *index || (*index == "insights" && word.starts_with("insights_"))
                })
            });
            assert!(
                named,
                "{index} is not sought in for {report}\n{sought:#?}\n{text}"
            );
        }
    }
}
