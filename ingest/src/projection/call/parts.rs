//! The rows below a call: its prospects as they were sent, its analyses and their insights.

use std::collections::HashSet;

use entity::read_model::insight::Kind;
use entity::read_model::{analysis, call, call_prospect, insight};

use crate::fold;
use crate::payload::{Analysis, Call};

/// The place of an element of a list. No body is long enough for more than `i32::MAX` elements.
fn ordinal(at: usize) -> i32 {
    i32::try_from(at).unwrap_or(i32::MAX)
}

/// A prospect that is listed twice counts once.
pub(super) fn prospects(row: &call::Model, call: &Call) -> Vec<call_prospect::Model> {
    let mut seen = HashSet::new();
    call.prospects
        .iter()
        .enumerate()
        .filter(|(_, prospect)| prospect.id.is_none() || seen.insert(&prospect.id))
        .map(|(at, prospect)| call_prospect::Model {
            call_id: row.id.clone(),
            ordinal: ordinal(at),
            org_id: row.org_id.clone().unwrap_or_default(),
            prospect_id: prospect.id.clone(),
            difficulty: prospect.details.difficulty.clone(),
            industry: prospect.details.industry.clone(),
            job_title: prospect.details.job_title.clone(),
            call_ordered_at: row.ordered_at,
        })
        .collect()
}

pub(super) fn analyses(row: &call::Model, call: &Call) -> Vec<analysis::Model> {
    call.analysis
        .iter()
        .enumerate()
        .map(|(at, analysis)| analysis::Model {
            call_id: row.id.clone(),
            ordinal: ordinal(at),
            analysis_type: analysis.analysis_type.clone(),
            score: analysis.score,
            summary: analysis.summary.clone(),
            call_ordered_at: row.ordered_at,
        })
        .collect()
}

pub(super) fn insights(row: &call::Model, call: &Call) -> Vec<insight::Model> {
    let mut insights = Vec::new();
    for (at, analysis) in call.analysis.iter().enumerate() {
        for (kind, list) in lists(analysis) {
            insights.extend(list.iter().enumerate().map(|(entry, text)| insight::Model {
                call_id: row.id.clone(),
                analysis: ordinal(at),
                kind,
                ordinal: ordinal(entry),
                text: text.clone(),
                text_key: fold::key(text),
            }));
        }
    }
    insights
}

fn lists(analysis: &Analysis) -> [(Kind, &[String]); 9] {
    [
        (Kind::ActionItems, &analysis.action_items),
        (Kind::Competitors, &analysis.competitors),
        (Kind::CustomerChallenges, &analysis.customer_challenges),
        (Kind::DealDrivers, &analysis.deal_drivers),
        (Kind::MissedOpportunities, &analysis.missed_opportunities),
        (Kind::Objections, &analysis.objections),
        (Kind::ProductPositioning, &analysis.product_positioning),
        (Kind::Products, &analysis.products),
        (Kind::SalesStrengths, &analysis.sales_strengths),
    ]
}

/// The mean of the scores that are present; none when no analysis has one.
pub(super) fn mean_score(call: &Call) -> Option<f64> {
    let scores = || call.analysis.iter().filter_map(|analysis| analysis.score);
    let (sum, count) = scores().fold((0.0, 0.0), |(sum, count), score| (sum + score, count + 1.0));
    let mean = sum / count;
    if count == 0.0 || mean.is_finite() {
        return (count > 0.0).then_some(mean);
    }
    // The sum is greater than any number; the parts of the mean are not.
    Some(scores().map(|score| score / count).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(scores: &[f64]) -> Option<f64> {
        let analysis = |score: &f64| Analysis {
            score: Some(*score),
            ..Analysis::default()
        };
        mean_score(&Call {
            analysis: scores.iter().map(analysis).collect(),
            ..Call::default()
        })
    }

    #[test]
    fn a_mean_is_a_number_however_great_the_scores() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[1.0, 4.0]), Some(2.5));
        assert_eq!(mean(&[1e308, 1e308]), Some(1e308));
        assert_eq!(mean(&[f64::MAX, f64::MAX, f64::MIN]), Some(f64::MAX / 3.0));
    }
}
