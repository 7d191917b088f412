//! Expressions that stand in an index.
//!
//! The planners compare expressions by their form, not by their meaning: what is written here and in
//! `migration/src/read_model/tables.sql` has to be the same. `tests/it/plan` reads the plans.

use sea_orm::sea_query::{Expr, Func, SimpleExpr};
use sea_orm::{ColumnTrait, DatabaseBackend, IntoSimpleExpr};

/// How many characters of a text without bound are in its index: an index of PostgreSQL takes 2,704 bytes for all columns.
pub const PREFIX_CHARACTERS: usize = 200;

/// What a missing number counts as where numbers are compared: less than any that JSON can write.
pub const LEAST_NUMBER: f64 = f64::NEG_INFINITY;

/// What a missing time counts as where times are compared: earlier than any.
pub const LEAST_TIME: i64 = -9_000_000_000_000_000_000;

/// The beginning of a text.
pub fn prefix(column: impl ColumnTrait) -> SimpleExpr {
    let range = [Expr::cust("1"), Expr::cust(PREFIX_CHARACTERS.to_string())];
    let arguments = std::iter::once(column.into_simple_expr()).chain(range);
    Func::cust("substr").args(arguments).into()
}

/// The beginning of a text that is asked for.
pub fn prefix_of(text: &str) -> &str {
    match text.char_indices().nth(PREFIX_CHARACTERS) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// A number, a missing one as [`LEAST_NUMBER`].
pub fn number(column: impl ColumnTrait, backend: DatabaseBackend) -> SimpleExpr {
    let least = match backend {
        DatabaseBackend::Postgres => "'-Infinity'::double precision",
        // Beyond what a number can be: SQLite reads it as infinity.
        _ => "-9e999",
    };
    Func::coalesce([column.into_simple_expr(), Expr::cust(least)]).into()
}

/// A time, a missing one as [`LEAST_TIME`].
pub fn time(column: impl ColumnTrait) -> SimpleExpr {
    let least = Expr::cust(LEAST_TIME.to_string());
    Func::coalesce([column.into_simple_expr(), least]).into()
}

#[cfg(test)]
mod tests {
    use super::{PREFIX_CHARACTERS, prefix_of};

    #[test]
    fn a_prefix_is_counted_in_characters() {
        assert_eq!(prefix_of("é"), "é");
        let long = "é".repeat(PREFIX_CHARACTERS + 1);
        assert_eq!(prefix_of(&long), "é".repeat(PREFIX_CHARACTERS));
    }
}
