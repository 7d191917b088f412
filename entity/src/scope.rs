//! What a reader may see, as the start of every select.
//!
//! A table that a client can read implements [`Scoped`]; its rows are only ever selected from
//! [`Scoped::visible_to`], so that who may see what is decided in this one file.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select};

use crate::log::refused_request;
use crate::read_model::{
    analysis, call, call_prospect, call_word, event_index, insight, org, prospect, seen_field,
    seen_type, state, transcript, user, version,
};

/// Which orgs' rows a reader may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every org's, and rows that belong to none.
    Everything,
    /// Only those of these orgs.
    Orgs(Vec<String>),
}

impl Scope {
    /// Whether a row that belongs to this org is among them.
    pub fn sees(&self, org: Option<&str>) -> bool {
        match self {
            Self::Everything => true,
            Self::Orgs(orgs) => org.is_some_and(|org| orgs.iter().any(|one| one == org)),
        }
    }
}

/// A table of which each reader sees a part.
pub trait Scoped: EntityTrait {
    /// The condition that `scope` puts on this table's rows.
    fn within(scope: &Scope) -> Condition;

    /// A select of the rows that `scope` allows.
    fn visible_to(scope: &Scope) -> Select<Self> {
        Self::find().filter(Self::within(scope))
    }

    /// The same for a select that PostgreSQL is to read in the order of the org's index. A column that is known to have one value does not
    /// count in an order, so an only org is one of two, which are the same.
    fn visible_among(scope: &Scope) -> Select<Self> {
        match scope {
            Scope::Orgs(orgs) if orgs.len() == 1 => {
                let twice = orgs.iter().chain(orgs).cloned().collect();
                Self::visible_to(&Scope::Orgs(twice))
            }
            scope => Self::visible_to(scope),
        }
    }
}

fn orgs(column: impl ColumnTrait, scope: &Scope) -> Condition {
    match scope {
        Scope::Everything => Condition::all(),
        Scope::Orgs(orgs) => Condition::all().add(column.is_in(orgs.iter().map(String::as_str))),
    }
}

/// Rows that belong to a call are seen by whoever sees the call. It is looked up for each row: as a list of the calls that are seen, it would
/// be made anew for every statement.
fn of_calls(column: impl ColumnTrait, scope: &Scope) -> Condition {
    match scope {
        Scope::Everything => Condition::all(),
        Scope::Orgs(_) => {
            let call = call::Entity::visible_to(scope)
                .select_only()
                .column(call::Column::Id)
                .filter(Expr::col((call::Entity, call::Column::Id)).equals(column.as_column_ref()));
            Condition::all().add(Expr::exists(call.into_query()))
        }
    }
}

/// Rows that belong to no org are seen by whoever sees everything.
fn no_org(key: impl ColumnTrait, scope: &Scope) -> Condition {
    match scope {
        Scope::Everything => Condition::all(),
        Scope::Orgs(_) => Condition::all().add(key.is_null()),
    }
}

macro_rules! scoped {
    ($($table:ident by $rule:ident of $column:ident;)*) => {$(
        impl Scoped for $table::Entity {
            fn within(scope: &Scope) -> Condition {
                $rule($table::Column::$column, scope)
            }
        }
    )*};
}

scoped! {
    org by orgs of Id;
    user by orgs of OrgId;
    call by orgs of OrgId;
    prospect by orgs of OrgId;
    event_index by orgs of OrgId;
    call_prospect by orgs of OrgId;
    call_word by of_calls of CallId;
    transcript by of_calls of CallId;
    analysis by of_calls of CallId;
    insight by of_calls of CallId;
    refused_request by no_org of Id;
    state by orgs of OrgId;
    version by orgs of OrgId;
    seen_type by no_org of EventType;
    seen_field by no_org of EventType;
}

#[cfg(test)]
mod tests {
    use sea_orm::{DatabaseBackend, QueryTrait};

    use super::*;

    #[test]
    fn what_belongs_to_no_org_is_not_seen_by_a_reader_of_some() {
        let select = |scope| {
            let select = refused_request::Entity::visible_to(&scope);
            select.build(DatabaseBackend::Sqlite).to_string()
        };
        let some = select(Scope::Orgs(vec!["o".to_owned()]));
        assert!(
            some.ends_with(r#"WHERE "refused_requests"."id" IS NULL"#),
            "{some}"
        );
        let all = select(Scope::Everything);
        assert!(all.ends_with("WHERE TRUE"), "{all}");
    }
}
