//! Reports.

use async_graphql::{Context, ID, Object};

use crate::graphql::error::Result;
use crate::graphql::filter::{CallFilter, InsightKind, UserFilter};
use crate::graphql::report::{
    self, CallGroup, CallReport, InsightQuestion, InsightReport, Leaderboard, LeaderboardMetric,
    LeaderboardPeriod, LeaderboardQuestion, PracticeGaps, StreaksAtRisk, Trend, Zone,
};
use crate::graphql::scalar::Time;
use crate::graphql::session::Session;

/// Reports.
#[derive(Default)]
pub struct ReportQuery;

/// Figures over many rows.
#[Object]
impl ReportQuery {
    /// Figures of calls: how many, how long, how well, in all and by user, team, prospect, month and so on. `groupBy: [DIFFICULTY,
    /// INDUSTRY]` shows how well against which personas; with a `filter` by `teamId` or `userId`, how well those do. The catalogue's examples
    /// are left out; the calls of deleted users are in.
    #[graphql(complexity = "report::cost(filter.as_ref(), first, child_complexity)")]
    #[expect(clippy::unused_async, reason = "a resolver has to be")]
    async fn call_report(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which calls.")] filter: Option<CallFilter>,
        #[graphql(
            desc = "By what they are grouped: at most three things, one of them at most a period. Without any there is one row. There may be calls in at most 1000 periods (days, weeks or months); with `fill` the report may be of at most 1000.",
            default
        )]
        group_by: Vec<CallGroup>,
        #[graphql(
            desc = "Where days, weeks and months begin and end: a name of the IANA database.",
            default
        )]
        time_zone: Zone,
        #[graphql(
            desc = "Whether each group also has a row for each period of the report in which it has no calls. A group without any calls has none; where the period is the only group, each period has a row, which needs both ends of `filter: { createdAt }` where there are no calls at all.",
            default
        )]
        fill: bool,
        #[graphql(desc = "How many rows: 100 unless said, 1000 at most.")] first: Option<i32>,
    ) -> Result<CallReport> {
        let viewer = &Session::of(ctx).reader.viewer;
        CallReport::new(viewer, filter, group_by, time_zone, fill, first)
    }

    /// What comes up in calls: the entries of one list of the analyses, such as objections or competitors, by the number of calls in which
    /// they came up, in all or by team, month and so on; whether that is more than before; and calls to look at.
    #[graphql(
        complexity = "report::insight_cost(filter.as_ref(), first, groups, !group_by.is_empty(), child_complexity)"
    )]
    #[expect(clippy::unused_async, reason = "a resolver has to be")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn insight_report(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which list.")] kind: InsightKind,
        #[graphql(
            desc = "Which calls. With both ends of its `createdAt` the report compares with the time just before that is as long."
        )]
        filter: Option<CallFilter>,
        #[graphql(
            desc = "By what the calls are grouped: at most two things, one of them at most a period. By ANALYSIS_TYPE the entries are those of the analyses of that type. There may be calls in at most 1000 periods (days, weeks or months).",
            default
        )]
        group_by: Vec<CallGroup>,
        #[graphql(
            desc = "Where days, weeks and months begin and end: a name of the IANA database.",
            default
        )]
        time_zone: Zone,
        #[graphql(desc = "How many entries, of each group if there are any: 10 unless said.")]
        first: Option<i32>,
        #[graphql(
            desc = "Of how many groups: of those that come first. As many as 1000 rows have room for unless said; `first` times `groups` is 1000 at most."
        )]
        groups: Option<i32>,
    ) -> Result<InsightReport> {
        let viewer = &Session::of(ctx).reader.viewer;
        InsightReport::new(
            viewer,
            InsightQuestion {
                kind,
                filter,
                group_by,
                zone: time_zone,
                first,
                groups,
            },
        )
    }

    /// How the newest scored calls of a user or a team went, against as many before: better or worse, and call by call.
    #[graphql(complexity = "report::trend_cost(filter.as_ref(), n, child_complexity)")]
    async fn trend(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of the calls of this user. Name a user or a team.")] user_id: Option<ID>,
        #[graphql(
            desc = "Of the calls of whoever belonged to this team when they made them. Name a user or a team."
        )]
        team_id: Option<ID>,
        #[graphql(
            desc = "How many calls on either side, and in a running mean: 100 at most.",
            default = 10
        )]
        n: i32,
        #[graphql(
            desc = "Which of their calls. With `createdAt: { to }` it is the trend as it was then."
        )]
        filter: Option<CallFilter>,
    ) -> Result<Trend> {
        Trend::of(&Session::of(ctx).reader, user_id, team_id, n, filter).await
    }

    /// Who leads: users ranked by what they did in a day, a week, a month or all time, and how they moved since the period before. It lists
    /// people, so whoever is deleted now has no place and no rank in it, although `callReport` counts their calls. Who has no such calls or
    /// no value has no rank either.
    #[graphql(complexity = "report::cost(filter.as_ref(), first, child_complexity)")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn leaderboard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "By what.")] metric: LeaderboardMetric,
        #[graphql(desc = "Of which time.", default_with = "LeaderboardPeriod::Month")]
        period: LeaderboardPeriod,
        #[graphql(
            desc = "The period that holds this moment counts, up to this moment, in the years 1 to 9998. Now, unless said. A call of which no time is known is in no DAY, WEEK or MONTH."
        )]
        as_of: Option<Time>,
        #[graphql(
            desc = "Where days, weeks and months begin and end: a name of the IANA database.",
            default
        )]
        time_zone: Zone,
        #[graphql(desc = "Which calls count.")] filter: Option<CallFilter>,
        #[graphql(
            desc = "Only who made at least so many calls in the period: calls with a score, or with a duration, where it is about those.",
            default = 1
        )]
        min_calls: i32,
        #[graphql(desc = "How many rows: 100 unless said, 1000 at most.")] first: Option<i32>,
    ) -> Result<Leaderboard> {
        let question = LeaderboardQuestion {
            metric,
            period,
            as_of,
            zone: time_zone,
            filter,
            min_calls,
            first,
        };
        Leaderboard::of(&Session::of(ctx).reader, question).await
    }

    /// Who has stopped practising, or never began: users without a call in the last days. Users who made a call before `asOf` are in, and of the
    /// others those who were created before it, or nobody knows when. Deleted users and the catalogue's examples are left out.
    #[graphql(complexity = "report::cost(filter.as_ref(), first, child_complexity)")]
    async fn practice_gaps(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Without a call in so many days, of 24 hours, before `asOf`.")] days: i32,
        #[graphql(
            desc = "As it was at this moment, in the years 1 to 9998, among the users who are there today. Now, unless said."
        )]
        as_of: Option<Time>,
        #[graphql(desc = "Which users.")] filter: Option<UserFilter>,
        #[graphql(desc = "How many rows: 100 unless said, 1000 at most.")] first: Option<i32>,
    ) -> Result<PracticeGaps> {
        PracticeGaps::of(&Session::of(ctx).reader, days, as_of, filter, first).await
    }

    /// Whose streak may end today: users with a streak above 0 who practised the day before and have not yet today. SalesMagic documents no
    /// rule for streaks, and sends no event when one ends: that a day without a call ends it is an assumption, and the streak is as
    /// it was last sent. Deleted users and the catalogue's examples are left out.
    #[graphql(complexity = "report::cost(filter.as_ref(), first, child_complexity)")]
    async fn streaks_at_risk(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Today is the day that holds this moment, in the years 1 to 9998, and calls count up to this moment. Now, unless said."
        )]
        as_of: Option<Time>,
        #[graphql(
            desc = "How many days before today the last call may have been made: 1 is yesterday; with 3 a Friday's call counts on a Monday. 31 at most.",
            default = 1
        )]
        days: i32,
        #[graphql(
            desc = "Where days begin and end: a name of the IANA database.",
            default
        )]
        time_zone: Zone,
        #[graphql(desc = "Which users.")] filter: Option<UserFilter>,
        #[graphql(desc = "How many rows: 100 unless said, 1000 at most.")] first: Option<i32>,
    ) -> Result<StreaksAtRisk> {
        let reader = &Session::of(ctx).reader;
        StreaksAtRisk::of(reader, as_of, days, time_zone, filter, first).await
    }
}
