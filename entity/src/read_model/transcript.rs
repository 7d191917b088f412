//! A call's transcript: its lines as one JSON document, with counts beside it.

use sea_orm::entity::prelude::*;

/// A row of `transcripts`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "transcripts")]
pub struct Model {
    /// The call.
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    /// Number of lines.
    pub line_count: i32,
    /// Words that the rep spoke.
    pub rep_word_count: i32,
    /// Words that the prospects spoke.
    pub prospect_word_count: i32,
    /// How often the rep took the word.
    pub rep_turn_count: i32,
    /// How often a prospect took the word.
    pub prospect_turn_count: i32,
    /// The lines in order: a JSON array of [`Line`].
    pub lines: String,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Who speaks a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpeakerKind {
    /// The person who practises: the line names no prospect, or the user's own id.
    Rep,
    /// One of the call's prospects.
    Prospect,
    /// The line names an id that is neither.
    Unknown,
}

/// A line of a transcript, as it stands in the document. `T` is how it holds its texts.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Line<T = String> {
    /// When it was spoken, in microseconds.
    #[serde(rename = "at", default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// `prospectId`, as sent.
    #[serde(rename = "id", default, skip_serializing_if = "Option::is_none")]
    pub prospect_id: Option<T>,
    /// `speakerName`, as sent.
    #[serde(rename = "name", default, skip_serializing_if = "Option::is_none")]
    pub speaker_name: Option<T>,
    /// `prospectText`, as sent: what was said, whoever said it.
    #[serde(rename = "text", default, skip_serializing_if = "Option::is_none")]
    pub prospect_text: Option<T>,
    /// Who speaks.
    #[serde(rename = "by")]
    pub speaker: SpeakerKind,
}
