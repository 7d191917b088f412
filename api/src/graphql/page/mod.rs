//! Pages of a list: the Relay cursor connection over keysets.
//!
//! A cursor is the key by which its row is ordered, so a page stays right while rows arrive: it says "behind this row",
//! never "skip so many". [`Page`] is what was asked for, [`Paged`] how a table is ordered, [`Connection`] the answer.

mod connection;
mod key;
mod order;

use sea_orm::sea_query::{
    ColumnRef, Expr, ExprTrait, IntoColumnRef, OverStatement, SimpleExpr, WindowStatement,
};
use sea_orm::{ColumnTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};

pub use connection::{Connection, Edge, Node, Total};
pub use entity::scope::Scoped;
pub use key::{Key, KeyPart};

use super::error::{Error, Result};

/// How many rows a page has when the query does not say.
pub const DEFAULT_SIZE: u64 = 20;
/// How many rows a page has at most.
pub const MAX_SIZE: u64 = 100;

/// A table that is listed: by which columns, and in which direction.
pub trait Paged: Scoped<Model: Send + Sync> {
    /// The columns of the order; together they tell every row from every other.
    fn order() -> Vec<Self::Column>;

    /// Whether the list begins with the greatest key: newest first.
    const DESCENDING: bool = true;

    /// The key of a row: its values in those columns.
    fn key(row: &Self::Model) -> Vec<KeyPart>;
}

/// The arguments of a list, as sent.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// The size of a page from the front.
    pub first: Option<i32>,
    /// Behind this cursor.
    pub after: Option<String>,
    /// The size of a page from the back.
    pub last: Option<i32>,
    /// Ahead of this cursor.
    pub before: Option<String>,
}

/// A page as asked for. Two equal pages of the same list are one query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    size: u64,
    backward: bool,
    after: Option<Key>,
    before: Option<Key>,
}

impl Page {
    /// Checks the arguments.
    pub fn new(arguments: &Arguments) -> Result<Self> {
        let (size, backward) = match (arguments.first, arguments.last) {
            (Some(_), Some(_)) => {
                return Err(Error::bad_input(
                    "Ask for `first` or for `last`, not for both.",
                ));
            }
            (None, Some(last)) => (size("last", last)?, true),
            (Some(first), None) => (size("first", first)?, false),
            (None, None) => (DEFAULT_SIZE, false),
        };
        Ok(Self {
            size,
            backward,
            after: arguments.after.as_deref().map(Key::decode).transpose()?,
            before: arguments.before.as_deref().map(Key::decode).transpose()?,
        })
    }

    /// Puts the bounds of this page on a select.
    pub fn bound<E: Paged>(&self, mut select: Select<E>) -> Result<Select<E>> {
        for (key, behind) in [(&self.after, true), (&self.before, false)] {
            let Some(key) = key else { continue };
            let columns = E::order();
            if !key.fits::<E>() {
                return Err(Error::bad_input(
                    "This cursor is of another list: use the cursors of the list that is asked for.",
                ));
            }
            let row = Expr::tuple(columns.iter().map(|column| Expr::col(qualified(*column))));
            let bound = Expr::tuple(key.values());
            select = select.filter(if behind == E::DESCENDING {
                row.lt(bound)
            } else {
                row.gt(bound)
            });
        }
        Ok(select)
    }

    /// In which direction the rows of this page are read.
    pub fn direction<E: Paged>(&self) -> Order {
        if E::DESCENDING == self.backward {
            Order::Asc
        } else {
            Order::Desc
        }
    }

    /// One row more than the page has, to know whether there is a next one.
    pub fn reach(&self) -> u64 {
        self.size + 1
    }

    /// The whole select of this page.
    pub fn of<E: Paged>(&self, select: Select<E>) -> Result<Select<E>> {
        let mut select = self.bound(select)?;
        for column in E::order() {
            select = select.order_by(column, self.direction::<E>());
        }
        Ok(select.limit(self.reach()))
    }

    /// The answer, from the rows in the order in which they were read.
    pub fn connection<E: Paged, N: Node<Row = E::Model>>(
        &self,
        mut rows: Vec<E::Model>,
        total: Total,
    ) -> Connection<N> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        if self.backward {
            rows.reverse();
        }
        let edges = rows
            .into_iter()
            .map(|row| Edge {
                cursor: Key::of::<E>(&row).encode(),
                node: N::from_row(row),
            })
            .collect();
        Connection::new(
            edges,
            if self.backward {
                self.before.is_some()
            } else {
                more
            },
            if self.backward {
                more
            } else {
                self.after.is_some()
            },
            total,
        )
    }
}

fn size(name: &str, asked: i32) -> Result<u64> {
    u64::try_from(asked)
        .ok()
        .filter(|size| *size <= MAX_SIZE)
        .ok_or_else(|| {
            Error::bad_input(format!(
                "`{name}` must be from 0 to {MAX_SIZE}; ask for further rows with the cursor of the last one."
            ))
        })
}

/// A column with its table, since a select may join others.
fn qualified<C: ColumnTrait>(column: C) -> ColumnRef {
    column.as_column_ref().into_column_ref()
}

/// `ROW_NUMBER()` of a page's rows below each parent.
pub fn row_number<E: Paged>(page: &Page, parent: &[SimpleExpr]) -> WindowStatement {
    let mut window = WindowStatement::new();
    for parent in parent {
        window.add_partition_by(parent.clone());
    }
    for column in E::order() {
        window.order_by(qualified(column), page.direction::<E>());
    }
    window
}
