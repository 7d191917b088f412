//! `callReport`: figures of calls by groups, in one statement.
//!
//! Three steps, each a common table expression: the calls of each group, a call once in a group however many of its prospects or
//! analyses belong there; their ranks by score within the group; the figures. Nothing is summed here, and no row is loaded to be
//! counted.

use entity::read_model::{analysis, call, call_prospect};
use entity::scope::Scoped;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, JoinType, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, QueryFilter, QuerySelect, QueryTrait, Select, Statement,
};

use super::figures::CallFigures;
use super::group::{CallGroup, Key};
use super::period::{Period, Zone, between};
use crate::graphql::error::Result;
use crate::graphql::filter::{CallFilter, Filter};
use crate::graphql::scalar::Time;
use crate::graphql::session::Reader;

/// What is asked of a report.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Which calls. Examples are left out whatever it says.
    pub filter: CallFilter,
    /// By what they are grouped; at most one of it by a period.
    pub groups: Vec<CallGroup>,
    /// Where days, weeks and months begin.
    pub zone: Zone,
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
    fn keys(&self) -> impl Iterator<Item = (usize, CallGroup)> {
        let keys = self.groups.iter().copied();
        keys.filter(|group| group.unit().is_none()).enumerate()
    }

    /// The periods of the calls, where they are grouped by one.
    async fn periods(&self, reader: &Reader) -> Result<Option<Vec<Period>>> {
        let Some(unit) = self.groups.iter().find_map(|group| group.unit()) else {
            return Ok(None);
        };
        let asked = self.filter.created_at.as_ref();
        let from = asked.and_then(|range| range.from).map(Time::micros);
        let to = asked.and_then(|range| range.to).map(Time::micros);
        let (from, to) = if let (Some(from), Some(to)) = (from, to) {
            (from, to)
        } else {
            let ordered_at = call::Column::OrderedAt;
            let found: Option<(Option<i64>, Option<i64>)> = self
                .calls(reader)
                .select_only()
                .column_as(ordered_at.min(), "first")
                .column_as(ordered_at.max(), "last")
                .into_tuple()
                .one(reader.store.read_model.live().db())
                .await?;
            let Some((Some(first), Some(last))) = found else {
                return Ok(Some(Vec::new()));
            };
            (from.unwrap_or(first), to.unwrap_or(last + 1))
        };
        between(unit, self.zone.0, from, to).map(Some)
    }

    fn calls(&self, reader: &Reader) -> Select<call::Entity> {
        call::Entity::visible_to(reader.viewer.scope())
            .filter(self.filter.condition(reader.backend()))
            .filter(call::Column::IsExample.eq(false))
    }

    /// A row for each call of each group: who made it, its duration and score, and the group.
    fn grouped(&self, reader: &Reader, by_period: bool) -> Select<call::Entity> {
        let id = || column(call::Column::Id);
        let mut select = self
            .calls(reader)
            .select_only()
            .column(call::Column::UserId)
            .column(call::Column::Duration);
        let mut groups = vec![
            id(),
            column(call::Column::UserId),
            column(call::Column::Duration),
        ];
        for (place, group) in self.keys() {
            for (name, key) in group.names(place).into_iter().zip(group.columns()) {
                select = select.column_as(key.clone(), name);
                groups.push(key);
            }
        }
        if by_period {
            let period = || Expr::col((Alias::new("periods"), Alias::new("nth")));
            let within = Expr::cust(
                "\"periods\".\"begins\" <= \"calls\".\"ordered_at\" AND \"calls\".\"ordered_at\" < \"periods\".\"ends\"",
            );
            QueryTrait::query(&mut select).join(JoinType::InnerJoin, Alias::new("periods"), within);
            select = select.column_as(period(), "period");
            groups.push(period());
        }
        if self.keys().any(|(_, group)| group.is_of_prospects()) {
            let of_call = ExprTrait::eq(column(call_prospect::Column::CallId), id());
            QueryTrait::query(&mut select).join(JoinType::LeftJoin, call_prospect::Entity, of_call);
        }
        let mut score: SimpleExpr = column(call::Column::Score);
        if self
            .keys()
            .any(|(_, group)| group == CallGroup::AnalysisType)
        {
            let of_call = ExprTrait::eq(column(analysis::Column::CallId), id());
            QueryTrait::query(&mut select).join(JoinType::LeftJoin, analysis::Entity, of_call);
            score = Func::avg(column(analysis::Column::Score)).into();
        } else {
            groups.push(score.clone());
        }
        QueryTrait::query(&mut select).add_group_by(groups);
        select.column_as(score, "score")
    }

    /// The statement of the report, with the values of its filter.
    fn statement(&self, reader: &Reader, periods: Option<&[Period]>) -> Statement {
        let generation = reader.store.read_model.live();
        let backend = generation.db().get_database_backend();
        let mut names: Vec<String> = self
            .keys()
            .flat_map(|(place, group)| group.names(place))
            .collect();
        if periods.is_some() {
            names.insert(0, "period".to_owned());
        }
        let keys = names.join(", ");
        let (partition, by, then, shown) = match keys.as_str() {
            "" => (String::new(), String::new(), String::new(), String::new()),
            keys => (
                format!("PARTITION BY {keys} "),
                format!(" GROUP BY {keys}"),
                format!(", {keys}"),
                format!("{keys}, "),
            ),
        };
        let Statement { sql, values, .. } = self.grouped(reader, periods.is_some()).build(backend);
        let first = if periods.is_some() { "period, " } else { "" };
        let text = format!(
            "WITH {}grouped AS ({sql}), \
             ranked AS (SELECT grouped.*, ROW_NUMBER() OVER ({partition}ORDER BY score IS NULL, score) AS rank_in_group, \
             COUNT(score) OVER ({}) AS scored_in_group FROM grouped) \
             SELECT {shown}{} FROM ranked{by} ORDER BY {first}calls DESC{then} LIMIT {}",
            periods.map(values_of).unwrap_or_default(),
            partition.trim_end(),
            CallFigures::expressions(),
            self.most + 1,
        );
        match values {
            Some(values) => Statement::from_sql_and_values(backend, text, values),
            None => Statement::from_string(backend, text),
        }
    }
}

fn column<C: ColumnTrait>(column: C) -> Expr
where
    C::EntityName: Default,
{
    Expr::col((C::EntityName::default(), column))
}

/// The periods as a table: their numbers and bounds.
fn values_of(periods: &[Period]) -> String {
    let rows: Vec<String> = periods
        .iter()
        .enumerate()
        .map(|(nth, period)| {
            let (begins, ends) = (period.from.micros(), period.to.micros());
            format!("(CAST({nth} AS BIGINT), {begins}, {ends})")
        })
        .collect();
    format!(
        "periods(nth, begins, ends) AS (VALUES {}), ",
        rows.join(", ")
    )
}

/// The rows of a report, by period, then by their number of calls; and whether there are more.
pub async fn rows(reader: &Reader, asked: &Asked) -> Result<(Vec<Row>, bool)> {
    let periods = asked.periods(reader).await?;
    if periods.as_ref().is_some_and(Vec::is_empty) {
        return Ok((Vec::new(), false));
    }
    let statement = asked.statement(reader, periods.as_deref());
    let generation = reader.store.read_model.live();
    let mut rows = Vec::new();
    for row in generation.db().query_all_raw(statement).await? {
        let keys = asked.keys().map(|(place, group)| group.read(&row, place));
        let period = match &periods {
            Some(periods) => {
                let nth: i64 = row.try_get("", "period")?;
                usize::try_from(nth).ok().and_then(|nth| periods.get(nth))
            }
            None => None,
        };
        rows.push(Row {
            keys: keys.collect::<std::result::Result<_, _>>()?,
            period: period.copied(),
            figures: CallFigures::read(&row)?,
        });
    }
    if asked.fill
        && let Some(periods) = &periods
    {
        rows = filled(rows, periods);
    }
    let more = rows.len() > asked.most;
    rows.truncate(asked.most);
    Ok((rows, more))
}

/// The rows, and one without calls for each period in which a group that has any has none.
fn filled(rows: Vec<Row>, periods: &[Period]) -> Vec<Row> {
    let mut groups: Vec<Vec<Key>> = Vec::new();
    for row in &rows {
        if !groups.contains(&row.keys) {
            groups.push(row.keys.clone());
        }
    }
    let mut rows = rows.into_iter().peekable();
    let mut all = Vec::new();
    for period in periods {
        let mut missing = groups.clone();
        while let Some(row) = rows.next_if(|row| row.period == Some(*period)) {
            missing.retain(|keys| *keys != row.keys);
            all.push(row);
        }
        all.extend(missing.into_iter().map(|keys| Row {
            keys,
            period: Some(*period),
            figures: CallFigures::NONE,
        }));
    }
    all
}

/// The figures of all calls that a report is of.
pub async fn total(reader: &Reader, filter: &CallFilter) -> Result<CallFigures> {
    let asked = Asked {
        filter: filter.clone(),
        most: 1,
        ..Asked::default()
    };
    let (rows, _) = rows(reader, &asked).await?;
    let row = rows.into_iter().next();
    Ok(row.map_or(CallFigures::NONE, |row| row.figures))
}
