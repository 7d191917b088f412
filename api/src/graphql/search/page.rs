//! Pages of the calls that a search finds, those first that say it most.
//!
//! One statement a page: the calls that may be seen and that have what is searched, each with how often it says it; of these the
//! page. The order is (matches, time, id), all from the greatest on, and a cursor is the three of its row.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entity::read_model::{call, call_word};
use entity::scope::Scoped;
use ingest::token::Hidden;
use sea_orm::sea_query::{
    Alias, CommonTableExpression, Expr, ExprTrait, Order, Query, SelectStatement, SimpleExpr,
};
use sea_orm::{ConnectionTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait};
use serde::{Deserialize, Serialize};

use super::condition::{Field, matches, occurs, spoken};
use super::{SearchResult, SearchText};
use crate::graphql::error::{Error, Result};
use crate::graphql::filter::{CallFilter, Filter};
use crate::graphql::page::{Arguments, Connection, Edge, Total};
use crate::graphql::session::{Reader, Session};

/// The longest cursor that is read: four times what the longest id takes.
const MOST_CURSOR_BYTES: usize = 4096;

/// A place among the results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// How often the call says what is searched.
    #[serde(rename = "matches")]
    count: i64,
    #[serde(rename = "at")]
    ordered_at: i64,
    #[serde(rename = "call")]
    id: String,
}

impl Place {
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::json!(self).to_string())
    }

    fn decode(cursor: &str) -> Result<Self> {
        let place = (cursor.len() <= MOST_CURSOR_BYTES)
            .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
            .flatten()
            .and_then(|json| serde_json::from_slice(&json).ok());
        // PostgreSQL takes no U+0000 in a text, and no id has one.
        place
            .filter(|place: &Self| !place.id.contains('\0'))
            .ok_or_else(|| {
                Error::bad_input(
                    "This is not a cursor of a search: use `cursor`, `startCursor` or `endCursor` as it was answered.",
                )
            })
    }

    fn values(self) -> [SimpleExpr; 3] {
        [self.count.into(), self.ordered_at.into(), self.id.into()]
    }
}

/// A page as asked for.
struct Page {
    size: u64,
    backward: bool,
    after: Option<Place>,
    before: Option<Place>,
}

impl Page {
    fn new(arguments: &Arguments) -> Result<Self> {
        let place = |cursor: &Option<String>| cursor.as_deref().map(Place::decode).transpose();
        let (size, backward) = arguments.size()?;
        Ok(Self {
            size,
            backward,
            after: place(&arguments.after)?,
            before: place(&arguments.before)?,
        })
    }

    /// The statement of this page, which reads one row more than it has, to know whether there is a next one.
    fn of(&self, found: SelectStatement) -> SelectStatement {
        let table = Alias::new("found");
        let columns = ["matches", "ordered_at", "id"].map(Alias::new);
        let key = || Expr::tuple(columns.iter().map(|column| Expr::col(column.clone())));
        let order = if self.backward {
            Order::Asc
        } else {
            Order::Desc
        };
        let mut page = Query::select();
        page.columns(columns.clone()).from(table.clone());
        if let Some(place) = self.after.clone() {
            page.and_where(key().lt(Expr::tuple(place.values())));
        }
        if let Some(place) = self.before.clone() {
            page.and_where(key().gt(Expr::tuple(place.values())));
        }
        for column in columns.clone() {
            page.order_by(column, order.clone());
        }
        let mut found = CommonTableExpression::new()
            .query(found)
            .table_name(table)
            .to_owned();
        // Else the occurrences are counted again wherever their number is named.
        found.materialized(true);
        page.limit(self.size + 1).with_cte(found).take()
    }

    fn connection(
        &self,
        mut places: Vec<Place>,
        query: &SearchText,
        total: Total,
    ) -> Connection<SearchResult> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = places.len() > size;
        places.truncate(size);
        if self.backward {
            places.reverse();
        }
        let edges = places.into_iter().map(|place| Edge {
            cursor: place.encode(),
            node: SearchResult::new(place.id, place.count, query.clone()),
        });
        let (next, previous) = if self.backward {
            (self.before.is_some(), more)
        } else {
            (more, self.after.is_some())
        };
        Connection::new(edges.collect(), next, previous, total)
    }
}

/// The calls that may be seen and that say what is searched, each with how often.
fn found(reader: &Reader, query: &SearchText, filter: &CallFilter) -> SelectStatement {
    let backend = reader.backend();
    let of_call = Expr::col((call_word::Entity, call_word::Column::CallId))
        .equals((call::Entity, call::Column::Id));
    call::Entity::visible_to(reader.viewer.scope())
        .filter(filter.condition(reader.sight()))
        .select_only()
        .column(call::Column::Id)
        .column(call::Column::OrderedAt)
        .into_query()
        .inner_join(call_word::Entity, of_call)
        .cond_where(occurs(Field::Spoken, query.search(), backend))
        .expr_as(
            matches(Field::Spoken, query.search()),
            Alias::new("matches"),
        )
        .take()
}

/// A page of the calls that say what is searched.
pub async fn search(
    session: &Session,
    query: SearchText,
    filter: Option<CallFilter>,
    arguments: &Arguments,
) -> Result<Connection<SearchResult>> {
    let page = Page::new(arguments)?;
    let filter = filter.unwrap_or_default();
    let reader = &session.reader;
    reader.viewer.must_see(Hidden::Transcript)?;
    filter.check(&reader.viewer)?;
    let generation = reader.store.read_model.live();
    let statement = page.of(found(reader, &query, &filter));
    let mut places = Vec::new();
    for row in generation.reads().query_all(&statement).await? {
        places.push(Place {
            count: row.try_get("", "matches")?,
            ordered_at: row.try_get("", "ordered_at")?,
            id: row.try_get("", "id")?,
        });
    }
    let counted = query.clone();
    let total = Total::of(move |session: Arc<Session>| {
        let (query, filter) = (counted.clone(), filter.clone());
        Box::pin(async move {
            let reader = &session.reader;
            let generation = reader.store.read_model.live();
            let select = call::Entity::visible_to(reader.viewer.scope())
                .filter(filter.condition(reader.sight()))
                .filter(spoken(&query, reader.backend()));
            let count = select.count(generation.reads()).await?;
            Ok(i64::try_from(count).unwrap_or(i64::MAX))
        })
    });
    Ok(page.connection(places, &query, total))
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let place = Place {
            count: 3,
            ordered_at: -7,
            id: "é\u{1}".to_owned(),
        };
        assert_eq!(Place::decode(&place.encode()).unwrap(), place);
        let nul = Place {
            id: "a\0".to_owned(),
            ..place
        };
        for cursor in [
            String::new(),
            "?".to_owned(),
            "e30".to_owned(),
            "x".repeat(5_000),
            nul.encode(),
        ] {
            assert!(Place::decode(&cursor).is_err(), "{cursor}");
        }
    }
}
