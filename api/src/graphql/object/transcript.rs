//! A call's transcript and its lines.

use async_graphql::{Context, Enum, ID, Object, Union};
use entity::read_model::{call, transcript};

use super::{Call, Prospect, User, load};
use crate::graphql::error::{Error, Result};
use crate::graphql::loader::{CallId, ProspectId, UserId};
use crate::graphql::scalar::Time;

/// How many lines a transcript is taken to have when the cost of a query is reckoned.
const LINES: usize = 100;

/// A transcript, and its call where that is known already.
pub struct Transcript {
    row: transcript::Model,
    call: Option<call::Model>,
}

impl Transcript {
    /// The transcript of this row; `call` where it has been read.
    pub fn of(row: transcript::Model, call: Option<call::Model>) -> Self {
        Self { row, call }
    }

    async fn call_row(&self, ctx: &Context<'_>) -> Result<Option<call::Model>> {
        match &self.call {
            Some(call) => Ok(Some(call.clone())),
            None => load(ctx, Some(CallId(self.row.call_id.clone()))).await,
        }
    }
}

/// What was said in a call, line by line. Words are what white space separates; successive lines of one side are one turn.
#[Object]
impl Transcript {
    /// The id of the call.
    async fn call_id(&self) -> ID {
        ID(self.row.call_id.clone())
    }

    /// The call.
    async fn call(&self, ctx: &Context<'_>) -> Result<Option<Call>> {
        Ok(self.call_row(ctx).await?.map(Call))
    }

    /// How many lines it has.
    async fn line_count(&self) -> i32 {
        self.row.line_count
    }

    /// How many words the rep spoke.
    async fn rep_word_count(&self) -> i32 {
        self.row.rep_word_count
    }

    /// How many words the prospects spoke.
    async fn prospect_word_count(&self) -> i32 {
        self.row.prospect_word_count
    }

    /// How many turns the rep had: successive lines of one side are one turn.
    async fn rep_turn_count(&self) -> i32 {
        self.row.rep_turn_count
    }

    /// How many turns the prospects had: successive lines of one side are one turn.
    async fn prospect_turn_count(&self) -> i32 {
        self.row.prospect_turn_count
    }

    /// The lines, in the order in which they were spoken.
    #[graphql(complexity = "LINES * child_complexity")]
    async fn lines(&self, ctx: &Context<'_>) -> Result<Vec<TranscriptLine>> {
        let lines: Vec<transcript::Line> =
            serde_json::from_str(&self.row.lines).map_err(|error| Error::internal(&error))?;
        let asks_who_speaks = ctx.look_ahead().field("speaker").exists();
        let call = if asks_who_speaks {
            self.call_row(ctx).await?
        } else {
            None
        };
        let user_id = call.as_ref().and_then(|call| call.user_id.clone());
        let org_id = call.and_then(|call| call.org_id).unwrap_or_default();
        Ok((0..)
            .zip(lines)
            .map(|(index, line)| TranscriptLine {
                index,
                line,
                user_id: user_id.clone(),
                org_id: org_id.clone(),
            })
            .collect())
    }
}

/// Who speaks a line of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SpeakerKind {
    /// The user who practises: the line names no prospect, or the user's own id.
    Rep,
    /// A prospect of the call.
    Prospect,
    /// The line names an id that is neither the user's nor one of the call's prospects.
    Unknown,
}

impl From<transcript::SpeakerKind> for SpeakerKind {
    fn from(kind: transcript::SpeakerKind) -> Self {
        match kind {
            transcript::SpeakerKind::Rep => Self::Rep,
            transcript::SpeakerKind::Prospect => Self::Prospect,
            transcript::SpeakerKind::Unknown => Self::Unknown,
        }
    }
}

/// Who speaks a line: the user who practises, or a prospect.
#[derive(Union)]
pub enum Speaker {
    /// The user.
    User(Box<User>),
    /// The prospect.
    Prospect(Box<Prospect>),
}

/// A line, with what is needed to tell who speaks.
pub struct TranscriptLine {
    index: i32,
    line: transcript::Line,
    user_id: Option<String>,
    org_id: String,
}

/// A line of a transcript.
#[Object]
impl TranscriptLine {
    /// Its place in the transcript, from 0.
    async fn index(&self) -> i32 {
        self.index
    }

    /// When it was spoken.
    async fn created_at(&self) -> Option<Time> {
        self.line.created_at.and_then(Time::of_micros)
    }

    /// `prospectId` as SalesMagic sent it.
    async fn prospect_id(&self) -> Option<ID> {
        self.line.prospect_id.clone().map(ID)
    }

    /// `speakerName` as SalesMagic sent it.
    async fn speaker_name(&self) -> Option<&str> {
        self.line.speaker_name.as_deref()
    }

    /// What was said, whoever said it: SalesMagic's name for the text of every line.
    async fn prospect_text(&self) -> Option<&str> {
        self.line.prospect_text.as_deref()
    }

    /// Which side speaks.
    async fn speaker_kind(&self) -> SpeakerKind {
        self.line.speaker.into()
    }

    /// Who speaks. Null when that is unknown, or when the prospect was never described.
    async fn speaker(&self, ctx: &Context<'_>) -> Result<Option<Speaker>> {
        match self.line.speaker {
            transcript::SpeakerKind::Rep => {
                let user = load(ctx, self.user_id.clone().map(UserId)).await?;
                Ok(user.map(|row| Speaker::User(Box::new(User(row)))))
            }
            transcript::SpeakerKind::Prospect => {
                let id = self.line.prospect_id.clone();
                let key = id.map(|id| ProspectId(self.org_id.clone(), id));
                let prospect = load(ctx, key).await?;
                Ok(prospect.map(|row| Speaker::Prospect(Box::new(Prospect(row)))))
            }
            transcript::SpeakerKind::Unknown => Ok(None),
        }
    }
}
