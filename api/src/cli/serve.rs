//! `hookgraph serve`: opens the stores, serves until it is told to stop, and says where to look.

use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ServeArgs};
use crate::server::{self, Secrets};

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config = Config::from_args(args)?;
    let folder = server::DataFolder::claim(&config.data_dir)?;
    let secrets = Secrets::find(&config.secrets, &folder)?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: is another server running there? Choose another address with --listen or HOOKGRAPH_LISTEN",
            config.listen
        )
    })?;
    let address = listener.local_addr()?;
    let stopping = CancellationToken::new();
    tokio::spawn(stop_on_signal(stopping.clone()));
    let server = server::Server::open(&config, &folder, &secrets).await?;
    // Behind everything that can fail, so that whoever waits for these lines finds a server.
    print!("{}", banner(&address.to_string(), &config, &secrets));
    server.run(listener, stopping).await?;
    Ok(ExitCode::SUCCESS)
}

async fn stop_on_signal(stopping: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: what is under way is finished first");
    stopping.cancel();
}

fn banner(address: &str, config: &Config, secrets: &Secrets) -> String {
    let secret = match secrets {
        Secrets::Configured(_) => "configured".to_owned(),
        Secrets::Kept {
            file, new: true, ..
        } => {
            format!("made now, and kept in {}", file.display())
        }
        Secrets::Kept {
            file, new: false, ..
        } => format!("kept in {}", file.display()),
    };
    let version = env!("CARGO_PKG_VERSION");
    let data = config.data_dir.display();
    let send = config.send_command(address);
    format!(
        "Hookgraph {version} is running.

  Webhook     http://{address}/webhooks/salesmagic
  GraphQL     http://{address}/graphql   (subscriptions: ws://{address}/graphql)
  Playground  http://{address}/playground
  Database    SQLite in {data}
  Secret      {secret}

Send a first event from another terminal:

  {send}

"
    )
}
