//! The rows of a batch by table and column, and the statements that write them: one text a table, prepared once. SQLite runs it
//! for each row, PostgreSQL for all rows of a batch, whose columns it takes as arrays.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

use super::body::{Body, Details};
use crate::load::count;

/// The values of a column.
enum Column<'a> {
    Text(Vec<Option<&'a str>>),
    Made(Vec<String>),
    Whole(Vec<i64>),
    Double(Vec<Option<f64>>),
    Flag(Vec<bool>),
}

/// The rows of a table.
#[derive(Default)]
struct Table<'a> {
    rows: usize,
    columns: Vec<(&'static str, Column<'a>)>,
}

macro_rules! push {
    ($name:ident $variant:ident $type:ty) => {
        fn $name(&mut self, name: &'static str, value: $type) -> &mut Self {
            match self.columns.iter_mut().find(|(known, _)| *known == name) {
                Some((_, Column::$variant(values))) => values.push(value),
                _ => self.columns.push((name, Column::$variant(vec![value]))),
            }
            self
        }
    };
}

impl<'a> Table<'a> {
    fn row(&mut self) -> &mut Self {
        self.rows += 1;
        self
    }

    push!(text Text Option<&'a str>);
    push!(made Made String);
    push!(whole Whole i64);
    push!(double Double Option<f64>);
    push!(flag Flag bool);
}

/// The tables that the loop writes, and the key by which a row replaces another, where rows may.
const TABLES: [(&str, &str); 8] = [
    ("event_index", ""),
    ("calls", ""),
    ("call_prospects", ""),
    ("transcripts", ""),
    ("analyses", ""),
    ("insights", ""),
    ("users", "id"),
    ("prospects", "org_id, id"),
];

/// All rows of a batch, in the order of [`TABLES`].
pub struct Rows<'a>([Table<'a>; 8]);

impl<'a> Rows<'a> {
    /// The rows of these bodies, which stand behind the position `after`.
    pub fn of(bodies: &'a [Body<'a>], after: i64) -> anyhow::Result<Self> {
        let mut tables: [Table<'a>; 8] = Default::default();
        let mut users = BTreeMap::new();
        let mut prospects = BTreeMap::new();
        for (body, position) in bodies.iter().zip(after + 1..) {
            let call = &body.payload.call;
            let at = ingest::payload::Instant::parse(&body.timestamp).map_or(0, |at| at.micros());
            let (id, org) = (Some(&*call.id), Some(&*call.org_id));
            users.insert(&*call.user.id, (call, position, at));
            for prospect in &call.prospects {
                prospects.insert((&*call.org_id, &*prospect.id), (prospect, position));
            }
            let [index, calls, of_call, transcripts, analyses, insights, ..] = &mut tables;
            index.row().whole("position", position).text("event_id", Some(&body.id));
            index.text("event_type", Some("call.completed")).text("org_id", org);
            index.text("subject_kind", Some("call")).text("subject_id", id).whole("occurred_at", at);
            index.text("body_hash", id).whole("size", 0).text("outcome", Some("projected"));
            index.flag("is_example", false);
            let scores = call.analysis.iter().filter_map(|analysis| analysis.score);
            let mean = scores.clone().sum::<f64>() / count(scores.count().max(1));
            calls.row().text("id", id).text("org_id", org).text("user_id", Some(&call.user.id));
            calls.text("manager_id", call.user.manager_id.as_deref());
            calls.text("team_id", call.user.team_id.as_deref()).text("title", call.title.as_deref());
            calls.text("prospect_ids", Some(call.prospect_ids.get())).double("duration", call.stats.duration);
            calls.double("score", Some(mean)).whole("created_at", at).whole("ordered_at", at);
            calls.flag("is_example", false).whole("last_position", position);
            calls.made("attributes_stamp", format!("{at:020}.{}", body.id));
            for (ordinal, prospect) in (0..).zip(&call.prospects) {
                of_call.row().text("call_id", id).whole("ordinal", ordinal).text("org_id", org);
                of_call.text("prospect_id", Some(&prospect.id)).whole("call_ordered_at", at);
                of_call.text("difficulty", prospect.details.difficulty.as_deref());
                of_call.text("industry", prospect.details.industry.as_deref());
                of_call.text("job_title", prospect.details.job_title.as_deref());
            }
            transcripts.row().text("call_id", id).text("lines", Some(call.transcript.get()));
            for counted in ["line_count", "rep_word_count", "prospect_word_count", "rep_turn_count", "prospect_turn_count"] {
                transcripts.whole(counted, 0);
            }
            for (at_list, analysis) in (0..).zip(&call.analysis) {
                analyses.row().text("call_id", id).whole("ordinal", at_list).double("score", analysis.score);
                analyses.text("analysis_type", analysis.analysis_type.as_deref());
                analyses.text("summary", analysis.summary.as_deref()).whole("call_ordered_at", at);
                for (kind, list) in analysis.lists() {
                    for (ordinal, text) in (0..).zip(list) {
                        insights.row().text("call_id", id).whole("analysis", at_list).text("kind", Some(kind));
                        insights.whole("ordinal", ordinal).text("text", Some(text)).text("text_key", Some(text));
                    }
                }
            }
        }
        let [.., table, _] = &mut tables;
        for (id, (call, position, at)) in users {
            let user = &call.user;
            table.row().text("id", Some(id)).text("org_id", Some(&call.org_id));
            table.text("name", user.name.as_deref()).text("name_key", user.name.as_deref());
            table.text("email", user.email.as_deref()).text("email_key", user.email.as_deref());
            table.text("image", user.image.as_deref()).text("role", user.role.as_deref());
            table.text("status", user.status.as_deref()).text("customer_id", user.customer_id.as_deref());
            table.text("manager_id", user.manager_id.as_deref()).text("team_id", user.team_id.as_deref());
            table.double("streak", user.streak).double("longest_streak", user.longest_streak);
            table.whole("ordered_at", at).flag("is_deleted", false).flag("is_example", false);
            table.whole("last_position", position);
        }
        let [.., table] = &mut tables;
        for ((org, id), (prospect, position)) in prospects {
            table.row().text("org_id", Some(org)).text("id", Some(id)).text("name", prospect.name.as_deref());
            table.text("image_url", prospect.image_url.as_deref()).flag("is_example", false);
            table.whole("last_position", position);
            for (name, text) in Details::TEXTS.iter().zip(prospect.details.texts()) {
                table.text(name, text);
            }
            for (name, number) in Details::NUMBERS.iter().zip(prospect.details.numbers()) {
                table.double(name, number);
            }
        }
        Ok(Self(tables))
    }
}

/// What replaces the row that is there.
fn replace(table: &Table<'_>, key: &str) -> String {
    if key.is_empty() {
        return String::new();
    }
    let names = table.columns.iter().map(|(name, _)| format!("{name} = excluded.{name}"));
    format!("ON CONFLICT ({key}) DO UPDATE SET {}", names.collect::<Vec<_>>().join(", "))
}

fn names(table: &Table<'_>) -> String {
    let names: Vec<_> = table.columns.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// A file of SQLite.
pub struct Sqlite(rusqlite::Connection);

impl Sqlite {
    /// Opens it as durable as the read model.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let connection = rusqlite::Connection::open(file)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        Ok(Self(connection))
    }

    /// Writes a batch in one transaction.
    pub fn write(&mut self, rows: &Rows<'_>, position: i64) -> anyhow::Result<()> {
        let transaction = self.0.transaction()?;
        transaction.execute("UPDATE checkpoint SET position = ?1", [position])?;
        for ((name, key), table) in TABLES.iter().zip(&rows.0) {
            if table.rows == 0 {
                continue;
            }
            let places = vec!["?"; table.columns.len()].join(", ");
            let text = format!(
                "INSERT INTO {name} ({}) VALUES ({places}) {}",
                names(table),
                replace(table, key)
            );
            let mut statement = transaction.prepare_cached(&text)?;
            for row in 0..table.rows {
                let values = table.columns.iter().map(|(_, column)| -> &dyn ToSql {
                    match column {
                        Column::Text(values) => &values[row],
                        Column::Made(values) => &values[row],
                        Column::Whole(values) => &values[row],
                        Column::Double(values) => &values[row],
                        Column::Flag(values) => &values[row],
                    }
                });
                statement.execute(values.collect::<Vec<_>>().as_slice())?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

/// A database of PostgreSQL.
pub struct Postgres {
    client: Client,
    statements: Vec<Statement>,
}

impl Postgres {
    /// Connects.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(Self {
            client,
            statements: Vec::new(),
        })
    }

    /// Writes a batch in one transaction.
    pub async fn write(&mut self, rows: &Rows<'_>, position: i64) -> anyhow::Result<()> {
        if self.statements.is_empty() {
            for ((name, key), table) in TABLES.iter().zip(&rows.0) {
                let arrays = (1..).zip(&table.columns).map(|(number, (_, column))| {
                    let of = match column {
                        Column::Text(_) | Column::Made(_) => "text",
                        Column::Whole(_) => "bigint",
                        Column::Double(_) => "double precision",
                        Column::Flag(_) => "boolean",
                    };
                    format!("${number}::{of}[]")
                });
                let text = format!(
                    "INSERT INTO {name} ({}) SELECT * FROM unnest({}) {}",
                    names(table),
                    arrays.collect::<Vec<_>>().join(", "),
                    replace(table, key)
                );
                self.statements.push(self.client.prepare(&text).await?);
            }
        }
        let transaction = self.client.transaction().await?;
        transaction
            .execute("UPDATE checkpoint SET position = $1", &[&position])
            .await?;
        for (statement, table) in self.statements.iter().zip(&rows.0) {
            let values = table.columns.iter().map(|(_, column)| -> &(dyn tokio_postgres::types::ToSql + Sync) {
                match column {
                    Column::Text(values) => values,
                    Column::Made(values) => values,
                    Column::Whole(values) => values,
                    Column::Double(values) => values,
                    Column::Flag(values) => values,
                }
            });
            transaction.execute(statement, &values.collect::<Vec<_>>()).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
