//! `hookgraph serve`: opens the stores, serves until it is told to stop, and says where to look.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpSocket;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::failure::sentence;
use super::output;
use crate::config::{Config, Database, Role, ServeArgs};
use crate::server::{DataFolder, Secrets, Server};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config = Config::from_args(args)?;
    // Each connection is an open file, and the usual soft limit of 1,024 is for programs that still call select().
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    // Held until the end: one server a folder. A PostgreSQL database may be shared.
    let folder = match config.database {
        Database::Sqlite => Some(DataFolder::claim(&config.data_dir)?),
        Database::Postgres { .. } => None,
    };
    let secrets = Secrets::find(&config.secrets, folder.as_ref())?;
    let listen = config.network.listen;
    let socket = claim(listen).with_context(|| cannot_listen(listen))?;
    let address = socket.local_addr()?;
    let stopping = CancellationToken::new();
    tokio::spawn(stop_on_signal(stopping.clone()));
    let server = Server::open(&config, &secrets, stopping).await?;
    let listener = socket
        .listen(BACKLOG)
        .with_context(|| cannot_listen(listen))?;
    // Behind everything that can fail, so that whoever waits for these lines finds a server.
    if let Err(error) = output::result(&banner(&address.to_string(), &config, &secrets, &server)) {
        tracing::warn!("{}; the server runs on {address}", sentence(&error));
    }
    server.run(listener).await?;
    Ok(ExitCode::SUCCESS)
}

/// Takes the address, without listening yet: whether that is allowed is known when the stores are open.
fn claim(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Connections of a server that has just ended do not keep the address from the next one.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn cannot_listen(address: SocketAddr) -> String {
    format!(
        "cannot listen on {address}: is another server running there? Choose another address with --listen or HOOKGRAPH_LISTEN"
    )
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
    stopping.cancel();
    tracing::info!("stopping: what is under way is finished first");
}

fn banner(address: &str, config: &Config, secrets: &Secrets, server: &Server) -> String {
    let mut lines = vec![
        format!("Hookgraph {} is running.", env!("CARGO_PKG_VERSION")),
        String::new(),
    ];
    let s = if config.network.tls.is_some() {
        "s"
    } else {
        ""
    };
    let mut line = |name: &str, text: String| lines.push(format!("  {name:<12}{text}"));
    if config.has(Role::Ingest) {
        line(
            "Webhook",
            format!("http{s}://{address}/webhooks/salesmagic"),
        );
    }
    if config.has(Role::Api) {
        line(
            "GraphQL",
            format!("http{s}://{address}/graphql   (subscriptions: ws{s}://{address}/graphql)"),
        );
        match server.trusted {
            None => line("Playground", format!("http{s}://{address}/playground")),
            Some(count) => line(
                "Documents",
                format!("{count} trusted; no others are executed, and the playground is off"),
            ),
        }
    }
    if config.has(Role::Project) {
        line("Projector", "keeps the read model up to the log".to_owned());
    }
    line(
        "Database",
        match config.database {
            Database::Sqlite => format!("SQLite in {}", config.data_dir.display()),
            Database::Postgres { .. } => "PostgreSQL".to_owned(),
        },
    );
    if config.has(Role::Api) {
        let who = if server.closed {
            "needs a token: see hookgraph token --help"
        } else {
            "this machine alone, until there is a token (hookgraph token create)"
        };
        line("Reading", who.to_owned());
    }
    if config.has(Role::Ingest) {
        line(
            "Secret",
            match secrets {
                Secrets::Configured(_) => "configured".to_owned(),
                Secrets::Kept { file, new, .. } => {
                    let made = if *new { "made now, and " } else { "" };
                    format!("{made}kept in {}", file.display())
                }
            },
        );
        lines.push(String::new());
        lines.push("Send a first event from another terminal:".to_owned());
        lines.push(String::new());
        lines.push(format!("  {}", config.send_command(address)));
    }
    lines.push(String::new());
    lines.join("\n") + "\n"
}
