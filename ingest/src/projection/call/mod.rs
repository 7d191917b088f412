//! Calls: one row, and its prospects, transcript, words, analyses and insights, all from one event.
//!
//! Where several events complete the same call, the one with the greatest stamp gives all of it.

mod parts;
mod transcript;
mod words;

use std::collections::BTreeMap;

use entity::read_model::{
    analysis, call, call_prospect, call_word, insight, transcript as transcripts,
};
use sea_orm::{
    ActiveValue::{Set, Unchanged},
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
};

use super::register::{ordered_at, stamp};
use super::user::of_call;
use super::{Event, upsert};
use crate::payload::{Call, Content, Instant};

/// A call in a batch: the row as it is stored, if it is, and the event that replaces it, if one does.
struct Merging<'e> {
    stored: Option<call::Model>,
    winner: Option<(&'e Event, &'e Call, String)>,
    is_example: bool,
}

pub(super) async fn apply(txn: &DatabaseTransaction, events: &[Event]) -> Result<(), DbErr> {
    let mut calls = load(txn, events).await?;
    for event in events {
        if let Content::Call { id, call } = &event.reading.content
            && let Some(merging) = calls.get_mut(id.as_str())
        {
            merging.is_example &= event.reading.is_example;
            let stamp = stamp(&event.reading);
            let known = match &merging.winner {
                Some((_, _, known)) => Some(known),
                None => merging.stored.as_ref().map(|row| &row.attributes_stamp),
            };
            if known < Some(&stamp) {
                merging.winner = Some((event, call, stamp));
            }
        }
    }
    store(txn, calls).await
}

async fn load<'e>(
    txn: &DatabaseTransaction,
    events: &'e [Event],
) -> Result<BTreeMap<&'e str, Merging<'e>>, DbErr> {
    let mut calls: BTreeMap<&str, Merging<'_>> = events
        .iter()
        .filter_map(|event| match &event.reading.content {
            Content::Call { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .map(|id| {
            let new = Merging {
                stored: None,
                winner: None,
                is_example: true,
            };
            (id, new)
        })
        .collect();
    if calls.is_empty() {
        return Ok(calls);
    }
    let stored = call::Entity::find()
        .filter(call::Column::Id.is_in(calls.keys().copied()))
        .all(txn)
        .await?;
    for row in stored {
        if let Some(merging) = calls.get_mut(row.id.as_str()) {
            merging.is_example = row.is_example;
            merging.stored = Some(row);
        }
    }
    Ok(calls)
}

async fn store(txn: &DatabaseTransaction, calls: BTreeMap<&str, Merging<'_>>) -> Result<(), DbErr> {
    let mut replaced = Vec::new();
    let mut rows = Rows::default();
    for (id, merging) in calls {
        match (merging.stored, merging.winner) {
            (stored, Some((event, call, stamp))) => {
                if stored.is_some() {
                    replaced.push(id);
                }
                rows.add(row(id, event, call, stamp, merging.is_example), call)?;
            }
            (Some(stored), None) if stored.is_example != merging.is_example => {
                call::Entity::update(call::ActiveModel {
                    id: Unchanged(stored.id),
                    is_example: Set(merging.is_example),
                    ..Default::default()
                })
                .exec(txn)
                .await?;
            }
            _ => {}
        }
    }
    if !replaced.is_empty() {
        remove_parts(txn, &replaced).await?;
    }
    upsert::upsert::<call::Entity>(txn, rows.calls).await?;
    upsert::insert::<call_prospect::Entity>(txn, rows.prospects).await?;
    upsert::insert::<transcripts::Entity>(txn, rows.transcripts).await?;
    upsert::insert::<call_word::Entity>(txn, rows.words).await?;
    upsert::insert::<analysis::Entity>(txn, rows.analyses).await?;
    upsert::insert::<insight::Entity>(txn, rows.insights).await
}

async fn remove_parts(txn: &DatabaseTransaction, ids: &[&str]) -> Result<(), DbErr> {
    macro_rules! remove {
        ($($table:ident)*) => {$(
            $table::Entity::delete_many()
                .filter($table::Column::CallId.is_in(ids.iter().copied()))
                .exec(txn)
                .await?;
        )*};
    }
    remove!(call_prospect transcripts call_word analysis insight);
    Ok(())
}

#[derive(Default)]
struct Rows {
    calls: Vec<call::Model>,
    prospects: Vec<call_prospect::Model>,
    transcripts: Vec<transcripts::Model>,
    words: Vec<call_word::Model>,
    analyses: Vec<analysis::Model>,
    insights: Vec<insight::Model>,
}

impl Rows {
    fn add(&mut self, row: call::Model, call: &Call) -> Result<(), DbErr> {
        self.prospects.extend(parts::prospects(&row, call));
        self.transcripts.push(transcript::row(&row, call)?);
        self.words.push(words::row(&row, call));
        self.analyses.extend(parts::analyses(&row, call));
        self.insights.extend(parts::insights(&row, call));
        self.calls.push(row);
        Ok(())
    }
}

fn row(id: &str, event: &Event, call: &Call, stamp: String, is_example: bool) -> call::Model {
    let user = call.user.as_ref();
    // A call that does not say was made when it was completed, as near as anybody knows.
    let made_at = call.created_at.or(event.reading.occurred_at);
    call::Model {
        id: id.to_owned(),
        org_id: call.org_id.clone(),
        user_id: of_call(call).cloned(),
        sent_user_id: call.user_id.clone(),
        manager_id: user.and_then(|user| user.manager_id.clone()),
        team_id: user.and_then(|user| user.team_id.clone()),
        title: call.title.clone(),
        prospect_ids: serde_json::json!(call.prospect_ids).to_string(),
        duration: call.stats.duration,
        score: parts::mean_score(call),
        created_at: made_at.map(Instant::micros),
        ordered_at: ordered_at(made_at, &event.reading),
        is_example,
        attributes_stamp: stamp,
        last_position: event.position,
    }
}
