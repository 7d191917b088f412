//! A raw event: what arrived, and what was understood of it.

use async_graphql::{Context, ID, Json, Object, Union};
use entity::read_model::event_index;
use ingest::log::Envelope;
use ingest::payload::text::{Mend, mend};
use ingest::payload::{self, Reading};
use ingest::token::Hidden;
use serde_json::Value;

use super::{Call, Org, Projection, User, load};
use crate::graphql::error::{Error, Result};
use crate::graphql::filter::Outcome;
use crate::graphql::loader::{BodyAt, CallId, EnvelopeAt, IndexAt, OrgId, UserId};
use crate::graphql::page::Node;
use crate::graphql::scalar::{Position, Time};
use crate::graphql::session::Session;

/// What a body may cost, as against a field of a row: it has up to a mebibyte.
const BODY_COST: usize = 100;

/// An event, known by its position; the rest is read when it is asked for.
pub struct Event {
    position: i64,
    index: Option<event_index::Model>,
}

impl Event {
    /// The event at a position that is known to exist.
    pub fn at(position: i64) -> Self {
        Self {
            position,
            index: None,
        }
    }

    /// The event at a position, if whoever asks may see it: what is known of a user of theirs can come from another org's call.
    pub async fn seen(ctx: &Context<'_>, position: Option<i64>) -> Result<Option<Self>> {
        let Some(position) = position else {
            return Ok(None);
        };
        if Session::of(ctx).reader.viewer.sees_everything() {
            return Ok(Some(Self::at(position)));
        }
        let index = load(ctx, Some(IndexAt(position))).await?;
        Ok(index.map(Self::from_row))
    }

    async fn index(&self, ctx: &Context<'_>) -> Result<Option<event_index::Model>> {
        match &self.index {
            Some(index) => Ok(Some(index.clone())),
            None => load(ctx, Some(IndexAt(self.position))).await,
        }
    }

    async fn envelope(&self, ctx: &Context<'_>) -> Result<Envelope> {
        load(ctx, Some(EnvelopeAt(self.position)))
            .await?
            .ok_or_else(|| Error::internal("an event of the read model is not in the log"))
    }

    async fn raw_body(&self, ctx: &Context<'_>) -> Result<String> {
        load(ctx, Some(BodyAt(self.position)))
            .await?
            .ok_or_else(|| Error::internal("an event of the read model is not in the log"))
    }

    /// What is understood of its body, once more.
    async fn reading(&self, ctx: &Context<'_>) -> Result<Reading> {
        let (envelope, body) = futures_util::try_join!(self.envelope(ctx), self.raw_body(ctx))?;
        Ok(payload::read(
            body.as_bytes(),
            envelope.type_hint.as_deref(),
        ))
    }
}

impl Node for Event {
    type Row = event_index::Model;

    fn from_row(row: event_index::Model) -> Self {
        Self {
            position: row.position,
            index: Some(row),
        }
    }
}

/// Whether events as they were sent are hidden from whoever asks.
fn hides_body(ctx: &Context<'_>) -> bool {
    Session::of(ctx).reader.viewer.hides(Hidden::Payload)
}

/// What an event is about.
#[derive(Union)]
pub enum EventSubject {
    /// A call.
    Call(Call),
    /// A user.
    User(User),
    /// An org.
    Org(Org),
}

/// An event as SalesMagic sent it, kept for good, and what was understood of it.
#[Object]
impl Event {
    /// Its place in the log.
    async fn position(&self) -> Position {
        Position(self.position)
    }

    /// Svix's message id. It stays the same when a delivery is repeated.
    async fn message_id(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.envelope(ctx).await?.message_id)
    }

    /// Which endpoint received it: `salesmagic`.
    async fn source(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.envelope(ctx).await?.source)
    }

    /// Its type as understood: the declared one, or where that is a placeholder the webhook URL's `type`, or what the payload suggests.
    #[graphql(name = "type")]
    async fn event_type(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(self.index(ctx).await?.and_then(|index| index.event_type))
    }

    /// The type that the body declares. Four of the six published examples say `string`.
    async fn declared_type(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(self.index(ctx).await?.and_then(|index| index.declared_type))
    }

    /// The `type` parameter of the webhook URL that it came by.
    async fn type_hint(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(self.envelope(ctx).await?.type_hint)
    }

    /// The id that the body declares.
    async fn event_id(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(self.index(ctx).await?.and_then(|index| index.event_id))
    }

    /// The id of the org that it belongs to.
    async fn org_id(&self, ctx: &Context<'_>) -> Result<Option<ID>> {
        Ok(self
            .index(ctx)
            .await?
            .and_then(|index| index.org_id)
            .map(ID))
    }

    /// The call, user or org that it is about, as it is now.
    async fn subject(&self, ctx: &Context<'_>) -> Result<Option<EventSubject>> {
        let Some(index) = self.index(ctx).await? else {
            return Ok(None);
        };
        Ok(match (index.subject_kind.as_deref(), index.subject_id) {
            (Some("call"), id) => load(ctx, id.map(CallId))
                .await?
                .map(|row| EventSubject::Call(Call(row))),
            (Some("user"), id) => load(ctx, id.map(UserId))
                .await?
                .map(|row| EventSubject::User(User(row))),
            (Some("org"), id) => load(ctx, id.map(OrgId))
                .await?
                .map(|row| EventSubject::Org(Org(row))),
            _ => None,
        })
    }

    /// When the server received it.
    async fn received_at(&self, ctx: &Context<'_>) -> Result<Option<Time>> {
        Ok(Time::of_micros(self.envelope(ctx).await?.received_at))
    }

    /// When it happened, as the body declares.
    async fn occurred_at(&self, ctx: &Context<'_>) -> Result<Option<Time>> {
        let index = self.index(ctx).await?;
        Ok(index
            .and_then(|index| index.occurred_at)
            .and_then(Time::of_micros))
    }

    /// What became of it.
    async fn outcome(&self, ctx: &Context<'_>) -> Result<Outcome> {
        let index = self.index(ctx).await?;
        Ok(index.map_or(Outcome::Pending, |index| index.outcome.into()))
    }

    /// Why it is `DEAD`, and where in the body. Null for a token from which something is hidden: it can repeat what stands there.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let index = self.index(ctx).await?;
        Ok(index
            .filter(|_| !hides_body(ctx))
            .and_then(|index| index.reason))
    }

    /// Whether it is one of the catalogue's examples.
    async fn is_example(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.index(ctx).await?.is_some_and(|index| index.is_example))
    }

    /// The position of the event that it repeats under another message id, if it does.
    async fn duplicate_of(&self, ctx: &Context<'_>) -> Result<Option<Position>> {
        let index = self.index(ctx).await?;
        Ok(index.and_then(|index| index.duplicate_of).map(Position))
    }

    /// The length of its body in bytes. Null while it is pending, and for a token from which something is hidden.
    async fn size(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        let index = self.index(ctx).await?.filter(|_| !hides_body(ctx));
        Ok(index.map(|index| i32::try_from(index.size).unwrap_or(i32::MAX)))
    }

    /// The SHA-256 of its body, in hexadecimal. Null while it is pending, and for a token from which something is hidden: a body could be guessed.
    async fn sha256(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let index = self.index(ctx).await?;
        Ok(index
            .filter(|_| !hides_body(ctx))
            .map(|index| index.body_hash))
    }

    /// Its body as JSON, for looking at: numbers are read as a JavaScript client would read them, and keys are sorted. Null when
    /// it is not JSON or nests deeper than 127 levels, and for a token from which something is hidden. `body` has it exactly.
    #[graphql(complexity = "BODY_COST")]
    async fn payload(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        if hides_body(ctx) {
            return Ok(None);
        }
        let body = self.raw_body(ctx).await?;
        let readable = mend(&body, Mend::LoneSurrogates);
        Ok(serde_json::from_str(&readable).ok().map(Json))
    }

    /// What it says of calls, users, orgs and prospects: what was understood of the payload, and whether queries answer it now. Empty unless
    /// the outcome is `PROJECTED`.
    #[graphql(complexity = "BODY_COST + child_complexity")]
    async fn projected(&self, ctx: &Context<'_>) -> Result<Vec<Projection>> {
        // Together, so that the envelope and the body are read with those that other fields ask for.
        let (index, reading) = futures_util::try_join!(self.index(ctx), self.reading(ctx))?;
        match index.map(|index| index.outcome) {
            Some(event_index::Outcome::Projected) => Projection::all(self.position, &reading),
            _ => Ok(Vec::new()),
        }
    }

    /// Paths of what it holds and this version has no field for, such as `payload.user.nickname`: nothing of it is in `projected`. At most 1000, and
    /// none of over 256 bytes. A token from which something is hidden is refused it (`FORBIDDEN`): a name can be a value.
    #[graphql(complexity = "BODY_COST")]
    async fn ignored(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Session::of(ctx).reader.viewer.must_see(Hidden::Payload)?;
        let reading = self.reading(ctx).await?;
        Ok(reading.fields.unknown.into_iter().collect())
    }

    /// Its body, byte for byte as it was sent and signed. A token from which something is hidden is refused it (`FORBIDDEN`).
    #[graphql(complexity = "BODY_COST")]
    async fn body(&self, ctx: &Context<'_>) -> Result<String> {
        Session::of(ctx).reader.viewer.must_see(Hidden::Payload)?;
        self.raw_body(ctx).await
    }

    /// The three headers of its signature as sent: `id`, `timestamp` and `signature`.
    async fn headers(&self, ctx: &Context<'_>) -> Result<Json<Value>> {
        let headers = self.envelope(ctx).await?.headers;
        serde_json::from_str(&headers)
            .map(Json)
            .map_err(|error| Error::internal(&error))
    }

    /// A fingerprint of the secret that its signature matched.
    async fn secret_id(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.envelope(ctx).await?.secret_id)
    }
}
