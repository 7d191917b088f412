//! A call's transcript: its lines in the order of the array, each with who speaks, as one document.
//!
//! One row a transcript instead of one a line: nothing asks for a line without its call, and a row a line costs more than
//! all else that a call writes.

use std::collections::HashSet;

use entity::read_model::call;
use entity::read_model::transcript::{Line, Model, SpeakerKind};
use sea_orm::DbErr;

use crate::payload::{Call, Instant};

pub(super) fn row(row: &call::Model, call: &Call) -> Result<Model, DbErr> {
    let lines = lines(row, call);
    let document = serde_json::to_string(&lines).map_err(|error| DbErr::Json(error.to_string()))?;
    Ok(Model {
        call_id: row.id.clone(),
        line_count: i32::try_from(lines.len()).unwrap_or(i32::MAX),
        rep_word_count: words(&lines, SpeakerKind::Rep),
        prospect_word_count: words(&lines, SpeakerKind::Prospect),
        rep_turn_count: turns(&lines, SpeakerKind::Rep),
        prospect_turn_count: turns(&lines, SpeakerKind::Prospect),
        lines: document,
    })
}

/// A line without prospect, or with the user's own id, is the rep's; one with a prospect of the call, whether embedded or
/// listed by id, is the prospect's; any other's speaker is unknown.
fn lines<'c>(row: &call::Model, call: &'c Call) -> Vec<Line<&'c str>> {
    let embedded = call
        .prospects
        .iter()
        .filter_map(|prospect| prospect.id.as_ref());
    let prospects: HashSet<&String> = embedded.chain(&call.prospect_ids).collect();
    let rep = [row.user_id.as_ref(), row.sent_user_id.as_ref()];
    call.transcript
        .iter()
        .map(|line| Line {
            created_at: line.created_at.map(Instant::micros),
            speaker: match &line.prospect_id {
                Some(id) if prospects.contains(id) => SpeakerKind::Prospect,
                Some(id) if !rep.contains(&Some(id)) => SpeakerKind::Unknown,
                _ => SpeakerKind::Rep,
            },
            prospect_id: line.prospect_id.as_deref(),
            speaker_name: line.speaker_name.as_deref(),
            prospect_text: line.prospect_text.as_deref(),
        })
        .collect()
}

/// Words, which are what white space separates, of one kind of speaker.
fn words(lines: &[Line<&str>], of: SpeakerKind) -> i32 {
    let count: usize = lines
        .iter()
        .filter(|line| line.speaker == of)
        .filter_map(|line| line.prospect_text)
        .map(|text| text.split_whitespace().count())
        .sum();
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// How often `of` takes the word: successive lines of one kind of speaker are one turn.
fn turns(lines: &[Line<&str>], of: SpeakerKind) -> i32 {
    let turns = lines
        .chunk_by(|one, next| one.speaker == next.speaker)
        .filter(|turn| turn.first().is_some_and(|line| line.speaker == of));
    i32::try_from(turns.count()).unwrap_or(i32::MAX)
}
