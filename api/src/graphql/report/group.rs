//! By what the calls of a report are grouped.

use async_graphql::Enum;
use sea_orm::{DbErr, QueryResult};

use super::period::Unit;

/// By what calls are grouped. `[DIFFICULTY, INDUSTRY]` shows scores against personas: who is hard to sell to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(name = "CallGroup")]
pub enum CallGroup {
    /// By who made the call.
    User,
    /// By the team that the user belonged to when the call was made.
    Team,
    /// By the manager that the user had when the call was made.
    Manager,
    /// By the org.
    Org,
    /// By the prospects of the call. A call with several counts for each. Rows have the prospect's `orgId` too: an id is unique in its org only.
    Prospect,
    /// By the difficulty of the call's prospects, as it was sent with the call.
    Difficulty,
    /// By the industry of the call's prospects, as it was sent with the call.
    Industry,
    /// By the job title of the call's prospects, as it was sent with the call.
    JobTitle,
    /// By the types of the call's analyses. The score of a call is then the mean of its analyses of that type, not that of all.
    AnalysisType,
    /// By the day on which it was made, in the report's time zone. A call without a time is in no period, nor is one outside of the years 1 to
    /// 9998: `period` is null.
    Day,
    /// By the week in which it was made: from Monday on, in the report's time zone.
    Week,
    /// By the month in which it was made, in the report's time zone.
    Month,
}

/// What the calls of a group have in common. None: that they have none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// By what.
    pub group: CallGroup,
    /// An id or a text.
    pub value: Option<String>,
    /// The org of a prospect, whose id is unique in its org only.
    pub org: Option<String>,
}

impl CallGroup {
    /// The period, if it is by one.
    pub fn unit(self) -> Option<Unit> {
        match self {
            Self::Day => Some(Unit::Day),
            Self::Week => Some(Unit::Week),
            Self::Month => Some(Unit::Month),
            _ => None,
        }
    }

    /// Whether the call's prospects have to be joined.
    pub fn is_of_prospects(self) -> bool {
        matches!(
            self,
            Self::Prospect | Self::Difficulty | Self::Industry | Self::JobTitle
        )
    }

    /// The columns that tell the groups apart, of [`Grouping::tables`](super::grouping::Grouping::tables).
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::User => &["chosen.user_id"],
            Self::Team => &["chosen.team_id"],
            Self::Manager => &["chosen.manager_id"],
            Self::Org => &["chosen.org_id"],
            Self::Prospect => &["call_prospects.prospect_id", "call_prospects.org_id"],
            Self::Difficulty => &["call_prospects.difficulty"],
            Self::Industry => &["call_prospects.industry"],
            Self::JobTitle => &["call_prospects.job_title"],
            Self::AnalysisType => &["analyses.analysis_type"],
            Self::Day | Self::Week | Self::Month => &[],
        }
    }

    /// What the columns are called in the statement, if this is the group at `place`.
    pub fn names(self, place: usize) -> Vec<String> {
        let columns = self.columns().len();
        (0..columns)
            .map(|nth| format!("key_{place}_{nth}"))
            .collect()
    }

    /// Reads the key of a row, if this is the group at `place`.
    pub fn read(self, row: &QueryResult, place: usize) -> Result<Key, DbErr> {
        let mut values = self.names(place).into_iter();
        let mut next = || match values.next() {
            Some(name) => row.try_get::<Option<String>>("", &name),
            None => Ok(None),
        };
        Ok(Key {
            group: self,
            value: next()?,
            org: next()?,
        })
    }
}
