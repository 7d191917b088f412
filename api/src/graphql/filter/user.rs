//! Which users.

use async_graphql::{ID, InputObject};
use entity::read_model::{call, user};
use entity::scope::{Scope, Scoped};
use ingest::fold;
use ingest::token::Hidden;
use sea_orm::sea_query::{Expr, ExprTrait, Func, Query, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, IntoSimpleExpr};

use super::combine::{Combined, Filter};
use super::condition::{Conditions, NumberRange, TimeRange, only};
use super::passes::Checks;
use super::sight::Sight;

/// Which users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, InputObject)]
pub struct UserFilter {
    /// Only these users.
    #[graphql(validator(max_items = 1000))]
    pub id: Option<Vec<ID>>,
    /// Only users of these orgs.
    #[graphql(validator(max_items = 1000))]
    pub org_id: Option<Vec<ID>>,
    /// Only users who belong to these teams now.
    #[graphql(validator(max_items = 1000))]
    pub team_id: Option<Vec<ID>>,
    /// Only users who have these managers now.
    #[graphql(validator(max_items = 1000))]
    pub manager_id: Option<Vec<ID>>,
    /// Only users with one of these names, whatever the case, accents and punctuation.
    #[graphql(validator(max_items = 1000))]
    pub name: Option<Vec<String>>,
    /// Only users with one of these e-mail addresses, in capital or small letters.
    #[graphql(validator(max_items = 1000))]
    pub email: Option<Vec<String>>,
    /// Only users with one of these roles, as SalesMagic writes them.
    #[graphql(validator(max_items = 1000))]
    pub role: Option<Vec<String>>,
    /// Only users with one of these statuses, as SalesMagic writes them.
    #[graphql(validator(max_items = 1000))]
    pub status: Option<Vec<String>>,
    /// Only users with such a streak. A user without one is in no range.
    pub streak: Option<NumberRange>,
    /// Only users with such a longest streak. A user without one is in no range.
    pub longest_streak: Option<NumberRange>,
    /// Only users whose newest call is of this time: with `to` alone, those who have stopped practising. The catalogue's example calls
    /// do not count, nor does a call of which nobody knows when it was made; a user without others is in no range.
    pub last_call_at: Option<TimeRange>,
    /// Only users who have made calls, or only those who have made none. The catalogue's example calls do not count.
    pub has_calls: Option<bool>,
    /// Only deleted ones, or only those that are not.
    pub deleted: Option<bool>,
    /// Only the catalogue's examples, or only real ones.
    pub example: Option<bool>,
    /// Created in this time.
    pub created_at: Option<TimeRange>,
    /// All of these filters let it pass, too. An empty list is no condition.
    #[graphql(validator(max_items = 100))]
    pub and: Option<Vec<UserFilter>>,
    /// At least one of these filters lets it pass, too. With an empty list nothing passes.
    #[graphql(validator(max_items = 100))]
    pub or: Option<Vec<UserFilter>>,
    /// This filter does not let it pass: what has no score, say, passes `not: { score: { min: 50 } }`.
    pub not: Option<Box<UserFilter>>,
}

/// When the newest call of a user that is seen was made: one look into the index of calls by user. A call of which nobody knows when is
/// none here.
pub fn newest_call(scope: &Scope) -> SimpleExpr {
    newest(scope, call::Column::CreatedAt.is_not_null())
}

/// When the last of a user's calls in the order of lists was made. Null: there is none.
fn last_call(scope: &Scope) -> SimpleExpr {
    newest(scope, Expr::val(true))
}

fn newest(scope: &Scope, of: SimpleExpr) -> SimpleExpr {
    let newest = Query::select()
        .expr(Func::max(call::Column::OrderedAt.into_simple_expr()))
        .from(call::Entity)
        .and_where(
            Expr::col((call::Entity, call::Column::UserId))
                .equals((user::Entity, user::Column::Id)),
        )
        .and_where(call::Column::IsExample.eq(false))
        .and_where(of)
        .cond_where(call::Entity::within(scope))
        .take();
    SimpleExpr::SubQuery(None, Box::new(newest.into()))
}

impl Filter<user::Entity> for UserFilter {
    fn fields_tell(&self, what: Hidden) -> bool {
        what == Hidden::Email && self.email.is_some()
    }

    fn fields(&self, sight: Sight<'_>) -> Condition {
        let has_calls = self.has_calls.map(|has_calls| {
            if has_calls {
                last_call(sight.scope).is_not_null()
            } else {
                last_call(sight.scope).is_null()
            }
        });
        Conditions::none()
            .one_of(user::Column::Id, self.id.as_ref())
            .one_of(user::Column::OrgId, self.org_id.as_ref())
            .one_of(user::Column::TeamId, self.team_id.as_ref())
            .one_of(user::Column::ManagerId, self.manager_id.as_ref())
            .one_of_keys(user::Column::NameKey, self.name.as_ref(), fold::key)
            .one_of_keys(user::Column::EmailKey, self.email.as_ref(), fold::address)
            .one_of_long(user::Column::Role, self.role.as_ref())
            .one_of_long(user::Column::Status, self.status.as_ref())
            .between(user::Column::Streak, self.streak, sight.backend)
            .between(
                user::Column::LongestStreak,
                self.longest_streak,
                sight.backend,
            )
            .within(newest_call(sight.scope), self.last_call_at.as_ref())
            .and(has_calls)
            .is(user::Column::IsDeleted, self.deleted)
            .is(user::Column::IsExample, self.example)
            .created(
                user::Column::OrderedAt,
                user::Column::CreatedAt,
                self.created_at.as_ref(),
            )
            .0
    }

    fn fields_pass(&self, row: &user::Model) -> Option<bool> {
        Checks::none()
            .one_of(Some(&row.id), self.id.as_ref())
            .one_of(row.org_id.as_deref(), self.org_id.as_ref())
            .one_of(row.team_id.as_deref(), self.team_id.as_ref())
            .one_of(row.manager_id.as_deref(), self.manager_id.as_ref())
            .one_of_keys(Some(&row.name_key), self.name.as_ref(), fold::key)
            .one_of_keys(row.email_key.as_deref(), self.email.as_ref(), fold::address)
            .one_of(row.role.as_deref(), self.role.as_ref())
            .one_of(row.status.as_deref(), self.status.as_ref())
            .between(row.streak, self.streak)
            .between(row.longest_streak, self.longest_streak)
            .beyond(self.last_call_at.as_ref())
            .beyond(self.has_calls.as_ref())
            .is(row.is_deleted, self.deleted)
            .is(row.is_example, self.example)
            .within(
                row.created_at.map(|_| row.ordered_at),
                self.created_at.as_ref(),
            )
            .0
    }

    fn org(&self) -> Option<&str> {
        let says_no_more = Self {
            org_id: self.org_id.clone(),
            ..Self::default()
        } == *self;
        only(self.org_id.as_ref()).filter(|_| says_no_more)
    }

    fn combined(&self) -> Combined<'_, Self> {
        Combined {
            and: self.and.as_ref(),
            or: self.or.as_ref(),
            not: self.not.as_deref(),
        }
    }
}
