//! Lists below a parent: an org's users, a user's calls. All parents of a query are answered by one statement.

use std::collections::{BTreeSet, HashMap};
use std::marker::PhantomData;

use async_graphql::dataloader::Loader;
use sea_orm::sea_query::{
    Asterisk, Expr, ExprTrait, Func, Query, SelectStatement, SimpleExpr, ValueTuple,
};
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, JoinType, QueryFilter, QueryResult,
    QuerySelect, QueryTrait, Select,
};

use entity::scope::Scoped;

use super::asked::{Columns, Slim};
use super::error::{Error, Result};
use super::filter::{Filter, MOST_VALUES};
use super::page::{Page, Paged};
use super::session::{MOST_KEYS, Reader};

/// Parents of one statement at most. Each takes two values, and the filter's stand beside them.
const MOST_PARENTS: usize = (MOST_KEYS - MOST_VALUES) / 2;

/// A list that hangs below a parent.
pub trait Relation: Copy + Eq + std::hash::Hash + Send + Sync + std::fmt::Debug + 'static {
    /// What is listed.
    type Child: Paged;
    /// How it can be filtered.
    type Filter: Filter<Self::Child>;

    /// Joins what is needed to tell the parent of a row.
    fn join(select: Select<Self::Child>) -> Select<Self::Child> {
        select
    }

    /// The columns that tell the parent.
    fn parent() -> Vec<SimpleExpr>;

    /// Whether the children are rows of a view, which has no keys to seek them by, and reckons a parent's as a whole.
    const OF_VIEW: bool = false;
}

/// The children of one parent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Below<R: Relation> {
    parent: Vec<String>,
    filter: R::Filter,
    relation: PhantomData<R>,
}

impl<R: Relation> Below<R> {
    /// The children of the parent with this key, in the order of [`Relation::parent`].
    pub fn new<const N: usize>(parent: [&str; N], filter: Option<R::Filter>) -> Self {
        Self {
            parent: parent.map(str::to_owned).into(),
            filter: filter.unwrap_or_default(),
            relation: PhantomData,
        }
    }

    /// Which of them.
    pub fn filter(&self) -> &R::Filter {
        &self.filter
    }
}

/// A page of the children of one parent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageBelow<R: Relation> {
    /// Whose children.
    pub below: Below<R>,
    /// Which page.
    pub page: PageOf<R>,
}

/// A page of a list below a parent.
pub type PageOf<R> = Page<<<R as Relation>::Child as Paged>::Field>;

/// A child, and whose it is.
struct Row<M> {
    model: M,
    parent: Vec<String>,
}

/// A row that begins with `columns` and tells its parent.
fn child<E: Slim>(
    row: &QueryResult,
    columns: &Columns,
) -> std::result::Result<Row<E::Model>, DbErr> {
    let mut parent = Vec::new();
    while let Ok(part) = row.try_get("", &parent_alias(parent.len())) {
        parent.push(part);
    }
    Ok(Row {
        model: E::model(row, columns)?,
        parent,
    })
}

fn parent_alias(at: usize) -> String {
    format!("parent_{at}")
}

/// The alias of the parents that are asked for, and of the page of each.
const PARENTS: &str = "parents";
const PAGE: &str = "page";

/// The parents that are asked for, as rows to select from, and the columns that both databases give such rows.
fn values(parents: &[Vec<String>]) -> impl Iterator<Item = ValueTuple> {
    let parents = parents.iter();
    parents.map(|parent| ValueTuple::Many(parent.iter().map(|part| part.as_str().into()).collect()))
}

fn value_column(at: usize) -> SimpleExpr {
    Expr::col((PARENTS, format!("column{}", at + 1)))
}

impl Reader {
    /// A page's children that the viewer sees, of one parent: its key by values or by what tells them.
    fn children<R: Relation>(
        &self,
        filter: &R::Filter,
        page: &PageOf<R>,
        parent: impl IntoIterator<Item = SimpleExpr>,
    ) -> Select<R::Child> {
        let first = self.first_by::<R>(filter, page);
        let parts = R::parent().into_iter().zip(parent);
        parts.fold(self.those::<R>(filter), |select, (column, part)| {
            if first.is_some() {
                page.sought(select, &column, part)
            } else {
                select.filter(column.eq(part))
            }
        })
    }

    /// The column that has to be told to PostgreSQL as [`Page::sought`] does: the parent's, where nothing else is asked of the children.
    fn first_by<R: Relation>(&self, filter: &R::Filter, page: &PageOf<R>) -> Option<SimpleExpr> {
        let is_all = self.backend() == DatabaseBackend::Postgres
            && *filter == R::Filter::default()
            && page.is_in_default_order::<R::Child>();
        let mut columns = R::parent();
        (is_all && columns.len() == 1)
            .then(|| columns.pop())
            .flatten()
    }

    /// The children that the viewer sees, of any parent.
    fn those<R: Relation>(&self, filter: &R::Filter) -> Select<R::Child> {
        let scope = self.viewer.scope();
        let visible = match self.backend() {
            DatabaseBackend::Postgres => R::Child::visible_among(scope),
            _ => R::Child::visible_to(scope),
        };
        R::join(visible).filter(filter.condition(self.sight()))
    }

    async fn pages<R: Relation>(
        &self,
        filter: &R::Filter,
        page: &PageOf<R>,
        parents: &[Vec<String>],
    ) -> Result<Vec<Row<<R::Child as EntityTrait>::Model>>> {
        if page.tells_nothing(&self.asked) {
            return Ok(Vec::new());
        }
        let backend = self.backend();
        let columns = R::Child::asked(&self.asked);
        let statement = if let [parent] = parents {
            let parent = parent.iter().map(|part| Expr::val(part.as_str()));
            let mut select = R::Child::only(self.children::<R>(filter, page, parent), &columns);
            for (at, column) in R::parent().into_iter().enumerate() {
                select = select.expr_as(column, parent_alias(at));
            }
            page.of(select, self.sight()).into_query()
        } else if R::OF_VIEW || filter.reading() > 0 {
            self.pages_by_number::<R>(filter, page, parents, &columns)
        } else if backend == DatabaseBackend::Postgres {
            self.pages_by_join::<R>(filter, page, parents, &columns)
        } else {
            self.pages_by_keys::<R>(filter, page, parents, &columns)
        };
        let generation = self.store.read_model.live();
        let rows = generation.reads().query_all(&statement).await?;
        let rows = rows.iter().map(|row| child::<R::Child>(row, &columns));
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// The pages of several parents, each read from the index as it would be alone: `LATERAL`.
    fn pages_by_join<R: Relation>(
        &self,
        filter: &R::Filter,
        page: &PageOf<R>,
        parents: &[Vec<String>],
        columns: &Columns,
    ) -> SelectStatement {
        let keys = (0..R::parent().len()).map(value_column);
        let select = R::Child::only(self.children::<R>(filter, page, keys.clone()), columns);
        let mut one = page.of(select, self.sight()).into_query();
        let first = self.first_by::<R>(filter, page);
        let number = page.row_number::<R::Child>(&[], first, self.backend());
        one.expr_window_as(Func::cust("ROW_NUMBER"), number, "page_row");
        let mut pages = Query::select();
        pages.column((PAGE, Asterisk));
        for (at, key) in keys.enumerate() {
            pages.expr_as(key, parent_alias(at));
        }
        pages
            .from_values(values(parents), PARENTS)
            .join_lateral(JoinType::InnerJoin, one, PAGE, Expr::val(true))
            .order_by((PAGE, "page_row"), sea_orm::Order::Asc)
            .to_owned()
    }

    /// The same for SQLite, which has no `LATERAL`: the keys of each page are read from the index, and then their rows.
    fn pages_by_keys<R: Relation>(
        &self,
        filter: &R::Filter,
        page: &PageOf<R>,
        parents: &[Vec<String>],
        columns: &Columns,
    ) -> SelectStatement {
        let keys = (0..R::parent().len()).map(value_column);
        let rowid = || Expr::col((R::Child::default(), "rowid"));
        let one = self.children::<R>(filter, page, keys.clone()).select_only();
        let one = page.of(one.expr(rowid()), self.sight()).into_query();
        let mut pages = R::Child::only(R::Child::find(), columns).into_query();
        for (at, key) in keys.enumerate() {
            pages.expr_as(key, parent_alias(at));
        }
        // The order of a cross join is the order in which its tables are read.
        pages
            .from_clear()
            .from_values(values(parents), PARENTS)
            .cross_join(R::Child::default())
            .and_where(rowid().in_subquery(one));
        page.put_in_order::<R::Child>(&mut pages, self.backend());
        pages
    }

    /// The same of a view, and of rows whose texts are looked at, which is done once for all: the rows of all parents, numbered.
    fn pages_by_number<R: Relation>(
        &self,
        filter: &R::Filter,
        page: &PageOf<R>,
        parents: &[Vec<String>],
        columns: &Columns,
    ) -> SelectStatement {
        let select = of_any::<R>(self.those::<R>(filter), parents);
        let mut select = R::Child::only(select, columns);
        for (at, column) in R::parent().into_iter().enumerate() {
            select = select.expr_as(column, parent_alias(at));
        }
        let number = page.row_number::<R::Child>(&R::parent(), None, self.backend());
        let mut numbered = page.bound(select, self.sight()).into_query();
        numbered.expr_window_as(Func::cust("ROW_NUMBER"), number, "page_row");
        let reach = i64::try_from(page.reach()).unwrap_or(i64::MAX);
        Query::select()
            .column(Asterisk)
            .from_subquery(numbered, PAGE)
            .and_where(Expr::col("page_row").lte(reach))
            .order_by("page_row", sea_orm::Order::Asc)
            .to_owned()
    }

    async fn counts<R: Relation>(
        &self,
        filter: &R::Filter,
        parents: &[Vec<String>],
    ) -> Result<Vec<(Vec<String>, i64)>> {
        let generation = self.store.read_model.live();
        let mut select = of_any::<R>(self.those::<R>(filter), parents).select_only();
        for (at, column) in R::parent().into_iter().enumerate() {
            select = select
                .expr_as(column.clone(), parent_alias(at))
                .group_by(column);
        }
        let select = select
            .expr_as(Func::count(Expr::col(Asterisk)), "total")
            .into_query();
        let rows = generation.reads().query_all(&select).await?;
        rows.iter()
            .map(|row| {
                let parent = (0..R::parent().len())
                    .map(|at| row.try_get("", &parent_alias(at)))
                    .collect::<std::result::Result<_, _>>()?;
                Ok((parent, row.try_get("", "total")?))
            })
            .collect()
    }
}

/// Those of any of these parents. Rows of one that was not asked for may come along, of another org's prospect say; nobody looks them up.
fn of_any<R: Relation>(select: Select<R::Child>, parents: &[Vec<String>]) -> Select<R::Child> {
    let columns = R::parent().into_iter().enumerate();
    columns.fold(select, |select, (at, column)| {
        let asked: BTreeSet<&str> = parents.iter().map(|parent| parent[at].as_str()).collect();
        select.filter(column.is_in(asked))
    })
}

impl<R: Relation> Loader<PageBelow<R>> for Reader {
    type Value = Vec<<R::Child as EntityTrait>::Model>;
    type Error = Error;

    async fn load(&self, keys: &[PageBelow<R>]) -> Result<HashMap<PageBelow<R>, Self::Value>> {
        let mut loaded: HashMap<PageBelow<R>, Self::Value> =
            keys.iter().map(|key| (key.clone(), Vec::new())).collect();
        for ((filter, page), parents) in gather(
            keys.iter()
                .map(|key| ((&key.below.filter, &key.page), &key.below.parent)),
        ) {
            for parents in parents.chunks(MOST_PARENTS) {
                for row in self.pages::<R>(filter, page, parents).await? {
                    let key = PageBelow {
                        below: Below {
                            parent: row.parent,
                            filter: filter.clone(),
                            relation: PhantomData,
                        },
                        page: page.clone(),
                    };
                    if let Some(rows) = loaded.get_mut(&key) {
                        rows.push(row.model);
                    }
                }
            }
        }
        Ok(loaded)
    }
}

impl<R: Relation> Loader<Below<R>> for Reader {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[Below<R>]) -> Result<HashMap<Below<R>, i64>> {
        let mut loaded: HashMap<Below<R>, i64> = keys.iter().map(|key| (key.clone(), 0)).collect();
        for (filter, parents) in gather(keys.iter().map(|key| (&key.filter, &key.parent))) {
            for parents in parents.chunks(MOST_PARENTS) {
                for (parent, count) in self.counts::<R>(filter, parents).await? {
                    let key = Below {
                        parent,
                        filter: filter.clone(),
                        relation: PhantomData,
                    };
                    if let Some(total) = loaded.get_mut(&key) {
                        *total = count;
                    }
                }
            }
        }
        Ok(loaded)
    }
}

/// The parents of which the same is asked: one group for each field of the query and its arguments.
fn gather<'k, K: Eq + std::hash::Hash>(
    keys: impl Iterator<Item = (K, &'k Vec<String>)>,
) -> HashMap<K, Vec<Vec<String>>> {
    let mut groups: HashMap<K, Vec<Vec<String>>> = HashMap::new();
    for (asked, parent) in keys {
        groups.entry(asked).or_default().push(parent.clone());
    }
    groups
}
