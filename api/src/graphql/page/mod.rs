//! Pages of a list: the Relay cursor connection over keysets.
//!
//! A cursor is the key by which its row is ordered, so a page stays right while rows arrive: it says "behind this row",
//! never "skip so many". [`Page`] is what was asked for, [`Paged`] the orders of a table, [`Connection`] the answer.

mod connection;
mod key;
mod order;

use async_graphql::InputType;
use sea_orm::sea_query::{
    Expr, ExprTrait, OverStatement, SelectStatement, SimpleExpr, WindowStatement,
};
use sea_orm::{DatabaseBackend, QueryFilter, QueryOrder, QuerySelect, Select};

pub use connection::{Connection, Edge, Node, Total};
pub use entity::scope::Scoped;
pub use key::Key;
pub use order::{
    AnalysisOrderField, CallOrderField, EventOrderField, Order, OrderDirection, OrderOf,
    OrgOrderField, ProspectOrderField, UserOrderField,
};

use super::asked::{Asked, Slim};
use super::error::{Error, Result};
use super::filter::Sight;
use order::Part;

/// How many rows a page has when the query does not say.
pub const DEFAULT_SIZE: u64 = 20;
/// How many rows a page has at most.
pub const MAX_SIZE: u64 = 100;

/// A table that is listed, and in which orders.
pub trait Paged: Scoped<Model: Send + Sync> + Slim {
    /// By what it can be ordered.
    type Field: InputType + Copy + Eq + std::hash::Hash + std::fmt::Debug;

    /// The order unless the query says another.
    const DEFAULT: Order<Self::Field>;

    /// The column that says of which org a row is, where an index has it ahead of the default order.
    const ORG: Option<Self::Column> = None;

    /// The values by which rows are ordered; together they tell every row from every other.
    fn parts(field: Self::Field) -> Vec<Part<Self>>;
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

/// A page as asked for, of a list that is ordered by an `F`. Two equal pages of the same list are one query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page<F: InputType> {
    order: Order<F>,
    size: u64,
    backward: bool,
    after: Option<Key>,
    before: Option<Key>,
}

impl<F: InputType + Copy + Eq> Page<F> {
    /// Checks the arguments.
    pub fn new<E: Paged<Field = F>>(
        arguments: &Arguments,
        order: Option<Order<F>>,
    ) -> Result<Self> {
        let order = order.unwrap_or(E::DEFAULT);
        let (size, backward) = arguments.size()?;
        let key = |cursor: &Option<String>| {
            let key = cursor.as_deref().map(Key::decode).transpose()?;
            if let Some(key) = &key {
                key.check::<E>(order)?;
            }
            Ok::<_, Error>(key)
        };
        Ok(Self {
            order,
            size,
            backward,
            after: key(&arguments.after)?,
            before: key(&arguments.before)?,
        })
    }

    /// Puts the bounds of this page on a select.
    pub fn bound<E: Paged<Field = F>>(&self, mut select: Select<E>, sight: Sight<'_>) -> Select<E> {
        let backend = sight.backend;
        let is_descending = self.order.direction == OrderDirection::Desc;
        for (key, behind) in [(&self.after, true), (&self.before, false)] {
            let Some(key) = key else { continue };
            let is_less = behind == is_descending;
            let row = Expr::tuple(self.expressions::<E>(backend));
            let values = key.values::<E>(self.order, sight.scope);
            let bound = Expr::tuple(values.clone());
            select = select.filter(if is_less {
                row.lt(bound)
            } else {
                row.gt(bound)
            });
            // SQLite seeks a row of columns in their index, but not a row that begins with an expression.
            let parts = E::parts(self.order.field);
            let first = parts.first().filter(|part| !part.is_column());
            if let Some((first, bound)) = first.zip(values.into_iter().next()) {
                let first = first.expression(backend);
                select = select.filter(if is_less {
                    first.lte(bound)
                } else {
                    first.gte(bound)
                });
            }
        }
        select
    }

    /// By what the rows are ordered.
    fn expressions<E: Paged<Field = F>>(
        &self,
        backend: DatabaseBackend,
    ) -> impl Iterator<Item = SimpleExpr> {
        let parts = E::parts(self.order.field).into_iter();
        parts.map(move |part| part.expression(backend))
    }

    /// In which direction the rows of this page are read.
    pub fn direction(&self) -> sea_orm::Order {
        if (self.order.direction == OrderDirection::Desc) == self.backward {
            sea_orm::Order::Asc
        } else {
            sea_orm::Order::Desc
        }
    }

    /// Has PostgreSQL read this page, of the rows that have `value` in `column` and are otherwise not asked anything, from the index that has that
    /// column ahead of the default order.
    ///
    /// It takes the rows of an org to be spread evenly over the order of a list. With few orgs it walks that order until a page is full,
    /// rather than seek the org in its own index, and walks through all rows when the org has none of late. Ordered by the org first, rows come in
    /// order from that index alone; but a column that is known to have one value does not count in an order. So it is one of two, which are the same.
    pub fn sought<E: Paged<Field = F>>(
        &self,
        select: Select<E>,
        column: &SimpleExpr,
        value: SimpleExpr,
    ) -> Select<E> {
        select
            .filter(column.clone().is_in([value.clone(), value]))
            .order_by(column.clone(), self.direction())
    }

    /// Whether its rows are ordered as they are unless the query says otherwise, forwards or backwards.
    pub fn is_in_default_order<E: Paged<Field = F>>(&self) -> bool {
        self.order.field == E::DEFAULT.field
    }

    /// Whether nothing of it is asked for that its rows would tell.
    pub fn tells_nothing(&self, asked: &Asked) -> bool {
        self.size == 0 && !asked.any(&["hasNextPage", "hasPreviousPage"])
    }

    /// One row more than the page has, to know whether there is a next one.
    pub fn reach(&self) -> u64 {
        self.size + 1
    }

    /// The whole select of this page.
    pub fn of<E: Paged<Field = F>>(&self, select: Select<E>, sight: Sight<'_>) -> Select<E> {
        let mut select = self.bound(select, sight).limit(self.reach());
        self.put_in_order::<E>(QuerySelect::query(&mut select), sight.backend);
        select
    }

    /// Has rows of `E` read in this page's order.
    pub fn put_in_order<E: Paged<Field = F>>(
        &self,
        select: &mut SelectStatement,
        backend: DatabaseBackend,
    ) {
        for expression in self.expressions::<E>(backend) {
            select.order_by_expr(expression, self.direction());
        }
    }

    /// `ROW_NUMBER()` of the rows in this page's order: of each `parent` by itself, or with `first` ahead of that order.
    pub fn row_number<E: Paged<Field = F>>(
        &self,
        parent: &[SimpleExpr],
        first: Option<SimpleExpr>,
        backend: DatabaseBackend,
    ) -> WindowStatement {
        let mut window = WindowStatement::new();
        for parent in parent {
            window.add_partition_by(parent.clone());
        }
        if let Some(first) = first {
            window.order_by_expr(first, self.direction());
        }
        for expression in self.expressions::<E>(backend) {
            window.order_by_expr(expression, self.direction());
        }
        window
    }

    /// The answer, from the rows in the order in which they were read.
    pub fn connection<E: Paged<Field = F>, N: Node<Row = E::Model>>(
        &self,
        mut rows: Vec<E::Model>,
        total: Total,
        asked: &Asked,
    ) -> Connection<N> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        if self.backward {
            rows.reverse();
        }
        let shows_cursors = asked.cursors();
        let cursor = |row: &E::Model| shows_cursors.then(|| Key::of::<E>(row, self.order).encode());
        let edges = rows
            .into_iter()
            .map(|row| Edge {
                cursor: cursor(&row).unwrap_or_default(),
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

impl Arguments {
    /// How many rows are asked for, and whether from the back.
    pub fn size(&self) -> Result<(u64, bool)> {
        match (self.first, self.last) {
            (Some(_), Some(_)) => Err(Error::bad_input(
                "Ask for `first` or for `last`, not for both.",
            )),
            (None, Some(last)) => Ok((size("last", last)?, true)),
            (Some(first), None) => Ok((size("first", first)?, false)),
            (None, None) => Ok((DEFAULT_SIZE, false)),
        }
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
