//! Configuration: the one place that reads flags and the environment, and checks what they say.

mod identity;
mod limits;
mod network;
mod origins;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use ingest::database::Location;
use ingest::signature::Secret;
use sea_orm::sqlx::postgres::PgConnectOptions;

pub use identity::JwtArgs;
pub use limits::LimitArgs;
pub use network::{Network, NetworkArgs};

use network::DEFAULT_LISTEN;

use crate::auth::JwtSettings;
use crate::http::EdgeLimits;

const DEFAULT_DATA_DIR: &str = "data";

/// The fewest bytes of a signing secret. Standard Webhooks asks senders for 24, and its own published examples have 18; with fewer
/// than these it can be guessed.
const SHORTEST_KEY: usize = 16;

/// The file of the data folder that keeps the secret which the server made. Only its owner can read it.
pub const SECRET_FILE: &str = "webhook-secret";

/// What `hookgraph serve` can be told.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Folder of the SQLite files and the generated secret
    #[arg(long, env = "HOOKGRAPH_DATA_DIR", value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,

    /// The endpoint's signing secret (whsec_…), as the Svix portal shows it; during a rotation both, separated by a comma
    ///
    /// Without one the server makes a secret and keeps it in the data folder. With PostgreSQL it must be given.
    #[arg(
        long,
        env = "HOOKGRAPH_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    webhook_secret: Option<String>,

    /// Keep the data in this PostgreSQL database (postgres://…) instead of SQLite files
    ///
    /// Any number of servers may share it.
    #[arg(
        long,
        env = "HOOKGRAPH_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    database_url: Option<String>,

    /// Answer queries from this replica of the PostgreSQL database
    #[arg(
        long,
        env = "HOOKGRAPH_READ_DATABASE_URL",
        value_name = "URL",
        requires = "database_url",
        hide_env_values = true
    )]
    read_database_url: Option<String>,

    /// What this server does; several separated by commas
    #[arg(
        long,
        env = "HOOKGRAPH_ROLE",
        value_name = "ROLE",
        value_delimiter = ',',
        default_values = ["ingest", "project", "api"]
    )]
    role: Vec<Role>,

    /// Warn when no webhook has been received for so many hours
    #[arg(
        long,
        env = "HOOKGRAPH_QUIET_AFTER",
        value_name = "HOURS",
        default_value_t = 72,
        value_parser = clap::value_parser!(u64).range(1..=87_600)
    )]
    quiet_after: u64,

    #[command(flatten)]
    network: NetworkArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    jwt: JwtArgs,
}

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Receive webhooks and store them
    Ingest,
    /// Make the read model from what is stored; one works at a time, another takes over
    Project,
    /// Answer queries and subscriptions
    Api,
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
    #[arg(long, env = "HOOKGRAPH_LISTEN", value_name = "ADDRESS", hide = true, value_parser = address)]
    listen: Option<SocketAddr>,
}

/// How a command finds the log that it reads or fills.
#[derive(Clone, Debug, Args)]
pub struct StoreArgs {
    /// The server's data folder, with its SQLite files
    #[arg(long, env = "HOOKGRAPH_DATA_DIR", value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,

    /// The server's PostgreSQL database (postgres://…), if its data is there
    #[arg(
        long,
        env = "HOOKGRAPH_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    database_url: Option<String>,
}

/// The secrets that stored events may have been signed with.
#[derive(Clone, Debug, Args)]
pub struct KnownSecretArgs {
    /// The endpoint's signing secrets, separated by commas [default: the one in the data folder]
    #[arg(
        long,
        env = "HOOKGRAPH_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    webhook_secret: Option<String>,

    /// Secrets that were in use earlier, separated by commas; no server takes webhooks that are signed with them
    #[arg(
        long,
        env = "HOOKGRAPH_RETIRED_SECRETS",
        value_name = "SECRETS",
        hide_env_values = true
    )]
    retired_secrets: Option<String>,
}

/// Which database the data is in.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// The SQLite files of the data folder.
    Sqlite,
    /// A PostgreSQL database.
    Postgres {
        /// Its address, which may hold a password.
        url: String,
        /// The address of a replica that answers queries.
        read_url: Option<String>,
    },
}

/// A checked configuration. It has no `Debug`: it holds secrets.
#[derive(Clone)]
pub struct Config {
    /// Where it is reached, by whom, and how often.
    pub network: Network,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The database.
    pub database: Database,
    /// The configured secrets; none when the server makes its own.
    pub secrets: Vec<String>,
    /// After how long without a webhook something seems to be amiss.
    pub quiet_after: Duration,
    /// What may come by GraphQL.
    pub limits: EdgeLimits,
    /// Whose tokens are taken beside the installation's own.
    pub jwt: Option<JwtSettings>,
    /// The folder of the only documents that are executed, if there is one.
    pub trusted_documents: Option<PathBuf>,
    roles: Vec<Role>,
}

impl Config {
    /// Checks what was given.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do. It never repeats a secret or a database's address.
    pub fn from_args(args: ServeArgs) -> anyhow::Result<Self> {
        let secrets = secrets(args.webhook_secret.as_deref());
        for secret in &secrets {
            check_secret(secret).context("HOOKGRAPH_WEBHOOK_SECRET cannot be used")?;
        }
        let database = match args.database_url.filter(|url| !url.is_empty()) {
            None => Database::Sqlite,
            Some(url) => {
                let read_url = args.read_database_url.filter(|url| !url.is_empty());
                check_database_url("HOOKGRAPH_DATABASE_URL", &url)?;
                if let Some(url) = &read_url {
                    check_database_url("HOOKGRAPH_READ_DATABASE_URL", url)?;
                }
                Database::Postgres { url, read_url }
            }
        };
        if database == Database::Sqlite && args.role.len() < 3 {
            bail!(
                "roles can be divided among servers that share a PostgreSQL database: name one with --database-url, or leave out --role"
            );
        }
        if database != Database::Sqlite && args.role.contains(&Role::Ingest) && secrets.is_empty() {
            bail!(
                "with PostgreSQL the signing secret must be the same for every server: set HOOKGRAPH_WEBHOOK_SECRET"
            );
        }
        Ok(Self {
            network: args.network.network()?,
            data_dir: args.data_dir,
            database,
            secrets,
            quiet_after: Duration::from_secs(args.quiet_after * 3600),
            limits: args.limits.limits(),
            jwt: args.jwt.settings()?,
            trusted_documents: args.limits.trusted_documents(),
            roles: args.role,
        })
    }

    /// Whether this server has a role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The command that sends this server a first event, for a terminal in the same folder.
    pub fn send_command(&self, address: &str) -> String {
        let program = std::env::args().next();
        let mut command = format!(
            "{} send --examples",
            program.as_deref().unwrap_or("hookgraph")
        );
        let is_encrypted = self.network.tls.is_some();
        if address != DEFAULT_LISTEN || is_encrypted {
            let s = if is_encrypted { "s" } else { "" };
            command = format!("{command} --url http{s}://{address}/webhooks/salesmagic");
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
        let file = self.data_dir.join(SECRET_FILE);
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

impl StoreArgs {
    /// The folder of the SQLite files; none with PostgreSQL.
    pub fn folder(&self) -> Option<&Path> {
        self.postgres_url().is_none().then_some(&self.data_dir)
    }

    /// Where the stores are.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do, without the database's address.
    pub async fn location(&self) -> anyhow::Result<Location> {
        match self.postgres_url() {
            None => Ok(Location::Sqlite(self.data_dir.clone())),
            Some(url) => {
                check_database_url("HOOKGRAPH_DATABASE_URL", url)?;
                Location::postgres(url).await.context(
                    "cannot connect to the PostgreSQL database (is it running, and is the address right?)",
                )
            }
        }
    }

    /// The flags by which PostgreSQL's own tools find the database, without its password; none with SQLite.
    ///
    /// # Errors
    /// A sentence that says what is wrong, without the database's address.
    pub fn postgres_flags(&self) -> anyhow::Result<Option<String>> {
        let Some(url) = self.postgres_url() else {
            return Ok(None);
        };
        let options = check_database_url("HOOKGRAPH_DATABASE_URL", url)?;
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let mut flags = format!(
            "--host={} --port={} --username={}",
            quoted(&host),
            options.get_port(),
            quoted(options.get_username())
        );
        if let Some(database) = options.get_database() {
            flags = format!("{flags} --dbname={}", quoted(database));
        }
        Ok(Some(flags))
    }

    fn postgres_url(&self) -> Option<&str> {
        self.database_url.as_deref().filter(|url| !url.is_empty())
    }
}

/// A word of a command that is shown, as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-./:@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl KnownSecretArgs {
    /// The configured secrets, or the one that a server keeps in the data folder, and behind them the retired ones.
    ///
    /// # Errors
    /// A sentence that says which of them cannot be used. It never repeats a secret.
    pub fn known(&self, store: &StoreArgs) -> anyhow::Result<Vec<Secret>> {
        let mut texts = secrets(self.webhook_secret.as_deref());
        let kept = store.folder().filter(|_| texts.is_empty());
        if let Some(file) = kept.map(|folder| folder.join(SECRET_FILE))
            && file.exists()
        {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read the secret in {}", file.display()))?;
            texts.push(text.trim().to_owned());
        }
        let parse = |texts: &[String], name| {
            texts
                .iter()
                .map(|text| Secret::parse(text))
                .collect::<Result<Vec<_>, _>>()
                .with_context(|| format!("{name} cannot be used"))
        };
        let mut known = parse(&texts, "HOOKGRAPH_WEBHOOK_SECRET, or the kept secret,")?;
        let retired = secrets(self.retired_secrets.as_deref());
        known.extend(parse(&retired, "HOOKGRAPH_RETIRED_SECRETS")?);
        Ok(known)
    }
}

/// Reads an address just as the driver will, whose own errors and warnings would repeat it. `name` is where it was given.
fn check_database_url(name: &str, url: &str) -> anyhow::Result<PgConnectOptions> {
    let Some(rest) = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))
    else {
        bail!(
            "{name} must begin with postgres://; for SQLite leave it out, and name a folder with --data-dir"
        );
    };
    // Of a password with one of these, what stands before it may pass for a port, and what follows for the database's name.
    let behind = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    let options = if behind.contains(['@', '#']) {
        None
    } else {
        url.parse().ok()
    };
    options.with_context(|| {
        format!(
            "{name} is not an address of PostgreSQL, such as postgres://user:password@host:5432/database?sslmode=require: in a user, a password or a parameter special characters must be percent-encoded (/ is %2F, ? is %3F, # is %23, @ is %40, % is %25)"
        )
    })
}

/// Checks a secret that requests will be signed with. One that is easy to guess would let in anybody's events.
fn check_secret(text: &str) -> anyhow::Result<()> {
    Secret::parse(text)?;
    // To Svix the prefix is optional.
    let key = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text))?;
    ensure!(
        key.len() >= SHORTEST_KEY,
        "a signing secret is `whsec_` followed by the base64 of at least {SHORTEST_KEY} bytes, as the Svix portal shows it; this one is shorter"
    );
    Ok(())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "an address and a port are needed, such as 127.0.0.1:8080".to_owned())
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
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn config(flags: &[&str]) -> anyhow::Result<Config> {
        let command = Command::try_parse_from([&["hookgraph"], flags].concat())?;
        Config::from_args(command.serve)
    }

    fn refused(flags: &[&str]) -> String {
        format!("{:#}", config(flags).err().unwrap())
    }

    const SECRETS: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD, whsec_plJ3nmyCDGBKInavdOK15jsl";

    #[test]
    fn secrets_are_separated_by_commas_or_spaces() {
        let given = config(&["--listen", "[::1]:80", "--webhook-secret", SECRETS]).unwrap();
        assert_eq!(given.secrets.len(), 2);
        assert!(config(&[]).unwrap().secrets.is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_told_without_repeating_it() {
        let text = refused(&["--webhook-secret", "whsec_n0t!base64"]);
        assert!(text.contains("HOOKGRAPH_WEBHOOK_SECRET"), "{text}");
        assert!(!text.contains("n0t"), "{text}");
        let text = refused(&["--database-url", "mysql://me:pass@host/db"]);
        assert!(
            text.contains("postgres://") && !text.contains("pass"),
            "{text}"
        );
    }

    #[test]
    fn roles_are_divided_on_postgres_alone() {
        assert!(refused(&["--role", "ingest"]).contains("--database-url"));
        let postgres = ["--database-url", "postgres://host/db"];
        assert!(refused(&postgres).contains("HOOKGRAPH_WEBHOOK_SECRET"));
        let api = config(&[&postgres[..], &["--role", "api,project"]].concat()).unwrap();
        assert!(api.has(Role::Api) && api.has(Role::Project) && !api.has(Role::Ingest));
    }
}
