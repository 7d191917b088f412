//! The statements, by hand: one for each question, the same text on both databases.
//!
//! Parameters are numbered in the order in which they first stand in the text, which is what SQLite goes by.

use anyhow::Context;
use chrono::{DateTime, TimeDelta};

use crate::question::Case;

/// The names of the questions that the floor answers, in the order of [`STATEMENTS`].
const NAMES: [&str; 4] = ["Q1", "Q2", "Q3", "Q4"];

/// The place of a question's statement.
pub fn number(question: &str) -> Option<usize> {
    NAMES.iter().position(|name| *name == question)
}

/// What is asked of the database.
pub const STATEMENTS: [&str; 4] = [
    "SELECT c.id, c.title, c.score, u.name, a.score, a.summary
     FROM (SELECT id, title, score, user_id, ordered_at FROM calls WHERE org_id = $1
           ORDER BY ordered_at DESC, id DESC LIMIT 20) c
     LEFT JOIN users u ON u.id = c.user_id
     LEFT JOIN analyses a ON a.call_id = c.id
     ORDER BY c.ordered_at DESC, c.id DESC, a.ordinal",
    "SELECT 0, c.id, c.title, t.lines, c.score
     FROM calls c LEFT JOIN transcripts t ON t.call_id = c.id WHERE c.id = $1
     UNION ALL
     SELECT 1, p.id, p.name, p.job_title, CAST(NULL AS DOUBLE PRECISION)
     FROM call_prospects cp JOIN prospects p ON p.org_id = cp.org_id AND p.id = cp.prospect_id WHERE cp.call_id = $1
     UNION ALL
     SELECT 2, CAST(NULL AS TEXT), a.summary, CAST(NULL AS TEXT), a.score FROM analyses a WHERE a.call_id = $1",
    "SELECT user_id, COUNT(*), AVG(score) FROM calls
     WHERE org_id = $1 AND ordered_at >= $2 AND ordered_at < $3 AND NOT is_example GROUP BY user_id ORDER BY user_id",
    "SELECT id, title, score FROM calls WHERE (ordered_at, id) < ($1, $2) ORDER BY ordered_at DESC, id DESC LIMIT 20",
];

/// The same as PostgreSQL is asked it: else it walks through the newest calls of all orgs to find those of one.
pub fn for_postgres(statement: &str) -> String {
    statement
        .replace("WHERE org_id = $1\n", "WHERE org_id IN ($1, $1)\n")
        .replace(
            "ORDER BY ordered_at DESC, id DESC LIMIT 20) c",
            "ORDER BY org_id DESC, ordered_at DESC, id DESC LIMIT 20) c",
        )
}

/// A value of a statement.
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
}

/// The values of the statement at `at`.
pub fn values(at: usize, case: &Case) -> anyhow::Result<Vec<Value>> {
    let text = |text: &str| Value::Text(text.to_owned());
    Ok(match at {
        0 => vec![text(&case.org)],
        1 => vec![text(&case.call)],
        2 => vec![
            text(&case.org),
            Value::Number(micros(&case.from)?),
            Value::Number(micros(&case.to)?),
        ],
        _ => {
            let after = case.after.get("floor").context("no place to go on from")?;
            let (ordered_at, id) = after.split_once(' ').context("not a place")?;
            vec![Value::Number(ordered_at.parse()?), text(id)]
        }
    })
}

fn micros(time: &str) -> anyhow::Result<i64> {
    let time = DateTime::parse_from_rfc3339(time)?;
    let since = time.signed_duration_since(DateTime::UNIX_EPOCH);
    TimeDelta::num_microseconds(&since).context("out of range")
}
