//! Compares two generations of the read model row by row, whichever databases they are in.
//!
//! Both are read in the order of their keys and merged, so memory does not grow with them. A difference is told by table, key
//! and columns, never by what stands there: ids are no secrets, e-mail addresses and texts are.

use std::cmp::Ordering;
use std::fmt;
use std::pin::Pin;

use entity::read_model::{
    analysis, call, call_prospect, call_word, checkpoint, event_index, insight, org, prospect,
    seen_field, seen_type, transcript, user, version,
};
use futures_util::{Stream, StreamExt};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, EntityTrait,
    IdenStatic, IsolationLevel, Iterable, ModelTrait, PaginatorTrait, PrimaryKeyToColumn,
    QueryOrder, QuerySelect, RuntimeErr, SqliteTransactionMode, StreamTrait, TransactionOptions,
    TransactionTrait, Value, sqlx,
};

use crate::generation::Generation;
use crate::log::Position;

/// How many rows are named, of each kind.
pub const NAMED: usize = 20;

/// A generation as it was at one moment, however it goes on.
#[derive(Debug)]
pub struct Snapshot {
    txn: DatabaseTransaction,
    position: Position,
}

impl Snapshot {
    /// Takes hold of `generation` as it is now.
    pub async fn of(generation: &Generation) -> Result<Self, DbErr> {
        let db = generation.db();
        let is_postgres = db.get_database_backend() == DatabaseBackend::Postgres;
        let txn = db
            .begin_with_options(TransactionOptions {
                isolation_level: is_postgres.then_some(IsolationLevel::RepeatableRead),
                access_mode: is_postgres.then_some(AccessMode::ReadOnly),
                sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
            })
            .await?;
        if is_postgres {
            // It waits while the other side is brought to the same position.
            txn.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0")
                .await?;
        }
        // The moment is that of the first read.
        let position = checkpoint::Entity::find_by_id(1)
            .select_only()
            .column(checkpoint::Column::Position)
            .into_tuple()
            .one(&txn)
            .await?;
        let position = position
            .ok_or_else(|| DbErr::RecordNotFound("the checkpoint of the read model".to_owned()))?;
        Ok(Self { txn, position })
    }

    /// Every event up to this position is in it.
    pub fn position(&self) -> Position {
        self.position
    }
}

/// How two generations differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// By table, in the order of their comparison.
    pub tables: Vec<Table>,
    /// The first rows that are on both sides and are not the same.
    pub different: Vec<Row>,
    /// The first rows that the snapshot lacks.
    pub missing: Vec<Row>,
    /// The first rows that only the snapshot has.
    pub additional: Vec<Row>,
}

/// How many rows of a table are which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Rows that are the same on both sides.
    pub equal: u64,
    /// Rows with the same key, and something else beside it.
    pub different: u64,
    /// Rows that the snapshot lacks.
    pub missing: u64,
    /// Rows that only the snapshot has.
    pub additional: u64,
    /// Rows of the snapshot that hold what their columns cannot mean. Their keys cannot be told: they are among the missing.
    pub unreadable: u64,
}

/// A row, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The table's name.
    pub table: &'static str,
    /// Its key.
    pub key: Key,
    /// The columns that differ.
    pub columns: Vec<&'static str>,
}

/// The primary key of a row. Keys are in the order in which both databases sort them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<KeyPart>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeyPart {
    Number(i64),
    Text(String),
}

impl Differences {
    /// Whether both sides are the same.
    pub fn is_none(&self) -> bool {
        self.tables.iter().all(Table::is_equal)
    }

    async fn compare_table<E>(
        &mut self,
        snapshot: &Snapshot,
        fresh: &Generation,
        compared: &mut (dyn FnMut() + Send),
    ) -> Result<(), DbErr>
    where
        E: EntityTrait,
        E::Model: ModelTrait<Entity = E> + Send + Sync,
    {
        let name = E::default().table_name();
        let mut table = Table {
            name,
            ..Table::default()
        };
        let row = |model: &E::Model, columns| Row {
            table: name,
            key: key::<E>(model),
            columns,
        };
        let mut ours = Rows::<E>::of(&snapshot.txn).await?;
        let mut theirs = Rows::<E>::of(fresh.db()).await?;
        let (mut our, mut their) = (ours.next().await?, theirs.next().await?);
        loop {
            let order = match (&our, &their) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(our), Some(their)) => key::<E>(our).cmp(&key::<E>(their)),
            };
            if let (Some(our), Ordering::Less) = (&our, order) {
                table.additional += 1;
                name_row(&mut self.additional, || row(our, Vec::new()));
            }
            if let (Some(their), Ordering::Greater) = (&their, order) {
                table.missing += 1;
                name_row(&mut self.missing, || row(their, Vec::new()));
            }
            if let (Some(our), Some(their), Ordering::Equal) = (&our, &their, order) {
                let columns = differing::<E>(our, their);
                if columns.is_empty() {
                    table.equal += 1;
                } else {
                    table.different += 1;
                    name_row(&mut self.different, || row(our, columns));
                }
            }
            if order.is_le() {
                our = ours.next().await?;
            }
            if order.is_ge() {
                compared();
                their = theirs.next().await?;
            }
        }
        if theirs.unreadable > 0 {
            return Err(DbErr::Type(format!(
                "a row of {name} cannot be read that was just written"
            )));
        }
        table.unreadable = ours.unreadable;
        self.tables.push(table);
        Ok(())
    }
}

impl Table {
    /// Whether both sides are the same.
    pub fn is_equal(&self) -> bool {
        [
            self.different,
            self.missing,
            self.additional,
            self.unreadable,
        ]
        .iter()
        .all(|count| *count == 0)
    }
}

/// Texts are quoted and shortened: they are what somebody sent.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 80;
        for (at, part) in self.0.iter().enumerate() {
            if at > 0 {
                write!(f, ", ")?;
            }
            match part {
                KeyPart::Number(number) => write!(f, "{number}")?,
                KeyPart::Text(text) => {
                    let shown: String = text.chars().take(MOST).collect();
                    let rest = if shown.len() < text.len() { "…" } else { "" };
                    write!(f, "{shown:?}{rest}")?;
                }
            }
        }
        Ok(())
    }
}

/// Calls its argument, a function generic over an entity, for each table of events and of what was made of them.
macro_rules! for_each_table {
    ($compare:ident) => {
        $compare!(event_index);
        $compare!(org);
        $compare!(user);
        $compare!(prospect);
        $compare!(call);
        $compare!(call_prospect);
        $compare!(transcript);
        $compare!(call_word);
        $compare!(analysis);
        $compare!(insight);
        $compare!(version);
        $compare!(seen_type);
        $compare!(seen_field);
    };
}

/// How many rows `generation` has.
pub async fn rows(generation: &Generation) -> Result<u64, DbErr> {
    let mut rows = 0;
    macro_rules! count {
        ($table:ident) => {
            rows += $table::Entity::find().count(generation.db()).await?;
        };
    }
    for_each_table!(count);
    Ok(rows)
}

/// Compares `snapshot` with `fresh`, which is at the same position and stays there. `compared` is called for each row of it.
pub async fn compare(
    snapshot: &Snapshot,
    fresh: &Generation,
    compared: &mut (dyn FnMut() + Send),
) -> Result<Differences, DbErr> {
    let mut differences = Differences::default();
    macro_rules! compare {
        ($table:ident) => {
            differences
                .compare_table::<$table::Entity>(snapshot, fresh, compared)
                .await?;
        };
    }
    for_each_table!(compare);
    Ok(differences)
}

/// The rows of a table in the order of their keys, one at a time.
struct Rows<'c, E: EntityTrait> {
    stream: Pin<Box<dyn Stream<Item = Result<E::Model, DbErr>> + Send + 'c>>,
    unreadable: u64,
}

impl<'c, E> Rows<'c, E>
where
    E: EntityTrait,
    E::Model: Send + Sync,
{
    async fn of<C>(db: &'c C) -> Result<Self, DbErr>
    where
        C: ConnectionTrait + StreamTrait + Send,
    {
        let mut select = E::find();
        for column in E::PrimaryKey::iter() {
            select = select.order_by_asc(column.into_column());
        }
        Ok(Self {
            stream: Box::pin(select.stream(db).await?),
            unreadable: 0,
        })
    }

    async fn next(&mut self) -> Result<Option<E::Model>, DbErr> {
        loop {
            match self.stream.next().await {
                Some(Err(error)) if is_unreadable(&error) => self.unreadable += 1,
                next => return next.transpose(),
            }
        }
    }
}

/// Whether the database is well, and a row holds what its columns cannot mean.
fn is_unreadable(error: &DbErr) -> bool {
    match error {
        DbErr::Type(_) | DbErr::TryIntoErr { .. } => true,
        DbErr::Query(RuntimeErr::SqlxError(error)) => {
            matches!(
                **error,
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
            )
        }
        _ => false,
    }
}

fn key<E>(model: &E::Model) -> Key
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E>,
{
    let parts = E::PrimaryKey::iter().map(|column| match model.get(column.into_column()) {
        Value::Int(Some(number)) => KeyPart::Number(number.into()),
        Value::BigInt(Some(number)) => KeyPart::Number(number),
        Value::String(Some(text)) => KeyPart::Text(text),
        _ => unreachable!("keys are numbers and texts"),
    });
    Key(parts.collect())
}

/// The names of the columns in which two rows differ.
fn differing<E>(one: &E::Model, other: &E::Model) -> Vec<&'static str>
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E>,
{
    E::Column::iter()
        .filter(|column| !is_same(&one.get(*column), &other.get(*column)))
        .map(|column| column.as_str())
        .collect()
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        // To the last bit; but SQLite does not keep the sign of a zero.
        (Value::Double(Some(one)), Value::Double(Some(other))) => {
            one.to_bits() == other.to_bits() || (*one == 0.0 && *other == 0.0)
        }
        _ => one == other,
    }
}

fn name_row(named: &mut Vec<Row>, row: impl FnOnce() -> Row) {
    if named.len() < NAMED {
        named.push(row());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_their_bytes() {
        let texts = [
            "",
            "A",
            "Z",
            "a",
            "a\u{1f600}",
            "b",
            "\u{e9}",
            "\u{ffff}",
            "\u{1f600}",
        ];
        let keys = texts.map(|text| Key(vec![KeyPart::Text(text.to_owned()), KeyPart::Number(0)]));
        assert!(keys.is_sorted());
        let numbers = [-1, 0, 2, 10].map(|number| Key(vec![KeyPart::Number(number)]));
        assert!(numbers.is_sorted());
    }

    #[test]
    fn a_key_is_shown_on_one_line() {
        let key = Key(vec![
            KeyPart::Text("a\n\"b\"".to_owned()),
            KeyPart::Number(7),
        ]);
        assert_eq!(key.to_string(), r#""a\n\"b\"", 7"#);
        let long = Key(vec![KeyPart::Text("é".repeat(500))]);
        assert_eq!(long.to_string(), format!("\"{}\"…", "é".repeat(80)));
    }

    #[test]
    fn numbers_are_the_same_to_the_last_bit() {
        let double = |number: f64| Value::Double(Some(number));
        assert!(is_same(&double(0.1), &double(0.1)));
        assert!(!is_same(&double(0.1 + 0.2), &double(0.3)));
        assert!(is_same(&double(f64::NAN), &double(f64::NAN)));
        assert!(is_same(&double(0.0), &double(-0.0)));
        assert!(!is_same(&double(0.0), &Value::Double(None)));
    }
}
