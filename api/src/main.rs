//! The program `hookgraph`.

use std::process::ExitCode;

use api::cli::{self, Cli};
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// What does not start exits with this code, after one sentence that says why.
const DID_NOT_START: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .with_env_var("HOOKGRAPH_LOG")
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match cli::run(cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hookgraph: {error:#}");
            ExitCode::from(DID_NOT_START)
        }
    }
}
