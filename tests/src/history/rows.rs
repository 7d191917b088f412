//! Everything that a generation of the read model holds, as something to compare.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Write};

use entity::read_model::{
    analysis, call, call_prospect, call_word, checkpoint, event_index, insight, org, prospect,
    seen_field, seen_type, transcript, user, version,
};
use sea_orm::{DatabaseConnection, DbErr, EntityTrait};

/// What is said of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// They are compared: for the same log.
    Kept,
    /// Each is replaced by the SHA-256 of what stands there: for the same events in another order.
    Aside,
}

/// The rows of every table, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump(BTreeMap<&'static str, Vec<String>>);

impl Dump {
    /// What is in one and not in the other; `None` when they are equal.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let mut told = String::new();
        for (table, rows) in &self.0 {
            let mut others = other.0.get(table).cloned().unwrap_or_default();
            let mut only = Vec::new();
            for row in rows {
                match others.iter().position(|other| other == row) {
                    Some(at) => {
                        others.remove(at);
                    }
                    None => only.push(row),
                }
            }
            for (side, row) in only
                .into_iter()
                .map(|row| ("first", row))
                .chain(others.iter().map(|row| ("second", row)))
            {
                let _ = writeln!(told, "{table}, only in the {side}: {row}");
            }
        }
        Some(told)
    }

    /// How many rows `table` has.
    pub fn count(&self, table: &str) -> usize {
        self.0.get(table).map_or(0, Vec::len)
    }
}

fn sorted(rows: &[impl Debug]) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    rows.sort_unstable();
    rows
}

/// Every row of every table.
///
/// # Errors
/// The database's.
pub async fn dump(db: &DatabaseConnection, positions: Positions) -> Result<Dump, DbErr> {
    let index = event_index::Entity::find().all(db).await?;
    let hashes: HashMap<i64, String> = index
        .iter()
        .map(|row| (row.position, row.body_hash.clone()))
        .collect();
    // `Debug` of a float is exact, and so is that of a text.
    let at = |position: i64| match positions {
        Positions::Kept => position.to_string(),
        Positions::Aside => hashes.get(&position).cloned().unwrap_or_default(),
    };
    let mut tables = BTreeMap::new();
    macro_rules! take {
        ($($table:ident)*) => {$(
            tables.insert(stringify!($table), sorted(&$table::Entity::find().all(db).await?));
        )*};
        (with last_position: $($table:ident)*) => {$(
            let rows = $table::Entity::find().all(db).await?.into_iter().map(|mut row| {
                let last = Option::<i64>::from(row.last_position.take_position()).map(&at);
                (row, last)
            });
            tables.insert(stringify!($table), sorted(&rows.collect::<Vec<_>>()));
        )*};
    }
    take!(with last_position: org user prospect call);
    take!(call_prospect transcript call_word analysis insight);
    let versions = version::Entity::find().all(db).await?;
    let versions = versions.into_iter().map(|mut row| {
        let position = at(std::mem::take(&mut row.position));
        (row, position)
    });
    tables.insert("version", sorted(&versions.collect::<Vec<_>>()));
    macro_rules! take_seen {
        ($($table:ident)*) => {$(
            let rows = $table::Entity::find().all(db).await?.into_iter().map(|mut row| {
                // Which event was the first and which the last to have something is what the order of arrival decides.
                if positions == Positions::Aside {
                    (row.first_position, row.last_position) = (0, 0);
                }
                row
            });
            tables.insert(stringify!($table), sorted(&rows.collect::<Vec<_>>()));
        )*};
    }
    take_seen!(seen_type seen_field);
    let index = index.into_iter().map(|mut row| {
        let of = row.duplicate_of.take().map(&at);
        let position = match positions {
            Positions::Kept => row.position,
            Positions::Aside => 0,
        };
        row.position = 0;
        (position, of, row)
    });
    tables.insert("event_index", sorted(&index.collect::<Vec<_>>()));
    let checkpoint = checkpoint::Entity::find().all(db).await?;
    let checkpoint: Vec<i64> = checkpoint.iter().map(|row| row.position).collect();
    tables.insert("checkpoint", sorted(&checkpoint));
    Ok(Dump(tables))
}

/// A position column, nullable or not.
trait TakePosition {
    fn take_position(&mut self) -> Option<i64>;
}

impl TakePosition for Option<i64> {
    fn take_position(&mut self) -> Option<i64> {
        self.take()
    }
}

impl TakePosition for i64 {
    fn take_position(&mut self) -> Option<i64> {
        Some(std::mem::take(self))
    }
}
