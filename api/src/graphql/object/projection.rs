//! What an event wrote: what was understood of its payload, and whether that is still what queries answer.

use async_graphql::{Context, Enum, ID, Json, Object, Union};
use ingest::payload::{Content, Reading};
use ingest::token::Hidden;
use serde::Serialize;
use serde_json::Value;

use super::{Call, Org, Prospect, User, load};
use crate::graphql::error::{Error, Result};
use crate::graphql::loader::{CallId, OrgId, ProspectId, UserId};
use crate::graphql::session::Session;
use crate::graphql::viewer::Viewer;

/// What an event describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ProjectionKind {
    /// A call.
    Call,
    /// A user: the subject of the event, or the user of a call as they were then.
    User,
    /// An org.
    Org,
    /// A prospect of a call.
    Prospect,
}

/// What a projection is of.
#[derive(Union)]
pub enum ProjectionSubject {
    /// A call.
    Call(Box<Call>),
    /// A user.
    User(Box<User>),
    /// An org.
    Org(Box<Org>),
    /// A prospect.
    Prospect(Box<Prospect>),
}

/// Whose row it is.
enum Key {
    Call(CallId),
    User(UserId),
    Org(OrgId),
    Prospect(ProspectId),
}

/// One subject that an event describes.
pub struct Projection {
    position: i64,
    key: Key,
    values: Value,
}

impl Projection {
    /// What the event at `position` wrote, from what was understood of it.
    pub fn all(position: i64, reading: &Reading) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        let mut add = |key, values| {
            all.push(Self {
                position,
                key,
                values,
            });
        };
        match &reading.content {
            Content::Call { id, call } => {
                add(Key::Call(CallId(id.clone())), json(call)?);
                if let Some(user) = &call.user
                    && let Some(id) = &user.id
                {
                    add(Key::User(UserId(id.clone())), json(user)?);
                }
                let org_id = call.org_id.clone().unwrap_or_default();
                for prospect in &call.prospects {
                    if let Some(id) = &prospect.id {
                        let id = ProspectId(org_id.clone(), id.clone());
                        add(Key::Prospect(id), json(prospect)?);
                    }
                }
            }
            Content::User { id, user, .. } => add(Key::User(UserId(id.clone())), json(user)?),
            Content::Org { id, org, .. } => add(Key::Org(OrgId(id.clone())), json(org)?),
            Content::Unrecognized | Content::Dead(_) => {}
        }
        Ok(all)
    }

    /// The subject as it is now, and the event that describes it.
    async fn now(&self, ctx: &Context<'_>) -> Result<Option<(ProjectionSubject, Option<i64>)>> {
        Ok(match &self.key {
            Key::Call(id) => load(ctx, Some(id.clone())).await?.map(|row| {
                let last = Some(row.last_position);
                (ProjectionSubject::Call(Box::new(Call(row))), last)
            }),
            Key::User(id) => load(ctx, Some(id.clone())).await?.map(|row| {
                let last = row.last_position;
                (ProjectionSubject::User(Box::new(User(row))), last)
            }),
            Key::Org(id) => load(ctx, Some(id.clone())).await?.map(|row| {
                let last = row.last_position;
                (ProjectionSubject::Org(Box::new(Org(row))), last)
            }),
            Key::Prospect(id) => load(ctx, Some(id.clone())).await?.map(|row| {
                let last = row.last_position;
                (ProjectionSubject::Prospect(Box::new(Prospect(row))), last)
            }),
        })
    }
}

/// Takes out what is hidden from `viewer`, by the names that it has in payloads.
fn hide(viewer: &Viewer, values: &mut Value) {
    match values {
        Value::Object(fields) => {
            for (name, value) in fields {
                let what = match name.as_str() {
                    "email" => Some(Hidden::Email),
                    "transcript" => Some(Hidden::Transcript),
                    _ => None,
                };
                if what.is_some_and(|what| viewer.hides(what)) {
                    *value = Value::Null;
                } else {
                    hide(viewer, value);
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|one| hide(viewer, one)),
        _ => {}
    }
}

fn json(understood: &impl Serialize) -> Result<Value> {
    serde_json::to_value(understood).map_err(|error| Error::internal(&error))
}

/// A call, user, org or prospect that an event describes: what was understood of it.
#[Object]
impl Projection {
    /// What it describes.
    async fn kind(&self) -> ProjectionKind {
        match self.key {
            Key::Call(_) => ProjectionKind::Call,
            Key::User(_) => ProjectionKind::User,
            Key::Org(_) => ProjectionKind::Org,
            Key::Prospect(_) => ProjectionKind::Prospect,
        }
    }

    /// SalesMagic's id.
    async fn id(&self) -> ID {
        let (Key::Call(CallId(id))
        | Key::User(UserId(id))
        | Key::Org(OrgId(id))
        | Key::Prospect(ProspectId(_, id))) = &self.key;
        ID(id.clone())
    }

    /// What was understood, under the payload's names: null where the payload says nothing or the token does not see it, ids as texts, times
    /// in UTC and to the microsecond.
    async fn values(&self, ctx: &Context<'_>) -> Json<Value> {
        let mut values = self.values.clone();
        hide(&Session::of(ctx).reader.viewer, &mut values);
        Json(values)
    }

    /// Whether this is what queries answer of it now: no event of a later time has described it again. False for an event that repeats
    /// another one.
    async fn is_current(&self, ctx: &Context<'_>) -> Result<bool> {
        let now = self.now(ctx).await?;
        Ok(now.is_some_and(|(_, last)| last == Some(self.position)))
    }

    /// The call, user, org or prospect as it is now.
    async fn subject(&self, ctx: &Context<'_>) -> Result<Option<ProjectionSubject>> {
        Ok(self.now(ctx).await?.map(|(subject, _)| subject))
    }
}
