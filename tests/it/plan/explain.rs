//! The statements that a server sends, and the plans that its database makes for them.

use std::collections::BTreeSet;

use sample::company::{Company, Size};
use sea_orm::{
    ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, Statement, TransactionTrait,
};
use serde_json::Value;
use tests::{Backend, Server, until};

/// A server whose statements are known, and its database.
pub(crate) struct Observed {
    pub(crate) server: Server,
    db: DatabaseConnection,
    /// Where PostgreSQL has the read model.
    schema: Option<String>,
}

/// What a plan says.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The indexes in which something is sought.
    pub(crate) sought: BTreeSet<String>,
    /// The indexes that are read, from one end or from where something was sought.
    pub(crate) read: BTreeSet<String>,
    /// Whether rows are sorted.
    pub(crate) sorts: bool,
    pub(crate) text: String,
}

impl Observed {
    pub(crate) async fn start() -> Self {
        let mut server = Server::start().await;
        let size = Size {
            orgs: 12,
            users: 36,
            calls: 60,
            ..Size::default()
        };
        let company: Vec<_> = Company::new(size).deliveries().collect();
        server.sender().deliver(&company).await;
        server.settled().await;
        // From here on it tells what it asks its database.
        assert!(server.stop().await.success());
        let filled = std::mem::take(&mut server.installation);
        server.installation = filled
            .with_log("warn,sqlx::query=trace")
            // A query that is asked twice runs its statements twice.
            .with_variable("HOOKGRAPH_KEPT_ANSWERS", "0");
        server.start_again().await;
        let url = match server.installation.backend() {
            Backend::Sqlite => {
                let file = server.installation.data_dir().join("read-1.db");
                format!("sqlite://{}?mode=ro", file.display())
            }
            Backend::Postgres(url) => url.clone(),
        };
        let db = Database::connect(&url).await.expect("a database");
        let schema = match db.get_database_backend() {
            DatabaseBackend::Postgres => {
                let which = "SELECT schemaname FROM pg_tables WHERE tablename = 'calls'";
                let found = db.query_one_raw(statement(&db, which)).await;
                let row = found.expect("a catalogue").expect("a read model");
                Some(row.try_get("", "schemaname").expect("a name"))
            }
            _ => None,
        };
        if let Some(schema) = &schema {
            for table in [
                "orgs",
                "users",
                "calls",
                "prospects",
                "analyses",
                "event_index",
            ] {
                let analyze = format!("ANALYZE \"{schema}\".{table}");
                db.execute_unprepared(&analyze).await.expect("statistics");
            }
        }
        Self { server, db, schema }
    }

    /// The last statement on `table` that the server sends for `query`: the one that counts, or the one that reads the page.
    pub(crate) async fn statement(
        &self,
        query: &str,
        variables: Value,
        table: &str,
        counts: bool,
    ) -> String {
        let from = format!("FROM \"{table}\"");
        let is_it = |text: &str| text.contains(&from) && text.starts_with("SELECT COUNT") == counts;
        self.last_statement(query, variables, is_it).await
    }

    /// The last statement that the server sends for `query` and that is the one that is meant.
    pub(crate) async fn last_statement(
        &self,
        query: &str,
        variables: Value,
        is_it: impl Fn(&str) -> bool,
    ) -> String {
        let before = self.server.output().len();
        self.server.graphql(query, variables).await;
        until("the statement is in the log", async || {
            let output = self.server.output();
            let lines = output.get(before..)?.lines().rev();
            let mut statements = lines.filter_map(|line| {
                let (_, behind) = line.split_once("db.statement=")?;
                let mut values = serde_json::Deserializer::from_str(behind).into_iter::<String>();
                Some(values.next()?.ok()?.trim().to_owned())
            });
            statements.find(|text| is_it(text))
        })
        .await
    }

    pub(crate) async fn plan(&self, text: &str) -> Plan {
        match &self.schema {
            None => self.sqlite_plan(text).await,
            Some(schema) => self.postgres_plan(text, schema).await,
        }
    }

    async fn sqlite_plan(&self, text: &str) -> Plan {
        let explain = statement(&self.db, &format!("EXPLAIN QUERY PLAN {text}"));
        let rows = self.db.query_all_raw(explain).await.expect("a plan");
        let lines: Vec<String> = rows
            .iter()
            .map(|row| row.try_get("", "detail").expect("a detail"))
            .collect();
        let mut plan = Plan {
            sought: BTreeSet::new(),
            read: BTreeSet::new(),
            sorts: lines.iter().any(|line| line.contains("FOR ORDER BY")),
            text: lines.join("\n"),
        };
        for line in &lines {
            let mut words = line.split(' ');
            let (does, table) = (words.next(), words.next().unwrap_or_default());
            let index = match line.split_once(" INDEX ") {
                Some((_, index)) if index.starts_with("sqlite_autoindex_") => {
                    format!("{table}_pkey")
                }
                Some((_, index)) => index.split(' ').next().unwrap_or_default().to_owned(),
                None if line.contains("INTEGER PRIMARY KEY") || does == Some("SCAN") => {
                    format!("{table}_pkey")
                }
                None => continue,
            };
            if does == Some("SEARCH") {
                plan.sought.insert(index.clone());
            }
            plan.read.insert(index);
        }
        plan
    }

    /// The plan that a small table would have if it were a large one, whatever the values.
    async fn postgres_plan(&self, text: &str, schema: &str) -> Plan {
        let values = (1..100)
            .take_while(|nth| text.contains(&format!("${nth}")))
            .count();
        let values = match vec!["NULL"; values].join(", ") {
            none if none.is_empty() => none,
            values => format!("({values})"),
        };
        let txn = self.db.begin().await.expect("a transaction");
        for setting in [
            format!("SET LOCAL search_path = \"{schema}\""),
            "SET LOCAL plan_cache_mode = force_generic_plan".to_owned(),
            "SET LOCAL enable_seqscan = off".to_owned(),
            format!("PREPARE asked AS {text}"),
        ] {
            txn.execute_unprepared(&setting).await.expect("a setting");
        }
        let explain = statement(
            &self.db,
            &format!("EXPLAIN (FORMAT JSON) EXECUTE asked{values}"),
        );
        let row = txn
            .query_one_raw(explain)
            .await
            .expect("a plan")
            .expect("a row");
        txn.execute_unprepared("DEALLOCATE asked")
            .await
            .expect("it is prepared");
        txn.rollback().await.expect("nothing is kept");
        let plan: Value = row.try_get("", "QUERY PLAN").expect("a plan");
        let mut found = Plan {
            sought: BTreeSet::new(),
            read: BTreeSet::new(),
            sorts: false,
            text: format!("{plan:#}"),
        };
        found.take(&plan[0]["Plan"]);
        found
    }
}

impl Plan {
    /// Takes in a node of PostgreSQL's plan, and what is below it.
    fn take(&mut self, node: &Value) {
        if let Some(index) = node["Index Name"].as_str() {
            if node["Index Cond"].is_string() {
                self.sought.insert(index.to_owned());
            }
            self.read.insert(index.to_owned());
        }
        let kind = node["Node Type"].as_str().unwrap_or_default();
        self.sorts |= kind.contains("Sort");
        for below in node["Plans"].as_array().into_iter().flatten() {
            self.take(below);
        }
    }
}

fn statement(db: &DatabaseConnection, text: &str) -> Statement {
    Statement::from_string(db.get_database_backend(), text)
}
