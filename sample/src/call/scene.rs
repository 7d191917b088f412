//! What can come up in one call, and what has come up so far.

use super::Cast;
use crate::{
    Dice,
    company::OBJECTION_KINDS,
    grammar::{Scene, Slot, phrases},
};
use rand::{
    Rng,
    seq::{IndexedRandom, SliceRandom},
};

pub(super) struct CallScene<'a> {
    rep: &'a str,
    org: &'a str,
    /// First name, full name and company of each prospect.
    prospects: Vec<(&'a str, &'a str, &'a str)>,
    /// Who speaks, or is spoken to.
    pub(super) addressed: usize,
    products: Vec<&'a str>,
    competitors: Vec<&'static str>,
    challenges: Vec<&'static str>,
    drivers: Vec<&'static str>,
    actions: Vec<&'static str>,
    positions: Vec<&'static str>,
    /// Kind and text, in the order in which they will be raised.
    objections: Vec<(&'static str, &'static str)>,
    raised: usize,
    pub(super) said: Said,
}

/// What was put into a line, in the order of first mention.
#[derive(Default)]
pub(super) struct Said {
    pub(super) products: Vec<String>,
    pub(super) competitors: Vec<String>,
    pub(super) challenges: Vec<String>,
    pub(super) drivers: Vec<String>,
    pub(super) actions: Vec<String>,
    pub(super) positions: Vec<String>,
    pub(super) objections: Vec<String>,
}

impl<'a> CallScene<'a> {
    pub(super) fn set(cast: &Cast<'a>, dice: &mut Dice) -> Self {
        let area = cast.org.area;
        let lead = cast.prospects[0];
        let mut competitors = lead.vendors.clone();
        competitors.truncate(dice.random_range(1..=2));
        competitors.extend(some(&area.phrases("competitor"), 1, dice));
        let mut challenges = lead.challenges.clone();
        challenges.extend(some(&area.phrases("challenge"), 2, dice));
        let products: Vec<_> = cast.org.products.iter().map(String::as_str).collect();
        Self {
            rep: &cast.rep.first,
            org: &cast.org.name,
            prospects: cast
                .prospects
                .iter()
                .map(|persona| {
                    (
                        persona.first.as_str(),
                        persona.sent.name.as_str(),
                        persona.sent.details.company_name.as_str(),
                    )
                })
                .collect(),
            addressed: 0,
            products: some(&products, 2, dice),
            competitors,
            challenges,
            drivers: some(&area.phrases("driver"), 3, dice),
            actions: some(&phrases("action"), 3, dice),
            positions: some(&area.phrases("position"), 2, dice),
            objections: objections(cast, dice),
            raised: 0,
            said: Said::default(),
        }
    }

    pub(super) fn unraised(&self) -> usize {
        self.objections.len() - self.raised
    }

    /// The kind of the objection raised last.
    pub(super) fn open_objection(&self) -> Option<&'static str> {
        self.raised
            .checked_sub(1)
            .map(|last| self.objections[last].0)
    }
}

/// From the persona's own kinds first, then any; no more than its difficulty allows.
fn objections(cast: &Cast<'_>, dice: &mut Dice) -> Vec<(&'static str, &'static str)> {
    let mut kinds: Vec<_> = cast
        .prospects
        .iter()
        .flat_map(|persona| persona.objection_kinds.iter().copied())
        .collect();
    kinds.extend(some(&OBJECTION_KINDS, 3, dice));
    let most = cast
        .prospects
        .iter()
        .map(|persona| persona.difficulty.stubbornness())
        .max()
        .unwrap_or(1);
    kinds.truncate(dice.random_range(1..=most));
    kinds.shuffle(dice);
    let mut objections: Vec<(&str, &str)> = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let text = phrases(&format!("objection.{kind}")).choose(dice).copied();
        if let Some(text) = text
            && objections.iter().all(|(_, earlier)| *earlier != text)
        {
            objections.push((kind, text));
        }
    }
    objections
}

fn some<T: Copy>(all: &[T], count: usize, dice: &mut Dice) -> Vec<T> {
    all.choose_multiple(dice, count).copied().collect()
}

impl Scene for CallScene<'_> {
    fn fill(&mut self, slot: Slot, dice: &mut Dice, text: &mut String) {
        let (first, full, company) = self.prospects[self.addressed];
        let said = &mut self.said;
        match slot {
            Slot::Rep => text.push_str(self.rep),
            Slot::Org => text.push_str(self.org),
            Slot::Prospect => text.push_str(first),
            Slot::ProspectFull => text.push_str(full),
            Slot::Company => text.push_str(company),
            Slot::Product => mention(&self.products, &mut said.products, dice, text),
            Slot::Competitor => mention(&self.competitors, &mut said.competitors, dice, text),
            Slot::Challenge => mention(&self.challenges, &mut said.challenges, dice, text),
            Slot::Driver => mention(&self.drivers, &mut said.drivers, dice, text),
            Slot::Action => mention(&self.actions, &mut said.actions, dice, text),
            Slot::Position => mention(&self.positions, &mut said.positions, dice, text),
            Slot::Objection => {
                if let Some((_, objection)) = self.objections.get(self.raised) {
                    self.raised += 1;
                    text.push_str(objection);
                    said.objections.push((*objection).to_owned());
                }
            }
        }
    }
}

fn mention(candidates: &[&str], said: &mut Vec<String>, dice: &mut Dice, text: &mut String) {
    let Some(mentioned) = candidates.choose(dice) else {
        return;
    };
    text.push_str(mentioned);
    if !said.iter().any(|earlier| earlier == mentioned) {
        said.push((*mentioned).to_owned());
    }
}
