//! The calls that a report is of, and the groups into which they fall.
//!
//! Every report starts from [`calls`]: examples are left out there and nowhere else.

use entity::read_model::call;
use entity::scope::Scoped;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, DatabaseBackend, DbErr, Order, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    Select,
};

use super::figures::figure;
use super::group::{CallGroup, Key};
use super::period::{
    EARLIEST, LATEST, MOST, MOST_STRETCHES, Period, Unit, Zone, between, of_stretches,
};
use crate::graphql::error::{Error, Result};
use crate::graphql::filter::{CallFilter, Filter};
use crate::graphql::scalar::Time;
use crate::graphql::session::Reader;
use crate::graphql::viewer::Viewer;

/// Which calls, and by what they are grouped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Grouping {
    /// Which calls. Examples are left out whatever it says.
    pub filter: CallFilter,
    /// By what they are grouped; at most one of it by a period.
    pub groups: Vec<CallGroup>,
    /// Where days, weeks and months begin.
    pub zone: Zone,
}

/// The real calls that a filter lets pass, of those that the reader may see.
pub fn calls(reader: &Reader, filter: &CallFilter) -> Select<call::Entity> {
    call::Entity::visible_to(reader.viewer.scope())
        .filter(filter.condition(reader.sight()))
        .filter(call::Column::IsExample.eq(false))
}

/// What a report needs of the calls. A statement names them `chosen` and materializes them: their index follows from the filter,
/// and not from how they are grouped.
pub fn chosen(reader: &Reader, filter: &CallFilter) -> Select<call::Entity> {
    let chosen = calls(reader, filter).select_only().columns([
        call::Column::Id,
        call::Column::OrgId,
        call::Column::UserId,
        call::Column::ManagerId,
        call::Column::TeamId,
        call::Column::CreatedAt,
        call::Column::OrderedAt,
    ]);
    with_numbers(chosen)
}

/// With the durations and scores that count.
pub fn with_numbers(select: Select<call::Entity>) -> Select<call::Entity> {
    select
        .expr_as(Expr::cust(figure("\"calls\".\"duration\"")), "duration")
        .expr_as(Expr::cust(figure("\"calls\".\"score\"")), "score")
}

/// A text that is ordered byte by byte, on every database.
pub fn bytewise(backend: DatabaseBackend, name: &str) -> String {
    match backend {
        DatabaseBackend::Postgres => format!("{name} COLLATE \"C\""),
        _ => name.to_owned(),
    }
}

impl Grouping {
    /// Checks by what calls are grouped.
    pub fn new(
        viewer: &Viewer,
        filter: Option<CallFilter>,
        groups: Vec<CallGroup>,
        zone: Zone,
        most: usize,
    ) -> Result<Self> {
        for (nth, group) in groups.iter().enumerate() {
            if groups[..nth].contains(group) {
                return Err(Error::bad_input("A report is grouped once by each thing."));
            }
        }
        if groups.len() > most {
            return Err(Error::bad_input(format!(
                "This report is grouped by at most {most} things."
            )));
        }
        if groups.iter().filter(|group| group.unit().is_some()).count() > 1 {
            return Err(Error::bad_input(
                "A report is grouped by days, weeks or months: one of them.",
            ));
        }
        let filter = filter.unwrap_or_default();
        filter.check(viewer)?;
        Ok(Self {
            filter,
            groups,
            zone,
        })
    }

    /// Whether it is by days, weeks or months.
    pub fn is_by_period(&self) -> bool {
        self.unit().is_some()
    }

    /// Which of these, if it is by one.
    fn unit(&self) -> Option<Unit> {
        self.groups.iter().find_map(|group| group.unit())
    }

    /// The groups that are no period, each with its place.
    pub fn keys(&self) -> impl Iterator<Item = (usize, CallGroup)> {
        let keys = self.groups.iter().copied();
        keys.filter(|group| group.unit().is_none()).enumerate()
    }

    /// What the columns that tell the groups apart are called in a statement, without the period.
    pub fn names(&self) -> Vec<String> {
        let keys = self.keys();
        keys.flat_map(|(place, group)| group.names(place)).collect()
    }

    /// Reads the keys of a row.
    pub fn read(&self, row: &QueryResult) -> std::result::Result<Vec<Key>, DbErr> {
        self.keys()
            .map(|(place, group)| group.read(row, place))
            .collect()
    }

    /// The periods of the calls, where they are grouped by one: at least those that have calls, and filled, all of the time that is asked
    /// for. A call without a time is in none, nor is one of a year that no calendar has.
    pub async fn periods(&self, reader: &Reader, fill: bool) -> Result<Option<Vec<Period>>> {
        let Some(unit) = self.unit() else {
            return Ok(None);
        };
        let asked = self.filter.created_at.as_ref();
        let from = asked.and_then(|range| range.from).map(Time::micros);
        let to = asked.and_then(|range| range.to).map(Time::micros);
        if let (Some(from), Some(to)) = (from, to) {
            let all = between(unit, self.zone.0, from, to);
            if fill || all.is_ok() {
                return all.map(Some);
            }
        }
        // A wrong date may lie centuries from the others.
        let stretches = self.stretches(reader, unit).await?;
        if !fill {
            return of_stretches(unit, self.zone.0, &stretches).map(Some);
        }
        let (Some((first, _)), Some((_, last))) = (stretches.first(), stretches.last()) else {
            return Ok(Some(Vec::new()));
        };
        let (from, to) = (from.unwrap_or(*first), to.unwrap_or(*last + 1));
        between(unit, self.zone.0, from, to).map(Some)
    }

    /// The [stretches](Unit::stretch) that have calls: the moments of the first and of the last call of each. Where there are more than a
    /// report may have periods of, only so many that this shows.
    async fn stretches(&self, reader: &Reader, unit: Unit) -> Result<Vec<(i64, i64)>> {
        let created_at = call::Column::CreatedAt;
        let nth = Expr::cust(stretch_of(unit, "\"calls\".\"created_at\""));
        let found = calls(reader, &self.filter)
            .filter(created_at.gte(EARLIEST))
            .filter(created_at.lt(LATEST))
            .select_only()
            .column_as(created_at.min(), "first")
            .column_as(created_at.max(), "last")
            .group_by(nth.clone())
            .order_by(nth, Order::Asc)
            .limit(u64::try_from(MOST * MOST_STRETCHES).unwrap_or(u64::MAX) + 1)
            .into_tuple()
            .all(reader.store.read_model.live().reads())
            .await?;
        Ok(found)
    }

    /// The periods as a table of a statement, at the beginning of others: their numbers and bounds, once for each stretch that they have
    /// something of.
    pub fn table(&self, periods: Option<&[Period]>) -> String {
        let (Some(unit), Some(periods)) = (self.unit(), periods) else {
            return String::new();
        };
        let mut rows = Vec::new();
        for (nth, period) in periods.iter().enumerate() {
            let (begins, ends) = (period.from.micros(), period.to.micros());
            let [first, last] =
                [begins, ends - 1].map(|at| (at - EARLIEST).div_euclid(unit.stretch()));
            rows.extend(
                (first..=last)
                    .map(|stretch| format!("(CAST({nth} AS BIGINT), {stretch}, {begins}, {ends})")),
            );
        }
        let rows = match rows.as_slice() {
            [] => "SELECT CAST(0 AS BIGINT), 0, 0, 0 WHERE 1 = 0".to_owned(),
            rows => format!("VALUES {}", rows.join(", ")),
        };
        format!("periods(nth, stretch, begins, ends) AS ({rows}), ")
    }

    /// The columns that tell the groups apart, each as the statement finds it and as it is called from there on.
    pub fn columns(&self, by_period: bool) -> Vec<(String, String)> {
        let period = by_period.then(|| ("periods.nth".to_owned(), "period".to_owned()));
        let keys = self.keys().flat_map(|(place, group)| {
            let columns = group.columns().iter().map(|column| (*column).to_owned());
            columns.zip(group.names(place))
        });
        period.into_iter().chain(keys).collect()
    }

    /// These columns at the end of a list of others.
    pub fn further(&self, by_period: bool) -> String {
        let columns = self.columns(by_period).into_iter();
        let named: Vec<String> = columns
            .map(|(column, name)| format!(", {column} AS {name}"))
            .collect();
        named.concat()
    }

    /// The calls that were chosen, with what tells their groups: a call has a row for each of its prospects and analyses where those
    /// matter.
    pub fn tables(&self, by_period: bool) -> String {
        let mut tables = match self.unit().filter(|_| by_period) {
            // Equality is what an index or a hash finds: without it each call is compared with each period.
            Some(unit) => format!(
                "chosen LEFT JOIN periods ON periods.stretch = {} \
                 AND periods.begins <= chosen.created_at AND chosen.created_at < periods.ends",
                stretch_of(unit, "chosen.created_at")
            ),
            None => "chosen".to_owned(),
        };
        if self.is_of_prospects() {
            tables += " LEFT JOIN call_prospects ON call_prospects.call_id = chosen.id";
        }
        if self.is_of_analyses() {
            tables += " LEFT JOIN analyses ON analyses.call_id = chosen.id";
        }
        tables
    }

    /// Whether a call's prospects are told apart.
    pub fn is_of_prospects(&self) -> bool {
        self.groups.iter().any(|group| group.is_of_prospects())
    }

    /// Whether analyses are told apart, not only calls.
    pub fn is_of_analyses(&self) -> bool {
        self.groups.contains(&CallGroup::AnalysisType)
    }
}

/// The number of the stretch that a moment is in, from [`EARLIEST`] on.
fn stretch_of(unit: Unit, moment: &str) -> String {
    format!("({moment} - ({EARLIEST})) / {}", unit.stretch())
}

/// In which order rows by period come: by time, and those without one last, on every database.
pub const BY_PERIOD: &str = "period IS NULL, period";

/// The period of a row, where it has one.
pub fn period_of(
    row: &QueryResult,
    periods: Option<&[Period]>,
) -> std::result::Result<Option<Period>, DbErr> {
    let Some(periods) = periods else {
        return Ok(None);
    };
    let nth: Option<i64> = row.try_get("", "period")?;
    let nth = nth.and_then(|nth| usize::try_from(nth).ok());
    Ok(nth.and_then(|nth| periods.get(nth)).copied())
}
