//! A search as SQL.
//!
//! The index finds the rows by the words that they have, whichever of the two databases it is; whether words follow each other,
//! and how often, is looked up in the stored words themselves. So no database ranks, parses or folds anything, and both answer
//! the same. What stands in an expression of the index are folded words alone: letters, digits, and bytes beyond ASCII.

use entity::read_model::{call, call_word};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query, SelectStatement, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, DatabaseBackend, EntityTrait, QuerySelect, QueryTrait};

use super::SearchText;
use super::syntax::{Search, Term};

/// Which of a call's texts is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Its title.
    Title,
    /// Its transcript.
    Spoken,
}

/// What is searched occurs in the call's transcript.
pub fn spoken(search: &SearchText, backend: DatabaseBackend) -> SimpleExpr {
    is_among(Field::Spoken, search, backend)
}

/// What is searched occurs in the call's title.
pub fn titled(search: &SearchText, backend: DatabaseBackend) -> SimpleExpr {
    is_among(Field::Title, search, backend)
}

fn is_among(field: Field, search: &SearchText, backend: DatabaseBackend) -> SimpleExpr {
    let calls = call_word::Entity::find()
        .select_only()
        .column(call_word::Column::CallId)
        .into_query()
        .cond_where(occurs(field, search.search(), backend))
        .take();
    call::Column::Id.in_subquery(calls)
}

/// A row of `call_words` has what is searched.
pub fn occurs(field: Field, search: &Search, backend: DatabaseBackend) -> Condition {
    let Search { groups, excluded } = search;
    // Of a phrase the index knows the words, not their order.
    let groups = groups
        .iter()
        .filter(|group| group.iter().any(Term::is_phrase));
    let groups = groups.map(|group| {
        let terms = group.iter().map(|term| field.contains(term, backend));
        terms.fold(Condition::any(), Condition::add)
    });
    let excluded = excluded.iter().filter(|term| term.is_phrase());
    let excluded = excluded.map(|term| field.contains(term, backend).not());
    let all = Condition::all().add(field.has_words(search, backend));
    excluded.fold(groups.fold(all, Condition::add), Condition::add)
}

/// How often a row of `call_words` says what is searched: the sum over all terms that may occur.
pub fn matches(field: Field, search: &Search) -> SimpleExpr {
    let bytes = |text: SimpleExpr| call_of("octet_length", [text]);
    let counts = search.terms().into_iter().map(|term| {
        let stored = term.stored();
        let each = i64::try_from(stored.len()).unwrap_or(i64::MAX);
        let without = call_of(
            "replace",
            [field.text(), stored.into(), String::new().into()],
        );
        bytes(field.text()).sub(bytes(without)).div(each)
    });
    let sum = counts.reduce(ExprTrait::add);
    sum.unwrap_or_else(|| Expr::val(0_i64)).cast_as("BIGINT")
}

fn call_of(function: &'static str, arguments: impl IntoIterator<Item = SimpleExpr>) -> SimpleExpr {
    Func::cust(function).args(arguments).into()
}

impl Field {
    fn column(self) -> call_word::Column {
        match self {
            Self::Title => call_word::Column::Title,
            Self::Spoken => call_word::Column::Spoken,
        }
    }

    fn text(self) -> SimpleExpr {
        Expr::col((call_word::Entity, self.column()))
    }

    fn contains(self, term: &Term, backend: DatabaseBackend) -> SimpleExpr {
        let place = match backend {
            DatabaseBackend::Postgres => "strpos",
            _ => "instr",
        };
        call_of(place, [self.text(), term.stored().into()]).gt(0)
    }

    /// The index says that the words of what is searched are there, and excluded words are not.
    fn has_words(self, search: &Search, backend: DatabaseBackend) -> SimpleExpr {
        let column = match self {
            Self::Title => "title",
            Self::Spoken => "spoken",
        };
        if backend == DatabaseBackend::Postgres {
            return Expr::cust_with_values(
                format!("\"call_words\".\"{column}_words\" @@ CAST($1 AS tsquery)"),
                [POSTGRES.expression(search)],
            );
        }
        let matches = Expr::cust_with_values(
            "\"call_words_index\" MATCH ?",
            [format!("{column} : ({})", SQLITE.expression(search))],
        );
        let found: SelectStatement = Query::select()
            .column(Alias::new("rowid"))
            .from(Alias::new("call_words_index"))
            .and_where(matches)
            .take();
        Expr::col((call_word::Entity, Alias::new("nth"))).in_subquery(found)
    }
}

/// How a database's index writes what words are wanted.
struct Dialect {
    quote: char,
    prefix: &'static str,
    and: &'static str,
    or: &'static str,
    not: &'static str,
}

const SQLITE: Dialect = Dialect {
    quote: '"',
    prefix: "*",
    and: " AND ",
    or: " OR ",
    not: " NOT ",
};

const POSTGRES: Dialect = Dialect {
    quote: '\'',
    prefix: ":*",
    and: " & ",
    or: " | ",
    not: " & !",
};

impl Dialect {
    fn expression(&self, search: &Search) -> String {
        let groups = search.groups.iter().map(|group| {
            let terms: Vec<_> = group.iter().map(|term| self.term(term)).collect();
            format!("({})", terms.join(self.or))
        });
        let groups: Vec<_> = groups.collect();
        let wanted = format!("({})", groups.join(self.and));
        // Words of an excluded phrase may well occur, only not as the phrase.
        let excluded = search.excluded.iter().filter(|term| !term.is_phrase());
        let excluded: Vec<_> = excluded.map(|term| self.term(term)).collect();
        if excluded.is_empty() {
            wanted
        } else {
            format!("{wanted}{}({})", self.not, excluded.join(self.or))
        }
    }

    fn term(&self, term: &Term) -> String {
        let mut words: Vec<String> = Vec::new();
        let last = term.words.len() - 1;
        for (at, word) in term.words.iter().enumerate() {
            let prefix = if term.is_prefix && at == last {
                self.prefix
            } else {
                ""
            };
            let word = format!("{quote}{word}{quote}{prefix}", quote = self.quote);
            if !words.contains(&word) {
                words.push(word);
            }
        }
        format!("({})", words.join(self.and))
    }
}

#[cfg(test)]
mod tests {
    use super::{POSTGRES, SQLITE, Search};

    #[test]
    fn each_index_is_asked_in_its_own_words() {
        let search = Search::parse("\"a b a\" OR pri* deal -demo -\"x y\" -of*").unwrap();
        assert_eq!(
            SQLITE.expression(&search),
            r#"((("a" AND "b") OR ("pri"*)) AND (("deal"))) NOT (("demo") OR ("of"*))"#
        );
        assert_eq!(
            POSTGRES.expression(&search),
            "((('a' & 'b') | ('pri':*)) & (('deal'))) & !(('demo') | ('of':*))"
        );
    }
}
