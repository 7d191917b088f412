//! `trend`: how the last scored calls of a user or a team went against those before.
//!
//! The calls are numbered from the newest, 1, on; figures, slope and running means are computed by the database from there.

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use entity::read_model::call;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, FromQueryResult, Order, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};

use super::figures::{CallFigures, figure};
use super::grouping::calls;
use super::statement;
use crate::graphql::asked::Asked as Fields;
use crate::graphql::error::{Error, Result};
use crate::graphql::filter::{CallFilter, Filter};
use crate::graphql::object::Call;
use crate::graphql::session::{Reader, Session};

/// Calls on either side, at most.
const MOST: i32 = 100;

/// What a trend may cost: its filter's texts, and its points times what is asked of each.
pub fn cost(filter: Option<&CallFilter>, n: i32, child: usize) -> usize {
    let points = usize::try_from(n.clamp(1, MOST)).unwrap_or(1);
    child
        .saturating_mul(points)
        .saturating_add(filter.map_or(0, Filter::reading))
}

/// Whose calls, and how many.
#[derive(Clone, Debug)]
struct Asked {
    filter: CallFilter,
    of: call::Column,
    id: String,
    n: i32,
}

impl Asked {
    /// A statement over `numbered`: the newest scored calls, twice as many as are compared, numbered from the newest on.
    fn statement(&self, reader: &Reader, then: &str) -> Statement {
        let most = u64::try_from(self.n).unwrap_or(0) * 2;
        let taken = calls(reader, &self.filter)
            .filter(self.of.eq(self.id.as_str()))
            .filter(Expr::cust(format!(
                "{} IS NOT NULL",
                figure("\"calls\".\"score\"")
            )))
            .order_by(call::Column::OrderedAt, Order::Desc)
            .order_by(call::Column::Id, Order::Desc)
            .limit(most);
        statement(reader.backend(), &taken, |taken| {
            format!(
                "WITH taken AS ({taken}), \
                 numbered AS (SELECT taken.*, ROW_NUMBER() OVER (ORDER BY ordered_at DESC, id DESC) AS nth FROM taken), {then}"
            )
        })
    }

    fn figures(&self, reader: &Reader) -> Statement {
        // How far a call lies from the middle of its calls, in calls: the newest lie above 0.
        let away = "(CAST(scored_in_group + 1 AS DOUBLE PRECISION) / 2 - nth)";
        let then = format!(
            "halves AS (SELECT nth, user_id, {} AS duration, {} AS score, CASE WHEN nth <= {n} THEN 1 ELSE 0 END AS recent FROM numbered), \
             ranked AS (SELECT halves.*, ROW_NUMBER() OVER (PARTITION BY recent ORDER BY score) AS rank_in_group, \
             COUNT(score) OVER (PARTITION BY recent) AS scored_in_group FROM halves) \
             SELECT recent, {}, SUM({away} * score) / NULLIF(SUM({away} * {away}), 0) AS slope FROM ranked GROUP BY recent",
            figure("duration"),
            figure("score"),
            CallFigures::expressions(&Fields::default()),
            n = self.n,
        );
        self.statement(reader, &then)
    }

    fn points(&self, reader: &Reader) -> Statement {
        let then = format!(
            "running AS (SELECT numbered.*, AVG({number}) OVER (ORDER BY nth DESC ROWS BETWEEN {before} PRECEDING AND CURRENT ROW) \
             AS running_mean FROM numbered) \
             SELECT * FROM running WHERE nth <= {n} ORDER BY nth DESC",
            number = figure("score"),
            before = self.n - 1,
            n = self.n,
        );
        self.statement(reader, &then)
    }
}

/// How the newest scored calls of a user or a team went, against those before. The catalogue's examples and calls without a score (or with
/// one that is no figure in `CallFigures`) are left out; the calls of deleted users are in. A call without a time is older than all others.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Trend {
    /// Of the newest `n` scored calls, or of as many as there are.
    recent: CallFigures,
    /// Of the `n` scored calls before these, or of as many as there are.
    previous: CallFigures,
    /// The mean score of the recent calls less that of the previous ones: above 0 it went better. Null unless there are both.
    change: Option<f64>,
    /// By how much the score rises from one recent call to the next: the slope of the straight line that lies nearest to their scores (least
    /// squares). Below 0 it falls. Null with fewer than two calls.
    slope: Option<f64>,
    #[graphql(skip)]
    asked: Asked,
}

/// A scored call of a trend.
#[derive(SimpleObject)]
pub struct TrendPoint {
    /// The call.
    call: Call,
    /// Its score.
    score: f64,
    /// The mean of its score and those of the scored calls before it: of `n` in all, or of as many as there are.
    running_mean: f64,
}

#[ComplexObject]
impl Trend {
    /// The recent calls, the oldest first.
    async fn points(&self, ctx: &Context<'_>) -> Result<Vec<TrendPoint>> {
        let reader = &Session::of(ctx).reader;
        let generation = reader.store.read_model.live();
        let mut points = Vec::new();
        for row in generation
            .reads()
            .query_all_raw(self.asked.points(reader))
            .await?
        {
            points.push(TrendPoint {
                call: Call(call::Model::from_query_result(&row, "")?),
                score: row.try_get("", "score")?,
                running_mean: row.try_get("", "running_mean")?,
            });
        }
        Ok(points)
    }
}

impl Trend {
    /// Checks what is asked, and computes it.
    pub async fn of(
        reader: &Reader,
        user_id: Option<ID>,
        team_id: Option<ID>,
        n: i32,
        filter: Option<CallFilter>,
    ) -> Result<Self> {
        let (of, id) = match (user_id, team_id) {
            (Some(id), None) => (call::Column::UserId, id.0),
            (None, Some(id)) => (call::Column::TeamId, id.0),
            _ => {
                return Err(Error::bad_input(
                    "A trend is of a user or of a team: name `userId` or `teamId`, one of the two.",
                ));
            }
        };
        if !(1..=MOST).contains(&n) {
            return Err(Error::bad_input(
                "`n` is the number of calls on either side, from 1 to 100.",
            ));
        }
        let filter = filter.unwrap_or_default();
        filter.check(&reader.viewer)?;
        let asked = Asked { filter, of, id, n };
        let generation = reader.store.read_model.live();
        // They are few, and one of them tells how much changed, whatever is asked for.
        let all = Fields::default();
        let [mut recent, mut previous] = [CallFigures::NONE, CallFigures::NONE];
        let mut slope = None;
        for row in generation
            .reads()
            .query_all_raw(asked.figures(reader))
            .await?
        {
            let half: i32 = row.try_get("", "recent")?;
            if half == 1 {
                recent = CallFigures::read(&row, &all)?;
                slope = row.try_get("", "slope")?;
            } else {
                previous = CallFigures::read(&row, &all)?;
            }
        }
        let change = recent.mean_score.zip(previous.mean_score);
        Ok(Self {
            change: change.map(|(recent, previous)| recent - previous),
            recent,
            previous,
            slope,
            asked,
        })
    }
}
