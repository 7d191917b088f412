//! The statements of `insightReport`: entries of a list counted by the calls in which they came up.
//!
//! Steps, each a common table expression: the calls with their groups, a call once in a group; the sizes of the groups; what was
//! said in the calls; the entries with their counts; those that are shown. The spellings and the examples of these follow from there.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use entity::read_model::call;
use entity::read_model::insight::Kind;
use sea_orm::{
    ActiveEnum, ConnectionTrait, FromQueryResult, PaginatorTrait, QueryResult, Select, Statement,
};

use super::group::Key;
use super::grouping::{BY_PERIOD, Grouping, bytewise, calls, chosen, period_of};
use super::period::Period;
use super::statement;
use crate::graphql::error::{Error, Result};
use crate::graphql::filter::{CallFilter, InsightKind};
use crate::graphql::scalar::Time;
use crate::graphql::session::Reader;

/// What is asked of a report.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Which calls, by what.
    pub grouping: Grouping,
    /// Which list.
    pub kind: InsightKind,
    /// How many entries of each group.
    pub first: usize,
    /// How many groups.
    pub groups: usize,
}

/// What tells an entry of a group from every other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryKey {
    /// One for each group that is no period.
    pub keys: Vec<Key>,
    /// When the period begins, where calls are grouped by one and have a time.
    pub period: Option<Time>,
    /// The words.
    pub text_key: String,
}

/// How often an entry came up in the time before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Previous {
    /// In how many calls.
    pub calls: i64,
    /// In which share of the group's. None without any.
    pub share: Option<f64>,
}

/// An entry of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Which.
    pub entry: EntryKey,
    /// The group's period.
    pub period: Option<Period>,
    /// Its most frequent spelling.
    pub text: String,
    /// In how many calls of the group it came up.
    pub calls: i64,
    /// How many users made them.
    pub users: i64,
    /// How many calls the group has.
    pub group_calls: i64,
    /// In which share of them it came up.
    pub share: f64,
    /// How it was before, where there is a time before.
    pub previous: Option<Previous>,
}

/// The time before the one that is asked for: as long, and ending where that begins.
#[derive(Clone, Copy)]
struct Before {
    from: Time,
    until: Time,
}

impl Asked {
    fn before(&self) -> Option<Before> {
        if self.grouping.is_by_period() {
            return None;
        }
        let range = self.grouping.filter.created_at.as_ref()?;
        let (from, to) = (range.from?, range.to?);
        let length = to.micros().checked_sub(from.micros())?;
        let start = from.micros().checked_sub(length.max(0))?;
        let start = Time::of_micros(start)?;
        Some(Before {
            from: start,
            until: from,
        })
    }

    /// The calls, of the time before too.
    fn chosen(&self, reader: &Reader) -> Select<call::Entity> {
        let mut filter = self.grouping.filter.clone();
        if let (Some(before), Some(range)) = (self.before(), &mut filter.created_at) {
            range.from = Some(before.from);
        }
        chosen(reader, &filter)
    }

    /// A row for each call of each group, and where analyses are told apart for each of those; `past` is 1 in the time before.
    fn members(&self, by_period: bool) -> String {
        let past = match self.before() {
            Some(before) => {
                let until = before.until.micros();
                format!("CASE WHEN chosen.ordered_at < {until} THEN 1 ELSE 0 END")
            }
            None => "0".to_owned(),
        };
        let mut further = self.grouping.further(by_period);
        if self.grouping.is_of_analyses() {
            further += ", analyses.ordinal AS of_analysis";
        }
        let once = if self.grouping.is_of_prospects() {
            "DISTINCT "
        } else {
            ""
        };
        format!(
            "SELECT {once}chosen.id AS call_id, chosen.user_id, chosen.ordered_at, {past} AS past{further} FROM {}",
            self.grouping.tables(by_period)
        )
    }

    /// A statement that goes on from the entries that are shown.
    fn statement(&self, reader: &Reader, periods: Option<&[Period]>, then: &str) -> Statement {
        let backend = reader.backend();
        let mut names = self.grouping.names();
        let mut order: Vec<String> = names
            .iter()
            .map(|name| format!("{name} IS NULL, {}", bytewise(backend, name)))
            .collect();
        let mut first = String::new();
        if periods.is_some() {
            names.insert(0, "period".to_owned());
            order.insert(0, BY_PERIOD.to_owned());
            first = format!("{BY_PERIOD}, ");
        }
        let nth = match order.as_slice() {
            [] => "1".to_owned(),
            order => format!("DENSE_RANK() OVER (ORDER BY {})", order.join(", ")),
        };
        let keys = list_of(names, "");
        let of_analysis = if self.grouping.is_of_analyses() {
            " AND insights.analysis = grouped.of_analysis"
        } else {
            ""
        };
        let kind = Kind::from(self.kind).to_value();
        let counted =
            |what, past| format!("COUNT(DISTINCT CASE WHEN past = {past} THEN {what} END)");
        statement(backend, &self.chosen(reader), |chosen| {
            format!(
                "WITH {periods}chosen AS MATERIALIZED ({chosen}), members AS ({members}), \
                 grouped AS (SELECT members.*, {nth} AS grp FROM members), \
                 sized AS (SELECT grp{keys}, {now} AS group_calls, {then_} AS previous_group_calls FROM grouped GROUP BY grp{keys}), \
                 placed AS (SELECT sized.*, ROW_NUMBER() OVER (ORDER BY {first}group_calls DESC, grp) AS group_place \
                 FROM sized WHERE group_calls > 0), \
                 said AS (SELECT grp, grouped.call_id, user_id, ordered_at, past, text_key, text FROM grouped \
                 JOIN insights ON insights.call_id = grouped.call_id AND insights.kind = '{kind}'{of_analysis} WHERE text_key <> ''), \
                 entries AS (SELECT grp, text_key, {now} AS calls, {users} AS users, {then_} AS previous_calls FROM said \
                 GROUP BY grp, text_key), \
                 ranked AS (SELECT entries.*, ROW_NUMBER() OVER (PARTITION BY grp ORDER BY calls DESC, text_key) AS place \
                 FROM entries WHERE calls > 0), \
                 shown AS (SELECT placed.*, text_key, calls, users, previous_calls, place FROM ranked \
                 JOIN placed ON placed.grp = ranked.grp WHERE place <= {most} AND group_place <= {groups}), {then}",
                periods = self.grouping.table(periods),
                members = self.members(periods.is_some()),
                now = counted("call_id", 0),
                then_ = counted("call_id", 1),
                users = counted("user_id", 0),
                most = self.first,
                groups = self.groups,
            )
        })
    }

    /// The statement of the rows.
    fn rows(&self, reader: &Reader, periods: Option<&[Period]>) -> Statement {
        let then = format!(
            "spelled AS (SELECT said.grp, said.text_key, said.text, ROW_NUMBER() OVER (PARTITION BY said.grp, said.text_key \
             ORDER BY COUNT(*) DESC, {}) AS nth FROM said JOIN shown ON shown.grp = said.grp AND shown.text_key = said.text_key \
             WHERE past = 0 GROUP BY said.grp, said.text_key, said.text) \
             SELECT shown.*, spelled.text, CAST(calls AS DOUBLE PRECISION) / group_calls AS share, \
             CAST(previous_calls AS DOUBLE PRECISION) / NULLIF(previous_group_calls, 0) AS previous_share \
             FROM shown JOIN spelled ON spelled.grp = shown.grp AND spelled.text_key = shown.text_key AND nth = 1 \
             ORDER BY group_place, place",
            bytewise(reader.backend(), "said.text"),
        );
        self.statement(reader, periods, &then)
    }

    /// The statement of the newest calls of each row.
    fn examples(&self, reader: &Reader, periods: Option<&[Period]>, first: i32) -> Statement {
        let then = format!(
            "once AS (SELECT DISTINCT said.grp, said.text_key, said.call_id, said.ordered_at FROM said \
             JOIN shown ON shown.grp = said.grp AND shown.text_key = said.text_key WHERE past = 0), \
             numbered AS (SELECT once.*, ROW_NUMBER() OVER (PARTITION BY grp, text_key ORDER BY ordered_at DESC, call_id DESC) AS nth \
             FROM once) \
             SELECT calls.*, shown.text_key{} FROM numbered \
             JOIN shown ON shown.grp = numbered.grp AND shown.text_key = numbered.text_key \
             JOIN calls ON calls.id = numbered.call_id WHERE nth <= {first} ORDER BY nth",
            self.shown_keys(periods.is_some()),
        );
        self.statement(reader, periods, &then)
    }

    fn shown_keys(&self, by_period: bool) -> String {
        let period = by_period.then(|| "period".to_owned());
        list_of(self.grouping.names().into_iter().chain(period), "shown.")
    }

    fn entry(&self, row: &QueryResult, period: Option<Period>) -> Result<EntryKey> {
        Ok(EntryKey {
            keys: self.grouping.read(row)?,
            period: period.map(|period| period.from),
            text_key: row.try_get("", "text_key")?,
        })
    }
}

/// These columns, of a table that is named with a dot, at the end of a list of others.
fn list_of(names: impl IntoIterator<Item = String>, table: &str) -> String {
    let names = names.into_iter().map(|name| format!(", {table}{name}"));
    names.collect::<Vec<_>>().concat()
}

/// The rows of a report.
pub async fn found(reader: &Reader, asked: &Asked) -> Result<Vec<Found>> {
    let periods = asked.grouping.periods(reader, false).await?;
    let statement = asked.rows(reader, periods.as_deref());
    let generation = reader.store.read_model.live();
    let has_before = asked.before().is_some();
    let mut all = Vec::new();
    for row in generation.reads().query_all_raw(statement).await? {
        let period = period_of(&row, periods.as_deref())?;
        let previous = Previous {
            calls: row.try_get("", "previous_calls")?,
            share: row.try_get("", "previous_share")?,
        };
        all.push(Found {
            entry: asked.entry(&row, period)?,
            period,
            text: row.try_get("", "text")?,
            calls: row.try_get("", "calls")?,
            users: row.try_get("", "users")?,
            group_calls: row.try_get("", "group_calls")?,
            share: row.try_get("", "share")?,
            previous: has_before.then_some(previous),
        });
    }
    Ok(all)
}

/// How many calls a report is of.
pub async fn total(reader: &Reader, filter: &CallFilter) -> Result<i64> {
    let generation = reader.store.read_model.live();
    let count = calls(reader, filter).count(generation.reads()).await?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Asks for the newest calls in which an entry of a report came up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExamplesOf {
    /// The report.
    pub asked: Arc<Asked>,
    /// How many.
    pub first: i32,
    /// The entry.
    pub entry: EntryKey,
}

impl Loader<ExamplesOf> for Reader {
    type Value = Vec<call::Model>;
    type Error = Error;

    /// One statement for all entries of a report.
    async fn load(&self, keys: &[ExamplesOf]) -> Result<HashMap<ExamplesOf, Self::Value>> {
        let mut loaded: HashMap<ExamplesOf, Self::Value> =
            keys.iter().map(|key| (key.clone(), Vec::new())).collect();
        let mut answered: Vec<(&Arc<Asked>, i32)> = Vec::new();
        for ExamplesOf { asked, first, .. } in keys {
            if answered.contains(&(asked, *first)) {
                continue;
            }
            answered.push((asked, *first));
            let periods = asked.grouping.periods(self, false).await?;
            let statement = asked.examples(self, periods.as_deref(), *first);
            let generation = self.store.read_model.live();
            for row in generation.reads().query_all_raw(statement).await? {
                let period = period_of(&row, periods.as_deref())?;
                let key = ExamplesOf {
                    asked: Arc::clone(asked),
                    first: *first,
                    entry: asked.entry(&row, period)?,
                };
                if let Some(examples) = loaded.get_mut(&key) {
                    examples.push(call::Model::from_query_result(&row, "")?);
                }
            }
        }
        Ok(loaded)
    }
}
