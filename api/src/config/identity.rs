//! Settings of an identity provider.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::Url;

use crate::auth::JwtSettings;

/// Whose tokens are taken beside those that `hookgraph token` makes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Tokens of an identity provider (JWT)")]
pub struct JwtArgs {
    /// Where the provider publishes its keys (a JWK set); with it, nobody reads without a token
    #[arg(long = "jwt-jwks-url", env = "HOOKGRAPH_JWT_JWKS_URL", value_name = "URL", requires_all = ["issuer", "audience"])]
    jwks_url: Option<String>,

    /// What the claim `iss` must be
    #[arg(
        long = "jwt-issuer",
        env = "HOOKGRAPH_JWT_ISSUER",
        value_name = "TEXT",
        requires = "jwks_url"
    )]
    issuer: Option<String>,

    /// What must be in the claim `aud`
    #[arg(
        long = "jwt-audience",
        env = "HOOKGRAPH_JWT_AUDIENCE",
        value_name = "TEXT",
        requires = "jwks_url"
    )]
    audience: Option<String>,

    /// How many seconds the provider's clock and this one may be apart
    #[arg(long = "jwt-leeway", env = "HOOKGRAPH_JWT_LEEWAY", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=600))]
    leeway: u64,

    /// The claim that lists the ids of the orgs that a token sees, or is "*" for all
    #[arg(
        long = "jwt-orgs-claim",
        env = "HOOKGRAPH_JWT_ORGS_CLAIM",
        value_name = "CLAIM",
        default_value = "orgs"
    )]
    orgs_claim: String,

    /// The claim that lists what a token does not see: email, transcript, payload
    #[arg(
        long = "jwt-hidden-claim",
        env = "HOOKGRAPH_JWT_HIDDEN_CLAIM",
        value_name = "CLAIM",
        default_value = "hidden"
    )]
    hidden_claim: String,
}

impl JwtArgs {
    /// Checks what was given.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub(super) fn settings(self) -> anyhow::Result<Option<JwtSettings>> {
        let given = self.jwks_url.filter(|url| !url.is_empty());
        let (Some(url), Some(issuer), Some(audience)) = (given, self.issuer, self.audience) else {
            return Ok(None);
        };
        let jwks_url = Url::parse(&url).context("HOOKGRAPH_JWT_JWKS_URL is not an address")?;
        let is_local = matches!(
            jwks_url.host_str(),
            Some("localhost" | "127.0.0.1" | "[::1]")
        );
        if jwks_url.scheme() != "https" && !(jwks_url.scheme() == "http" && is_local) {
            bail!(
                "HOOKGRAPH_JWT_JWKS_URL must begin with https://: whoever can change the keys on their way can make tokens"
            );
        }
        Ok(Some(JwtSettings {
            jwks_url,
            issuer,
            audience,
            leeway: Duration::from_secs(self.leeway),
            orgs_claim: self.orgs_claim,
            hidden_claim: self.hidden_claim,
        }))
    }
}
