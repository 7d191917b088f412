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
        .unwrap_or_else(|_| EnvFilter::new(cli.log_filter()))
        // At TRACE it writes down the database's address, password and all.
        .add_directive("sea_orm::driver=warn".parse().unwrap_or_default())
        .add_directive("sea_orm::database=warn".parse().unwrap_or_default());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Where nobody reads the log any more, saying so would panic.
        .log_internal_errors(false)
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
