//! One practice call: who takes part, what is said, what the analysis makes of it.
//!
//! An analysis lists only what the transcript holds: the scene remembers each competitor, objection and so on while the
//! grammar puts it into a line, and the lists are those memories.

mod analysis;
mod scene;
mod transcript;

use crate::{
    Dice,
    company::{Org, Persona, User},
    grammar::Teller,
    identifier,
    wire::{self, Form, Stamp},
};
use chrono::{DateTime, TimeDelta, Utc};
use scene::CallScene;

/// Those in a call. `prospects` has one or two.
pub(crate) struct Cast<'a> {
    pub(crate) org: &'a Org,
    pub(crate) rep: &'a User,
    pub(crate) prospects: Vec<&'a Persona>,
}

/// A call that ends just before `completed_at`, with the user as it stands in `user`.
pub(crate) fn complete<'a>(
    cast: &Cast<'a>,
    user: wire::User<'a>,
    completed_at: DateTime<Utc>,
    form: Form,
    dice: &mut Dice,
) -> wire::Call<'a> {
    let mut teller = Teller::new(cast.org.area, CallScene::set(cast, dice));
    let title = teller.tell("title", dice);
    let (transcript, spoken) = transcript::speak(cast, &mut teller, completed_at, form, dice);
    wire::Call {
        analysis: analysis::analyse(cast, &mut teller, dice),
        created_at: Stamp {
            at: completed_at - spoken - TimeDelta::microseconds(40),
            form,
        },
        id: identifier::uuid(dice),
        org_id: &cast.org.id,
        prospect_ids: cast
            .prospects
            .iter()
            .map(|persona| persona.sent.id.as_str())
            .collect(),
        prospects: cast.prospects.iter().map(|persona| &persona.sent).collect(),
        stats: wire::Stats {
            duration: seconds(spoken),
        },
        title,
        transcript,
        user_id: user.id,
        user,
    }
}

/// Seconds to the millisecond.
fn seconds(span: TimeDelta) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a call lasts less than 2^53 ms")]
    let milliseconds = span.num_milliseconds() as f64;
    milliseconds / 1_000.0
}
