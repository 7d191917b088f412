//! AI prospects: the personas that an org's reps practise with. Each has all 24 details of the catalogue.

use super::person::Person;
use crate::{
    Dice,
    grammar::{Area, Teller, phrases},
    identifier, wire,
};
use rand::{Rng, seq::IndexedRandom};

/// How hard a persona makes it: what the catalogue calls its difficulty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difficulty {
    Easy,
    Medium,
    Hard,
    Expert,
}

impl Difficulty {
    fn name(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
            Self::Expert => "expert",
        }
    }

    /// Points that a call loses against the rep's skill.
    pub(crate) fn handicap(self) -> f64 {
        match self {
            Self::Easy => 0.0,
            Self::Medium => 5.0,
            Self::Hard => 11.0,
            Self::Expert => 17.0,
        }
    }

    /// The most objections it raises in one call.
    pub(crate) fn stubbornness(self) -> usize {
        match self {
            Self::Easy => 2,
            Self::Medium => 3,
            Self::Hard => 4,
            Self::Expert => 6,
        }
    }
}

/// Kinds of objections; `objection.<kind>` and `rebuttal.<kind>` are rules of the transcript's grammar.
pub(crate) const OBJECTION_KINDS: [&str; 7] = [
    "price",
    "timing",
    "incumbent",
    "authority",
    "security",
    "adoption",
    "trust",
];

#[derive(Debug, Clone)]
pub(crate) struct Persona {
    pub(crate) sent: wire::Prospect,
    pub(crate) first: String,
    pub(crate) difficulty: Difficulty,
    pub(crate) challenges: Vec<&'static str>,
    pub(crate) vendors: Vec<&'static str>,
    /// The two kinds of objections this persona always has at hand.
    pub(crate) objection_kinds: Vec<&'static str>,
}

/// The personas of one org. Neighbours of even and odd place work at the same company and may share a call.
pub(crate) fn personas(count: usize, area: Area, dice: &mut Dice) -> Vec<Persona> {
    let mut teller = Teller::new(area, ());
    let mut employer = (String::new(), 0);
    (0..count)
        .map(|place| {
            if place % 2 == 0 {
                // Sizes over three orders of magnitude, as companies are.
                let size = 20 * (1_u32 << dice.random_range(0..11)) + dice.random_range(0..20);
                employer = (teller.tell("persona.companyName", dice), size);
            }
            persona(&employer, area, &mut teller, dice)
        })
        .collect()
}

fn persona(
    employer: &(String, u32),
    area: Area,
    teller: &mut Teller<()>,
    dice: &mut Dice,
) -> Persona {
    let person = Person::any(dice);
    let difficulty = *[
        Difficulty::Easy,
        Difficulty::Medium,
        Difficulty::Medium,
        Difficulty::Hard,
        Difficulty::Hard,
        Difficulty::Expert,
    ]
    .choose(dice)
    .unwrap_or(&Difficulty::Medium);
    let challenges: Vec<_> = area
        .phrases("challenge")
        .choose_multiple(dice, 3)
        .copied()
        .collect();
    let vendors: Vec<_> = area
        .phrases("competitor")
        .choose_multiple(dice, 2)
        .copied()
        .collect();
    let objection_kinds: Vec<_> = OBJECTION_KINDS.choose_multiple(dice, 2).copied().collect();
    let objections: Vec<_> = objection_kinds
        .iter()
        .filter_map(|kind| phrases(&format!("objection.{kind}")).choose(dice).copied())
        .collect();
    let years = dice.random_range(3..32);
    let id = identifier::uuid(dice);
    let mut tell = |detail: &str| teller.tell(&format!("persona.{detail}"), dice);
    let details = wire::ProspectDetails {
        additional_info: tell("additionalInfo"),
        age: 22 + years,
        budget_authority: tell("budgetAuthority"),
        communication_style: tell("communicationStyle"),
        company_name: employer.0.clone(),
        company_size: employer.1,
        decision_making_process: tell("decisionMakingProcess"),
        difficulty: difficulty.name(),
        education: tell("education"),
        gender: tell("gender"),
        goals: tell("goals"),
        industry: tell("industry"),
        information_sources: tell("informationSources"),
        job_title: tell("jobTitle"),
        key_performance_indicators: tell("keyPerformanceIndicators"),
        key_responsibilities: tell("keyResponsibilities"),
        nationality: tell("nationality"),
        new_technology_attitude: tell("newTechnologyAttitude"),
        objections_to_new_tools: objections.join(". "),
        pain_points: challenges.join(". "),
        personal_motivations: tell("personalMotivations"),
        preferred_vendors: vendors.join(", "),
        tech_savviness: f64::from(dice.random_range(4..=20_u32)) / 2.0,
        years_of_experience: years,
    };
    let sent = wire::Prospect {
        details,
        image_url: format!("https://images.salesmagic.example/prospects/{id}.png"),
        id,
        name: person.name(),
    };
    Persona {
        sent,
        first: person.first,
        difficulty,
        challenges,
        vendors,
        objection_kinds,
    }
}
