//! A call, with its user, prospects, transcript and analyses.

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::read_model::{call, call_prospect};

use super::{Analysis, Event, Org, Prospect, Transcript, User, load};
use crate::graphql::error::{Error, Result};
use crate::graphql::loader::{AnalysesOf, OrgId, PersonasOf, ProspectId, UserId};
use crate::graphql::page::Node;
use crate::graphql::scalar::Time;
use crate::graphql::session::Session;

/// A call.
pub struct Call(pub call::Model);

impl Node for Call {
    type Row = call::Model;

    fn from_row(row: call::Model) -> Self {
        Self(row)
    }
}

/// A practice call of a user with AI prospects.
#[Object]
impl Call {
    /// SalesMagic's own id.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// Its title.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// When it was made. Where the call does not say, when its event happened; null when that does not say either.
    async fn created_at(&self) -> Option<Time> {
        self.0.created_at.and_then(Time::of_micros)
    }

    /// The id of its org.
    async fn org_id(&self) -> Option<ID> {
        self.0.org_id.clone().map(ID)
    }

    /// Its org.
    async fn org(&self, ctx: &Context<'_>) -> Result<Option<Org>> {
        let org = load(ctx, self.0.org_id.clone().map(OrgId)).await?;
        Ok(org.map(Org))
    }

    /// `userId` as SalesMagic sent it. It can differ from `user { id }`, which is the user that the call's event describes.
    async fn user_id(&self) -> Option<ID> {
        self.0.sent_user_id.clone().map(ID)
    }

    /// Who made the call, as they are now; the user embedded in the call's event.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let user = load(ctx, self.0.user_id.clone().map(UserId)).await?;
        Ok(user.map(User))
    }

    /// The id of the manager that the user had when the call was made.
    async fn manager_id(&self) -> Option<ID> {
        self.0.manager_id.clone().map(ID)
    }

    /// The id of the team that the user was in when the call was made.
    async fn team_id(&self) -> Option<ID> {
        self.0.team_id.clone().map(ID)
    }

    /// `prospectIds` as SalesMagic sent it. It can differ from the ids of `prospects`, which are those that the event describes.
    #[expect(
        clippy::unused_async,
        reason = "the schema's resolvers are asynchronous"
    )]
    async fn prospect_ids(&self) -> Result<Vec<ID>> {
        let ids: Vec<String> =
            serde_json::from_str(&self.0.prospect_ids).map_err(|error| Error::internal(&error))?;
        Ok(ids.into_iter().map(ID).collect())
    }

    /// The AI prospects of the call, as last described.
    async fn prospects(&self, ctx: &Context<'_>) -> Result<Vec<Prospect>> {
        let keys: Vec<ProspectId> = self
            .persona_rows(ctx)
            .await?
            .into_iter()
            .filter_map(|row| Some(ProspectId(row.org_id, row.prospect_id?)))
            .collect();
        let mut rows = Session::of(ctx).loader.load_many(keys.clone()).await?;
        Ok(keys
            .iter()
            .filter_map(|key| rows.remove(key))
            .map(Prospect)
            .collect())
    }

    /// What its prospects were like when the call was made. Later edits of a prospect do not change it.
    async fn personas(&self, ctx: &Context<'_>) -> Result<Vec<Persona>> {
        let rows = self.persona_rows(ctx).await?;
        Ok(rows.into_iter().map(Persona).collect())
    }

    /// Its figures.
    async fn stats(&self) -> CallStats {
        CallStats {
            duration: self.0.duration,
        }
    }

    /// The mean of the scores of its analyses that have one. SalesMagic documents no unit.
    async fn score(&self) -> Option<f64> {
        self.0.score
    }

    /// Its analyses.
    async fn analysis(&self, ctx: &Context<'_>) -> Result<Vec<Analysis>> {
        let rows = load(ctx, Some(AnalysesOf(self.0.id.clone()))).await?;
        Ok(rows.unwrap_or_default().into_iter().map(Analysis).collect())
    }

    /// What was said. Null for a token from which transcripts are hidden.
    async fn transcript(&self, ctx: &Context<'_>) -> Result<Option<Transcript>> {
        let row = Transcript::row(ctx, &self.0.id).await?;
        Ok(row.map(|row| Transcript::of(row, Some(self.0.clone()))))
    }

    /// Whether everything known of this comes from the catalogue's examples, which the Testing tab of the Svix portal sends.
    /// Reports leave examples out.
    async fn is_example(&self) -> bool {
        self.0.is_example
    }

    /// The event that the call comes from.
    async fn last_event(&self) -> Event {
        Event::at(self.0.last_position)
    }
}

impl Call {
    async fn persona_rows(&self, ctx: &Context<'_>) -> Result<Vec<call_prospect::Model>> {
        let rows = load(ctx, Some(PersonasOf(self.0.id.clone()))).await?;
        Ok(rows.unwrap_or_default())
    }
}

/// The figures of a call.
#[derive(SimpleObject)]
pub struct CallStats {
    /// How long it took. SalesMagic documents no unit.
    duration: Option<f64>,
}

/// A prospect of a call, as sent with it.
pub struct Persona(call_prospect::Model);

/// What a prospect was like when a call was made.
#[Object]
impl Persona {
    /// The prospect's id.
    async fn prospect_id(&self) -> Option<ID> {
        self.0.prospect_id.clone().map(ID)
    }

    /// The prospect, as last described.
    async fn prospect(&self, ctx: &Context<'_>) -> Result<Option<Prospect>> {
        let id = self.0.prospect_id.clone();
        let key = id.map(|id| ProspectId(self.0.org_id.clone(), id));
        Ok(load(ctx, key).await?.map(Prospect))
    }

    /// The difficulty then, as SalesMagic writes it.
    async fn difficulty(&self) -> Option<&str> {
        self.0.difficulty.as_deref()
    }

    /// The industry then.
    async fn industry(&self) -> Option<&str> {
        self.0.industry.as_deref()
    }

    /// The job title then.
    async fn job_title(&self) -> Option<&str> {
        self.0.job_title.as_deref()
    }
}
