//! What a report says of a group of calls.

use async_graphql::SimpleObject;
use sea_orm::{DbErr, QueryResult};

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

    /// The expressions over ranked calls (see [`super::call`]), their numbers by [`figure`], whose values [`Self::read`] reads.
    pub fn expressions() -> String {
        format!(
            "COUNT(*) AS calls, COUNT(DISTINCT user_id) AS users, SUM(duration) AS total_duration, AVG(duration) AS mean_duration, \
             COUNT(score) AS scored, AVG(score) AS mean_score, MIN(score) AS min_score, MAX(score) AS max_score, \
             {} AS median_score, {} AS p90_score",
            percentile(0.5),
            percentile(0.9)
        )
    }

    /// Reads a row.
    pub fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            calls: row.try_get("", "calls")?,
            users: row.try_get("", "users")?,
            total_duration: row.try_get("", "total_duration")?,
            mean_duration: row.try_get("", "mean_duration")?,
            scored: row.try_get("", "scored")?,
            mean_score: row.try_get("", "mean_score")?,
            min_score: row.try_get("", "min_score")?,
            max_score: row.try_get("", "max_score")?,
            median_score: row.try_get("", "median_score")?,
            p90_score: row.try_get("", "p90_score")?,
        })
    }
}

/// The score below which a share of the scores lies. Ranks count from 1 to `scored_in_group`; the place that is wanted,
/// `share * (scored_in_group - 1)` behind the first, mostly lies between two ranks, and each counts the more the nearer it is.
fn percentile(share: f64) -> String {
    let away = format!("ABS((rank_in_group - 1) - {share} * (scored_in_group - 1))");
    format!("SUM(CASE WHEN score IS NOT NULL AND {away} < 1 THEN score * (1 - {away}) END)")
}
