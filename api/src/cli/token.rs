//! `hookgraph token`: who may read what, until when.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, SecondsFormat};
use ingest::log::Log;
use ingest::token::{self, Grant, Hidden, MOST_ORGS, Secret, Token};
use serde::Serialize;

use super::export::{counted, find_log, open_log};
use super::output::{self, note};
use crate::config::StoreArgs;
use crate::server::{DataFolder, clock};

/// The longest name.
const MOST_NAME_BYTES: usize = 200;

#[derive(Debug, clap::Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token, and print it: it is shown this once
    ///
    /// From the first one on nobody reads without a token, also when all are revoked later. Servers may go on running; they know it
    /// within two seconds.
    Create(CreateArgs),
    /// List all tokens: what they allow, until when, when they were used last and how often
    List(ListArgs),
    /// Revoke a token: within five seconds no server answers it, and what is open with it ends
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct CreateArgs {
    /// What it is for, such as the program that will use it
    #[arg(long, value_parser = name)]
    name: String,

    /// Only what belongs to this org; may be given several times [default: all orgs, and what belongs to none]
    #[arg(long = "org", value_name = "ID")]
    orgs: Vec<String>,

    /// What it does not see, separated by commas. Hiding anything hides payloads, which hold everything
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = hidden())]
    hide: Vec<Hidden>,

    /// For how long it is valid: 90d, 12h, 30m or 2w [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires: Option<Duration>,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Print one JSON array, for scripts
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct RevokeArgs {
    /// Its id, as `hookgraph token list` shows it, or the token itself
    #[arg(value_name = "TOKEN")]
    token: String,

    #[command(flatten)]
    store: StoreArgs,
}

/// Does what was asked.
pub(super) async fn run(command: TokenCommand) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Create(args) => create(args).await?,
        TokenCommand::List(args) => list(args).await?,
        TokenCommand::Revoke(args) => revoke(&args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(args: CreateArgs) -> anyhow::Result<()> {
    ensure!(
        args.orgs.len() <= MOST_ORGS,
        "a token is for at most {MOST_ORGS} orgs: make several, or leave out --org for all orgs"
    );
    ensure!(
        args.orgs.iter().all(|org| !org.trim().is_empty()),
        "--org names an org by its id: leave it out for all orgs"
    );
    // A server that listens beyond this machine has a token before it starts.
    let is_new = find_log(&args.store).is_err();
    if let Some(folder) = args.store.folder() {
        DataFolder::make(folder)?;
        if is_new {
            note(format_args!(
                "There was no log in {}: it is made now, for a server that is started on this folder. If yours runs on another one, name that with --data-dir.",
                folder.display()
            ));
        }
    }
    let log = Log::open(&args.store.location().await?)
        .await
        .context("cannot open the database of the tokens")?;
    let first = !token::are_any(&log).await?;
    let now = now();
    let expires_at = args.expires.map(|valid| {
        let valid = i64::try_from(valid.as_micros()).unwrap_or(i64::MAX);
        now.saturating_add(valid)
    });
    let grant = Grant {
        orgs: (!args.orgs.is_empty()).then_some(args.orgs),
        hidden: args.hide,
    };
    let text = token::create(&log, &args.name, &grant, expires_at, now)
        .await
        .context("the token was not made")?;
    log.close()
        .await
        .context("cannot close the database of the tokens")?;
    note("This token is shown once: keep it where only its user finds it.");
    if first {
        note("It is the first one: from now on nobody reads without a token.");
    }
    output::result(&format!("{text}\n"))
        .context("the token was made and cannot be shown: revoke it by its id, which `hookgraph token list` shows")
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let log = open_log(&args.store).await?;
    let tokens = token::all(&log).await.context("cannot read the tokens")?;
    let now = now();
    let listed: Vec<Listed> = tokens.iter().map(|token| Listed::of(token, now)).collect();
    let text = if args.json {
        serde_json::to_string_pretty(&listed)? + "\n"
    } else if listed.is_empty() {
        "There are no tokens: programs on this machine read everything, and nobody else anything.\n"
            .to_owned()
    } else {
        table(&listed)
    };
    output::result(&text)
}

async fn revoke(args: &RevokeArgs) -> anyhow::Result<()> {
    let id = Secret::parse(args.token.trim()).map_or(args.token.trim(), |secret| secret.id());
    find_log(&args.store)?;
    let log = Log::open(&args.store.location().await?)
        .await
        .context("cannot open the database of the tokens")?;
    let known = token::find(&log, &[id.to_owned()])
        .await
        .context("cannot read the tokens")?;
    let known = known
        .first()
        .context("there is no such token: `hookgraph token list` shows their ids")?;
    let revoked = token::revoke(&log, id, now())
        .await
        .context("the token was not revoked")?;
    log.close()
        .await
        .context("cannot close the database of the tokens")?;
    let text = if revoked {
        format!(
            "The token {id} ({}) is revoked: within five seconds it opens nothing, and what it has opened ends.\n",
            known.name
        )
    } else {
        format!("The token {id} ({}) had been revoked before.\n", known.name)
    };
    output::result(&text)
}

/// A token as it is listed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'t> {
    id: &'t str,
    name: &'t str,
    /// `valid`, `expired` or `revoked`.
    state: &'static str,
    /// Null: all orgs, and what belongs to none.
    orgs: Option<&'t [String]>,
    hidden: Vec<&'static str>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    uses: i64,
}

impl<'t> Listed<'t> {
    fn of(token: &'t Token, now: i64) -> Self {
        let state = if token.revoked_at.is_some() {
            "revoked"
        } else if token.is_valid(now) {
            "valid"
        } else {
            "expired"
        };
        let hidden = token.grant.hidden.iter();
        Self {
            id: &token.id,
            name: &token.name,
            state,
            orgs: token.grant.orgs.as_deref(),
            hidden: hidden.map(|hidden| hidden.name()).collect(),
            created_at: time(token.created_at),
            expires_at: token.expires_at.map(time),
            revoked_at: token.revoked_at.map(time),
            last_used_at: token.last_used_at.map(time),
            uses: token.uses,
        }
    }
}

fn table(tokens: &[Listed<'_>]) -> String {
    let mut text = String::new();
    for token in tokens {
        let until = match (token.state, &token.revoked_at, &token.expires_at) {
            ("revoked", Some(at), _) => format!("revoked {at}"),
            ("expired", _, Some(at)) => format!("expired {at}"),
            (_, _, Some(at)) => format!("valid until {at}"),
            _ => "valid until it is revoked".to_owned(),
        };
        let orgs = token.orgs.map_or_else(
            || "all orgs".to_owned(),
            |orgs| format!("{} ({})", counted(orgs.len(), "org"), orgs.join(", ")),
        );
        let hidden = if token.hidden.is_empty() {
            String::new()
        } else {
            format!(", but no {}", token.hidden.join(", no "))
        };
        let used = match &token.last_used_at {
            Some(at) => format!("used {}, last {at}", times(token.uses)),
            None => "never used".to_owned(),
        };
        // Writing into a text does not fail.
        let _ = writeln!(
            text,
            "{}  {}\n    sees {orgs}{hidden}\n    made {}, {until}\n    {used}",
            token.id, token.name, token.created_at
        );
    }
    text
}

fn times(uses: i64) -> String {
    match uses {
        1 => "once".to_owned(),
        uses => format!("{uses} times"),
    }
}

fn time(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros).map_or_else(
        || "at an unknown time".to_owned(),
        |time| time.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

fn now() -> i64 {
    (clock())().timestamp_micros()
}

fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.len() > MOST_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!(
            "a name of 1 to {MOST_NAME_BYTES} bytes in one line, such as \"weekly report\""
        ));
    }
    Ok(name.to_owned())
}

fn hidden() -> impl clap::builder::TypedValueParser<Value = Hidden> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(Hidden::ALL.map(Hidden::name))
        .try_map(|name| Hidden::of_name(&name).ok_or("nothing that can be hidden"))
}

/// `90d`, `12h`, `30m` or `2w`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a number of minutes, hours, days or weeks: 30m, 12h, 90d or 2w".to_owned();
    let text = text.trim();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    if number == 0 {
        return Err(wrong());
    }
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validity_has_a_number_and_a_unit() {
        assert_eq!(duration("90d"), Ok(Duration::from_hours(90 * 24)));
        assert_eq!(duration("30m"), Ok(Duration::from_mins(30)));
        for wrong in [
            "",
            "d",
            "90",
            "0d",
            "-1d",
            "1.5h",
            "90 d",
            "90x",
            "4294967296w",
            "9é",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
