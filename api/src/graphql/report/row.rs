//! The rows of reports by groups: what the calls of a group have in common.

use async_graphql::{Context, ID, MergedObject, Object};

use super::call::Row;
use super::figures::CallFigures;
use super::group::{CallGroup, Key};
use super::period::Period;
use crate::graphql::error::Result;
use crate::graphql::loader::{OrgId, ProspectId, UserId};
use crate::graphql::object::{Org, Prospect, User, load};

/// What the calls of a group have in common.
pub struct GroupKeys {
    keys: Vec<Key>,
    period: Option<Period>,
}

impl GroupKeys {
    /// Those of a row.
    pub fn new(keys: Vec<Key>, period: Option<Period>) -> Self {
        Self { keys, period }
    }

    fn key(&self, group: CallGroup) -> Option<&Key> {
        self.keys.iter().find(|key| key.group == group)
    }

    fn value(&self, group: CallGroup) -> Option<String> {
        self.key(group)?.value.clone()
    }

    fn org_key(&self) -> Option<String> {
        if let Some(org) = self.key(CallGroup::Org) {
            return org.value.clone();
        }
        // A prospect of no org is kept under the empty id.
        let org = self.key(CallGroup::Prospect)?.org.clone();
        org.filter(|org| !org.is_empty())
    }
}

/// What the calls of a group have in common.
#[Object(name = "ReportGroupKeys")]
impl GroupKeys {
    /// The id of the user who made the calls.
    async fn user_id(&self) -> Option<ID> {
        self.value(CallGroup::User).map(Into::into)
    }

    /// The user who made the calls, as known now.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let key = self.value(CallGroup::User).map(UserId);
        Ok(load(ctx, key).await?.map(User))
    }

    /// The team that the users belonged to when they made the calls.
    async fn team_id(&self) -> Option<ID> {
        self.value(CallGroup::Team).map(Into::into)
    }

    /// The id of the manager whom the users had when they made the calls.
    async fn manager_id(&self) -> Option<ID> {
        self.value(CallGroup::Manager).map(Into::into)
    }

    /// That manager, if it is a user that is known.
    async fn manager(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let key = self.value(CallGroup::Manager).map(UserId);
        Ok(load(ctx, key).await?.map(User))
    }

    /// The id of the org: of the calls, or, grouped by PROSPECT without ORG, of the prospect, whose id is unique in its org only.
    async fn org_id(&self) -> Option<ID> {
        self.org_key().map(Into::into)
    }

    /// The org.
    async fn org(&self, ctx: &Context<'_>) -> Result<Option<Org>> {
        let key = self.org_key().map(OrgId);
        Ok(load(ctx, key).await?.map(Org))
    }

    /// The id of the prospect, unique in its org: see `orgId`.
    async fn prospect_id(&self) -> Option<ID> {
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

    /// The day, week or month. Null for calls without a time, or with one outside of the years 1 to 9998.
    async fn period(&self) -> Option<Period> {
        self.period
    }
}

/// A group of calls: what they have in common, and their figures. What the report is not grouped by is null, and so is what they
/// do not have.
#[derive(MergedObject)]
#[graphql(name = "CallReportRow")]
pub struct CallReportRow(GroupKeys, GroupFigures);

impl From<Row> for CallReportRow {
    fn from(row: Row) -> Self {
        Self(
            GroupKeys::new(row.keys, row.period),
            GroupFigures(row.figures),
        )
    }
}

/// The figures of a group.
pub struct GroupFigures(CallFigures);

/// The figures of a group.
#[Object(name = "ReportGroupFigures")]
impl GroupFigures {
    /// The figures of the group's calls.
    async fn figures(&self) -> CallFigures {
        self.0.clone()
    }
}
