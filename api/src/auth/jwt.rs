//! Tokens of an identity provider (JWT, RFC 7519), proven by the keys that it publishes (a JWK set, RFC 7517).
//!
//! Invariant: a token counts only if a published key that is for signatures proves it by an asymmetric algorithm, it names this issuer and
//! this audience, and its time has come and is not over. What it sees it says itself, in claims; one that does not say it sees nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use ingest::token::{Grant, Hidden, MOST_ORGS};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::http::{Code, Refusal};

/// By which algorithms tokens may be signed: those whose keys can be published.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::EdDSA,
];

/// How old keys may become: one that is no longer published is not taken longer than that.
const FRESH: Duration = Duration::from_mins(5);

/// How long to wait after the keys were asked for, whatever came, before they are asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// How long the provider may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// The largest set of keys that is read, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// The longest token that is read, in bytes.
const LONGEST: usize = 16 << 10;

/// The word for all orgs.
const ALL: &str = "*";

/// Whose tokens are taken, and what in them says what they see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// Where the keys are.
    pub jwks_url: Url,
    /// What `iss` must be.
    pub issuer: String,
    /// What must be in `aud`.
    pub audience: String,
    /// How far the provider's clock and this one may be apart.
    pub leeway: Duration,
    /// The claim that names the orgs.
    pub orgs_claim: String,
    /// The claim that names what is hidden.
    pub hidden_claim: String,
}

/// What a token allows, and until when.
pub(super) struct Proven {
    /// Stands for whom it is of (the claim `sub`), or for a token that does not say it.
    pub(super) sender: String,
    pub(super) grant: Grant,
    pub(super) until: Instant,
}

/// An identity provider.
pub(super) struct Provider {
    settings: JwtSettings,
    client: reqwest::Client,
    keys: ArcSwap<JwkSet>,
    asked: Mutex<Option<Instant>>,
}

/// The claims that are read here; jsonwebtoken checks the others.
#[derive(Deserialize)]
struct Claims {
    exp: f64,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Provider {
    pub(super) fn new(settings: JwtSettings) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(ANSWERS_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("cannot make an HTTP client for the identity provider")?;
        Ok(Self {
            settings,
            client,
            keys: ArcSwap::from_pointee(JwkSet { keys: Vec::new() }),
            asked: Mutex::new(None),
        })
    }

    /// Asks for the keys, if they are not fresh.
    pub(super) async fn keep_fresh(&self) {
        self.ask(FRESH).await;
    }

    /// What a token allows.
    pub(super) async fn prove(&self, text: &str) -> Result<Proven, Refusal> {
        if text.len() > LONGEST {
            return Err(invalid());
        }
        let header = decode_header(text).map_err(|_| invalid())?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(invalid());
        }
        let kid = header.kid.as_deref();
        let mut key = self.key(kid, header.alg);
        if key.is_none() {
            // It may have been published a moment ago.
            self.ask(ASK_AGAIN).await;
            key = self.key(kid, header.alg);
        }
        let Some(key) = key else {
            return Err(if self.keys.load().keys.is_empty() {
                Refusal::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    Code::Timeout,
                    "The keys of the identity provider cannot be read at the moment: ask again later.",
                )
            } else {
                invalid()
            });
        };
        let claims = decode::<Claims>(text, &key, &self.validation(header.alg))
            .map_err(|_| invalid())?
            .claims;
        Ok(Proven {
            sender: sender(&claims.others, text),
            until: self.until(claims.exp),
            grant: self.grant(&claims.others)?,
        })
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.settings.leeway.as_secs();
        validation.validate_nbf = true;
        // Not on or after `exp` (RFC 7519, section 4.1.4); jsonwebtoken takes one in that very second.
        validation.reject_tokens_expiring_in_less_than = 1;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }

    /// The key with this id that proves signatures by `algorithm`; without an id, the only one.
    fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let keys = self.keys.load();
        let mut fitting = keys.keys.iter().filter(|key| {
            is_for(key, algorithm)
                && kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid))
        });
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => DecodingKey::from_jwk(key).ok(),
            _ => None,
        }
    }

    /// Asks for the keys, unless that was done within `since`.
    async fn ask(&self, since: Duration) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < since) {
            return;
        }
        match self.fetch().await {
            Ok(keys) => self.keys.store(Arc::new(keys)),
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the keys of the identity provider cannot be read"
                );
            }
        }
        *asked = Some(Instant::now());
    }

    async fn fetch(&self) -> anyhow::Result<JwkSet> {
        let url = self.settings.jwks_url.clone();
        // The address may hold a password.
        let mut answer = self
            .client
            .get(url)
            .send()
            .await
            .map_err(reqwest::Error::without_url)?;
        ensure!(
            answer.status() == StatusCode::OK,
            "the answer is {}",
            answer.status()
        );
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            ensure!(
                body.len() + chunk.len() <= MOST_BYTES,
                "the answer is too large"
            );
            body.extend_from_slice(&chunk);
        }
        let keys: JwkSet = serde_json::from_slice(&body).context("the answer is no set of keys")?;
        ensure!(!keys.keys.is_empty(), "the answer has no keys");
        Ok(keys)
    }

    /// The moment at which a token is over, by the clock of this process.
    fn until(&self, exp: f64) -> Instant {
        let now = jsonwebtoken::get_current_timestamp();
        // No token lives longer than a day here without being shown again.
        let most = Duration::from_hours(24).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are few")]
        let left = exp - now as f64 + self.settings.leeway.as_secs_f64();
        Instant::now() + Duration::from_secs_f64(left.clamp(0.0, most))
    }

    fn grant(&self, claims: &Map<String, Value>) -> Result<Grant, Refusal> {
        let JwtSettings {
            orgs_claim,
            hidden_claim,
            ..
        } = &self.settings;
        let orgs = claims.get(orgs_claim).and_then(words);
        let orgs = orgs.filter(|orgs| {
            (1..=MOST_ORGS).contains(&orgs.len()) && orgs.iter().all(|org| !org.trim().is_empty())
        });
        let orgs = orgs.ok_or_else(|| {
            Refusal::forbidden(format!(
                "The token does not say which orgs it is for: its claim {orgs_claim:?} must be a list of up to {MOST_ORGS} org ids, or \"*\" for all."
            ))
        })?;
        let hidden = match claims.get(hidden_claim) {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(claim) => words(claim)
                .and_then(|words| words.iter().map(|word| Hidden::of_name(word)).collect()),
        };
        let hidden = hidden.ok_or_else(|| {
            Refusal::forbidden(format!(
                "The token does not say what it does not see: its claim {hidden_claim:?} must be a list of email, transcript and payload."
            ))
        })?;
        Ok(Grant {
            orgs: (!orgs.iter().any(|org| org == ALL)).then_some(orgs),
            hidden,
        })
    }
}

/// Of a bounded length, and nothing that could be used as a token.
fn sender(claims: &Map<String, Value>, text: &str) -> String {
    let subject = claims.get("sub").and_then(Value::as_str);
    let (kind, said) = match subject {
        Some(subject) => ("subject", subject),
        None => ("token", text),
    };
    format!("{kind} {}", URL_SAFE_NO_PAD.encode(Sha256::digest(said)))
}

/// Whether a text is meant as such a token: three parts.
pub(super) fn is_one(text: &str) -> bool {
    text.split('.').count() == 3
}

/// Whether a key proves signatures by this algorithm.
fn is_for(key: &Jwk, algorithm: Algorithm) -> bool {
    let is_for_signatures = matches!(
        key.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let named = key.common.key_algorithm.as_ref();
    let is_the_one = named.is_none_or(|named| named.to_string().parse() == Ok(algorithm));
    let fits = DecodingKey::from_jwk(key).is_ok_and(|key| key.family() == algorithm.family());
    is_for_signatures && is_the_one && fits
}

/// A text, or a list of texts.
fn words(claim: &Value) -> Option<Vec<String>> {
    match claim {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(list) => list
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

/// The same for whatever is wrong: whoever made it knows, and nobody else need.
fn invalid() -> Refusal {
    Refusal::unauthenticated(
        "The token is not valid: it is not signed by a key of the identity provider, not for this server, or its time is over.",
    )
}
