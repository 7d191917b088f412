//! Prospects: described by each call they are in. The key is (org of the call, id).

use std::collections::{BTreeMap, BTreeSet};

use entity::read_model::prospect::{Column, Entity, Model};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter};

use super::{Event, upsert};
use crate::payload::{Content, Prospect};

pub(super) async fn apply(txn: &DatabaseTransaction, events: &[Event]) -> Result<(), DbErr> {
    let ids: BTreeSet<&str> = events
        .iter()
        .flat_map(described)
        .map(|(_, id, _)| id)
        .collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    // By id alone: a prospect of the same id in another org is loaded too, and written back as it was.
    let mut known = Vec::new();
    for ids in ids.chunks(upsert::MOST_PARAMETERS) {
        let ids = ids.iter().copied();
        known.extend(
            Entity::find()
                .filter(Column::Id.is_in(ids))
                .all(txn)
                .await?,
        );
    }
    let mut rows: BTreeMap<(String, String), Model> = known
        .into_iter()
        .map(|row| ((row.org_id.clone(), row.id.clone()), row))
        .collect();
    for event in events {
        for (org_id, id, prospect) in described(event) {
            let row = rows
                .entry((org_id.to_owned(), id.to_owned()))
                .or_insert_with(|| of(org_id, id, None));
            let is_example = row.is_example && event.reading.is_example;
            if row.attributes_stamp.as_ref() < Some(&event.stamp) {
                *row = of(org_id, id, Some(prospect));
                row.attributes_stamp = Some(event.stamp.clone());
                row.last_position = Some(event.position);
            }
            row.is_example = is_example;
        }
    }
    upsert::upsert::<Entity>(txn, rows.into_values().collect()).await
}

/// The prospects that an event describes: (org, id, prospect).
fn described(event: &Event) -> impl Iterator<Item = (&str, &str, &Prospect)> {
    let call = match &event.reading.content {
        Content::Call { call, .. } => Some(call),
        _ => None,
    };
    call.into_iter().flat_map(|call| {
        let org_id = call.org_id.as_deref().unwrap_or_default();
        call.prospects
            .iter()
            .filter_map(move |prospect| Some((org_id, prospect.id.as_deref()?, prospect)))
    })
}

fn of(org_id: &str, id: &str, prospect: Option<&Prospect>) -> Model {
    let prospect = prospect.cloned().unwrap_or_default();
    let details = prospect.details;
    Model {
        org_id: org_id.to_owned(),
        id: id.to_owned(),
        name: prospect.name,
        image_url: prospect.image_url,
        additional_info: details.additional_info,
        age: details.age,
        budget_authority: details.budget_authority,
        communication_style: details.communication_style,
        company_name: details.company_name,
        company_size: details.company_size,
        decision_making_process: details.decision_making_process,
        difficulty: details.difficulty,
        education: details.education,
        gender: details.gender,
        goals: details.goals,
        industry: details.industry,
        information_sources: details.information_sources,
        job_title: details.job_title,
        key_performance_indicators: details.key_performance_indicators,
        key_responsibilities: details.key_responsibilities,
        nationality: details.nationality,
        new_technology_attitude: details.new_technology_attitude,
        objections_to_new_tools: details.objections_to_new_tools,
        pain_points: details.pain_points,
        personal_motivations: details.personal_motivations,
        preferred_vendors: details.preferred_vendors,
        tech_savviness: details.tech_savviness,
        years_of_experience: details.years_of_experience,
        is_example: true,
        attributes_stamp: None,
        last_position: None,
    }
}
