//! In which orders each table can be listed. Each order tells every row from every other, and has an index.

use async_graphql::{Enum, InputObject, InputType, Value};
use entity::log::refused_request;
use entity::read_model::{analysis, call, event_index, org, prospect, state, user, version};
use entity::scope::{Scope, Scoped};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{DatabaseBackend, EntityTrait, IntoSimpleExpr, QueryFilter, QuerySelect, QueryTrait};

use super::Paged;
use super::key::KeyPart;
use crate::graphql::indexed::{self, LEAST_NUMBER, LEAST_TIME};

/// Which way a list goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum OrderDirection {
    /// From the least to the greatest: the oldest first, A before Z.
    Asc,
    /// From the greatest to the least: the newest first, Z before A.
    Desc,
}

/// In which order a list is. Rows that are equal in this are in the order of their creation and ids, the same way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, InputObject)]
#[graphql(concrete(name = "OrgOrder", params(OrgOrderField)))]
#[graphql(concrete(name = "UserOrder", params(UserOrderField)))]
#[graphql(concrete(name = "CallOrder", params(CallOrderField)))]
#[graphql(concrete(name = "ProspectOrder", params(ProspectOrderField)))]
#[graphql(concrete(name = "AnalysisOrder", params(AnalysisOrderField)))]
#[graphql(concrete(name = "EventOrder", params(EventOrderField)))]
pub struct Order<F: InputType> {
    /// By what.
    pub field: F,
    /// Which way.
    pub direction: OrderDirection,
}

/// The order of a list of `E`.
pub type OrderOf<E> = Order<<E as Paged>::Field>;

impl<F: InputType> Order<F> {
    /// As cursors name it.
    pub(super) fn name(&self) -> String {
        let name = |value: Value| match value {
            Value::Enum(name) => name.to_string(),
            other => other.to_string(),
        };
        let (field, direction) = (self.field.to_value(), self.direction.to_value());
        format!("{} {}", name(field), name(direction))
    }
}

/// One of the values by which rows are ordered.
pub struct Part<E: EntityTrait> {
    /// What is compared.
    expression: Expression<E>,
    /// The value of a row.
    pub(super) of: fn(&E::Model) -> KeyPart,
    /// Any value of the same kind.
    pub(super) like: KeyPart,
    /// How the value that is compared is found, where a cursor has another one in its place.
    found: Option<fn(&KeyPart, &Scope) -> SimpleExpr>,
}

enum Expression<E: EntityTrait> {
    Column(E::Column),
    /// A number that may be missing.
    Number(E::Column),
    /// A time that may be missing.
    Time(E::Column),
}

impl<E: EntityTrait> Part<E> {
    /// A column of whole numbers.
    fn whole(column: E::Column, of: fn(&E::Model) -> KeyPart) -> Self {
        Self {
            expression: Expression::Column(column),
            of,
            like: KeyPart::Number(0),
            found: None,
        }
    }

    /// A column of texts.
    fn text(column: E::Column, of: fn(&E::Model) -> KeyPart) -> Self {
        Self {
            expression: Expression::Column(column),
            of,
            like: KeyPart::Text(String::new()),
            found: None,
        }
    }

    /// A column of numbers that may be missing.
    fn number(column: E::Column, of: fn(&E::Model) -> KeyPart) -> Self {
        Self {
            expression: Expression::Number(column),
            of,
            like: KeyPart::real(0.0),
            found: None,
        }
    }

    /// A column of times that may be missing.
    fn time(column: E::Column, of: fn(&E::Model) -> KeyPart) -> Self {
        Self {
            expression: Expression::Time(column),
            of,
            like: KeyPart::Number(0),
            found: None,
        }
    }

    /// The value that is compared, for a value of a cursor.
    pub(super) fn value(&self, value: &KeyPart, scope: &Scope) -> SimpleExpr {
        match self.found {
            Some(found) => found(value, scope),
            None => value.expression(),
        }
    }

    /// Whether a column is compared as it is.
    pub(super) fn is_column(&self) -> bool {
        matches!(self.expression, Expression::Column(_))
    }

    /// What is compared, as it stands in the index.
    pub(super) fn expression(&self, backend: DatabaseBackend) -> SimpleExpr {
        match self.expression {
            Expression::Column(column) => column.into_simple_expr(),
            Expression::Number(column) => indexed::number(column, backend),
            Expression::Time(column) => indexed::time(column),
        }
    }
}

fn real(number: Option<f64>) -> KeyPart {
    KeyPart::real(number.unwrap_or(LEAST_NUMBER))
}

/// By what orgs are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum OrgOrderField {
    /// When they were created. Those that are only known by their ids are the oldest.
    CreatedAt,
    /// Their names, without regard to case, accents and punctuation. Those without a name come before A.
    Name,
}

impl Paged for org::Entity {
    type Field = OrgOrderField;

    const DEFAULT: Order<OrgOrderField> = Order {
        field: OrgOrderField::CreatedAt,
        direction: OrderDirection::Desc,
    };

    fn parts(field: OrgOrderField) -> Vec<Part<Self>> {
        let first = match field {
            OrgOrderField::CreatedAt => {
                Part::<Self>::whole(org::Column::OrderedAt, |row| row.ordered_at.into())
            }
            OrgOrderField::Name => {
                Part::<Self>::text(org::Column::NameKey, |row| (&row.name_key).into())
            }
        };
        vec![
            first,
            Part::<Self>::text(org::Column::Id, |row| (&row.id).into()),
        ]
    }
}

/// By what users are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum UserOrderField {
    /// When they were created. Those that are only known by their ids are the oldest.
    CreatedAt,
    /// Their names, without regard to case, accents and punctuation. Those without a name come before A.
    Name,
    /// Their current streaks. No streak counts as less than any.
    Streak,
}

impl Paged for user::Entity {
    type Field = UserOrderField;

    const ORG: Option<user::Column> = Some(user::Column::OrgId);

    const DEFAULT: Order<UserOrderField> = Order {
        field: UserOrderField::CreatedAt,
        direction: OrderDirection::Desc,
    };

    fn parts(field: UserOrderField) -> Vec<Part<Self>> {
        let created = || Part::<Self>::whole(user::Column::OrderedAt, |row| row.ordered_at.into());
        let mut parts = match field {
            UserOrderField::CreatedAt => vec![created()],
            UserOrderField::Name => {
                vec![Part::<Self>::text(user::Column::NameKey, |row| {
                    (&row.name_key).into()
                })]
            }
            UserOrderField::Streak => vec![
                Part::<Self>::number(user::Column::Streak, |row| real(row.streak)),
                created(),
            ],
        };
        parts.push(Part::<Self>::text(user::Column::Id, |row| (&row.id).into()));
        parts
    }
}

/// By what calls are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum CallOrderField {
    /// When they were made.
    CreatedAt,
    /// Their scores. No score counts as less than any: `filter: { score: { min: 0 } }` leaves such calls out.
    Score,
    /// Their lengths. No length counts as less than any: `filter: { duration: { min: 0 } }` leaves such calls out.
    Duration,
}

impl Paged for call::Entity {
    type Field = CallOrderField;

    const ORG: Option<call::Column> = Some(call::Column::OrgId);

    const DEFAULT: Order<CallOrderField> = Order {
        field: CallOrderField::CreatedAt,
        direction: OrderDirection::Desc,
    };

    fn parts(field: CallOrderField) -> Vec<Part<Self>> {
        let first = match field {
            CallOrderField::CreatedAt => None,
            CallOrderField::Score => Some(Part::<Self>::number(call::Column::Score, |row| {
                real(row.score)
            })),
            CallOrderField::Duration => Some(Part::<Self>::number(call::Column::Duration, |row| {
                real(row.duration)
            })),
        };
        let created = Part::<Self>::whole(call::Column::OrderedAt, |row| row.ordered_at.into());
        let id = Part::<Self>::text(call::Column::Id, |row| (&row.id).into());
        first.into_iter().chain([created, id]).collect()
    }
}

/// By what prospects are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum ProspectOrderField {
    /// The ids of their orgs, and in each org their own. No event says when a prospect was made.
    Id,
}

impl Paged for prospect::Entity {
    type Field = ProspectOrderField;

    const DEFAULT: Order<ProspectOrderField> = Order {
        field: ProspectOrderField::Id,
        direction: OrderDirection::Asc,
    };

    fn parts(_: ProspectOrderField) -> Vec<Part<Self>> {
        vec![
            Part::<Self>::text(prospect::Column::OrgId, |row| (&row.org_id).into()),
            Part::<Self>::text(prospect::Column::Id, |row| (&row.id).into()),
        ]
    }
}

/// By what analyses are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum AnalysisOrderField {
    /// When their calls were made.
    CreatedAt,
    /// Their scores. No score counts as less than any: `filter: { score: { min: 0 } }` leaves such analyses out.
    Score,
}

impl Paged for analysis::Entity {
    type Field = AnalysisOrderField;

    const DEFAULT: Order<AnalysisOrderField> = Order {
        field: AnalysisOrderField::CreatedAt,
        direction: OrderDirection::Desc,
    };

    fn parts(field: AnalysisOrderField) -> Vec<Part<Self>> {
        let score = match field {
            AnalysisOrderField::CreatedAt => None,
            AnalysisOrderField::Score => {
                Some(Part::<Self>::number(analysis::Column::Score, |row| {
                    real(row.score)
                }))
            }
        };
        let rest = [
            Part::<Self>::whole(analysis::Column::CallOrderedAt, |row| {
                row.call_ordered_at.into()
            }),
            Part::<Self>::text(analysis::Column::CallId, |row| (&row.call_id).into()),
            Part::<Self>::whole(analysis::Column::Ordinal, |row| row.ordinal.into()),
        ];
        score.into_iter().chain(rest).collect()
    }
}

/// By what events are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum EventOrderField {
    /// Their places in the log: when they arrived.
    Position,
    /// When they say they happened. Those that do not say are the oldest.
    OccurredAt,
}

impl Paged for event_index::Entity {
    type Field = EventOrderField;

    const ORG: Option<event_index::Column> = Some(event_index::Column::OrgId);

    const DEFAULT: Order<EventOrderField> = Order {
        field: EventOrderField::Position,
        direction: OrderDirection::Desc,
    };

    fn parts(field: EventOrderField) -> Vec<Part<Self>> {
        let occurred = match field {
            EventOrderField::Position => None,
            EventOrderField::OccurredAt => {
                Some(Part::<Self>::time(event_index::Column::OccurredAt, |row| {
                    row.occurred_at.unwrap_or(LEAST_TIME).into()
                }))
            }
        };
        let position =
            Part::<Self>::whole(event_index::Column::Position, |row| row.position.into());
        occurred.into_iter().chain([position]).collect()
    }
}

/// By what refused requests are ordered. There is nothing to choose, so no list takes it as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum RefusedRequestOrderField {
    /// When they were refused.
    ReceivedAt,
}

/// By what the changes of a user or an org are ordered. There is nothing to choose, so no list takes it as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum StateOrderField {
    /// When they happened.
    OccurredAt,
}

impl Paged for state::Entity {
    type Field = StateOrderField;

    const DEFAULT: Order<StateOrderField> = Order {
        field: StateOrderField::OccurredAt,
        direction: OrderDirection::Desc,
    };

    fn parts(_: StateOrderField) -> Vec<Part<Self>> {
        // Below its parent alone, whose states have a stamp each. A stamp holds the hash of a body, by which what is hidden there could be
        // guessed, so a cursor says where the event stands.
        let position = Part::<Self>::whole(state::Column::Stamp, |row| row.position.into());
        vec![Part {
            found: Some(stamp_at),
            ..position
        }]
    }
}

/// The stamp of the event at a position, if the reader sees what it describes.
fn stamp_at(position: &KeyPart, scope: &Scope) -> SimpleExpr {
    let stamp = version::Entity::visible_to(scope)
        .select_only()
        .column(version::Column::Stamp)
        .filter(Expr::col(version::Column::Position).eq(position.expression()))
        .limit(1)
        .into_query();
    SimpleExpr::SubQuery(None, Box::new(stamp.into()))
}

impl Paged for refused_request::Entity {
    type Field = RefusedRequestOrderField;

    const DEFAULT: Order<RefusedRequestOrderField> = Order {
        field: RefusedRequestOrderField::ReceivedAt,
        direction: OrderDirection::Desc,
    };

    fn parts(_: RefusedRequestOrderField) -> Vec<Part<Self>> {
        vec![Part::<Self>::whole(refused_request::Column::Id, |row| {
            row.id.into()
        })]
    }
}
