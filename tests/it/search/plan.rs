//! The statements of a search, as the server sends them, read the index of words.

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, Statement,
};
use serde_json::json;
use tests::{Backend, Installation, Server, until};

async fn read_model(server: &Server) -> DatabaseConnection {
    let url = match server.installation.backend() {
        Backend::Sqlite => {
            let file = server.installation.data_dir().join("read-1.db");
            format!("sqlite://{}", file.display())
        }
        Backend::Postgres(url) => format!("{url}&options=-csearch_path%3Dhookgraph_read_1"),
    };
    let mut options = ConnectOptions::new(url);
    // What is prepared belongs to a connection.
    options.max_connections(1);
    Database::connect(options).await.expect("the read model")
}

/// So many calls that no database would rather read all of them, each with a word that no other has.
async fn fill(db: &DatabaseConnection) {
    let numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 4000)";
    for (table, row) in [
        (
            "calls (id, prospect_ids, ordered_at, is_example, attributes_stamp, last_position)",
            "'call-' || n, '[]', n, false, '', n",
        ),
        (
            "call_words (call_id, title, spoken, vocabulary)",
            "'call-' || n, ' title  t' || n || ' ', ' everybody  says  w' || n || ' ', 'everybody says w' || n",
        ),
    ] {
        let statement = format!("INSERT INTO {table} {numbers} SELECT {row} FROM numbers");
        let inserted = db.execute_unprepared(&statement).await;
        assert_eq!(inserted.expect("rows").rows_affected(), 4000);
    }
    // As PostgreSQL does by itself in time.
    let statistics = match db.get_database_backend() {
        DatabaseBackend::Postgres => "VACUUM ANALYZE",
        _ => "ANALYZE",
    };
    db.execute_unprepared(statistics).await.expect("statistics");
}

/// The statements about words that the server's log has so far.
fn statements(server: &Server) -> Vec<String> {
    let output = server.output();
    let logged = output.lines().filter(|line| line.contains("sqlx::query"));
    let statements = logged.filter_map(|line| {
        let (_, behind) = line.split_once("db.statement=")?;
        let mut texts = serde_json::Deserializer::from_str(behind).into_iter::<String>();
        texts.next()?.ok()
    });
    statements
        .filter(|statement| statement.contains("call_words"))
        .collect()
}

/// How the database would carry out a statement, whatever its parameters.
async fn plan(db: &DatabaseConnection, statement: &str) -> String {
    let backend = db.get_database_backend();
    let asked = match backend {
        DatabaseBackend::Postgres => {
            let parameters = (1..).take_while(|nth| statement.contains(&format!("${nth}")));
            // A text that is a number, a search and a key as well.
            let values = vec!["'1'"; parameters.count()].join(", ");
            let prepare = format!("PREPARE asked AS {statement}");
            db.execute_unprepared(&prepare)
                .await
                .expect("it is prepared");
            format!("EXPLAIN EXECUTE asked({values})")
        }
        _ => format!("EXPLAIN QUERY PLAN {statement}"),
    };
    let rows = db
        .query_all_raw(Statement::from_string(backend, asked))
        .await
        .expect("a plan");
    let rows = rows.iter().map(|row| match backend {
        DatabaseBackend::Postgres => row.try_get_by_index::<String>(0),
        _ => row.try_get::<String>("", "detail"),
    });
    let rows: Vec<_> = rows.map(|row| row.expect("a line")).collect();
    if backend == DatabaseBackend::Postgres {
        db.execute_unprepared("DEALLOCATE asked")
            .await
            .expect("it is forgotten");
    }
    rows.join("\n")
}

#[tokio::test]
async fn searches_and_filters_read_the_index_of_words() {
    let server = Installation::new()
        .with_log("info,sqlx::query=trace")
        .serve()
        .await;
    server.settled().await;
    let db = read_model(&server).await;
    fill(&db).await;
    for (query, field, found) in [
        (
            "{ searchTranscripts(query: \"w77\", first: 5) { nodes { matchCount } } }",
            "spoken",
            json!([{ "matchCount": 1 }]),
        ),
        (
            "{ searchTranscripts(query: \"says w77\", first: 5) { nodes { matchCount } } }",
            "spoken",
            json!([{ "matchCount": 2 }]),
        ),
        (
            "{ searchTranscripts(query: \"\\\"says w77\\\" OR w7*\", last: 1) { nodes { matchCount } } }",
            "spoken",
            json!([{ "matchCount": 1 }]),
        ),
        (
            "{ calls(filter: { spoken: \"w77 -w78\" }, first: 5) { nodes { id } } }",
            "spoken",
            json!([{ "id": "call-77" }]),
        ),
        (
            "{ calls(filter: { title: \"t77*\" }, last: 1) { nodes { id } } }",
            "title",
            json!([{ "id": "call-77" }]),
        ),
    ] {
        let before = statements(&server).len();
        let data = server.graphql(query, json!({})).await;
        let nodes = data
            .as_object()
            .and_then(|data| data.values().next())
            .map(|list| &list["nodes"]);
        assert_eq!(nodes, Some(&found), "{query}");
        let statement = until("the statement is in the log", async || {
            statements(&server).get(before).cloned()
        })
        .await;
        let plan = plan(&db, &statement).await;
        let index = match db.get_database_backend() {
            DatabaseBackend::Postgres => format!("Bitmap Index Scan on call_words_{field}"),
            _ => "SCAN call_words_index VIRTUAL TABLE INDEX".to_owned(),
        };
        assert!(plan.contains(&index), "{query}\n{statement}\n{plan}");
        for table in ["call_words", "calls"] {
            let whole = [format!("Seq Scan on {table}"), format!("SCAN {table}\n")];
            let reads_all = whole.iter().any(|scan| format!("{plan}\n").contains(scan));
            assert!(!reads_all, "{query}\n{statement}\n{plan}");
        }
    }
}
