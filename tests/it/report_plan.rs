//! No report reads all calls to find some of them: the plans of the statements that the server sends.
//!
//! PostgreSQL plans as if a small table were a large one (`enable_seqscan = off`), and whatever the values.

use serde_json::json;

use crate::plan::explain::Observed;

/// A report, and the indexes that its statements seek in. The primary keys are named as PostgreSQL names them.
const REPORTS: &[(&str, &[&str])] = &[
    (
        "callReport(filter: { createdAt: { from: \"2025-05-01T00:00:00Z\" } }, groupBy: [TEAM]) { rows { teamId } }",
        &["calls_order"],
    ),
    (
        "callReport(filter: { userId: \"u\" }, groupBy: [DIFFICULTY, INDUSTRY]) { rows { industry } }",
        &["calls_user", "call_prospects_pkey"],
    ),
    (
        "callReport(filter: { teamId: \"t\" }, groupBy: [ANALYSIS_TYPE]) { rows { analysisType figures { medianScore } } }",
        &["calls_team", "analyses_pkey"],
    ),
    (
        "insightReport(kind: OBJECTIONS, filter: { createdAt: { from: \"2025-05-01T00:00:00Z\", to: \"2025-05-08T00:00:00Z\" } }) { rows { text } }",
        &["calls_order", "insights"],
    ),
    (
        "insightReport(kind: OBJECTIONS, filter: { userId: \"u\" }) { rows { text } }",
        &["calls_user", "insights"],
    ),
    (
        "insightReport(kind: OBJECTIONS, filter: { orgId: \"o\" }) { totalCalls }",
        &["calls_org"],
    ),
    ("trend(userId: \"u\") { slope }", &["calls_user"]),
    ("trend(teamId: \"t\") { points { score } }", &["calls_team"]),
    (
        "leaderboard(metric: MEAN_SCORE, asOf: \"2025-05-20T00:00:00Z\") { totalCount }",
        &["calls_order", "users_pkey"],
    ),
    (
        "practiceGaps(days: 7, filter: { orgId: \"o\" }) { totalCount }",
        &["calls_user", "users_org"],
    ),
    (
        "streaksAtRisk(filter: { orgId: \"o\" }) { totalCount }",
        &["calls_user", "users_org"],
    ),
];

#[tokio::test]
async fn every_report_seeks_its_calls_in_an_index() {
    let observed = Observed::start().await;
    for (report, indexes) in REPORTS {
        let is_the_report =
            |text: &str| text.starts_with("WITH ") || text.starts_with("SELECT COUNT(*)");
        let query = format!("{{ {report} }}");
        let text = observed
            .last_statement(&query, json!({}), is_the_report)
            .await;
        let plan = observed.plan(&text).await;
        for index in *indexes {
            let of_insights =
                |sought: &String| *index == "insights" && sought.starts_with("insights_");
            let named = plan.sought.contains(*index) || plan.sought.iter().any(of_insights);
            assert!(
                named,
                "{index} is not sought in for {report}\n{}\n{text}",
                plan.text
            );
        }
    }
}
