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

use super::register::ordered_at;
use super::user::of_call;
use super::{Event, upsert};
use crate::log::Position;
use crate::payload::{Call, Content, Instant, Reading};

/// A call in a batch: the row as it is stored, if it is, and which event replaces it, if one does.
#[derive(Default)]
struct Merging {
    stored: Option<call::Model>,
    winner: Option<usize>,
    is_no_example: bool,
}

pub(super) async fn apply(txn: &DatabaseTransaction, events: &mut [Event]) -> Result<(), DbErr> {
    let mut calls = load(txn, events).await?;
    for (at, event) in events.iter().enumerate() {
        if let Content::Call { id, .. } = &event.reading.content
            && let Some(merging) = calls.get_mut(id)
        {
            merging.is_no_example |= !event.reading.is_example;
            let known = match merging.winner {
                Some(winner) => Some(&events[winner].stamp),
                None => merging.stored.as_ref().map(|row| &row.attributes_stamp),
            };
            if known < Some(&event.stamp) {
                merging.winner = Some(at);
            }
        }
    }
    store(txn, calls, events).await
}

async fn load(
    txn: &DatabaseTransaction,
    events: &[Event],
) -> Result<BTreeMap<String, Merging>, DbErr> {
    let ids = events
        .iter()
        .filter_map(|event| match &event.reading.content {
            Content::Call { id, .. } => Some(id.clone()),
            _ => None,
        });
    let mut calls: BTreeMap<String, Merging> = ids.map(|id| (id, Merging::default())).collect();
    if calls.is_empty() {
        return Ok(calls);
    }
    let stored = call::Entity::find()
        .filter(call::Column::Id.is_in(calls.keys()))
        .all(txn)
        .await?;
    for row in stored {
        if let Some(merging) = calls.get_mut(&row.id) {
            merging.is_no_example = !row.is_example;
            merging.stored = Some(row);
        }
    }
    Ok(calls)
}

async fn store(
    txn: &DatabaseTransaction,
    calls: BTreeMap<String, Merging>,
    events: &mut [Event],
) -> Result<(), DbErr> {
    let mut replaced = Vec::new();
    let mut all = Tables::default();
    for (id, merging) in calls {
        let is_example = !merging.is_no_example;
        match (merging.stored, merging.winner) {
            (stored, Some(winner)) => {
                if let Some(mut rows) = events[winner].take_call()? {
                    rows.call.is_example = is_example;
                    all.add(*rows);
                }
                if stored.is_some() {
                    replaced.push(id);
                }
            }
            (Some(stored), None) if stored.is_example != is_example => {
                call::Entity::update(call::ActiveModel {
                    id: Unchanged(stored.id),
                    is_example: Set(is_example),
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
    upsert::upsert::<call::Entity>(txn, all.calls).await?;
    upsert::insert::<call_prospect::Entity>(txn, all.prospects).await?;
    upsert::insert::<transcripts::Entity>(txn, all.transcripts).await?;
    upsert::insert::<call_word::Entity>(txn, all.words).await?;
    upsert::insert::<analysis::Entity>(txn, all.analyses).await?;
    upsert::insert::<insight::Entity>(txn, all.insights).await
}

async fn remove_parts(txn: &DatabaseTransaction, ids: &[String]) -> Result<(), DbErr> {
    macro_rules! remove {
        ($($table:ident)*) => {$(
            $table::Entity::delete_many()
                .filter($table::Column::CallId.is_in(ids))
                .exec(txn)
                .await?;
        )*};
    }
    remove!(call_prospect transcripts call_word analysis insight);
    Ok(())
}

/// The rows of one call, as one event tells of it.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    call: call::Model,
    prospects: Vec<call_prospect::Model>,
    transcript: transcripts::Model,
    words: call_word::Model,
    analyses: Vec<analysis::Model>,
    insights: Vec<insight::Model>,
}

impl Rows {
    /// The rows of the call that an event completes, if it completes one.
    pub(super) fn of(
        position: Position,
        reading: &Reading,
        stamp: &str,
    ) -> Result<Option<Box<Self>>, DbErr> {
        let Content::Call { id, call } = &reading.content else {
            return Ok(None);
        };
        let row = row(id, position, reading, call, stamp);
        Ok(Some(Box::new(Self {
            prospects: parts::prospects(&row, call),
            transcript: transcript::row(&row, call)?,
            words: words::row(&row, call),
            analyses: parts::analyses(&row, call),
            insights: parts::insights(&row, call),
            call: row,
        })))
    }
}

impl Event {
    /// The rows of its call. Once they were taken, and the transaction refused, they are made again.
    fn take_call(&mut self) -> Result<Option<Box<Rows>>, DbErr> {
        match self.call.take() {
            None => Rows::of(self.position, &self.reading, &self.stamp),
            made => Ok(made),
        }
    }
}

/// The rows of many calls, by table.
#[derive(Default)]
struct Tables {
    calls: Vec<call::Model>,
    prospects: Vec<call_prospect::Model>,
    transcripts: Vec<transcripts::Model>,
    words: Vec<call_word::Model>,
    analyses: Vec<analysis::Model>,
    insights: Vec<insight::Model>,
}

impl Tables {
    fn add(&mut self, rows: Rows) {
        self.calls.push(rows.call);
        self.prospects.extend(rows.prospects);
        self.transcripts.push(rows.transcript);
        self.words.push(rows.words);
        self.analyses.extend(rows.analyses);
        self.insights.extend(rows.insights);
    }
}

fn row(id: &str, position: Position, reading: &Reading, call: &Call, stamp: &str) -> call::Model {
    let user = call.user.as_ref();
    // A call that does not say was made when it was completed, as near as anybody knows.
    let made_at = call.created_at.or(reading.occurred_at);
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
        ordered_at: ordered_at(made_at, reading),
        is_example: reading.is_example,
        attributes_stamp: stamp.to_owned(),
        last_position: position,
    }
}
