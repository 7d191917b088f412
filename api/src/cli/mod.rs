//! The commands of `hookgraph`.

mod backup;
mod export;
mod failure;
mod import;
mod output;
mod progress;
mod rebuild;
mod schema;
mod send;
mod serve;
mod status;
mod token;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{SecretArgs, ServeArgs};

pub use failure::sentence;
pub use output::note;

/// Receives SalesMagic's webhooks, keeps every event, and answers over GraphQL.
///
/// Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "hookgraph", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive webhooks and answer queries
    Serve(Box<ServeArgs>),
    /// Send signed sample webhooks to a server
    Send {
        #[command(flatten)]
        secret: SecretArgs,
        #[command(flatten)]
        send: send::SendArgs,
    },
    Backup(backup::BackupArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Rebuild(rebuild::RebuildArgs),
    Status(status::StatusArgs),
    /// Make, list and revoke the tokens by which clients may read
    #[command(subcommand)]
    Token(token::TokenCommand),
    Verify(verify::VerifyArgs),
    /// Print the GraphQL schema
    Schema,
}

impl Cli {
    /// How much of the log is shown unless `HOOKGRAPH_LOG` says.
    pub fn log_filter(&self) -> &'static str {
        match self.command {
            // A statement that is as slow as the reader of its rows is no news.
            Some(Command::Export(_)) => "info,sea_orm_migration=warn,sqlx=error",
            _ => "info,sea_orm_migration=warn,sqlx::postgres::notice=warn",
        }
    }
}

/// Runs the command that `cli` names.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => serve::run(cli.serve).await,
        Some(Command::Serve(args)) => serve::run(*args).await,
        Some(Command::Send { secret, send }) => {
            let text = secret.for_sending()?;
            send::run(send, &text, &secret.default_url()).await
        }
        Some(Command::Backup(args)) => backup::run(args).await,
        Some(Command::Export(args)) => export::run(args).await,
        Some(Command::Import(args)) => import::run(args).await,
        Some(Command::Rebuild(args)) => rebuild::run(args).await,
        Some(Command::Status(args)) => status::run(args).await,
        Some(Command::Token(command)) => token::run(command).await,
        Some(Command::Verify(args)) => verify::run(args).await,
        Some(Command::Schema) => schema::run(),
    }
}
