//! A small fuzzer: what chance makes of good inputs, for everything that reads what others send.
//!
//! It does not see which code an input reaches, so it lives on its corpus, `tests/corpus/<target>/`: each file there is a seed, and
//! `dictionary` has a word of the target's language a line.
//!
//! Invariants: the same seed of chance gives the same inputs in the same order, up to where the time ends; and every input is in a file
//! before it is tried, so that also one that ends the process, or never ends, is not lost.
//!
//! This is the only place that reads `HOOKGRAPH_FUZZ_SECONDS` (how long each target goes on) and `HOOKGRAPH_FUZZ_SEED` (a number).

pub mod form;
pub mod inputs;
pub mod json;
mod mutation;

use std::fs;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use sample::catalogue::{EXAMPLES, Example};
use tempfile::NamedTempFile;

pub use form::Form;
pub use inputs::Inputs;

/// The seed of a run that names none.
const SEED: u64 = 1;

/// How long a target goes on in the suite.
const TIME: Duration = Duration::from_secs(3);

/// How many inputs it tries at most in the suite.
const MOST: usize = 200_000;

/// How many bytes are shown of an input that a target failed on.
const SHOWN: usize = 2_000;

/// The file of a corpus that is no seed.
const DICTIONARY: &str = "dictionary";

#[expect(clippy::disallowed_methods, reason = "the tests are their own edge")]
fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a whole number, not {value}")))
}

/// Tries the corpus of `target`, and what chance makes of it.
///
/// # Panics
/// When `each` does; the input is told then.
pub fn fuzz(target: &str, each: impl FnMut(&[u8])) {
    Corpus::of(target).fuzz(each);
}

/// What is known of a target's inputs.
#[derive(Clone, Debug)]
pub struct Corpus {
    target: String,
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    time: Duration,
}

impl Corpus {
    /// Nothing yet.
    pub fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            seeds: Vec::new(),
            words: Vec::new(),
            time: TIME,
        }
    }

    /// What is in the folder of `target`. The end of a file's last line is its editor's, and no part of the seed.
    pub fn of(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        let folder = folder.join(target);
        let listed = fs::read_dir(&folder);
        let listed = listed.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> = listed
            .map(|entry| entry.expect("an entry of a folder").path())
            .collect();
        // Each file system has an order of its own.
        paths.sort_unstable();
        let mut corpus = Self::new(target);
        for path in paths {
            let bytes = fs::read(&path).expect("a file of the corpus");
            let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            if path.ends_with(DICTIONARY) {
                let words = bytes.split(|byte| *byte == b'\n');
                corpus.words.extend(words.map(<[u8]>::to_vec));
            } else {
                corpus.seeds.push(bytes.to_vec());
            }
        }
        corpus
    }

    /// The same with these seeds beside its own.
    #[must_use]
    pub fn with(mut self, seeds: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        for seed in seeds {
            self.seeds.push(seed.into());
        }
        self
    }

    /// The same with the published examples, as they are and with their true types.
    #[must_use]
    pub fn with_examples(self) -> Self {
        let published = EXAMPLES.iter().map(|example| example.body.to_owned());
        let typed = EXAMPLES.iter().map(Example::with_true_type);
        self.with(published.chain(typed))
    }

    /// The same, for so long in the suite.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// The inputs: the seeds first, then without an end.
    pub fn inputs(&self, dice: StdRng) -> Inputs {
        Inputs::new(self.seeds.clone(), self.words.clone(), dice)
    }

    /// Tries the inputs until the time is over, each seed in any case.
    ///
    /// # Panics
    /// When `each` does; the input is told then.
    pub fn fuzz(self, mut each: impl FnMut(&[u8])) {
        let mut run = Run::begin(&self.target, self.time);
        for input in self.inputs(run.dice()) {
            if run.tried >= self.seeds.len() && !run.goes_on() {
                break;
            }
            run.tries(&input);
            each(&input);
        }
    }

    /// The same for a target that waits for something.
    ///
    /// # Panics
    /// When `each` does; the input is told then.
    pub async fn fuzz_async(self, mut each: impl AsyncFnMut(&[u8])) {
        let mut run = Run::begin(&self.target, self.time);
        for input in self.inputs(run.dice()) {
            if run.tried >= self.seeds.len() && !run.goes_on() {
                break;
            }
            run.tries(&input);
            each(&input).await;
        }
    }
}

/// A run of a target. When it is dropped it tells how far it got, and, while a panic goes by, which input was the last.
#[derive(Debug)]
pub struct Run {
    target: String,
    seed: u64,
    start: Instant,
    time: Duration,
    most: usize,
    tried: usize,
    /// Where the input is that is being tried.
    kept: Option<NamedTempFile>,
}

impl Run {
    /// Begins one that takes `time` in the suite. Where the environment sets another, the time alone ends it.
    pub fn begin(target: &str, time: Duration) -> Self {
        let seconds = variable("HOOKGRAPH_FUZZ_SECONDS");
        let prefix = format!("hookgraph-fuzz-{target}-");
        let kept = tempfile::Builder::new().prefix(&prefix).tempfile();
        Self {
            target: target.to_owned(),
            seed: variable("HOOKGRAPH_FUZZ_SEED").unwrap_or(SEED),
            start: Instant::now(),
            time: seconds.map_or(time, Duration::from_secs),
            most: seconds.map_or(MOST, |_| usize::MAX),
            tried: 0,
            kept: Some(kept.expect("a temporary file")),
        }
    }

    /// The chance of this run.
    pub fn dice(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed)
    }

    /// Whether there is time for another input.
    pub fn goes_on(&self) -> bool {
        self.tried < self.most && self.start.elapsed() < self.time
    }

    /// Writes down the input that is tried next.
    pub fn tries(&mut self, input: &[u8]) {
        self.tried += 1;
        let Some(kept) = &mut self.kept else { return };
        let file = kept.as_file_mut();
        // Cut off behind, not emptied before: what is emptied, some file systems write to the disk at once.
        let written = file
            .rewind()
            .and_then(|()| file.write_all(input))
            .and_then(|()| file.set_len(input.len() as u64));
        written.expect("a temporary file can be written");
    }

    /// Says which input was the last, and keeps its file.
    fn tell(&mut self) {
        let Some(Ok((_, path))) = self.kept.take().map(NamedTempFile::keep) else {
            return;
        };
        let input = fs::read(&path).unwrap_or_default();
        let shown = &input[..input.len().min(SHOWN)];
        let more = if shown.len() < input.len() { "…" } else { "" };
        eprintln!(
            "fuzz {}: failed on {} bytes, which are in {}:\n{}{more}",
            self.target,
            input.len(),
            path.display(),
            shown.escape_ascii()
        );
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        eprintln!(
            "fuzz {}: {} inputs in {:.1} s, seed {}",
            self.target,
            self.tried,
            self.start.elapsed().as_secs_f64(),
            self.seed
        );
        if std::thread::panicking() && self.tried > 0 {
            self.tell();
        }
    }
}

#[cfg(test)]
mod tests;
