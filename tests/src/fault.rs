//! How far the fault tests go: a few seconds each in the suite, long with `make test-faults`.
//!
//! This is the only place that reads `HOOKGRAPH_FAULTS` (`long`) and `HOOKGRAPH_FAULTS_SEED` (a number). The seed decides every
//! moment and every victim; each test prints it, so that a run that failed can be tried again.

use std::time::Duration;

/// The seed of a run that names none: the same in every run of the suite.
const SEED: u64 = 1;

#[expect(clippy::disallowed_methods, reason = "the tests are their own edge")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this is the long run.
pub fn is_long() -> bool {
    match variable("HOOKGRAPH_FAULTS").as_deref() {
        Some("long") => true,
        None => false,
        Some(other) => panic!("HOOKGRAPH_FAULTS is long or nothing, not {other}"),
    }
}

/// How much of something: so much in the suite, so much in the long run.
pub fn scale<T>(suite: T, long: T) -> T {
    if is_long() { long } else { suite }
}

/// Moments and choices that look like chance, and are the same for the same seed.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Chance of this run, and of this test's own.
    pub fn of(test: &str) -> Self {
        let seed = variable("HOOKGRAPH_FAULTS_SEED").map_or(SEED, |seed| {
            seed.parse().expect("HOOKGRAPH_FAULTS_SEED is a number")
        });
        eprintln!("{test}: HOOKGRAPH_FAULTS_SEED={seed}");
        Self(Self::new(test).0 ^ mix(seed))
    }

    /// The same in every run.
    pub fn new(name: &str) -> Self {
        let bytes = name.bytes();
        Self(bytes.fold(0, |state, byte| mix(state.rotate_left(8) ^ u64::from(byte))))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let end = u64::try_from(end).expect("it is small");
        usize::try_from(mix(self.0) % end).expect("it is below")
    }

    /// A time below `end`, in whole milliseconds.
    pub fn moment(&mut self, end: Duration) -> Duration {
        let millis = usize::try_from(end.as_millis()).expect("it is short");
        Duration::from_millis(u64::try_from(self.below(millis)).expect("it is short"))
    }
}

/// `SplitMix64`'s output function.
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
