//! `and`, `or`, `not`: filters within filters, and how many of them the databases take.
//!
//! A condition on what is null is neither true nor false to a database. Here a row passes a filter or it does not, so `not`
//! lets exactly those rows pass that its filter does not.

use entity::scope::Scope;
use ingest::token::Hidden;
use sea_orm::sea_query::{Expr, Query, SimpleExpr, SqliteQueryBuilder};
use sea_orm::{Condition, DatabaseBackend, EntityTrait};

use super::passes::Checks;
use super::sight::Sight;
use crate::graphql::error::{Error, Result};
use crate::graphql::viewer::Viewer;

/// Filters that may be within each other in all.
const MOST_FILTERS: usize = 100;

/// How deep filters may be within each other: the outer one counts.
const MOST_LEVELS: usize = 10;

/// Values that a filter may hold in all. SQLite takes 32,766, and the keys of a list's parents are among them.
pub const MOST_VALUES: usize = 10_000;

/// Other tables that a filter may look into as PostgreSQL likes it best: by joining them. Each more makes the planner's work many times
/// as much: 24 took it seconds, 36 minutes and gigabytes.
const MOST_JOINED: usize = 8;

/// The filters in a filter, one field each.
pub struct Combined<'f, F> {
    /// All of these hold.
    pub and: Option<&'f Vec<F>>,
    /// At least one of these holds; none of no filters does.
    pub or: Option<&'f Vec<F>>,
    /// This does not hold.
    pub not: Option<&'f F>,
}

/// How much is within a filter, itself included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    filters: usize,
    levels: usize,
}

impl Extent {
    /// A filter with nothing in it.
    pub const ONE: Self = Self {
        filters: 1,
        levels: 1,
    };

    /// The same with another filter in it.
    #[must_use]
    pub fn with(self, inner: Self) -> Self {
        Self {
            filters: self.filters.saturating_add(inner.filters),
            levels: self.levels.max(inner.levels + 1),
        }
    }
}

/// A filter of the rows of `E`. Equal filters are gathered into one statement.
pub trait Filter<E: EntityTrait>:
    Clone + Default + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync + 'static
{
    /// The condition of the filter's own fields.
    fn fields(&self, sight: Sight<'_>) -> Condition;

    /// Whether the rows that pass the filter's own fields tell something that can be hidden from a reader.
    fn fields_tell(&self, _: Hidden) -> bool {
        false
    }

    /// Whether a row passes the filter's own fields. None: only the database can tell.
    fn fields_pass(&self, _: &E::Model) -> Option<bool> {
        None
    }

    /// The only org of which rows pass, if that is all that the filter says.
    fn org(&self) -> Option<&str> {
        None
    }

    /// The filters of the same rows in it.
    fn combined(&self) -> Combined<'_, Self>;

    /// How much is within it.
    fn extent(&self) -> Extent {
        let Combined { and, or, not } = self.combined();
        let inner = and.into_iter().chain(or).flatten().chain(not);
        inner.map(Self::extent).fold(Extent::ONE, Extent::with)
    }

    /// How many values it holds: counted where they end up, so that no field can be forgotten.
    fn values(&self, scope: &Scope) -> usize {
        let condition = self.condition(Sight {
            scope,
            ..Sight::of_everything()
        });
        let (_, values) = Query::select()
            .cond_where(condition)
            .build(SqliteQueryBuilder);
        values.0.len()
    }

    /// What it costs to look at texts for its own fields, in fields of a row.
    fn reading_of_fields(&self) -> usize {
        0
    }

    /// What it costs to look at texts for it, in fields of a row.
    fn reading(&self) -> usize {
        let Combined { and, or, not } = self.combined();
        let inner = and.into_iter().chain(or).flatten().chain(not);
        inner.fold(self.reading_of_fields(), |sum, filter| {
            sum.saturating_add(filter.reading())
        })
    }

    /// Whether the rows that pass tell something that can be hidden from a reader.
    fn tells(&self, what: Hidden) -> bool {
        let Combined { and, or, not } = self.combined();
        let mut inner = and.into_iter().chain(or).flatten().chain(not);
        self.fields_tell(what) || inner.any(|filter| filter.tells(what))
    }

    /// How often it looks into other tables: counted where it ends up, so that no field can be forgotten.
    fn lookups(&self, scope: &Scope) -> usize {
        let fields = self.fields(Sight {
            scope,
            ..Sight::of_everything()
        });
        let (sql, _) = Query::select().cond_where(fields).build(SqliteQueryBuilder);
        let Combined { and, or, not } = self.combined();
        let inner = and.into_iter().chain(or).flatten().chain(not);
        inner.fold(sql.matches("(SELECT ").count(), |sum, filter| {
            sum.saturating_add(filter.lookups(scope))
        })
    }

    /// The condition on the rows.
    fn condition(&self, sight: Sight<'_>) -> Condition {
        let Combined { and, or, not } = self.combined();
        let fenced = sight.backend == DatabaseBackend::Postgres
            && self.extent().filters > 1
            && self.lookups(sight.scope) > MOST_JOINED;
        // An expression each: a condition without parts would be left out, whatever it means.
        let expression = |filter: &Self| {
            let expression = SimpleExpr::from(filter.condition(sight));
            if fenced {
                fenced_in(expression)
            } else {
                expression
            }
        };
        let mut all = self.fields(sight);
        for filter in and.into_iter().flatten() {
            all = all.add(expression(filter));
        }
        if let Some(filters) = or {
            let any = filters.iter().map(expression);
            all = all.add(SimpleExpr::from(any.fold(Condition::any(), Condition::add)));
        }
        match not {
            Some(filter) => all.add(is_not_true(expression(filter), sight.backend)),
            None => all,
        }
    }

    /// Whether a row passes, as [`Self::condition`] says it. None: only the database can tell.
    fn passes(&self, row: &E::Model) -> Option<bool> {
        let Combined { and, or, not } = self.combined();
        let own = Checks(self.fields_pass(row));
        let all = and.into_iter().flatten();
        let all = all.fold(own, |all, filter| all.and(filter.passes(row)));
        let all = match or {
            Some(filters) => {
                let any = Checks(Some(false));
                let any = filters
                    .iter()
                    .fold(any, |any, filter| any.or(filter.passes(row)));
                all.and(any.0)
            }
            None => all,
        };
        match not {
            Some(filter) => all.and(filter.passes(row).map(|passes| !passes)).0,
            None => all.0,
        }
    }

    /// Checks that the databases take it, and that it tells this reader nothing that is hidden from them. Every filter that a client sends is
    /// checked before its condition is used.
    fn check(&self, viewer: &Viewer) -> Result<()> {
        for told in Hidden::ALL.into_iter().filter(|what| self.tells(*what)) {
            viewer.must_see(told)?;
        }
        let Extent { filters, levels } = self.extent();
        if filters > MOST_FILTERS {
            return Err(Error::bad_input(format!(
                "A filter holds at most {MOST_FILTERS} filters in all, not {filters}: name several values in one field (`id: [..]`) instead of a filter each, or ask in several queries."
            )));
        }
        if levels > MOST_LEVELS {
            return Err(Error::bad_input(format!(
                "Filters are at most {MOST_LEVELS} levels within each other, not {levels}: filters in `and` that hold nothing else can be one."
            )));
        }
        let values = self.values(viewer.scope());
        if values > MOST_VALUES {
            return Err(Error::bad_input(format!(
                "A filter holds at most {MOST_VALUES} values in all, not {values}: ask for them in several queries."
            )));
        }
        Ok(())
    }
}

/// The same condition, of which PostgreSQL makes no joins.
fn fenced_in(condition: SimpleExpr) -> SimpleExpr {
    Expr::cust_with_expr("($1) IS TRUE", condition)
}

/// Whether `condition` is false or unknown.
fn is_not_true(condition: SimpleExpr, backend: DatabaseBackend) -> SimpleExpr {
    let form = match backend {
        DatabaseBackend::Postgres => "($1) IS NOT TRUE",
        _ => "(?) IS NOT TRUE",
    };
    Expr::cust_with_expr(form, condition)
}
