//! The program `hookgraph`.

use std::io::IsTerminal;
use std::process::ExitCode;

use api::cli::{self, Cli};
use clap::Parser;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// A query is thousands of small allocations, by many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What does not start exits with this code, after one sentence that says why.
const DID_NOT_START: u8 = 2;

/// False for what would write down a secret: the database's address or a parameter of it, password and all, and the messages of sockets,
/// with the token of the first and the answers in the others. No setting of the log shows those.
fn hides_secrets(metadata: &Metadata) -> bool {
    let target = metadata.target();
    let has_messages = target.starts_with("tungstenite") && *metadata.level() > LevelFilter::DEBUG;
    let connects = ["sea_orm::driver", "sea_orm::database"]
        .iter()
        .any(|module| target.starts_with(module));
    !(has_messages
        || connects && *metadata.level() > LevelFilter::WARN
        || target.starts_with("sqlx_postgres::options::parse"))
}

/// The stack of each thread that answers queries. Every level of a query takes some 50 kB of it in a debug build, and what overflows
/// ends the process: with tokio's 2 MiB a query of 42 levels did. Only what is used takes memory.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => {
            cli::note(format_args!("hookgraph: cannot start threads: {error}"));
            ExitCode::from(DID_NOT_START)
        }
    }
}

async fn run() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("HOOKGRAPH_LOG")
        .unwrap_or_else(|_| EnvFilter::new(cli.log_filter()))
        .and(filter_fn(hides_secrets).with_max_level_hint(LevelFilter::TRACE));
    let log = fmt::layer()
        .with_writer(std::io::stderr)
        // Where nobody reads the log any more, saying so would panic.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(log.with_filter(filter))
        .init();
    match cli::run(cli).await {
        Ok(code) => code,
        Err(error) => {
            cli::note(format_args!("hookgraph: {}", cli::sentence(&error)));
            ExitCode::from(DID_NOT_START)
        }
    }
}
