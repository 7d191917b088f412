//! `hookgraph verify`: whether the log still is what was sent, and whether the read model is what the log says.
//!
//! It only reads. No secret, no body and nothing of what a row says is ever printed.

mod read_model;
mod signatures;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::{KnownSecretArgs, StoreArgs};

/// Check every stored event's signature again, and that none is missing
///
/// Servers may go on running. An event is
///   verified      when its message id, timestamp and body are as they were signed,
///   unverifiable  when the secret that it was signed with is not among those given,
///   failed        when that secret is there and the signature does not fit: the event has been changed.
/// Positions run from 1 without gaps, so an event that was removed leaves one, unless it was the newest.
///
/// With --read-model it checks something else: whether queries answer what the events say. All events are projected again into
/// a scratch folder, and every row is compared with the row that answers queries:
///   equal       it is the same,
///   different   it says something else,
///   missing     it is not there,
///   additional  the events say nothing of it.
/// Where they differ, `hookgraph rebuild` makes the read model anew. Nothing is written to the database or the data folder.
///
/// Exit codes: 0 all is well, 1 something failed, is missing or differs, 2 it could not be checked.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    secrets: KnownSecretArgs,

    /// Compare the read model with a fresh projection of all events, in place of checking signatures
    #[arg(long)]
    read_model: bool,

    /// Where --read-model makes a folder for the fresh projection, which is about as large as the read model and is removed at
    /// the end [default: the system's temporary folder]
    #[arg(long, value_name = "DIR", requires = "read_model")]
    scratch: Option<PathBuf>,
}

/// Verifies the stores that `args` name.
pub(super) async fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    if args.read_model {
        read_model::run(&args.store, args.scratch).await
    } else {
        signatures::run(&args.store, &args.secrets).await
    }
}
