//! Reports: figures over many rows, computed by the database.
//!
//! Examples are left out of every report; the calls of deleted users stay in, but nobody who is deleted is listed as a person to
//! look at ([`leaderboard`], [`absence`]). Each report is one statement: [`grouping`] chooses the calls, the others count them.

mod absence;
mod call;
mod entry;
mod figures;
mod group;
mod grouping;
mod insight;
mod leaderboard;
mod period;
mod row;
mod trend;

use async_graphql::{Context, Object};
use sea_orm::{DatabaseBackend, EntityTrait, QueryTrait, Select, Statement};
use tokio::sync::OnceCell;

use super::error::{Error, Result};
use super::filter::{CallFilter, Filter};
use super::scalar::Time;
use super::session::{Reader, Session};
use crate::graphql::viewer::Viewer;
use call::{Asked, Row};
use figures::CallFigures;
use grouping::Grouping;
use period::in_calendar;
use row::CallReportRow;

pub use absence::{PracticeGaps, StreaksAtRisk};
pub use group::CallGroup;
pub use insight::{InsightReport, Question as InsightQuestion, cost as insight_cost};
pub use leaderboard::{
    Leaderboard, LeaderboardMetric, LeaderboardPeriod, Question as LeaderboardQuestion,
};
pub use period::Zone;
pub use trend::{Trend, cost as trend_cost};

/// Rows of a report unless it asks for more or fewer.
const DEFAULT_ROWS: usize = 100;

/// Rows of a report at most.
const MOST_ROWS: usize = 1_000;

/// By how many things calls are grouped at most.
const MOST_GROUPS: usize = 3;

/// What a report costs beside what is asked of its rows: it reads every call that its filter lets pass.
const READING: usize = 10_000;

/// What it costs to read what `filter` lets pass.
fn reading<E: EntityTrait, F: Filter<E>>(filter: Option<&F>) -> usize {
    READING.saturating_add(filter.map_or(0, Filter::reading))
}

/// What a report may cost: reading, and its rows times what is asked of each.
pub fn cost<E: EntityTrait, F: Filter<E>>(
    filter: Option<&F>,
    first: Option<i32>,
    child: usize,
) -> usize {
    let rows = first.and_then(|first| usize::try_from(first).ok());
    child
        .saturating_mul(rows.unwrap_or(DEFAULT_ROWS).max(1))
        .saturating_add(reading(filter))
}

/// How many rows are asked for.
fn rows_of(first: Option<i32>) -> Result<usize> {
    let Some(first) = first else {
        return Ok(DEFAULT_ROWS);
    };
    let rows = usize::try_from(first).ok();
    rows.filter(|rows| (1..=MOST_ROWS).contains(rows))
        .ok_or_else(|| Error::bad_input("`first` is the number of rows, from 1 to 1000."))
}

/// A statement around a select, whose values it takes over.
fn statement<E: EntityTrait>(
    backend: DatabaseBackend,
    select: &Select<E>,
    around: impl FnOnce(&str) -> String,
) -> Statement {
    let Statement { sql, values, .. } = select.build(backend);
    let text = around(&sql);
    match values {
        Some(values) => Statement::from_sql_and_values(backend, text, values),
        None => Statement::from_string(backend, text),
    }
}

impl Reader {
    /// The moment of which a report is: now, unless it is said.
    fn as_of(&self, said: Option<Time>) -> Result<Time> {
        if let Some(said) = said {
            return in_calendar(said);
        }
        let now = self.store.clock.read(&self.passing)().timestamp_micros();
        Time::of_micros(now).ok_or(Error::Internal)
    }
}

/// A report on calls. Its rows are computed once, whichever of its fields are asked for.
pub struct CallReport {
    asked: Asked,
    computed: OnceCell<(Vec<Row>, bool)>,
}

impl CallReport {
    /// Checks what is asked.
    pub fn new(
        viewer: &Viewer,
        filter: Option<CallFilter>,
        groups: Vec<CallGroup>,
        zone: Zone,
        fill: bool,
        first: Option<i32>,
    ) -> Result<Self> {
        let grouping = Grouping::new(viewer, filter, groups, zone, MOST_GROUPS)?;
        if fill && !grouping.is_by_period() {
            return Err(Error::bad_input(
                "Only periods can be filled: group by DAY, WEEK or MONTH, too.",
            ));
        }
        let asked = Asked {
            grouping,
            fill,
            most: rows_of(first)?,
        };
        Ok(Self {
            asked,
            computed: OnceCell::new(),
        })
    }

    async fn computed(&self, ctx: &Context<'_>) -> Result<&(Vec<Row>, bool)> {
        let reader = &Session::of(ctx).reader;
        let rows = || call::rows(reader, &self.asked);
        self.computed.get_or_try_init(rows).await
    }
}

/// Figures of calls: of all, and by group. The catalogue's examples are left out; the calls of deleted users are in.
#[Object]
impl CallReport {
    /// A row for each group that has calls: the periods in their order, and in each the groups with the most calls first. Calls without a
    /// time are in no period: their rows come last.
    async fn rows(&self, ctx: &Context<'_>) -> Result<Vec<CallReportRow>> {
        let (rows, _) = self.computed(ctx).await?;
        Ok(rows.iter().cloned().map(Into::into).collect())
    }

    /// Whether there are more rows than `first` allows.
    async fn has_more(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.computed(ctx).await?.1)
    }

    /// Of all calls that the filter lets pass, each counted once.
    async fn total(&self, ctx: &Context<'_>) -> Result<CallFigures> {
        call::total(&Session::of(ctx).reader, &self.asked.grouping.filter).await
    }
}
