//! `practiceGaps` and `streaksAtRisk`: users by the calls that they have not made.
//!
//! Whether somebody practised in a stretch of time is looked up in the index of each user's calls, whatever else they made.

use async_graphql::SimpleObject;
use entity::read_model::{call, user};
use entity::scope::Scoped;
use sea_orm::sea_query::{Expr, ExprTrait, SelectStatement, SimpleExpr, SubQueryStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, FromQueryResult, QueryFilter, QueryResult,
    QuerySelect, QueryTrait, Select,
};

use super::period::{DAY, Unit, Zone, days_before, holding};
use super::{rows_of, statement};
use crate::graphql::error::{Error, Result};
use crate::graphql::filter::{Filter, UserFilter};
use crate::graphql::object::User;
use crate::graphql::scalar::Time;
use crate::graphql::session::Reader;

/// The longest gap that can be asked for, in days.
const MOST_DAYS: i32 = 36_500;

/// A user who has not practised for some time.
#[derive(SimpleObject)]
pub struct PracticeGap {
    /// The user.
    user: User,
    /// When they made their last call before `asOf`. Null if they made none. A call without a time counts nowhere here.
    last_call_at: Option<Time>,
    /// How many whole days, of 24 hours, had passed since then at `asOf`. Null if they made none.
    days_since: Option<i64>,
    /// How many calls they made before `asOf`.
    calls_before: i64,
}

/// Users who have not practised for some time.
#[derive(SimpleObject)]
pub struct PracticeGaps {
    /// The moment before which calls count.
    as_of: Time,
    /// How many such users there are.
    total_count: i64,
    /// Who has never practised first, in the order in which they were created; then the others, the longest gap first.
    rows: Vec<PracticeGap>,
}

/// A user whose streak may end.
#[derive(SimpleObject)]
pub struct StreakAtRisk {
    /// The user.
    user: User,
    /// Their streak, as SalesMagic last sent it.
    streak: f64,
    /// When they made their last call.
    last_call_at: Option<Time>,
}

/// Users whose streak may end today.
#[derive(SimpleObject)]
pub struct StreaksAtRisk {
    /// The moment before which calls count.
    as_of: Time,
    /// The end of the day: the next midnight of the time zone behind `asOf`. Who has made no call until then has missed the day.
    ends_at: Time,
    /// How many such users there are.
    total_count: i64,
    /// The users, the longest streak first.
    rows: Vec<StreakAtRisk>,
}

/// The users who are there: not deleted, and no examples.
fn users(reader: &Reader, filter: &UserFilter) -> Select<user::Entity> {
    user::Entity::visible_to(reader.viewer.scope())
        .filter(filter.condition(reader.sight()))
        .filter(user::Column::IsExample.eq(false))
        .filter(user::Column::IsDeleted.eq(false))
}

/// The real calls of a user of the select around it, in a stretch of time. One without a time is in none.
fn calls_of_user(reader: &Reader, from: Option<i64>, to: i64) -> Select<call::Entity> {
    let of_user =
        Expr::col((call::Entity, call::Column::UserId)).equals((user::Entity, user::Column::Id));
    let calls = call::Entity::visible_to(reader.viewer.scope())
        .select_only()
        .filter(of_user)
        .filter(call::Column::IsExample.eq(false))
        .filter(call::Column::CreatedAt.is_not_null())
        .filter(call::Column::OrderedAt.lt(to));
    match from {
        Some(from) => calls.filter(call::Column::OrderedAt.gte(from)),
        None => calls,
    }
}

fn any(calls: Select<call::Entity>) -> SimpleExpr {
    Expr::exists(calls.column(call::Column::Id).into_query())
}

fn value(query: SelectStatement) -> SimpleExpr {
    SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(query)))
}

fn last_call(reader: &Reader, to: i64) -> SimpleExpr {
    let calls = calls_of_user(reader, None, to);
    value(
        calls
            .column_as(call::Column::OrderedAt.max(), "last")
            .into_query(),
    )
}

fn time(row: &QueryResult, column: &str) -> Result<Option<Time>> {
    let micros: Option<i64> = row.try_get("", column)?;
    Ok(micros.and_then(Time::of_micros))
}

impl PracticeGaps {
    /// Checks what is asked, and computes it.
    pub async fn of(
        reader: &Reader,
        days: i32,
        as_of: Option<Time>,
        filter: Option<UserFilter>,
        first: Option<i32>,
    ) -> Result<Self> {
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(Error::bad_input(
                "`days` is the number of days without a call, from 1 to 36500.",
            ));
        }
        let most = rows_of(first)?;
        let filter = filter.unwrap_or_default();
        filter.check(&reader.viewer)?;
        let as_of = reader.as_of(as_of)?;
        let now = as_of.micros();
        let since = now.saturating_sub(i64::from(days) * DAY);
        let count = calls_of_user(reader, None, now).column_as(call::Column::Id.count(), "made");
        // Whoever made a call was there, whatever is said of when they were created.
        let was_there = Condition::any()
            .add(user::Column::CreatedAt.is_null())
            .add(user::Column::CreatedAt.lt(now))
            .add(any(calls_of_user(reader, None, now)));
        let select = users(reader, &filter)
            .filter(was_there)
            .filter(any(calls_of_user(reader, Some(since), now)).not())
            .expr_as(last_call(reader, now), "last_call_at")
            .expr_as(value(count.into_query()), "calls_before");
        let statement = statement(reader.backend(), &select, |absent| {
            format!(
                "WITH absent AS ({absent}) SELECT absent.*, COUNT(*) OVER () AS absent_users FROM absent \
                 ORDER BY last_call_at IS NOT NULL, last_call_at, ordered_at, id LIMIT {most}"
            )
        });
        let generation = reader.store.read_model.live();
        let mut gaps = Self {
            as_of,
            total_count: 0,
            rows: Vec::new(),
        };
        for row in generation.reads().query_all_raw(statement).await? {
            let last_call_at = time(&row, "last_call_at")?;
            gaps.total_count = row.try_get("", "absent_users")?;
            gaps.rows.push(PracticeGap {
                user: User(user::Model::from_query_result(&row, "")?),
                last_call_at,
                days_since: last_call_at.map(|last| (now - last.micros()) / DAY),
                calls_before: row.try_get("", "calls_before")?,
            });
        }
        Ok(gaps)
    }
}

impl StreaksAtRisk {
    /// Checks what is asked, and computes it.
    pub async fn of(
        reader: &Reader,
        as_of: Option<Time>,
        days: i32,
        zone: Zone,
        filter: Option<UserFilter>,
        first: Option<i32>,
    ) -> Result<Self> {
        let within = u64::try_from(days)
            .ok()
            .filter(|days| (1..=31).contains(days));
        let within = within.ok_or_else(|| {
            Error::bad_input(
                "`days` is how many days before today the last call may have been made, from 1, yesterday, to 31.",
            )
        })?;
        let most = rows_of(first)?;
        let filter = filter.unwrap_or_default();
        filter.check(&reader.viewer)?;
        let as_of = reader.as_of(as_of)?;
        let today = holding(Unit::Day, zone.0, as_of.micros())?;
        let begins = today.from.micros();
        let since = days_before(zone.0, today.date, within)?;
        let select = users(reader, &filter)
            .filter(user::Column::Streak.gt(0.0))
            .filter(any(calls_of_user(reader, Some(begins), as_of.micros())).not())
            .filter(any(calls_of_user(reader, Some(since), begins)))
            .expr_as(last_call(reader, begins), "last_call_at");
        let statement = statement(reader.backend(), &select, |risky| {
            format!(
                "WITH risky AS ({risky}) SELECT risky.*, COUNT(*) OVER () AS risky_users FROM risky \
                 ORDER BY streak DESC, name_key, id LIMIT {most}"
            )
        });
        let generation = reader.store.read_model.live();
        let mut all = Self {
            as_of,
            ends_at: today.to,
            total_count: 0,
            rows: Vec::new(),
        };
        for row in generation.reads().query_all_raw(statement).await? {
            all.total_count = row.try_get("", "risky_users")?;
            all.rows.push(StreakAtRisk {
                user: User(user::Model::from_query_result(&row, "")?),
                streak: row.try_get("", "streak")?,
                last_call_at: time(&row, "last_call_at")?,
            });
        }
        Ok(all)
    }
}
