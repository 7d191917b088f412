//! The fuzzer, fuzzing itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

fn corpus() -> Corpus {
    let mut corpus = Corpus::new("itself").with([r#"{"name":"string","n":12}"#, "another one"]);
    corpus.words.push(b"budget".to_vec());
    corpus
}

fn some(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let inputs = corpus().inputs(StdRng::seed_from_u64(seed));
    inputs.take(count).collect()
}

#[test]
fn the_same_seed_gives_the_same_inputs_the_corpus_first() {
    let inputs = some(1, 2_000);
    assert!(inputs == some(1, 2_000));
    assert!(inputs != some(2, 2_000));
    assert_eq!(inputs[..2], corpus().seeds);
    assert!(inputs.iter().all(|input| input.len() <= mutation::LONGEST));
}

#[test]
fn what_is_a_mutation_away_is_found() {
    let inputs = some(1, 20_000);
    let away: [&[u8]; 6] = [
        b"\"n\":-1}",
        b"\"n\":1e999}",
        b"strbudget",
        b"\0",
        b"[[[[[[[[",
        b"\"an",
    ];
    for sought in away {
        let has = |input: &Vec<u8>| input.windows(sought.len()).any(|part| part == sought);
        assert!(inputs.iter().any(has), "{}", sought.escape_ascii());
    }
}

#[test]
fn an_input_that_a_target_fails_on_is_kept() {
    // No other run has files of this name.
    let target = format!("itself-{}", std::process::id());
    let corpus = Corpus::new(&target).with(["harmless", "bad"]);
    let failed = catch_unwind(AssertUnwindSafe(|| {
        corpus.fuzz(|input| assert!(input != b"bad"));
    }));
    assert!(failed.is_err());
    let prefix = format!("hookgraph-fuzz-{target}-");
    let kept: Vec<PathBuf> = fs::read_dir(std::env::temp_dir())
        .expect("a folder")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.display().to_string().contains(&prefix))
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(fs::read(&kept[0]).expect("a file"), b"bad");
    fs::remove_file(&kept[0]).expect("a file");
}

#[tokio::test]
async fn a_target_that_waits_gets_each_seed_even_without_time() {
    let mut got = Vec::new();
    let corpus = corpus().lasting(Duration::ZERO);
    corpus
        .fuzz_async(async |input: &[u8]| {
            tokio::task::yield_now().await;
            got.push(input.to_vec());
        })
        .await;
    assert!(got.starts_with(&self::corpus().seeds));
}
