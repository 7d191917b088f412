//! `hookgraph rebuild`: a new generation of the read model, built from the log beside the one that serves.
//!
//! It takes the same steps as a server's projector, so it may be interrupted at any moment, and run beside any number of servers.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use ingest::feed::POLL;
use ingest::generation::{Generation, Generations, State, Version};
use ingest::log::{Log, Position};
use ingest::projector::{BatchLimits, Batches, StepError, step};

use super::export::{counted, open_log};
use super::output::{self, note};
use super::progress::{Length, Progress};
use crate::config::StoreArgs;

/// Build the read model anew from the stored events, beside the one that answers queries
///
/// Servers may go on running: they answer from the old one until the new one has caught up, then move on to it by themselves
/// within a second or two, and the old one is removed after half a minute (without a server: when one starts). No query fails
/// and no subscription breaks. An upgrade that changes how events are read does the same by itself.
///
/// It may be interrupted at any time: run again, it goes on where it was. A server that runs, or is started, finishes it too.
///
/// Exit codes: 0 the new one serves, 2 it could not be built, or that it is could not be written.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct RebuildArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// Rebuilds the read model that `args` name.
pub(super) async fn run(args: RebuildArgs) -> anyhow::Result<ExitCode> {
    let log = open_log(&args.store).await?;
    let location = args.store.location().await?;
    let mut generations = Generations::join(location.clone(), Version::CURRENT)
        .await
        .context("cannot open the read model")?;
    let live = generations.live().clone();
    ensure!(
        live.version() <= Version::CURRENT,
        "a newer version of Hookgraph makes this read model: rebuild it with that version"
    );
    // Where there was none, the first one serves while it is being built.
    let first = live.position().await? == 0 && live.version() == Version::CURRENT;
    let built = if first {
        generations.live().clone()
    } else {
        generations.begin_next().await?.clone()
    };
    let from = built.position().await?;
    let begun = Instant::now();
    let head = tokio::select! {
        head = build(&log, &built, from) => head?,
        _ = tokio::signal::ctrl_c() => {
            let at = built.position().await.unwrap_or(from);
            note(format_args!(
                "Interrupted at position {at}. Run `hookgraph rebuild` again to go on from there; a running server goes on by itself."
            ));
            return Ok(ExitCode::from(2));
        }
    };
    if !first {
        generations.switch().await?;
    }
    // On SQLite one that was removed can still be written.
    let (
        _,
        State {
            position: to,
            ready,
        },
    ) = Generation::open(&location, built.number())
        .await
        .context("what was built is gone: another process has removed it; run it again")?;
    ensure!(
        ready && to >= head,
        "what was built is not there any more: another process has begun it anew; run it again"
    );
    let events = usize::try_from(to - from).unwrap_or_default();
    let built = format!(
        "Generation {} of the read model serves, up to position {to}: {} in {:.1} s.\n",
        built.number(),
        counted(events, "event"),
        begun.elapsed().as_secs_f64(),
    );
    output::result(&built).context("the read model is rebuilt")?;
    Ok(ExitCode::SUCCESS)
}

/// Builds `generation`, with whoever else does, until it has all that is in the log.
async fn build(log: &Log, generation: &Generation, from: Position) -> anyhow::Result<Position> {
    let mut batches = Batches::of(log.clone(), BatchLimits::default());
    let mut head = log.head().await?;
    let mut at = from;
    let length = Length::Events(u64::try_from(head - from).unwrap_or_default());
    let mut progress = Progress::start("projected", length);
    loop {
        let reached = match step(&mut batches, generation, Version::CURRENT.rules, head).await {
            Ok(step) => step.to,
            // A server is at it too.
            Err(StepError::Overtaken) => {
                tokio::time::sleep(POLL / 10).await;
                generation.position().await?
            }
            Err(StepError::Database(error) | StepError::Log(error)) => {
                return Err(error).with_context(|| {
                    format!("stopped at position {at}: run it again to go on from there")
                });
            }
        };
        progress.advance(usize::try_from(reached - at).unwrap_or_default(), 0);
        at = reached;
        if at >= head {
            let newest = log.head().await?;
            if at >= newest {
                break;
            }
            progress.lengthen(u64::try_from(newest - head).unwrap_or_default());
            head = newest;
        }
    }
    progress.finish();
    Ok(head)
}
