//! PostgreSQL: a schema a store, in one database.
//!
//! Every connection of a handle has its store's schema as its search path from the start, so that the same statements run
//! here and on SQLite.

use std::io::ErrorKind;
use std::time::Duration;

use migration::log::migrate;
use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection,
    DatabaseTransaction, DbErr, RuntimeErr, SqlxError, Statement, TransactionTrait,
};

use super::SLOW;

/// How long it may take to get a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

const LOG_SCHEMA: &str = "hookgraph_log";
const READ_SCHEMA: &str = "hookgraph_read_";

/// Held while schemas are made or migrated, so that processes that start together do it one after the other. Any number
/// will do that no one else uses in this database: these are the letters "hookgrph".
const SCHEMA_LOCK: i64 = 0x686f_6f6b_6772_7068;

/// Without it, statements would meet tables of another store, or make their own beside them.
const NO_SEARCH_PATH: &str = "the database does not keep a connection's search_path: a pooler in transaction mode seems to stand before it; connect to PostgreSQL itself, or through a pooler in session mode that passes on `options`";

/// A PostgreSQL database.
#[derive(Clone, Debug)]
pub struct Postgres {
    url: String,
    /// For what belongs to no store: which schemas there are.
    catalog: DatabaseConnection,
    /// How long a statement of a store may take.
    statements_within: Option<Duration>,
}

impl Postgres {
    pub(super) async fn connect(url: &str) -> Result<Self, DbErr> {
        // One connection listens, one works.
        let catalog = match open(url, "pg_catalog", 3, None).await {
            Ok(catalog) => catalog,
            Err(error) => return Err(reason(url, error).await),
        };
        Ok(Self {
            url: url.to_owned(),
            catalog,
            statements_within: None,
        })
    }

    pub(super) fn with_statements_within(self, limit: Duration) -> Self {
        Self {
            statements_within: Some(limit),
            ..self
        }
    }

    async fn open(&self, schema: &str) -> Result<DatabaseConnection, DbErr> {
        open(&self.url, schema, 8, self.statements_within).await
    }

    pub(super) fn catalog(&self) -> &DatabaseConnection {
        &self.catalog
    }

    pub(super) async fn open_log_for_reading(&self) -> Result<DatabaseConnection, DbErr> {
        self.open(LOG_SCHEMA).await
    }

    pub(super) async fn open_log(&self) -> Result<DatabaseConnection, DbErr> {
        let db = self.open(LOG_SCHEMA).await?;
        let txn = db.begin().await?;
        lock_schemas(&txn).await?;
        txn.execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS {LOG_SCHEMA}"))
            .await?;
        migrate(&txn).await?;
        txn.commit().await?;
        Ok(db)
    }

    /// The schema need not exist yet: a search path may name one that is made later.
    pub(super) async fn open_generation(&self, number: i64) -> Result<DatabaseConnection, DbErr> {
        self.open(&format!("{READ_SCHEMA}{number}")).await
    }

    pub(super) async fn generations(&self) -> Result<Vec<i64>, DbErr> {
        let schemas = Statement::from_string(
            DatabaseBackend::Postgres,
            format!(
                "SELECT nspname::text AS name FROM pg_namespace WHERE starts_with(nspname::text, '{READ_SCHEMA}')"
            ),
        );
        let rows = self.catalog.query_all_raw(schemas).await?;
        let mut numbers = Vec::new();
        for row in rows {
            let name: String = row.try_get("", "name")?;
            numbers.extend(name[READ_SCHEMA.len()..].parse::<i64>().ok());
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Fails when somebody has long been reading it: waiting for that would hold up the caller, and other readers behind it.
    pub(super) async fn remove_generation(&self, number: i64) -> Result<(), DbErr> {
        let txn = self.catalog.begin().await?;
        txn.execute_unprepared("SET LOCAL lock_timeout = '100ms'")
            .await?;
        let drop = format!("DROP SCHEMA IF EXISTS {READ_SCHEMA}{number} CASCADE");
        txn.execute_unprepared(&drop).await?;
        txn.commit().await
    }
}

/// Makes the schema of a generation, in the transaction that makes its tables: who sees the one sees the other.
pub(super) async fn create_generation(txn: &DatabaseTransaction, number: i64) -> Result<(), DbErr> {
    lock_schemas(txn).await?;
    txn.execute_unprepared(&format!(
        "CREATE SCHEMA IF NOT EXISTS {READ_SCHEMA}{number}"
    ))
    .await?;
    Ok(())
}

async fn lock_schemas(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    db.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({SCHEMA_LOCK})"))
        .await?;
    Ok(())
}

/// Why there is no connection: a pool that has tried again and again only says that it has waited.
async fn reason(url: &str, error: DbErr) -> DbErr {
    let waited = matches!(&error, DbErr::Conn(RuntimeErr::SqlxError(error)) if matches!(**error, SqlxError::PoolTimedOut));
    let Some(options) = url.parse::<PgConnectOptions>().ok().filter(|_| waited) else {
        return error;
    };
    let reason = match tokio::time::timeout(CONNECT_WITHIN, options.connect()).await {
        Ok(Ok(_)) => return error,
        Ok(Err(reason)) => reason,
        Err(_) => SqlxError::Io(ErrorKind::TimedOut.into()),
    };
    DbErr::Conn(RuntimeErr::SqlxError(reason.into()))
}

async fn open(
    url: &str,
    schema: &str,
    connections: u32,
    statements_within: Option<Duration>,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    let wanted = schema;
    let mut settings = vec![
        ("search_path", schema.to_owned()),
        // A process that hangs in the middle of a transaction must not hold up the others for ever.
        ("idle_in_transaction_session_timeout", "30s".to_owned()),
    ];
    // Milliseconds.
    settings.extend(
        statements_within.map(|limit| ("statement_timeout", limit.as_millis().to_string())),
    );
    options
        .max_connections(connections)
        .acquire_timeout(CONNECT_WITHIN)
        .sqlx_logging(true)
        .sqlx_logging_level(log::LevelFilter::Trace)
        .sqlx_slow_statements_logging_settings(log::LevelFilter::Warn, SLOW)
        .map_sqlx_postgres_pool_opts(|options| options.acquire_slow_level(log::LevelFilter::Debug))
        .map_sqlx_postgres_opts(move |options| {
            options
                .application_name("hookgraph")
                .options(settings.clone())
        });
    let db = Database::connect(options).await?;
    let kept = Statement::from_string(DatabaseBackend::Postgres, "SHOW search_path");
    let kept = db.query_one_raw(kept).await?;
    let kept: Option<String> = kept.map(|row| row.try_get("", "search_path")).transpose()?;
    if kept.as_deref() != Some(wanted) {
        return Err(DbErr::Custom(NO_SEARCH_PATH.to_owned()));
    }
    Ok(db)
}
