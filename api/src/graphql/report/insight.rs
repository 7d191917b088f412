//! `insightReport`: which entries of the analyses' lists come up, and in how many calls.

use std::sync::Arc;

use async_graphql::{Context, MergedObject, Object};

use super::entry::{Asked, ExamplesOf, Found, found, total};
use super::group::CallGroup;
use super::grouping::Grouping;
use super::period::Zone;
use super::reading;
use super::row::GroupKeys;
use crate::graphql::error::{Error, Result};
use crate::graphql::filter::{CallFilter, InsightKind};
use crate::graphql::object::{Call, load};
use crate::graphql::session::Session;
use crate::graphql::viewer::Viewer;

/// Entries of a group unless the report asks for more or fewer.
const DEFAULT_ENTRIES: usize = 10;

/// Rows of a report at most: entries times groups.
const MOST_ROWS: usize = 1_000;

/// By how many things the calls are grouped at most.
const MOST_GROUPS: usize = 2;

/// Examples of an entry at most.
const MOST_EXAMPLES: i32 = 20;

/// How many entries of each group, and how many groups, if such a report can be.
fn size(first: Option<i32>, groups: Option<i32>, grouped: bool) -> Option<(usize, usize)> {
    let first = match first {
        Some(first) => usize::try_from(first).ok()?,
        None => DEFAULT_ENTRIES,
    };
    if !(1..=MOST_ROWS).contains(&first) {
        return None;
    }
    let groups = match (grouped, groups) {
        (true, Some(groups)) => usize::try_from(groups).ok()?,
        (true, None) => MOST_ROWS / first,
        (false, None) => 1,
        (false, Some(_)) => return None,
    };
    (groups >= 1 && first.saturating_mul(groups) <= MOST_ROWS).then_some((first, groups))
}

/// What a report may cost: reading, and its rows times what is asked of each.
pub fn cost(
    filter: Option<&CallFilter>,
    first: Option<i32>,
    groups: Option<i32>,
    grouped: bool,
    child: usize,
) -> usize {
    let (first, groups) = size(first, groups, grouped).unwrap_or((1, 1));
    child
        .saturating_mul(first)
        .saturating_mul(groups)
        .saturating_add(reading(filter))
}

/// What examples may cost.
fn examples_cost(first: i32, child: usize) -> usize {
    let first = usize::try_from(first.clamp(1, MOST_EXAMPLES)).unwrap_or(1);
    child.saturating_mul(first)
}

/// What is asked of an insight report, as a client says it.
#[derive(Debug)]
pub struct Question {
    /// Of which list.
    pub kind: InsightKind,
    /// Which calls.
    pub filter: Option<CallFilter>,
    /// By what.
    pub group_by: Vec<CallGroup>,
    /// Where periods begin.
    pub zone: Zone,
    /// Entries of each group.
    pub first: Option<i32>,
    /// Groups.
    pub groups: Option<i32>,
}

/// A report on the entries of one of the lists.
pub struct InsightReport(Arc<Asked>);

impl InsightReport {
    /// Checks what is asked.
    pub fn new(viewer: &Viewer, question: Question) -> Result<Self> {
        let Question {
            kind,
            filter,
            group_by,
            zone,
            first,
            groups,
        } = question;
        let (first, groups) = size(first, groups, !group_by.is_empty()).ok_or_else(|| {
            Error::bad_input(
                "`first` is the number of entries of each group, from 1, and `groups`, only with `groupBy`, the number of groups, from 1: \
                 `first` times `groups` is at most 1000.",
            )
        })?;
        Ok(Self(Arc::new(Asked {
            grouping: Grouping::new(viewer, filter, group_by, zone, MOST_GROUPS)?,
            kind,
            first,
            groups,
        })))
    }
}

/// What came up in calls: the entries of one of the lists that SalesMagic's analyses have, the most frequent first. Entries that say
/// the same in the same words are one, whatever their case, accents, punctuation and spaces; one without any letter or digit is left out.
/// The catalogue's examples are left out; the calls of deleted users are in.
#[Object]
impl InsightReport {
    /// A row for each entry, or, grouped, for each group and entry: the groups in the order of their periods, then those with the most
    /// calls first; in each the entries that came up in the most calls first, and of equals by their words.
    async fn rows(&self, ctx: &Context<'_>) -> Result<Vec<InsightReportRow>> {
        let found = found(&Session::of(ctx).reader, &self.0).await?;
        let row = |found: Found| {
            let keys = GroupKeys::new(found.entry.keys.clone(), found.period);
            let entry = Entry {
                asked: Arc::clone(&self.0),
                found,
            };
            InsightReportRow(keys, entry)
        };
        Ok(found.into_iter().map(row).collect())
    }

    /// How many calls the filter lets pass, whether anything came up in them or not.
    async fn total_calls(&self, ctx: &Context<'_>) -> Result<i64> {
        total(&Session::of(ctx).reader, &self.0.grouping.filter).await
    }
}

/// What came up in the calls of a group, and how often. What the report is not grouped by is null, and so is what they do not have.
#[derive(MergedObject)]
#[graphql(name = "InsightReportRow")]
pub struct InsightReportRow(GroupKeys, Entry);

/// An entry, and how often it came up.
pub struct Entry {
    asked: Arc<Asked>,
    found: Found,
}

/// An entry of a list, and how often it came up.
#[Object(name = "InsightReportEntry")]
impl Entry {
    /// The entry, as it is most often written; of equals the first by its characters.
    async fn text(&self) -> &str {
        &self.found.text
    }

    /// In how many calls it came up. A call counts once, however often it says so.
    async fn calls(&self) -> i64 {
        self.found.calls
    }

    /// How many different users made these calls.
    async fn users(&self) -> i64 {
        self.found.users
    }

    /// How many calls the group has: all that the filter lets pass, with an analysis or without.
    async fn group_calls(&self) -> i64 {
        self.found.group_calls
    }

    /// `calls` divided by `groupCalls`, from 0 to 1.
    async fn share(&self) -> f64 {
        self.found.share
    }

    /// In how many calls of this group it came up in the time just before, as long as that of `filter: { createdAt: { from, to } }`. Null
    /// unless the filter has both ends, and in a report by DAY, WEEK or MONTH, where the rows themselves show it. (What came up only in that
    /// time before has no row.)
    async fn previous_calls(&self) -> Option<i64> {
        self.found.previous.map(|previous| previous.calls)
    }

    /// The same of `share`: `previousCalls` divided by the group's calls of that time. Null if it has none.
    async fn previous_share(&self) -> Option<f64> {
        self.found.previous.and_then(|previous| previous.share)
    }

    /// `calls` less `previousCalls`: above 0 it came up more often than before. Null where that is.
    async fn change(&self) -> Option<i64> {
        let previous = self.found.previous?;
        Some(self.found.calls - previous.calls)
    }

    /// Calls in which it came up, the newest first.
    #[graphql(complexity = "examples_cost(first, child_complexity)")]
    async fn examples(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many: 20 at most.", default = 3)] first: i32,
    ) -> Result<Vec<Call>> {
        if !(1..=MOST_EXAMPLES).contains(&first) {
            return Err(Error::bad_input(
                "`first` is the number of examples, from 1 to 20.",
            ));
        }
        let key = ExamplesOf {
            asked: Arc::clone(&self.asked),
            first,
            entry: self.found.entry.clone(),
        };
        let rows = load(ctx, Some(key)).await?;
        Ok(rows.unwrap_or_default().into_iter().map(Call).collect())
    }
}
