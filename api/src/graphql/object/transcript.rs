//! A call's transcript and its lines.

use async_graphql::{Context, Enum, ID, Object, Union};
use entity::read_model::{call, transcript};
use ingest::token::Hidden;

use super::{Call, Event, Prospect, User, load};
use crate::graphql::error::{Error, Result};
use crate::graphql::loader::{CallId, ProspectId, TranscriptOf, UserId};
use crate::graphql::scalar::Time;
use crate::graphql::session::Session;

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

    /// The row of a call's transcript, if the call has one that may be seen.
    pub async fn row(ctx: &Context<'_>, call_id: &str) -> Result<Option<transcript::Model>> {
        if Session::of(ctx).reader.viewer.hides(Hidden::Transcript) {
            return Ok(None);
        }
        load(ctx, Some(TranscriptOf(call_id.to_owned()))).await
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

    /// The event that it comes from: its call's.
    async fn last_event(&self, ctx: &Context<'_>) -> Result<Option<Event>> {
        let call = self.call_row(ctx).await?;
        Ok(call.map(|call| Event::at(call.last_position)))
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

    /// The rep's share of the words that rep and prospects speak, from 0 to 1. Null when neither speaks.
    async fn rep_word_share(&self) -> Option<f64> {
        share(self.row.rep_word_count, self.row.prospect_word_count)
    }

    /// The prospects' share of the words that rep and prospects speak, from 0 to 1. Null when neither speaks.
    async fn prospect_word_share(&self) -> Option<f64> {
        share(self.row.prospect_word_count, self.row.rep_word_count)
    }

    /// The lines, in the order in which they were spoken: all of them, or a page. A line's `index` says where it stands, whatever is
    /// left out, and is what `after` and `before` take.
    #[graphql(complexity = "line_cost(first, last) * child_complexity")]
    async fn lines(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what these sides say.")] speaker: Option<Vec<SpeakerKind>>,
        #[graphql(desc = "Only so many lines, from the front.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after the line with this `index`.")] after: Option<i32>,
        #[graphql(desc = "Only so many lines, from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before the line with this `index`.")] before: Option<i32>,
    ) -> Result<Vec<TranscriptLine>> {
        let page = LinePage::new(first, last)?;
        let lines: Vec<transcript::Line> =
            serde_json::from_str(&self.row.lines).map_err(|error| Error::internal(&error))?;
        let lines = (0..).zip(lines).filter(|(index, line)| {
            after.is_none_or(|after| *index > after)
                && before.is_none_or(|before| *index < before)
                && speaker
                    .as_ref()
                    .is_none_or(|asked| asked.contains(&line.speaker.into()))
        });
        let lines = page.of(lines.collect());
        let asks_who_speaks = ctx.look_ahead().field("speaker").exists();
        let call = if asks_who_speaks {
            self.call_row(ctx).await?
        } else {
            None
        };
        let lines = lines.into_iter();
        Ok(lines
            .map(|(index, line)| TranscriptLine::of(index, line, call.as_ref()))
            .collect())
    }
}

/// The share of some words in them and the others.
fn share(words: i32, others: i32) -> Option<f64> {
    let all = f64::from(words) + f64::from(others);
    (all > 0.0).then(|| f64::from(words) / all)
}

/// How many lines a query is taken to ask for.
fn line_cost(first: Option<i32>, last: Option<i32>) -> usize {
    let asked = first.or(last).and_then(|lines| usize::try_from(lines).ok());
    asked.map_or(LINES, |lines| lines.clamp(1, LINES))
}

/// How many lines are asked for, and from which end.
enum LinePage {
    All,
    First(usize),
    Last(usize),
}

impl LinePage {
    fn new(first: Option<i32>, last: Option<i32>) -> Result<Self> {
        let count = |name, lines: i32| {
            usize::try_from(lines)
                .map_err(|_| Error::bad_input(format!("`{name}` is a number of lines, from 0 on.")))
        };
        match (first, last) {
            (None, None) => Ok(Self::All),
            (Some(first), None) => count("first", first).map(Self::First),
            (None, Some(last)) => count("last", last).map(Self::Last),
            (Some(_), Some(_)) => Err(Error::bad_input(
                "Ask for `first` or for `last`, not for both.",
            )),
        }
    }

    fn of<T>(&self, mut lines: Vec<T>) -> Vec<T> {
        match self {
            Self::All => {}
            Self::First(most) => lines.truncate(*most),
            Self::Last(most) => {
                lines.drain(..lines.len().saturating_sub(*most));
            }
        }
        lines
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

impl TranscriptLine {
    /// The line at `index`; `call` where it matters who speaks.
    pub fn of(index: i32, line: transcript::Line, call: Option<&call::Model>) -> Self {
        Self {
            index,
            line,
            user_id: call.and_then(|call| call.user_id.clone()),
            org_id: call
                .and_then(|call| call.org_id.clone())
                .unwrap_or_default(),
        }
    }
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
