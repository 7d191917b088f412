//! Reports: figures over many rows, computed by the database.
//!
//! Examples are left out of every report; the calls of deleted users stay in.

mod call;
mod figures;
mod group;
mod period;

use async_graphql::{Context, Object};

use super::error::{Error, Result};
use super::filter::CallFilter;
use super::loader::{OrgId, ProspectId, UserId};
use super::object::{Org, Prospect, User, load};
use super::session::Session;
use call::{Asked, Row};
use figures::CallFigures;
use group::Key;
use period::Period;

pub use group::CallGroup;
pub use period::Zone;

/// Rows of a report unless it asks for more or fewer.
const DEFAULT_ROWS: usize = 100;

/// Rows of a report at most.
const MOST_ROWS: usize = 1_000;

/// By how many things calls are grouped at most.
const MOST_GROUPS: usize = 3;

/// What a report may cost: its rows times what is asked of each.
pub fn cost(first: Option<i32>, child: usize) -> usize {
    let rows = first.and_then(|first| usize::try_from(first).ok());
    child.saturating_mul(rows.unwrap_or(DEFAULT_ROWS).max(1))
}

/// A report on calls.
pub struct CallReport(Asked);

impl CallReport {
    /// Checks what is asked.
    pub fn new(
        filter: Option<CallFilter>,
        groups: Vec<CallGroup>,
        zone: Zone,
        fill: bool,
        first: Option<i32>,
    ) -> Result<Self> {
        let mut seen = Vec::new();
        for group in &groups {
            if seen.contains(group) {
                return Err(Error::bad_input("A report is grouped once by each thing."));
            }
            seen.push(*group);
        }
        if groups.len() > MOST_GROUPS {
            return Err(Error::bad_input(
                "A report is grouped by at most three things.",
            ));
        }
        let periods = groups.iter().filter(|group| group.unit().is_some()).count();
        if periods > 1 {
            return Err(Error::bad_input(
                "A report is grouped by days, weeks or months: one of them.",
            ));
        }
        if fill && periods == 0 {
            return Err(Error::bad_input(
                "Only periods can be filled: group by DAY, WEEK or MONTH, too.",
            ));
        }
        let most = match first {
            None => DEFAULT_ROWS,
            Some(first) => usize::try_from(first)
                .ok()
                .filter(|first| (1..=MOST_ROWS).contains(first))
                .ok_or_else(|| {
                    Error::bad_input("`first` is the number of rows, from 1 to 1000.")
                })?,
        };
        Ok(Self(Asked {
            filter: filter.unwrap_or_default(),
            groups,
            zone,
            fill,
            most,
        }))
    }
}

/// Figures of calls: of all, and by group. The catalogue's examples are left out; the calls of deleted users are in.
#[Object]
impl CallReport {
    /// A row for each group that has calls: the periods in their order, and in each the groups with the most calls first.
    async fn rows(&self, ctx: &Context<'_>) -> Result<Vec<CallReportRow>> {
        let (rows, _) = call::rows(&Session::of(ctx).reader, &self.0).await?;
        Ok(rows.into_iter().map(CallReportRow).collect())
    }

    /// Of all calls that the filter lets pass, each counted once.
    async fn total(&self, ctx: &Context<'_>) -> Result<CallFigures> {
        call::total(&Session::of(ctx).reader, &self.0.filter).await
    }
}

/// A group of calls: what they have in common, and their figures. What the report is not grouped by is null.
pub struct CallReportRow(Row);

impl CallReportRow {
    fn key(&self, group: CallGroup) -> Option<&Key> {
        self.0.keys.iter().find(|key| key.group == group)
    }

    fn value(&self, group: CallGroup) -> Option<String> {
        self.key(group)?.value.clone()
    }
}

/// A group of calls: what they have in common, and their figures. What the report is not grouped by is null, and so is what they
/// do not have.
#[Object]
impl CallReportRow {
    /// The id of the user who made the calls.
    async fn user_id(&self) -> Option<async_graphql::ID> {
        self.value(CallGroup::User).map(Into::into)
    }

    /// The user who made the calls, as known now.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let key = self.value(CallGroup::User).map(UserId);
        Ok(load(ctx, key).await?.map(User))
    }

    /// The team that the users belonged to when they made the calls.
    async fn team_id(&self) -> Option<async_graphql::ID> {
        self.value(CallGroup::Team).map(Into::into)
    }

    /// The id of the manager whom the users had when they made the calls.
    async fn manager_id(&self) -> Option<async_graphql::ID> {
        self.value(CallGroup::Manager).map(Into::into)
    }

    /// That manager, if it is a user that is known.
    async fn manager(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let key = self.value(CallGroup::Manager).map(UserId);
        Ok(load(ctx, key).await?.map(User))
    }

    /// The id of the org.
    async fn org_id(&self) -> Option<async_graphql::ID> {
        self.value(CallGroup::Org).map(Into::into)
    }

    /// The org.
    async fn org(&self, ctx: &Context<'_>) -> Result<Option<Org>> {
        let key = self.value(CallGroup::Org).map(OrgId);
        Ok(load(ctx, key).await?.map(Org))
    }

    /// The id of the prospect.
    async fn prospect_id(&self) -> Option<async_graphql::ID> {
        self.value(CallGroup::Prospect).map(Into::into)
    }

    /// The prospect, as last described.
    async fn prospect(&self, ctx: &Context<'_>) -> Result<Option<Prospect>> {
        let key = self
            .key(CallGroup::Prospect)
            .and_then(|key| Some(ProspectId(key.org.clone()?, key.value.clone()?)));
        Ok(load(ctx, key).await?.map(Prospect))
    }

    /// The difficulty of the prospects, as it was sent with the calls.
    async fn difficulty(&self) -> Option<String> {
        self.value(CallGroup::Difficulty)
    }

    /// The industry of the prospects, as it was sent with the calls.
    async fn industry(&self) -> Option<String> {
        self.value(CallGroup::Industry)
    }

    /// The job title of the prospects, as it was sent with the calls.
    async fn job_title(&self) -> Option<String> {
        self.value(CallGroup::JobTitle)
    }

    /// The type of the analyses.
    async fn analysis_type(&self) -> Option<String> {
        self.value(CallGroup::AnalysisType)
    }

    /// The day, week or month.
    async fn period(&self) -> Option<Period> {
        self.0.period
    }

    /// The figures of the group's calls.
    async fn figures(&self) -> CallFigures {
        self.0.figures.clone()
    }
}
