//! The Relay connection types, once for every list.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Context, Object, ObjectType, OutputType, SimpleObject, TypeName};
use futures_util::future::BoxFuture;

use crate::graphql::error::Result;
use crate::graphql::session::Session;

/// An object that is listed.
pub trait Node: ObjectType + Sized {
    /// The row it is made of.
    type Row;

    /// Makes it.
    fn from_row(row: Self::Row) -> Self;
}

/// How many rows a list has, counted only when a query asks for it.
pub struct Total(Box<dyn Fn(Arc<Session>) -> BoxFuture<'static, Result<i64>> + Send + Sync>);

impl Total {
    /// A count that `count` makes.
    pub fn of<F>(count: F) -> Self
    where
        F: Fn(Arc<Session>) -> BoxFuture<'static, Result<i64>> + Send + Sync + 'static,
    {
        Self(Box::new(count))
    }
}

/// A page of a list.
pub struct Connection<N: Node> {
    edges: Vec<Edge<N>>,
    page_info: PageInfo,
    total: Total,
}

impl<N: Node> Connection<N> {
    pub(in crate::graphql) fn new(
        edges: Vec<Edge<N>>,
        next: bool,
        previous: bool,
        total: Total,
    ) -> Self {
        let page_info = PageInfo {
            has_next_page: next,
            has_previous_page: previous,
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        };
        Self {
            edges,
            page_info,
            total,
        }
    }
}

impl<N: Node> TypeName for Connection<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", <N as OutputType>::type_name()).into()
    }
}

/// A page of a list.
#[Object(name_type)]
impl<N: Node> Connection<N> {
    /// The rows of this page with their cursors.
    async fn edges(&self) -> &[Edge<N>] {
        &self.edges
    }

    /// The rows of this page.
    async fn nodes(&self) -> Vec<&N> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where this page stands in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }

    /// How many rows the list has on all pages. Counted when asked for, so leave it out where it is not shown.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let total = (self.total.0)(Arc::clone(Session::of(ctx))).await?;
        Ok(i32::try_from(total).unwrap_or(i32::MAX))
    }
}

/// A row of a page.
pub struct Edge<N> {
    pub(in crate::graphql) cursor: String,
    pub(in crate::graphql) node: N,
}

impl<N: Node> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", <N as OutputType>::type_name()).into()
    }
}

/// A row of a page, with its cursor.
#[Object(name_type)]
impl<N: Node> Edge<N> {
    /// The row's place in the list, for `after` and `before`.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The row.
    async fn node(&self) -> &N {
        &self.node
    }
}

/// Where a page stands in its list.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// Whether more rows follow after this page.
    has_next_page: bool,
    /// Whether there are rows before this page.
    has_previous_page: bool,
    /// The cursor of the page's first row: pass it as `before` to get the previous page.
    start_cursor: Option<String>,
    /// The cursor of the page's last row: pass it as `after` to get the next page.
    end_cursor: Option<String>,
}
