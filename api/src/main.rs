//! The program `hookgraph`.

use std::io::IsTerminal;
use std::process::ExitCode;

use api::cli::{self, Cli};
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// What does not start exits with this code, after one sentence that says why.
const DID_NOT_START: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("HOOKGRAPH_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,sea_orm_migration=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match cli::run(cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hookgraph: {error:#}");
            ExitCode::from(DID_NOT_START)
        }
    }
}
