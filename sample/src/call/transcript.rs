//! The lines of a call: rep and prospect in turn, through the stages of a sales call.

use super::{Cast, scene::CallScene};
use crate::{
    Dice,
    grammar::Teller,
    wire::{Form, Line, Stamp},
};
use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;

/// The rules of each stage are `<stage>.rep` and `<stage>.prospect`; the number is the part of the call, in percent, at
/// which the stage is over. A call that is short by a few lines still has an objection.
const STAGES: [(&str, usize); 6] = [
    ("opening", 8),
    ("discovery", 36),
    ("pitch", 58),
    (OBJECTIONS, 80),
    ("pricing", 90),
    ("close", 100),
];
const OBJECTIONS: &str = "objections";

pub(super) const LEAST_LINES: usize = 20;
pub(super) const MOST_LINES: usize = 300;

/// The transcript, and the time from its first word to its last. It ends just before `completed_at`.
pub(super) fn speak<'a>(
    cast: &Cast<'a>,
    teller: &mut Teller<CallScene<'a>>,
    completed_at: DateTime<Utc>,
    form: Form,
    dice: &mut Dice,
) -> (Vec<Line<'a>>, TimeDelta) {
    let count = length(dice);
    let mut spoken = TimeDelta::zero();
    let mut lines = Vec::with_capacity(count);
    for at in 0..count {
        let by_rep = at.is_multiple_of(2);
        if !by_rep {
            teller.scene.addressed = dice.random_range(0..cast.prospects.len());
        }
        let text = teller.tell(&rule(at, count, teller, dice), dice);
        let persona = (!by_rep).then(|| cast.prospects[teller.scene.addressed]);
        lines.push((spoken, persona, text));
        spoken += speaking_time(&lines[at].2, dice);
    }
    let begins_at = completed_at - spoken - TimeDelta::microseconds(20);
    let lines = lines
        .into_iter()
        .map(|(after, persona, text)| Line {
            created_at: Stamp {
                at: begins_at + after,
                form,
            },
            prospect_id: persona.map(|persona| persona.sent.id.as_str()),
            prospect_text: text,
            speaker_name: persona.map_or(&cast.rep.name, |persona| &persona.sent.name),
        })
        .collect();
    (lines, spoken)
}

/// 20 to 300 lines, about 120 on average, more often short than long.
fn length(dice: &mut Dice) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 281"
    )]
    let more = (dice.random::<f64>().powf(1.75) * 281.0) as usize;
    (LEAST_LINES + more).min(MOST_LINES)
}

fn rule(at: usize, count: usize, teller: &Teller<CallScene<'_>>, dice: &mut Dice) -> String {
    let speaker = if at.is_multiple_of(2) {
        "rep"
    } else {
        "prospect"
    };
    if at < 2 {
        return format!("greet.{speaker}");
    }
    if at + 2 >= count {
        return format!("bye.{speaker}");
    }
    let percent = (at - 2) * 100 / (count - 4);
    let (stage, end) = STAGES
        .into_iter()
        .find(|(_, end)| percent < *end)
        .unwrap_or(STAGES[5]);
    if stage != OBJECTIONS {
        return format!("{stage}.{speaker}");
    }
    if speaker == "rep" {
        return teller
            .scene
            .open_objection()
            .map_or("objection.invite".to_owned(), |kind| {
                format!("rebuttal.{kind}")
            });
    }
    let turns_left = (end * (count - 4))
        .div_ceil(100)
        .saturating_sub(at - 2)
        .div_ceil(2);
    let unraised = teller.scene.unraised();
    // One at least in every call, and the rest spread over the stage.
    if unraised > 0 && (turns_left <= unraised || dice.random_bool(0.35)) {
        "objection.raise".to_owned()
    } else if teller.scene.open_objection().is_some() {
        "objections.prospect".to_owned()
    } else {
        "pitch.prospect".to_owned()
    }
}

/// About 15 characters a second, and a pause before the answer.
fn speaking_time(text: &str, dice: &mut Dice) -> TimeDelta {
    let characters = i64::try_from(text.len()).unwrap_or(i64::MAX);
    TimeDelta::nanoseconds(
        characters * dice.random_range(58_000_000..76_000_000)
            + dice.random_range(300_000_000..1_900_000_000),
    )
}
