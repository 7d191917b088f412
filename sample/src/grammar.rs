//! Texts from a grammar: `data/*.txt` hold rules, each with alternatives, that name other rules in braces.
//!
//! The notation is explained at the top of `data/transcript.txt`. The files are read once; a rule that names an unknown
//! rule is found by the tests, never by a user.

use crate::Dice;
use rand::Rng;
use std::{collections::HashMap, fmt::Write, sync::LazyLock};

/// What the vendor of a sample org sells; an index into [`AREAS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area(usize);

const AREAS: [&str; 6] = [
    "security", "payroll", "freight", "billing", "data", "support",
];

impl Area {
    pub(crate) fn any(dice: &mut Dice) -> Self {
        Self(dice.random_range(0..AREAS.len()))
    }

    /// The area's own alternatives of a rule without slots, such as its competitors.
    pub(crate) fn phrases(self, rule: &str) -> Vec<&'static str> {
        GRAMMAR.phrases(&format!("{}.{rule}", AREAS[self.0]))
    }
}

/// Something that only the conversation at hand knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Rep,
    Prospect,
    ProspectFull,
    Company,
    Org,
    Product,
    Competitor,
    Challenge,
    Driver,
    Action,
    Objection,
    Position,
}

impl Slot {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rep" => Self::Rep,
            "prospect" => Self::Prospect,
            "prospectfull" => Self::ProspectFull,
            "company" => Self::Company,
            "org" => Self::Org,
            "product" => Self::Product,
            "competitor" => Self::Competitor,
            "challenge" => Self::Challenge,
            "driver" => Self::Driver,
            "action" => Self::Action,
            "objection" => Self::Objection,
            "position" => Self::Position,
            _ => return None,
        })
    }
}

/// Fills slots, and remembers what it filled in where that matters.
pub(crate) trait Scene {
    fn fill(&mut self, slot: Slot, dice: &mut Dice, text: &mut String);
}

/// The scene of texts that have no slots.
impl Scene for () {
    fn fill(&mut self, _: Slot, _: &mut Dice, _: &mut String) {}
}

/// Tells texts of one conversation: remembers which alternative each rule gave last, to avoid giving it twice in a row.
pub(crate) struct Teller<S> {
    pub(crate) scene: S,
    area: Area,
    last: Vec<usize>,
}

impl<S: Scene> Teller<S> {
    pub(crate) fn new(area: Area, scene: S) -> Self {
        Self {
            scene,
            area,
            last: vec![usize::MAX; GRAMMAR.rules.len()],
        }
    }

    /// A fresh reading of a rule, which must exist.
    pub(crate) fn tell(&mut self, rule: &str, dice: &mut Dice) -> String {
        let mut text = String::with_capacity(160);
        self.expand(GRAMMAR.rule(rule), dice, &mut text);
        text
    }

    fn expand(&mut self, rule: usize, dice: &mut Dice, text: &mut String) {
        let alternatives = &GRAMMAR.rules[rule];
        let mut choice = dice.random_range(0..alternatives.len());
        if choice == self.last[rule] {
            choice = dice.random_range(0..alternatives.len());
        }
        self.last[rule] = choice;
        for piece in &alternatives[choice].pieces {
            match *piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Number { least, most } => {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "{}", dice.random_range(least..=most));
                }
                Piece::Slot(slot) => self.scene.fill(slot, dice, text),
                Piece::Rule { of, capital } => {
                    let start = text.len();
                    self.expand(of.rule(self.area), dice, text);
                    if capital && let Some(first) = text.get_mut(start..=start) {
                        first.make_ascii_uppercase();
                    }
                }
            }
        }
    }
}

/// All alternatives of a rule that has no braces in it.
pub(crate) fn phrases(rule: &str) -> Vec<&'static str> {
    GRAMMAR.phrases(rule)
}

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    Grammar::read(&[
        include_str!("../data/areas.txt"),
        include_str!("../data/people.txt"),
        include_str!("../data/persona.txt"),
        include_str!("../data/transcript.txt"),
    ])
});

struct Grammar {
    names: HashMap<&'static str, usize>,
    rules: Vec<Vec<Alternative>>,
}

struct Alternative {
    source: &'static str,
    pieces: Vec<Piece>,
}

enum Piece {
    Text(&'static str),
    Number { least: u32, most: u32 },
    Rule { of: Target, capital: bool },
    Slot(Slot),
}

/// The rule meant: one for all areas, or one for each.
#[derive(Clone, Copy)]
struct Target([usize; AREAS.len()]);

impl Target {
    fn rule(self, area: Area) -> usize {
        self.0[area.0]
    }
}

impl Grammar {
    fn read(files: &[&'static str]) -> Self {
        let mut sections: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
        for line in files.iter().flat_map(|file| file.lines()) {
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                sections.push((name, Vec::new()));
            } else if !line.is_empty() && !line.starts_with('#') {
                let (_, alternatives) = sections
                    .last_mut()
                    .expect("a rule's name comes before its alternatives");
                alternatives.push(line);
            }
        }
        let names: HashMap<_, _> = sections
            .iter()
            .enumerate()
            .map(|(rule, (name, _))| (*name, rule))
            .collect();
        assert_eq!(names.len(), sections.len(), "two rules have the same name");
        let rules = sections
            .iter()
            .map(|(_, lines)| {
                lines
                    .iter()
                    .map(|line| Alternative::read(line, &names))
                    .collect()
            })
            .collect();
        Self { names, rules }
    }

    fn rule(&self, name: &str) -> usize {
        *self
            .names
            .get(name)
            .unwrap_or_else(|| panic!("no rule is called {name}"))
    }

    fn phrases(&self, name: &str) -> Vec<&'static str> {
        self.rules[self.rule(name)]
            .iter()
            .map(|alternative| alternative.source)
            .collect()
    }
}

impl Alternative {
    fn read(source: &'static str, names: &HashMap<&'static str, usize>) -> Self {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .unwrap_or_else(|| panic!("a brace is not closed: {source}"));
            if !text.is_empty() {
                pieces.push(Piece::Text(text));
            }
            pieces.push(
                Piece::read(name, names)
                    .unwrap_or_else(|| panic!("what is {{{name}}} in: {source}")),
            );
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest));
        }
        Self { source, pieces }
    }
}

impl Piece {
    fn read(name: &str, names: &HashMap<&'static str, usize>) -> Option<Self> {
        if let Some(slot) = name.strip_prefix('@') {
            return Slot::named(slot).map(Self::Slot);
        }
        if let Some(rule) = name.strip_prefix('~') {
            let mut of = [0; AREAS.len()];
            for (rule_of_area, area) in of.iter_mut().zip(AREAS) {
                *rule_of_area = *names.get(format!("{area}.{rule}").as_str())?;
            }
            return Some(Self::Rule {
                of: Target(of),
                capital: false,
            });
        }
        if let Some((least, most)) = name.split_once('-') {
            return Some(Self::Number {
                least: least.parse().ok()?,
                most: most.parse().ok()?,
            });
        }
        let capital = name.starts_with(|first: char| first.is_ascii_uppercase());
        let mut rule = name.to_owned();
        if let Some(first) = rule.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        let rule = *names.get(rule.as_str())?;
        Some(Self::Rule {
            of: Target([rule; AREAS.len()]),
            capital,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_rule_can_be_told_in_every_area() {
        let mut dice = Dice::seed_from_u64(1);
        for area in 0..AREAS.len() {
            let mut teller = Teller::new(Area(area), ());
            for name in GRAMMAR.names.keys() {
                for _ in 0..20 {
                    teller.tell(name, &mut dice);
                }
            }
        }
    }

    #[test]
    fn numbers_slots_and_capitals() {
        let grammar = Grammar::read(&["[a]\n{B} and {3-3} {@rep}\n[b]\nwell"]);
        let Alternative { pieces, .. } = &grammar.rules[0][0];
        assert!(matches!(pieces[0], Piece::Rule { capital: true, .. }));
        assert!(matches!(pieces[2], Piece::Number { least: 3, most: 3 }));
        assert!(matches!(pieces[4], Piece::Slot(Slot::Rep)));
    }
}
