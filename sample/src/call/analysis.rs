//! One or two analyses of a call: lists of what was said, a score that follows the rep's skill, a summary.

use super::{
    Cast,
    scene::{CallScene, Said},
};
use crate::{Dice, grammar::Teller, wire};
use rand::{Rng, seq::IndexedRandom};

const TYPES: [&str; 5] = [
    "discovery",
    "objection_handling",
    "product_pitch",
    "negotiation",
    "closing",
];

pub(super) fn analyse<'a>(
    cast: &Cast<'a>,
    teller: &mut Teller<CallScene<'a>>,
    dice: &mut Dice,
) -> Vec<wire::Analysis> {
    let said = std::mem::take(&mut teller.scene.said);
    let count = if dice.random_bool(0.3) { 2 } else { 1 };
    let kinds: Vec<_> = TYPES.choose_multiple(dice, count).copied().collect();
    kinds
        .into_iter()
        .map(|kind| analysis(kind, &said, cast, teller, dice))
        .collect()
}

fn analysis<'a>(
    kind: &'static str,
    said: &Said,
    cast: &Cast<'a>,
    teller: &mut Teller<CallScene<'a>>,
    dice: &mut Dice,
) -> wire::Analysis {
    let score = score(cast, dice);
    // Four strengths and no omission at 100, none and four at 0.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a score is between 0 and 100"
    )]
    let good = (score / 25.0).round() as usize;
    let mut remarks = |rule: &str, count: usize| {
        let mut told: Vec<String> = Vec::new();
        for _ in 0..count {
            let remark = teller.tell(rule, dice);
            if !told.contains(&remark) {
                told.push(remark);
            }
        }
        told
    };
    let sales_strengths = remarks("strength.good", good);
    let missed_opportunities = remarks("missed", 4_usize.saturating_sub(good));
    let summary = summary(said, cast, teller, dice);
    // An analysis looks closely at its own subject and names only the main points of the others.
    let (own, other) = (usize::MAX, 2);
    let depth = |subjects: &[&str]| if subjects.contains(&kind) { own } else { other };
    wire::Analysis {
        action_items: first(&said.actions, depth(&["closing", "negotiation"]))
            .into_iter()
            .map(|action| capital(&action))
            .collect(),
        analysis_type: kind,
        competitors: first(
            &said.competitors,
            depth(&["discovery", "product_pitch", "negotiation"]),
        ),
        customer_challenges: first(&said.challenges, depth(&["discovery", "product_pitch"])),
        deal_drivers: first(
            &said.drivers,
            depth(&["closing", "negotiation", "discovery"]),
        ),
        missed_opportunities,
        objections: first(
            &said.objections,
            depth(&["objection_handling", "negotiation", "closing"]),
        ),
        product_positioning: first(&said.positions, depth(&["product_pitch"]))
            .into_iter()
            .map(|position| capital(&position))
            .collect(),
        products: first(&said.products, own),
        sales_strengths,
        score,
        summary,
    }
}

/// The rep's skill after so many calls, less what the hardest prospect takes, and some luck; two digits.
fn score(cast: &Cast<'_>, dice: &mut Dice) -> f64 {
    let practice = 1.0 - (-f64::from(cast.rep.calls) / 25.0).exp();
    let handicap = cast
        .prospects
        .iter()
        .map(|persona| persona.difficulty.handicap())
        .fold(0.0, f64::max);
    let luck: f64 = (0..3).map(|_| dice.random_range(-5.0..5.0)).sum();
    let score = cast.rep.talent + cast.rep.promise * practice - handicap + luck;
    (score.clamp(3.0, 99.5) * 100.0).round() / 100.0
}

fn summary<'a>(
    said: &Said,
    cast: &Cast<'a>,
    teller: &mut Teller<CallScene<'a>>,
    dice: &mut Dice,
) -> String {
    let lead = &cast.prospects[0].sent;
    let mut sentences = vec![format!(
        "{} spoke with {}, {} at {}.",
        cast.rep.name, lead.name, lead.details.job_title, lead.details.company_name
    )];
    if let Some(colleague) = cast.prospects.get(1) {
        sentences.push(format!("{} took part as well.", colleague.sent.name));
    }
    if let Some(challenge) = said.challenges.first() {
        sentences.push(format!("The main problem named was: \"{challenge}\"."));
    }
    match said.objections.as_slice() {
        [] => {}
        [only] => sentences.push(format!("One objection came up: \"{only}\".")),
        [main, others @ ..] => {
            sentences.push(format!(
                "The first of {} objections was: \"{main}\".",
                others.len() + 1
            ));
        }
    }
    if !said.competitors.is_empty() {
        sentences.push(format!("Compared with {}.", said.competitors.join(" and ")));
    }
    sentences.push(teller.tell("summary.tone", dice));
    sentences.push(teller.tell("summary.advice", dice));
    sentences.join(" ")
}

fn first(all: &[String], count: usize) -> Vec<String> {
    all.iter().take(count).cloned().collect()
}

fn capital(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}
