//! What a report says of a group of calls.

use std::fmt::Write;

use async_graphql::SimpleObject;
use sea_orm::{DbErr, QueryResult};

use crate::graphql::asked::Asked;

/// The figures of some calls. Duration and score are in the units that SalesMagic sends. One that is beyond ±1e100 is no figure and counts
/// as missing, also in `scored`; one that is nearer to 0 than 1e-100 counts as 0.
#[derive(Clone, Debug, PartialEq, SimpleObject)]
pub struct CallFigures {
    /// How many calls.
    pub calls: i64,
    /// How many different users made them.
    pub users: i64,
    /// The sum of their durations, where they have one. Null when none has.
    pub total_duration: Option<f64>,
    /// The mean of their durations.
    pub mean_duration: Option<f64>,
    /// How many of them have a score. All that follows is of these.
    pub scored: i64,
    /// The mean of their scores.
    pub mean_score: Option<f64>,
    /// The lowest score.
    pub min_score: Option<f64>,
    /// The highest score.
    pub max_score: Option<f64>,
    /// The score that half of them reach at most: between two, the value in the middle.
    pub median_score: Option<f64>,
    /// The score that nine of ten reach at most, interpolated between the two nearest (as SQL's `percentile_cont(0.9)`).
    pub p90_score: Option<f64>,
}

/// A column's number, as reports count it: none of which sums, squares or halves leave the range of a float, which PostgreSQL answers with
/// an error and SQLite with an infinity. A window's sum that an infinity has once entered never becomes a number again.
pub fn figure(column: &str) -> String {
    format!(
        "CASE WHEN ABS({column}) < 1e-100 THEN 0.0 WHEN ABS({column}) <= 1e100 THEN {column} END"
    )
}

impl CallFigures {
    /// Of no calls.
    pub const NONE: Self = Self {
        calls: 0,
        users: 0,
        total_duration: None,
        mean_duration: None,
        scored: 0,
        mean_score: None,
        min_score: None,
        max_score: None,
        median_score: None,
        p90_score: None,
    };

    /// The expressions over the calls of a group (see [`super::call`]), their numbers by [`figure`], whose values [`Self::read`] reads:
    /// those that are asked for.
    pub fn expressions(asked: &Asked) -> String {
        let mut expressions = "COUNT(*) AS calls".to_owned();
        let (median, p90) = (percentile(0.5), percentile(0.9));
        for (field, name, expression) in [
            ("users", "users", "COUNT(DISTINCT user_id)"),
            ("totalDuration", "total_duration", "SUM(duration)"),
            ("meanDuration", "mean_duration", "AVG(duration)"),
            ("scored", "scored", "COUNT(score)"),
            ("meanScore", "mean_score", "AVG(score)"),
            ("minScore", "min_score", "MIN(score)"),
            ("maxScore", "max_score", "MAX(score)"),
            (MEDIAN, "median_score", &median),
            (P90, "p90_score", &p90),
        ] {
            if asked.any(&[field]) {
                let _ = write!(expressions, ", {expression} AS {name}");
            }
        }
        expressions
    }

    /// Whether the expressions need the calls' ranks by score.
    pub fn are_ranked(asked: &Asked) -> bool {
        asked.any(&[MEDIAN, P90])
    }

    /// Reads a row; what is not asked for is as of no calls.
    pub fn read(row: &QueryResult, asked: &Asked) -> Result<Self, DbErr> {
        let mean = |field: &str, name: &str| {
            let asked = asked.any(&[field]).then(|| row.try_get("", name));
            asked.unwrap_or(Ok(None))
        };
        let count = |field: &str, name: &str| {
            let asked = asked.any(&[field]).then(|| row.try_get("", name));
            asked.unwrap_or(Ok(0))
        };
        Ok(Self {
            calls: row.try_get("", "calls")?,
            users: count("users", "users")?,
            total_duration: mean("totalDuration", "total_duration")?,
            mean_duration: mean("meanDuration", "mean_duration")?,
            scored: count("scored", "scored")?,
            mean_score: mean("meanScore", "mean_score")?,
            min_score: mean("minScore", "min_score")?,
            max_score: mean("maxScore", "max_score")?,
            median_score: mean(MEDIAN, "median_score")?,
            p90_score: mean(P90, "p90_score")?,
        })
    }
}

/// The fields whose values come from ranks.
const MEDIAN: &str = "medianScore";
const P90: &str = "p90Score";

/// The score below which a share of the scores lies. Ranks count from 1 to `scored_in_group`; the place that is wanted,
/// `share * (scored_in_group - 1)` behind the first, mostly lies between two ranks, and each counts the more the nearer it is.
fn percentile(share: f64) -> String {
    let away = format!("ABS((rank_in_group - 1) - {share} * (scored_in_group - 1))");
    format!("SUM(CASE WHEN score IS NOT NULL AND {away} < 1 THEN score * (1 - {away}) END)")
}
