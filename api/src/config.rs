//! Configuration: the one place that reads flags and the environment, and checks what they say.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use ingest::signature::Secret;

use crate::server;

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const DEFAULT_DATA_DIR: &str = "data";

/// What `hookgraph serve` can be told.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address and port to listen on; only this machine's own (loopback) addresses
    #[arg(long, env = "HOOKGRAPH_LISTEN", value_name = "ADDRESS", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,

    /// Folder of the database and the generated secret
    #[arg(long, env = "HOOKGRAPH_DATA_DIR", value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,

    /// The endpoint's signing secret (whsec_…), as the Svix portal shows it; during a rotation both, separated by a comma
    ///
    /// Without one the server makes a secret and keeps it in the data folder.
    #[arg(
        long,
        env = "HOOKGRAPH_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    webhook_secret: Option<String>,

    /// Database; only the SQLite files of the data folder in this version
    #[arg(
        long,
        env = "HOOKGRAPH_DATABASE_URL",
        value_name = "URL",
        hide = true,
        hide_env_values = true
    )]
    database_url: Option<String>,
}

/// How `hookgraph send` finds the secret and the server.
#[derive(Clone, Debug, Args)]
pub struct SecretArgs {
    /// The server's data folder, where its generated secret is
    #[arg(long, env = "HOOKGRAPH_DATA_DIR", value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,

    /// The secret to sign with [default: the one in the data folder]
    #[arg(
        long,
        env = "HOOKGRAPH_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    webhook_secret: Option<String>,

    /// The server's address [default: 127.0.0.1:8080]
    #[arg(long, env = "HOOKGRAPH_LISTEN", value_name = "ADDRESS", hide = true)]
    listen: Option<SocketAddr>,
}

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The configured secrets; none when the server makes its own.
    pub secrets: Vec<String>,
}

impl Config {
    /// Checks what was given.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do. It never repeats a secret or a database's address.
    pub fn from_args(args: ServeArgs) -> anyhow::Result<Self> {
        if args.database_url.is_some_and(|url| !url.is_empty()) {
            bail!(
                "this version of Hookgraph keeps its data in SQLite files: unset HOOKGRAPH_DATABASE_URL, and name a folder with --data-dir"
            );
        }
        if !args.listen.ip().is_loopback() {
            bail!(
                "listening on {} would open every transcript to the network, since this version has no access tokens: listen on 127.0.0.1 and let a proxy on this machine pass on /webhooks alone",
                args.listen
            );
        }
        let secrets = secrets(args.webhook_secret.as_deref());
        for secret in &secrets {
            Secret::parse(secret).context("HOOKGRAPH_WEBHOOK_SECRET cannot be used")?;
        }
        Ok(Self {
            listen: args.listen,
            data_dir: args.data_dir,
            secrets,
        })
    }

    /// The command that sends this server a first event, for a terminal in the same folder.
    pub fn send_command(&self, address: &str) -> String {
        let program = std::env::args().next();
        let mut command = format!(
            "{} send --examples",
            program.as_deref().unwrap_or("hookgraph")
        );
        if address != DEFAULT_LISTEN {
            command = format!("{command} --url http://{address}/webhooks/salesmagic");
        }
        if self.data_dir != Path::new(DEFAULT_DATA_DIR) {
            command = format!("{command} --data-dir {}", self.data_dir.display());
        }
        command
    }
}

impl SecretArgs {
    /// The secret to sign with: the first one configured, else the one that a server keeps in the data folder.
    pub fn for_sending(&self) -> anyhow::Result<String> {
        if let Some(secret) = secrets(self.webhook_secret.as_deref()).into_iter().next() {
            return Ok(secret);
        }
        let file = self.data_dir.join(server::SECRET_FILE);
        let secret = std::fs::read_to_string(&file).with_context(|| {
            format!(
                "no secret to sign with: set HOOKGRAPH_WEBHOOK_SECRET, or start the server once so that it makes one in {}",
                file.display()
            )
        })?;
        Ok(secret.trim().to_owned())
    }

    /// The webhook of the server on this machine.
    pub fn default_url(&self) -> String {
        let address = self
            .listen
            .map_or_else(|| DEFAULT_LISTEN.to_owned(), |listen| listen.to_string());
        format!("http://{address}/webhooks/salesmagic")
    }
}

/// One or several secrets, separated by commas or white space.
fn secrets(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default()
        .split(|separator: char| separator == ',' || separator.is_whitespace())
        .filter(|secret| !secret.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(listen: &str, secret: Option<&str>) -> ServeArgs {
        ServeArgs {
            listen: listen.parse().unwrap(),
            data_dir: "data".into(),
            webhook_secret: secret.map(str::to_owned),
            database_url: None,
        }
    }

    #[test]
    fn secrets_are_separated_by_commas_or_spaces() {
        let config = Config::from_args(args(
            "[::1]:80",
            Some("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD, whsec_plJ3nmyCDGBKInavdOK15jsl"),
        ))
        .unwrap();
        assert_eq!(config.secrets.len(), 2);
        assert!(
            Config::from_args(args("127.0.0.1:80", None))
                .unwrap()
                .secrets
                .is_empty()
        );
    }

    #[test]
    fn what_cannot_be_used_is_told_without_repeating_it() {
        let error = Config::from_args(args("127.0.0.1:80", Some("whsec_n0t!base64"))).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("HOOKGRAPH_WEBHOOK_SECRET"), "{text}");
        assert!(!text.contains("n0t"), "{text}");
        let error = Config::from_args(args("0.0.0.0:80", None)).unwrap_err();
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
    }
}
