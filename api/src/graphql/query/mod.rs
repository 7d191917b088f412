//! The root of queries, a file for each kind of question.

mod drift;
mod installation;
mod reports;
mod rows;
mod search;

use std::sync::Arc;

use async_graphql::{Context, MergedObject};
use entity::scope::Scope;
use sea_orm::{DatabaseBackend, EntityTrait, IntoSimpleExpr, PaginatorTrait, QueryFilter};

use super::error::Result;
use super::filter::Filter;
use super::page::{Arguments, Connection, Node, OrderOf, Page, Paged, Total};
use super::session::Session;

/// Everything that SalesMagic's webhooks have told: orgs, users, calls, prospects, transcripts, analyses, and the raw events.
#[derive(Default, MergedObject)]
#[graphql(name = "Query")]
pub struct QueryRoot(
    rows::RowQuery,
    reports::ReportQuery,
    search::SearchQuery,
    installation::InstallationQuery,
    drift::DriftQuery,
);

/// A page of all rows of `E` that `filter` lets pass.
async fn list<E, F, N>(
    ctx: &Context<'_>,
    filter: Option<F>,
    arguments: Arguments,
    order: Option<OrderOf<E>>,
) -> Result<Connection<N>>
where
    E: Paged,
    E::Model: Send + Sync,
    F: Filter<E>,
    N: Node<Row = E::Model>,
{
    let reader = &Session::of(ctx).reader;
    let filter = filter.unwrap_or_default();
    filter.check(&reader.viewer)?;
    let page = Page::new::<E>(&arguments, order)?;
    let backend = reader.backend();
    let scope = reader.viewer.scope();
    let org = only_org(&filter, scope).filter(|_| backend == DatabaseBackend::Postgres);
    let sought = E::ORG.zip(org).filter(|_| page.is_in_default_order::<E>());
    let select = match sought {
        Some((column, org)) => {
            let rows = E::visible_among(scope);
            page.sought(rows, &column.into_simple_expr(), org.into())
        }
        None => E::visible_to(scope).filter(filter.condition(reader.sight())),
    };
    let rows = if page.tells_nothing(&reader.asked) {
        Vec::new()
    } else {
        reader.rows(page.of(select, reader.sight())).await?
    };
    let total = Total::of(move |session: Arc<Session>| {
        let filter = filter.clone();
        Box::pin(async move {
            let condition = filter.condition(session.reader.sight());
            let generation = session.reader.store.read_model.live();
            let select = E::visible_to(session.reader.viewer.scope()).filter(condition);
            let count = select.count(generation.reads()).await?;
            Ok(i64::try_from(count).unwrap_or(i64::MAX))
        })
    });
    Ok(page.connection::<E, N>(rows, total, &reader.asked))
}

/// The org of which all rows are listed, and nothing else is asked of them.
fn only_org<'r, E: EntityTrait, F: Filter<E>>(filter: &'r F, scope: &'r Scope) -> Option<&'r str> {
    match scope {
        Scope::Everything => filter.org(),
        Scope::Orgs(orgs) => {
            let [org] = orgs.as_slice() else { return None };
            let says_nothing = *filter == F::default() || filter.org() == Some(org);
            says_nothing.then_some(org)
        }
    }
}
