//! A change of a user or an org: by which event, of which fields, and what it left.

use std::collections::BTreeMap;

use async_graphql::{Context, Json, Object, SimpleObject};
use entity::read_model::state;
use ingest::token::Hidden;
use serde_json::Value;

use super::{Event, Org, User};
use crate::graphql::error::Result;
use crate::graphql::history::{attributes, org_then, user_then};
use crate::graphql::page::Node;
use crate::graphql::scalar::Time;
use crate::graphql::session::Session;
use crate::graphql::viewer::Viewer;

/// A field that an event changed.
#[derive(SimpleObject)]
pub struct FieldChange {
    /// Its name in the payload.
    field: String,
    /// Its value before. Null if it was null, if nothing was known before, or if it is another org's that the reader may not see. Null
    /// also for a token from which it is hidden.
    before: Option<Json<Value>>,
    /// Its value after. Null also for a token from which it is hidden.
    after: Option<Json<Value>>,
}

/// The fields in which the state of a subject differs from the one before, by name; all that have a value, when that one is not known.
fn changes(viewer: &Viewer, state: &state::Model) -> Result<Vec<FieldChange>> {
    let after: BTreeMap<String, Value> = attributes(&state.attributes)?;
    let mut before: BTreeMap<String, Value> = match &state.attributes_before {
        Some(before) if viewer.scope().sees(state.org_id_before.as_deref()) => attributes(before)?,
        _ => BTreeMap::new(),
    };
    let given = |field: &str, value: Value| {
        let hidden = field == "email" && viewer.hides(Hidden::Email);
        (value != Value::Null && !hidden).then_some(Json(value))
    };
    let changed = after.into_iter().filter_map(|(field, after)| {
        let before = before.remove(&field).unwrap_or_default();
        (before != after).then(|| FieldChange {
            before: given(&field, before),
            after: given(&field, after),
            field,
        })
    });
    Ok(changed.collect())
}

/// A change of a user.
pub struct UserChange(state::Model);

impl Node for UserChange {
    type Row = state::Model;

    fn from_row(row: state::Model) -> Self {
        Self(row)
    }
}

/// A change of a user: an event of their own, or one of their calls that found them otherwise than they were known.
#[Object]
impl UserChange {
    /// The event that tells of it. Null for a token that does not see the event's org: another org's call can describe the user.
    async fn event(&self, ctx: &Context<'_>) -> Result<Option<Event>> {
        Event::seen(ctx, Some(self.0.position)).await
    }

    /// When it happened, as the event declares. One that does not say stands before all others.
    async fn occurred_at(&self) -> Option<Time> {
        self.0.occurred_at.and_then(Time::of_micros)
    }

    /// The event's type. `call.completed` is an observation: they changed at some time before.
    #[graphql(name = "type")]
    async fn event_type(&self) -> &str {
        &self.0.event_type
    }

    /// The fields that changed, by name. Of the first event all that have a value. None, when only `deleted` changed.
    #[expect(clippy::unused_async, reason = "a resolver has to be")]
    async fn changes(&self, ctx: &Context<'_>) -> Result<Vec<FieldChange>> {
        changes(&Session::of(ctx).reader.viewer, &self.0)
    }

    /// Whether the user was deleted after it.
    async fn deleted(&self) -> bool {
        self.0.is_deleted
    }

    /// The user as they were after it. What is reached from there, their org or their calls, is as it is now.
    #[expect(clippy::unused_async, reason = "a resolver has to be")]
    async fn user(&self) -> Result<User> {
        user_then(self.0.clone()).map(User)
    }
}

/// A change of an org.
pub struct OrgChange(state::Model);

impl Node for OrgChange {
    type Row = state::Model;

    fn from_row(row: state::Model) -> Self {
        Self(row)
    }
}

/// A change of an org.
#[Object]
impl OrgChange {
    /// The event that tells of it.
    async fn event(&self) -> Event {
        Event::at(self.0.position)
    }

    /// When it happened, as the event declares. One that does not say stands before all others.
    async fn occurred_at(&self) -> Option<Time> {
        self.0.occurred_at.and_then(Time::of_micros)
    }

    /// The event's type.
    #[graphql(name = "type")]
    async fn event_type(&self) -> &str {
        &self.0.event_type
    }

    /// The fields that changed, by name. Of the first event all that have a value. None, when only `deleted` changed.
    #[expect(clippy::unused_async, reason = "a resolver has to be")]
    async fn changes(&self, ctx: &Context<'_>) -> Result<Vec<FieldChange>> {
        changes(&Session::of(ctx).reader.viewer, &self.0)
    }

    /// Whether the org was deleted after it.
    async fn deleted(&self) -> bool {
        self.0.is_deleted
    }

    /// The org as it was after it. What is reached from there, its users or its calls, is as it is now.
    #[expect(clippy::unused_async, reason = "a resolver has to be")]
    async fn org(&self) -> Result<Org> {
        org_then(self.0.clone()).map(Org)
    }
}

#[cfg(test)]
mod tests {
    use entity::read_model::state::Kind;
    use ingest::token::Grant;

    use super::*;

    fn viewer(orgs: Option<&[&str]>) -> Viewer {
        Viewer::of(&Grant {
            orgs: orgs.map(|orgs| orgs.iter().map(|org| (*org).to_owned()).collect()),
            hidden: Vec::new(),
        })
    }

    fn told(viewer: &Viewer, before: Option<&str>, org_id_before: Option<&str>) -> Vec<String> {
        let state = state::Model {
            subject_kind: Kind::User,
            subject_id: "u".to_owned(),
            stamp: "2".to_owned(),
            occurred_at: None,
            position: 2,
            event_type: "user.updated".to_owned(),
            attributes: r#"{"orgId":"mine","name":"Ada","role":null,"streak":2.0}"#.to_owned(),
            org_id: Some("mine".to_owned()),
            is_example: false,
            attributes_before: before.map(str::to_owned),
            org_id_before: org_id_before.map(str::to_owned),
            is_deleted: false,
            deletion_instant: None,
            is_change: true,
        };
        let value = |value: Option<Json<Value>>| value.map_or(Value::Null, |json| json.0);
        let changes = changes(viewer, &state).unwrap().into_iter();
        changes
            .map(|change| {
                let (before, after) = (value(change.before), value(change.after));
                format!("{}: {before} -> {after}", change.field)
            })
            .collect()
    }

    #[test]
    fn what_another_org_said_before_is_told_to_those_who_see_that_org() {
        let before = Some(r#"{"orgId":"other","name":"Ada","role":"rep","streak":2.0}"#);
        let mine = viewer(Some(&["mine"]));
        let both = viewer(Some(&["mine", "other"]));
        let all = [
            r#"orgId: "other" -> "mine""#.to_owned(),
            r#"role: "rep" -> null"#.to_owned(),
        ];
        assert_eq!(told(&both, before, Some("other")), all);
        assert_eq!(told(&viewer(None), before, Some("other")), all);
        let first = [
            r#"name: null -> "Ada""#,
            r#"orgId: null -> "mine""#,
            "streak: null -> 2.0",
        ];
        assert_eq!(told(&mine, before, Some("other")), first);
        assert_eq!(told(&mine, before, None), first);
        assert_eq!(told(&both, None, None), first);
    }
}
