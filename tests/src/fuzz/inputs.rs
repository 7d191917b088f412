//! The inputs of a target, one after the other.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::mutation::{LONGEST, Mutation};

/// How many results of mutations are kept to be changed further.
const POOL: usize = 256;

/// How far from its seed an input can be.
const GENERATIONS: u8 = 4;

/// The longest input that is changed further, in bytes: a long one takes long, and so do all that come from it.
const LONGEST_PARENT: usize = 16 << 10;

/// How many mutations make an input of another.
const MOST_AT_ONCE: usize = 4;

/// Each seed as it is, then what chance makes of them, without an end. Without seeds there is nothing.
#[derive(Clone, Debug)]
pub struct Inputs {
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    pool: Vec<Changed>,
    dice: StdRng,
    given: usize,
}

/// An input that came from another one.
#[derive(Clone, Debug)]
struct Changed {
    bytes: Vec<u8>,
    generation: u8,
}

impl Inputs {
    pub(super) fn new(seeds: Vec<Vec<u8>>, words: Vec<Vec<u8>>, dice: StdRng) -> Self {
        Self {
            seeds,
            words,
            pool: Vec::new(),
            dice,
            given: 0,
        }
    }
}

impl Iterator for Inputs {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(seed) = self.seeds.get(self.given) {
            self.given += 1;
            return Some(seed.clone());
        }
        let dice = &mut self.dice;
        let changed = if dice.random_ratio(1, 4) {
            self.pool.choose(dice)
        } else {
            None
        };
        let (mut input, generation) = match changed {
            Some(changed) => (changed.bytes.clone(), changed.generation),
            None => (self.seeds.choose(dice)?.clone(), 0),
        };
        let other = self.seeds.choose(dice)?;
        let times = dice.random_range(1..=MOST_AT_ONCE);
        for _ in 0..times {
            let mut mutation = Mutation {
                dice: &mut *dice,
                words: &self.words,
                other,
            };
            mutation.apply(&mut input);
        }
        input.truncate(LONGEST);
        let may_stay = generation < GENERATIONS && input.len() <= LONGEST_PARENT;
        if may_stay && dice.random_ratio(1, 16) {
            let changed = Changed {
                bytes: input.clone(),
                generation: generation + 1,
            };
            if self.pool.len() < POOL {
                self.pool.push(changed);
            } else {
                let place = dice.random_range(0..POOL);
                self.pool[place] = changed;
            }
        }
        Some(input)
    }
}
