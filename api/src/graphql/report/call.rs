//! `callReport`: figures of calls by groups, in one statement.
//!
//! Steps, each a common table expression: the calls; those of each group, a call once in a group however many of its prospects or
//! analyses belong there; their ranks by score within the group, if a figure that is asked for needs them; the figures. Nothing is summed here, and no row is loaded to be
//! counted.

use indexmap::IndexSet;
use sea_orm::{ConnectionTrait, Statement};

use super::figures::{CallFigures, figure};
use super::group::Key;
use super::grouping::{BY_PERIOD, Grouping, bytewise, chosen, period_of};
use super::period::Period;
use super::statement;
use crate::graphql::error::Result;
use crate::graphql::filter::CallFilter;
use crate::graphql::session::Reader;

/// Rows that a report reads at most to learn which groups there are.
const MOST_READ: usize = 10_000;

/// What is asked of a report.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Which calls, by what.
    pub grouping: Grouping,
    /// Whether periods without calls have rows too.
    pub fill: bool,
    /// How many rows at most.
    pub most: usize,
}

/// A row: a group's keys, its period, and its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// One for each group that is no period.
    pub keys: Vec<Key>,
    /// The period, where calls are grouped by one.
    pub period: Option<Period>,
    /// What is said of the group's calls.
    pub figures: CallFigures,
}

impl Asked {
    /// A row for each call of each group: who made it, its duration and score, and the group.
    fn grouped(&self, by_period: bool) -> String {
        let score = if self.grouping.is_of_analyses() {
            format!("AVG({})", figure("analyses.score"))
        } else {
            "chosen.score".to_owned()
        };
        let once = if self.grouping.is_of_prospects() || self.grouping.is_of_analyses() {
            let call = ["id", "user_id", "duration", "score"].map(|name| format!("chosen.{name}"));
            let keys = self.grouping.columns(by_period).into_iter();
            let columns: Vec<String> = call.into_iter().chain(keys.map(|key| key.0)).collect();
            format!(" GROUP BY {}", columns.join(", "))
        } else {
            String::new()
        };
        format!(
            "SELECT chosen.user_id, chosen.duration, {score} AS score{} FROM {}{once}",
            self.grouping.further(by_period),
            self.grouping.tables(by_period)
        )
    }

    /// How many rows are read at most. To fill, the groups must be known that first appear in a later period.
    fn read(&self) -> usize {
        if self.fill {
            MOST_READ.max(self.most + 1)
        } else {
            self.most + 1
        }
    }

    /// The statement of the report, with the values of its filter.
    fn statement(&self, reader: &Reader, periods: Option<&[Period]>) -> Statement {
        let backend = reader.backend();
        let mut names = self.grouping.names();
        let mut order: Vec<String> = names
            .iter()
            .map(|name| format!("{name} IS NULL, {}", bytewise(backend, name)))
            .collect();
        order.insert(0, "calls DESC".to_owned());
        if periods.is_some() {
            names.insert(0, "period".to_owned());
            order.insert(0, BY_PERIOD.to_owned());
        }
        let keys = names.join(", ");
        let (partition, by, shown) = match keys.as_str() {
            "" => (String::new(), String::new(), String::new()),
            keys => (
                format!("PARTITION BY {keys} "),
                format!(" GROUP BY {keys}"),
                format!("{keys}, "),
            ),
        };
        let (ranked, of) = if CallFigures::are_ranked(&reader.asked) {
            let of_group = partition.trim_end();
            let ranked = format!(
                ", ranked AS (SELECT grouped.*, ROW_NUMBER() OVER ({partition}ORDER BY score IS NULL, score) AS rank_in_group, \
                 COUNT(score) OVER ({of_group}) AS scored_in_group FROM grouped)"
            );
            (ranked, "ranked")
        } else {
            (String::new(), "grouped")
        };
        statement(backend, &chosen(reader, &self.grouping.filter), |chosen| {
            format!(
                "WITH {}chosen AS MATERIALIZED ({chosen}), grouped AS ({}){ranked} \
                 SELECT {shown}{} FROM {of}{by} ORDER BY {} LIMIT {}",
                self.grouping.table(periods),
                self.grouped(periods.is_some()),
                CallFigures::expressions(&reader.asked),
                order.join(", "),
                self.read(),
            )
        })
    }
}

/// The rows of a report, by period, then by their number of calls; and whether there are more.
pub async fn rows(reader: &Reader, asked: &Asked) -> Result<(Vec<Row>, bool)> {
    let periods = asked.grouping.periods(reader, asked.fill).await?;
    let statement = asked.statement(reader, periods.as_deref());
    let generation = reader.store.read_model.live();
    let mut rows = Vec::new();
    for row in generation.reads().query_all_raw(statement).await? {
        rows.push(Row {
            keys: asked.grouping.read(&row)?,
            period: period_of(&row, periods.as_deref())?,
            figures: CallFigures::read(&row, &reader.asked)?,
        });
    }
    if asked.fill
        && let Some(periods) = &periods
    {
        let only_periods = asked.grouping.keys().next().is_none();
        rows = filled(rows, periods, only_periods, asked.most + 1);
    }
    let more = rows.len() > asked.most;
    rows.truncate(asked.most);
    Ok((rows, more))
}

/// The rows, and one without calls for each period in which a group that has any has none; where periods are the only group, for each
/// period without calls. Only the first rows are made, as many as are wanted.
fn filled(rows: Vec<Row>, periods: &[Period], only_periods: bool, wanted: usize) -> Vec<Row> {
    let mut groups: IndexSet<Vec<Key>> = IndexSet::new();
    if only_periods {
        groups.insert(Vec::new());
    }
    for row in rows.iter().filter(|row| row.period.is_some()) {
        if !groups.contains(&row.keys) {
            groups.insert(row.keys.clone());
        }
    }
    let mut rows = rows.into_iter().peekable();
    let mut all = Vec::new();
    for period in periods {
        let mut missing = groups.clone();
        while let Some(row) = rows.next_if(|row| row.period == Some(*period)) {
            missing.shift_remove(&row.keys);
            all.push(row);
        }
        all.extend(missing.into_iter().map(|keys| Row {
            keys,
            period: Some(*period),
            figures: CallFigures::NONE,
        }));
        if all.len() >= wanted {
            return all;
        }
    }
    all.extend(rows);
    all
}

/// The figures of all calls that a report is of.
pub async fn total(reader: &Reader, filter: &CallFilter) -> Result<CallFigures> {
    let grouping = Grouping {
        filter: filter.clone(),
        ..Grouping::default()
    };
    let asked = Asked {
        grouping,
        most: 1,
        ..Asked::default()
    };
    let (rows, _) = rows(reader, &asked).await?;
    let row = rows.into_iter().next();
    Ok(row.map_or(CallFigures::NONE, |row| row.figures))
}
