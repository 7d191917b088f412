//! How each table is ordered when it is listed.

use entity::log::refused_request;
use entity::read_model::{analysis, call, event_index, org, prospect, user};

use super::{KeyPart, Paged};

impl Paged for org::Entity {
    fn order() -> Vec<org::Column> {
        vec![org::Column::OrderedAt, org::Column::Id]
    }

    fn key(row: &org::Model) -> Vec<KeyPart> {
        vec![row.ordered_at.into(), (&row.id).into()]
    }
}

impl Paged for user::Entity {
    fn order() -> Vec<user::Column> {
        vec![user::Column::OrderedAt, user::Column::Id]
    }

    fn key(row: &user::Model) -> Vec<KeyPart> {
        vec![row.ordered_at.into(), (&row.id).into()]
    }
}

impl Paged for call::Entity {
    fn order() -> Vec<call::Column> {
        vec![call::Column::OrderedAt, call::Column::Id]
    }

    fn key(row: &call::Model) -> Vec<KeyPart> {
        vec![row.ordered_at.into(), (&row.id).into()]
    }
}

impl Paged for prospect::Entity {
    /// No event says when a prospect was made.
    const DESCENDING: bool = false;

    fn order() -> Vec<prospect::Column> {
        vec![prospect::Column::OrgId, prospect::Column::Id]
    }

    fn key(row: &prospect::Model) -> Vec<KeyPart> {
        vec![(&row.org_id).into(), (&row.id).into()]
    }
}

impl Paged for analysis::Entity {
    fn order() -> Vec<analysis::Column> {
        vec![
            analysis::Column::CallOrderedAt,
            analysis::Column::CallId,
            analysis::Column::Ordinal,
        ]
    }

    fn key(row: &analysis::Model) -> Vec<KeyPart> {
        vec![
            row.call_ordered_at.into(),
            (&row.call_id).into(),
            row.ordinal.into(),
        ]
    }
}

impl Paged for refused_request::Entity {
    fn order() -> Vec<refused_request::Column> {
        vec![refused_request::Column::Id]
    }

    fn key(row: &refused_request::Model) -> Vec<KeyPart> {
        vec![row.id.into()]
    }
}

impl Paged for event_index::Entity {
    fn order() -> Vec<event_index::Column> {
        vec![event_index::Column::Position]
    }

    fn key(row: &event_index::Model) -> Vec<KeyPart> {
        vec![row.position.into()]
    }
}
