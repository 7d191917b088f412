//! The objects of the schema: one file each, a row and what can be reached from it.

mod analysis;
mod call;
mod change;
mod drift;
mod event;
mod org;
mod projection;
mod prospect;
mod refused_request;
mod status;
mod transcript;
mod user;

pub use analysis::Analysis;
pub use call::Call;
pub use change::{OrgChange, UserChange};
pub use drift::EventTypeDrift;
pub use event::Event;
pub use org::Org;
pub use projection::Projection;
pub use prospect::Prospect;
pub use refused_request::{RefusalReason, RefusedRequest};
pub use status::Status;
pub use transcript::{Transcript, TranscriptLine};
pub use user::User;

use std::sync::Arc;

use async_graphql::Context;
use async_graphql::dataloader::Loader;
use entity::scope::Scope;
use sea_orm::EntityTrait;

use super::error::{Error, Result};
use super::filter::Filter;
use super::page::{Arguments, Connection, Node, OrderOf, Page, Total};
use super::relation::{Below, PageBelow, Relation};
use super::session::{Reader, Session};

/// A page of the children of one parent, gathered with those of its siblings.
async fn page_below<R, N>(
    ctx: &Context<'_>,
    below: Below<R>,
    arguments: Arguments,
    order: Option<OrderOf<R::Child>>,
) -> Result<Connection<N>>
where
    R: Relation,
    N: Node<Row = <R::Child as EntityTrait>::Model>,
{
    below.filter().check(&Session::of(ctx).reader.viewer)?;
    let page = Page::new::<R::Child>(&arguments, order)?;
    let key = PageBelow {
        below: below.clone(),
        page: page.clone(),
    };
    let rows = Session::of(ctx).loader.load_one(key).await?;
    let total = Total::of(move |session: Arc<Session>| {
        let below = below.clone();
        Box::pin(async move {
            let count = session.loader.load_one(below).await?;
            Ok(count.unwrap_or(0))
        })
    });
    let asked = &Session::of(ctx).reader.asked;
    Ok(page.connection::<R::Child, N>(rows.unwrap_or_default(), total, asked))
}

/// The row of `key`, gathered with those of its siblings; none when there is no key.
pub(super) async fn load<K>(
    ctx: &Context<'_>,
    key: Option<K>,
) -> Result<Option<<Reader as Loader<K>>::Value>>
where
    K: Send + Sync + std::hash::Hash + Eq + Clone + 'static,
    Reader: Loader<K, Error = Error>,
{
    match key {
        Some(key) => Session::of(ctx).loader.load_one(key).await,
        None => Ok(None),
    }
}

/// What a list may cost: [`page_cost`], and what its filter takes.
pub(super) fn list_cost<E: EntityTrait, F: Filter<E>>(
    filter: Option<&F>,
    first: Option<i32>,
    last: Option<i32>,
    child: usize,
) -> usize {
    let filtering = filter.map_or(0, |filter| FILTERING.saturating_add(filter.reading()));
    page_cost(first, last, child).saturating_add(filtering)
}

/// What a filter of a list costs: the rows that it does not let pass are read, too.
const FILTERING: usize = 1_000;

/// What a list below a parent may cost: [`page_cost`], and its filter, which every parent has a copy of, while one statement reads for all.
fn below_cost<E: EntityTrait, F: Filter<E>>(
    filter: Option<&F>,
    first: Option<i32>,
    last: Option<i32>,
    child: usize,
) -> usize {
    let filtering = filter.map_or(0, |filter| {
        (filter.values(&Scope::Everything) / VALUES_A_FIELD)
            .saturating_add(filter.reading() / PARENTS)
    });
    page_cost(first, last, child).saturating_add(filtering)
}

/// How many values of a filter cost as much as a field.
const VALUES_A_FIELD: usize = 10;

/// How many parents a list is taken to have that is below some.
const PARENTS: usize = 20;

/// What a page may cost: its own size times what stands below each row.
fn page_cost(first: Option<i32>, last: Option<i32>, child: usize) -> usize {
    let asked = first.or(last).and_then(|size| usize::try_from(size).ok());
    let default = usize::try_from(super::page::DEFAULT_SIZE).unwrap_or(usize::MAX);
    child.saturating_mul(asked.unwrap_or(default).max(1))
}
