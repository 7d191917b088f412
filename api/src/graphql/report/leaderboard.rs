//! `leaderboard`: the users of a period by what they did in it, against the period before.

use async_graphql::{ComplexObject, Context, Enum, ID, SimpleObject};
use entity::read_model::{call, user};
use entity::scope::Scoped;
use sea_orm::sea_query::{Expr, ExprTrait, JoinType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, QueryFilter, QuerySelect, QueryTrait, Select,
    Statement,
};

use super::grouping::{calls, with_numbers};
use super::period::{Period, Unit, Zone, holding};
use super::{rows_of, statement};
use crate::graphql::error::{Error, Result};
use crate::graphql::filter::{CallFilter, Filter};
use crate::graphql::loader::UserId;
use crate::graphql::object::{User, load};
use crate::graphql::scalar::Time;
use crate::graphql::session::Reader;

/// By what users are ranked, the greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum LeaderboardMetric {
    /// How many calls they made.
    Calls,
    /// The mean of their calls' scores. What is no figure in `CallFigures` is none here.
    MeanScore,
    /// Their best call's score.
    BestScore,
    /// The sum of their calls' durations, in the unit that SalesMagic sends.
    TotalDuration,
    /// The streak of those who practised in the period: as SalesMagic last sent it, whatever the period, so without a previous rank.
    Streak,
}

impl LeaderboardMetric {
    /// The value of the calls of a user.
    fn value(self) -> &'static str {
        match self {
            Self::Calls => "CAST(COUNT(*) AS DOUBLE PRECISION)",
            Self::MeanScore => "AVG(score)",
            Self::BestScore => "MAX(score)",
            Self::TotalDuration => "SUM(duration)",
            Self::Streak => "MAX(streak)",
        }
    }

    /// The calls that have to be so many.
    fn counted(self) -> &'static str {
        match self {
            Self::MeanScore | Self::BestScore => "COUNT(score)",
            Self::TotalDuration => "COUNT(duration)",
            Self::Calls | Self::Streak => "COUNT(*)",
        }
    }
}

/// Of which time a leaderboard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum LeaderboardPeriod {
    /// The day.
    Day,
    /// The week, from Monday on.
    Week,
    /// The month.
    Month,
    /// All time until then, and calls of which no time is known, which no other period has. There is none before.
    AllTime,
}

impl LeaderboardPeriod {
    fn unit(self) -> Option<Unit> {
        match self {
            Self::Day => Some(Unit::Day),
            Self::Week => Some(Unit::Week),
            Self::Month => Some(Unit::Month),
            Self::AllTime => None,
        }
    }
}

/// What is asked of a leaderboard, as a client says it.
#[derive(Debug)]
pub struct Question {
    /// By what.
    pub metric: LeaderboardMetric,
    /// Of which time.
    pub period: LeaderboardPeriod,
    /// A moment in it, behind which nothing counts.
    pub as_of: Option<Time>,
    /// Where it begins.
    pub zone: Zone,
    /// Which calls count.
    pub filter: Option<CallFilter>,
    /// How many calls somebody must have.
    pub min_calls: i32,
    /// How many rows.
    pub first: Option<i32>,
}

/// Users by what they did in a period, the best first.
#[derive(SimpleObject)]
pub struct Leaderboard {
    /// The period, of which only what was before `asOf` counts. Null for `ALL_TIME`.
    period: Option<Period>,
    /// The period before, which counts as a whole. Null for `ALL_TIME`.
    previous_period: Option<Period>,
    /// The moment before which calls count.
    as_of: Time,
    /// How many users have a rank.
    total_count: i64,
    /// The users, by rank and name.
    rows: Vec<LeaderboardRow>,
}

/// A user's place.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct LeaderboardRow {
    /// Their rank: 1 and one more for everybody with a greater value, so that equal values share a rank. Equal to six decimals is equal.
    rank: i64,
    /// What they are ranked by.
    value: f64,
    /// How many calls they made in the period, scored or not.
    calls: i64,
    /// Their rank in the period before. Null if they had none there.
    previous_rank: Option<i64>,
    /// By how many ranks they rose since: below 0 they fell. Null without a previous rank.
    movement: Option<i64>,
    #[graphql(skip)]
    user: String,
}

#[ComplexObject]
impl LeaderboardRow {
    /// The user's id.
    async fn user_id(&self) -> ID {
        ID(self.user.clone())
    }

    /// The user.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let row = load(ctx, Some(UserId(self.user.clone()))).await?;
        Ok(row.map(User))
    }
}

/// Where the period begins that is ranked, and the one before.
#[derive(Clone, Copy)]
struct Bounds {
    from: i64,
    previous: i64,
    as_of: i64,
}

/// The calls of both periods, with who made them: users who are there.
fn made(reader: &Reader, filter: &CallFilter, bounds: Bounds) -> Select<call::Entity> {
    let recent = format!(
        "CASE WHEN \"calls\".\"ordered_at\" >= {} THEN 1 ELSE 0 END",
        bounds.from
    );
    let mut select = with_numbers(calls(reader, filter).select_only())
        .column(call::Column::UserId)
        .column(user::Column::Streak)
        .column(user::Column::NameKey)
        .column_as(Expr::cust(recent), "recent")
        .filter(call::Column::OrderedAt.gte(bounds.previous))
        .filter(call::Column::OrderedAt.lt(bounds.as_of))
        .filter(user::Entity::within(reader.viewer.scope()))
        .filter(user::Column::IsDeleted.eq(false));
    if bounds.from > i64::MIN {
        select = select.filter(call::Column::CreatedAt.is_not_null());
    }
    let by_user =
        Expr::col((user::Entity, user::Column::Id)).equals((call::Entity, call::Column::UserId));
    QueryTrait::query(&mut select).join(JoinType::InnerJoin, user::Entity, by_user);
    select
}

/// What ranks are given by: sums of the same numbers in another order may differ in the last bits.
fn rounded(backend: DatabaseBackend) -> &'static str {
    match backend {
        DatabaseBackend::Postgres => "ROUND(CAST(value AS NUMERIC), 6)",
        _ => "ROUND(value, 6)",
    }
}

fn ranking(
    reader: &Reader,
    made: &Select<call::Entity>,
    question: &Question,
    most: usize,
) -> Statement {
    let Question {
        metric, min_calls, ..
    } = question;
    let backend = reader.backend();
    // What is last known says nothing of how it was before.
    let compared = if *metric == LeaderboardMetric::Streak {
        "-1"
    } else {
        "0"
    };
    statement(backend, made, |made| {
        format!(
            "WITH made AS ({made}), \
             valued AS (SELECT user_id, recent, MAX(name_key) AS name_key, COUNT(*) AS calls, {value} AS value FROM made \
             GROUP BY user_id, recent HAVING {counted} >= {min_calls}), \
             ranked AS (SELECT valued.*, RANK() OVER (PARTITION BY recent ORDER BY {rounded} DESC) AS place FROM valued \
             WHERE value IS NOT NULL) \
             SELECT best.user_id, best.calls, best.value, best.place, past.place AS previous_place, COUNT(*) OVER () AS ranked_users \
             FROM ranked AS best LEFT JOIN ranked AS past ON past.user_id = best.user_id AND past.recent = {compared} \
             WHERE best.recent = 1 ORDER BY best.place, best.name_key, best.user_id LIMIT {most}",
            value = metric.value(),
            counted = metric.counted(),
            rounded = rounded(backend),
        )
    })
}

impl Leaderboard {
    /// Checks what is asked, and computes it.
    pub async fn of(reader: &Reader, question: Question) -> Result<Self> {
        if question.min_calls < 1 {
            return Err(Error::bad_input("`minCalls` is at least 1."));
        }
        let most = rows_of(question.first)?;
        let filter = question.filter.clone().unwrap_or_default();
        filter.check(&reader.viewer)?;
        let as_of = reader.as_of(question.as_of)?;
        let zone = question.zone.0;
        let (period, previous_period) = match question.period.unit() {
            None => (None, None),
            Some(unit) => {
                let period = holding(unit, zone, as_of.micros())?;
                let before = holding(unit, zone, period.from.micros() - 1)?;
                (Some(period), Some(before))
            }
        };
        let start = |period: Option<Period>| period.map_or(i64::MIN, |period| period.from.micros());
        let bounds = Bounds {
            from: start(period),
            previous: start(previous_period),
            as_of: as_of.micros(),
        };
        let statement = ranking(reader, &made(reader, &filter, bounds), &question, most);
        let generation = reader.store.read_model.live();
        let mut rows = Vec::new();
        let mut total_count = 0;
        for row in generation.reads().query_all_raw(statement).await? {
            let rank: i64 = row.try_get("", "place")?;
            let previous_rank: Option<i64> = row.try_get("", "previous_place")?;
            total_count = row.try_get("", "ranked_users")?;
            rows.push(LeaderboardRow {
                rank,
                value: row.try_get("", "value")?,
                calls: row.try_get("", "calls")?,
                previous_rank,
                movement: previous_rank.map(|previous| previous - rank),
                user: row.try_get("", "user_id")?,
            });
        }
        Ok(Self {
            period,
            previous_period,
            as_of,
            total_count,
            rows,
        })
    }
}
