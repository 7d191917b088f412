//! Reports.

use async_graphql::Object;

use crate::graphql::error::Result;
use crate::graphql::filter::CallFilter;
use crate::graphql::report::{self, CallGroup, CallReport, Zone};

/// Reports.
#[derive(Default)]
pub struct ReportQuery;

/// Figures over many rows.
#[Object]
impl ReportQuery {
    /// Figures of calls: how many, how long, how well, in all and by user, team, prospect, month and so on. The catalogue's examples
    /// are left out; the calls of deleted users are in.
    #[graphql(complexity = "report::cost(first, child_complexity)")]
    #[expect(clippy::unused_async, reason = "a resolver has to be")]
    async fn call_report(
        &self,
        #[graphql(desc = "Which calls.")] filter: Option<CallFilter>,
        #[graphql(
            desc = "By what they are grouped: at most three things, one of them at most a period. Without any there is one row.",
            default
        )]
        group_by: Vec<CallGroup>,
        #[graphql(
            desc = "Where days, weeks and months begin and end: a name of the IANA database.",
            default
        )]
        time_zone: Zone,
        #[graphql(
            desc = "Whether each group also has a row for each period of the report in which it has no calls.",
            default
        )]
        fill: bool,
        #[graphql(desc = "How many rows: 100 unless said, 1000 at most.")] first: Option<i32>,
    ) -> Result<CallReport> {
        CallReport::new(filter, group_by, time_zone, fill, first)
    }
}
