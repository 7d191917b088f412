//! Runs a law over drawn cases.

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

/// Checks `law` for `cases` values, on a runtime of two threads.
pub fn check<S>(cases: u32, strategy: &S, law: impl AsyncFn(S::Value) -> TestCaseResult)
where
    S: Strategy<Value: Debug>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let given = Config::default();
    let mut runner = TestRunner::new(Config {
        // proptest's own number, when the environment says nothing.
        cases: match given.cases {
            256 => cases,
            given => given,
        },
        // A case that fails becomes a named example instead.
        failure_persistence: None,
        max_shrink_time: 60_000,
        max_shrink_iters: 10_000,
        ..given
    });
    if let Err(error) = runner.run(strategy, |value| runtime.block_on(law(value))) {
        panic!("{error}");
    }
}
