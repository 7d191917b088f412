//! Runs a law over drawn cases.

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

/// Checks `law` for about `cases` values, or as many as the environment says.
pub fn check<S>(cases: u32, strategy: &S, law: impl AsyncFn(S::Value) -> TestCaseResult)
where
    S: Strategy<Value: Debug>,
{
    let cases = match Config::default().cases {
        // proptest's own number: the environment says nothing.
        256 => cases,
        given => given,
    };
    check_exactly(cases, strategy, law);
}

/// Checks `law` for `cases` values, whatever the environment says.
pub fn check_exactly<S>(cases: u32, strategy: &S, law: impl AsyncFn(S::Value) -> TestCaseResult)
where
    S: Strategy<Value: Debug>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases,
        // A case that fails becomes a named example instead.
        failure_persistence: None,
        max_shrink_time: 60_000,
        max_shrink_iters: 10_000,
        ..Config::default()
    });
    if let Err(error) = runner.run(strategy, |value| runtime.block_on(law(value))) {
        panic!("{error}");
    }
}
