//! What chance does to JSON values. They stay JSON, so what is behind the parser gets to see them.

use std::collections::BTreeSet;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

use super::mutation::{EXTREMES, Mutation};

/// How deep values are put into each other for the most part, and how deep now and then: JSON is read to 128 levels.
const LEVELS: usize = 12;
const MANY_LEVELS: usize = 140;

/// How often an element of a list is there again at most. Lists of filters end at 1,000.
const MOST_AGAIN: usize = 1_100;

/// Texts that mean something to whoever reads texts of this API, or to what is behind it.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\0",
    "%",
    "_",
    "\\",
    "'",
    "\"",
    "''\"\"",
    "*",
    "a*",
    "-a",
    "a OR",
    "a OR -b",
    "\"a b",
    "' OR 1=1 --",
    "$1",
    "?",
    "{}",
    "[]",
    "null",
    "0",
    "9223372036854775808",
    "2025-01-14T05:19:20Z",
    "2025-01-14T05:19:20",
    "0000-01-01T00:00:00Z",
    "0000-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999999-23:59",
    "2016-12-31T23:59:60.5Z",
    "é e\u{301} İ ß ﬃ Σ",
    "日本語",
    "😀\u{200d}👩",
    "\u{202e}\u{feff}\u{fffd}\u{10ffff}",
];

/// Valid values, and what they are made of.
#[derive(Clone, Debug)]
pub struct Values {
    seeds: Vec<Value>,
    names: Vec<String>,
}

impl Values {
    /// Of these: at least one.
    pub fn new(seeds: Vec<Value>) -> Self {
        let mut names = BTreeSet::new();
        for seed in &seeds {
            gather(seed, &mut names);
        }
        Self {
            seeds,
            names: names.into_iter().collect(),
        }
    }

    /// One of them, changed a few times.
    pub fn draw(&self, dice: &mut StdRng) -> Value {
        let Some(mut value) = self.seeds.choose(dice).cloned() else {
            return Value::Null;
        };
        let times = dice.random_range(1..=4);
        for _ in 0..times {
            self.change(&mut value, dice);
        }
        value
    }

    /// Changes one place of a value in one way, which may be none.
    fn change(&self, value: &mut Value, dice: &mut StdRng) {
        let mut place = dice.random_range(0..count(value));
        let Some(found) = nth(value, &mut place) else {
            return;
        };
        match dice.random_range(0..10) {
            0 | 1 => *found = odd(dice),
            2 | 3 => *found = self.part(dice),
            4 => self.nest(found, dice),
            5 => leave_out(found, dice),
            6 => again(found, dice),
            7 => self.rename(found, dice),
            8 => self.add(found, dice),
            _ => spoil(found, dice),
        }
    }

    /// A part of any of them.
    fn part(&self, dice: &mut StdRng) -> Value {
        let mut value = self.seeds.choose(dice).cloned().unwrap_or_default();
        let mut place = dice.random_range(0..count(&value));
        nth(&mut value, &mut place)
            .map(Value::take)
            .unwrap_or_default()
    }

    fn name(&self, dice: &mut StdRng) -> String {
        if dice.random_ratio(1, 8) {
            return TEXTS.choose(dice).copied().unwrap_or_default().to_owned();
        }
        self.names.choose(dice).cloned().unwrap_or_default()
    }

    fn nest(&self, value: &mut Value, dice: &mut StdRng) {
        let is_many = dice.random_ratio(1, 32);
        let most = if is_many { MANY_LEVELS } else { LEVELS };
        let levels = dice.random_range(1..=most);
        let name = dice.random_bool(0.5).then(|| self.name(dice));
        for _ in 0..levels {
            let inner = value.take();
            *value = match &name {
                Some(name) => Value::Object([(name.clone(), inner)].into_iter().collect()),
                None => Value::Array(vec![inner]),
            };
        }
    }

    /// Gives a field another one's name, whose value it may take.
    fn rename(&self, value: &mut Value, dice: &mut StdRng) {
        let name = self.name(dice);
        if let Value::Object(fields) = value
            && let Some(old) = any_name(fields, dice)
            && let Some(moved) = fields.remove(&old)
        {
            fields.insert(name, moved);
        }
    }

    fn add(&self, value: &mut Value, dice: &mut StdRng) {
        let part = self.part(dice);
        match value {
            Value::Object(fields) => {
                fields.insert(self.name(dice), part);
            }
            Value::Array(values) => values.push(part),
            _ => *value = json!([value.take(), part]),
        }
    }
}

/// A value that has nothing to do with what is asked for.
fn odd(dice: &mut StdRng) -> Value {
    match dice.random_range(0..8) {
        0 => Value::Null,
        1 => Value::Bool(dice.random_bool(0.5)),
        2 => json!([]),
        3 => json!({}),
        4 => Value::from("x".repeat(1_usize << dice.random_range(0..=14_u32))),
        5 | 6 => {
            let number = EXTREMES.choose(dice).copied().unwrap_or_default();
            // What is no number of JSON is a text.
            serde_json::from_str(number).unwrap_or_else(|_| Value::from(number))
        }
        _ => Value::from(TEXTS.choose(dice).copied().unwrap_or_default()),
    }
}

fn any_name(fields: &Map<String, Value>, dice: &mut StdRng) -> Option<String> {
    let names: Vec<&String> = fields.keys().collect();
    names.choose(dice).map(|name| (*name).clone())
}

/// Takes a field or an element out.
fn leave_out(value: &mut Value, dice: &mut StdRng) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = any_name(fields, dice) {
                fields.remove(&name);
            }
        }
        Value::Array(values) if !values.is_empty() => {
            let place = dice.random_range(0..values.len());
            values.remove(place);
        }
        _ => *value = Value::Null,
    }
}

/// The elements of a list again and again; a field under the name of another one.
fn again(value: &mut Value, dice: &mut StdRng) {
    match value {
        Value::Object(fields) => {
            let names = (any_name(fields, dice), any_name(fields, dice));
            if let (Some(from), Some(to)) = names
                && let Some(copy) = fields.get(&from).cloned()
            {
                fields.insert(to, copy);
            }
        }
        Value::Array(values) => {
            let most = if dice.random_ratio(1, 8) {
                MOST_AGAIN
            } else {
                4
            };
            let times = dice.random_range(2..=most);
            if let Some(element) = values.choose(dice).cloned() {
                values.extend(std::iter::repeat_n(element, times));
            }
        }
        _ => {}
    }
}

/// Changes the letters of a text, and puts a number at an end of its kind.
fn spoil(value: &mut Value, dice: &mut StdRng) {
    match value {
        Value::String(text) => {
            let mut bytes = std::mem::take(text).into_bytes();
            let mut mutation = Mutation {
                dice,
                words: &[],
                other: b"",
            };
            mutation.apply(&mut bytes);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        other => *other = odd(dice),
    }
}

/// Adds the names of all fields.
fn gather(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| gather(value, names)),
        Value::Object(fields) => {
            names.extend(fields.keys().cloned());
            fields.values().for_each(|value| gather(value, names));
        }
        _ => {}
    }
}

/// How many values are in it, itself included.
fn count(value: &Value) -> usize {
    let inner: usize = match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    };
    1 + inner
}

/// The value in it before which there are so many others.
fn nth<'v>(value: &'v mut Value, before: &mut usize) -> Option<&'v mut Value> {
    if *before == 0 {
        return Some(value);
    }
    *before -= 1;
    match value {
        Value::Array(values) => values.iter_mut().find_map(|value| nth(value, before)),
        Value::Object(fields) => fields.values_mut().find_map(|value| nth(value, before)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn each_place_of_a_value_is_found() {
        let mut value = json!({ "a": [1, { "b": 2 }], "c": 3 });
        assert_eq!(count(&value), 6);
        let mut seen = Vec::new();
        for place in 0..6 {
            seen.push(nth(&mut value, &mut { place }).expect("a value").clone());
        }
        assert_eq!(seen[0], value);
        assert_eq!(seen[2..], [json!(1), json!({ "b": 2 }), json!(2), json!(3)]);
        assert_eq!(nth(&mut value, &mut 6), None);
    }

    #[test]
    fn the_same_seed_draws_the_same_values() {
        let values = Values::new(vec![json!({ "a": [1], "b": "x" }), json!({ "c": null })]);
        let drawn = |seed| {
            let mut dice = StdRng::seed_from_u64(seed);
            let drawn: Vec<Value> = (0..1_000).map(|_| values.draw(&mut dice)).collect();
            drawn
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }
}
