//! Who is asking: a token becomes a viewer, for as long as it is valid.
//!
//! Invariant: what was found out about a token is believed for two seconds, and what it has opened is looked after every [`LOOK_AFTER`]:
//! so a token that is revoked anywhere stops within five seconds, whichever process it is used at.
//!
//! ```text
//! bearer    where a token stands in a request
//!   attempts  who has shown too many that are not valid
//!   tokens    what the table says of it
//!   ticket    what stands for it in the address of an event stream
//!   jwt       those of an identity provider
//! routes    who gets as far as asking; the exchange of a token for a ticket
//! ```

mod attempts;
mod bearer;
mod jwt;
mod routes;
mod ticket;
mod tokens;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use ingest::log::Log;
use ingest::token::{Secret, Token};
use ingest::webhook::Clock;
use sea_orm::DbErr;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::graphql::Viewer;
use crate::http::{Admission, Code, Credentials, Refusal, Validity};
use crate::rate::{self, Budget, Limiter};

use self::attempts::Attempts;
use self::jwt::{Proven, Provider};
use self::ticket::{Of, Ticket};
use self::tokens::Tokens;

pub use jwt::JwtSettings;
pub use routes::{door, operators, routes};

/// How often open subscriptions are looked after, and uses are written down.
const LOOK_AFTER: Duration = Duration::from_secs(2);

/// The longest that anything stays open without being admitted again.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// Decides who may see what. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    tokens: Tokens,
    /// Seals tickets.
    log: Log,
    provider: Option<Provider>,
    /// How much each may ask, if there is a limit.
    limiter: Option<Limiter>,
    attempts: Attempts,
    clock: Clock,
}

impl Auth {
    /// By the tokens in the log's database, and those of an identity provider. The former are looked up in the first of `reads` that
    /// answers, which has the newest state; `writes` keeps how often each is used. `limiter` says how much each may ask.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn open(
        writes: Log,
        reads: Vec<Log>,
        jwt: Option<JwtSettings>,
        limiter: Option<Limiter>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let log = writes.clone();
        let tokens = Tokens::open(writes, reads).await?;
        let provider = jwt.map(Provider::new).transpose()?;
        Ok(Self(Arc::new(Inner {
            tokens,
            log,
            provider,
            limiter,
            attempts: Attempts::default(),
            clock,
        })))
    }

    /// Whether nobody reads without a token: since the first one was made, also when all were revoked since; and with an identity provider.
    pub fn is_closed(&self) -> bool {
        self.0.provider.is_some() || self.0.tokens.are_any()
    }

    /// Who sends these credentials. Whether strangers get as far as here while there are no tokens is for the [`door`] to decide.
    ///
    /// # Errors
    /// Nobody who may come in, or the tokens cannot be looked up.
    pub async fn admit(&self, credentials: &Credentials) -> Result<Admission, Refusal> {
        let Some(text) = bearer::of(credentials)? else {
            return if self.is_closed() {
                Err(Refusal::unauthenticated(
                    "This server answers only with a token: send the header Authorization: Bearer hg_….",
                ))
            } else {
                Ok(Admission {
                    viewer: Viewer::everything(),
                    validity: Validity {
                        taken_back: self.0.tokens.first(),
                        until: None,
                    },
                    budget: Budget::unlimited(),
                })
            };
        };
        let from = credentials.address;
        let who = if ticket::is_one(text) {
            if credentials.ticket.is_none() {
                return Err(Refusal::unauthenticated(
                    "A ticket opens an event stream alone, in its address: send the token itself.",
                ));
            }
            self.of_ticket(text, from).await
        } else if credentials.ticket.is_some() {
            return Err(Refusal::unauthenticated(
                "An address is written down in many places, so it takes a ticket alone: get one from POST /graphql/ticket.",
            ));
        } else {
            self.of_text(text, from).await
        };
        let who = who?;
        if let Who::Token(token) = &who {
            self.0.tokens.note_use(&token.id, self.now());
        }
        Ok(self.admission(&who))
    }

    fn admission(&self, who: &Who) -> Admission {
        match who {
            Who::Token(token) => Admission {
                viewer: Viewer::of(&token.grant),
                validity: Validity {
                    taken_back: self.0.tokens.ends(&token.id),
                    until: token.expires_at.map(|at| self.moment(at)),
                },
                budget: self.budget(token.id.clone()),
            },
            Who::Provided(Proven {
                sender,
                grant,
                until,
            }) => Admission {
                viewer: Viewer::of(grant),
                validity: Validity {
                    taken_back: CancellationToken::new(),
                    until: Some(*until),
                },
                budget: self.budget(sender.clone()),
            },
        }
    }

    fn budget(&self, sender: String) -> Budget {
        let limiter = self.0.limiter.as_ref();
        limiter.map_or_else(Budget::unlimited, |limiter| limiter.budget(sender))
    }

    /// When a time comes, in microseconds since 1970, by the clock that only goes forward.
    fn moment(&self, micros: i64) -> Instant {
        let left = u64::try_from(micros.saturating_sub(self.now())).unwrap_or_default();
        Instant::now() + Duration::from_micros(left).min(LONGEST)
    }

    /// A ticket for the token in these credentials.
    async fn ticket(&self, credentials: &Credentials) -> Result<String, Refusal> {
        let text = bearer::of(credentials)?.ok_or_else(|| {
            Refusal::unauthenticated(
                "A ticket stands for a token: send the header Authorization: Bearer hg_….",
            )
        })?;
        let from = credentials.address;
        let who = self.of_text(text, from).await?;
        let spent = self.admission(&who).budget.spend(1);
        spent.map_err(Refusal::rate_limited)?;
        let of = match who {
            Who::Token(token) => Of::Token(token.id.clone()),
            Who::Provided(Proven {
                sender,
                grant,
                until,
            }) => {
                let left = until.saturating_duration_since(Instant::now());
                Of::Grant {
                    sender,
                    grant,
                    ends: self.now().saturating_add(micros(left)),
                }
            }
        };
        let ticket = Ticket {
            of,
            until: self.now().saturating_add(micros(ticket::VALID)),
        };
        let internal = || {
            Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                Code::Internal,
                "The server cannot make a ticket.",
            )
        };
        ticket.seal(&self.0.log).ok_or_else(internal)
    }

    /// Who sends this token.
    async fn of_text(&self, text: &str, from: Option<IpAddr>) -> Result<Who, Refusal> {
        match &self.0.provider {
            Some(provider) if jwt::is_one(text) => provider.prove(text).await.map(Who::Provided),
            _ => self.of_secret(text, from).await.map(Who::Token),
        }
    }

    async fn of_secret(&self, text: &str, from: Option<IpAddr>) -> Result<Arc<Token>, Refusal> {
        let secret = Secret::parse(text).ok_or_else(invalid)?;
        let token = self.valid(secret.id(), from).await?;
        if !token.has(&secret) {
            return Err(invalid());
        }
        Ok(token)
    }

    async fn of_ticket(&self, text: &str, from: Option<IpAddr>) -> Result<Who, Refusal> {
        let now = self.now();
        let ticket = Ticket::open(&self.0.log, text).filter(|ticket| now < ticket.until);
        let ticket = ticket.ok_or_else(|| {
            Refusal::unauthenticated(
                "The ticket is not valid, or is older than a minute: get another one from POST /graphql/ticket.",
            )
        })?;
        match ticket.of {
            Of::Token(id) => self.valid(&id, from).await.map(Who::Token),
            Of::Grant {
                sender,
                grant,
                ends,
            } => {
                let until = Some(self.moment(ends)).filter(|_| now < ends);
                let until = until.ok_or_else(invalid)?;
                Ok(Who::Provided(Proven {
                    sender,
                    grant,
                    until,
                }))
            }
        }
    }

    /// The token with this id, if it is valid at this moment.
    async fn valid(&self, id: &str, from: Option<IpAddr>) -> Result<Arc<Token>, Refusal> {
        let from = from.filter(|_| !self.0.tokens.knows(id, self.now()));
        let may_try = from.map_or(Ok(()), |from| self.0.attempts.attempt(from));
        may_try.map_err(Refusal::shut_out)?;
        let found = self.0.tokens.find(id).await.map_err(|error| {
            tracing::warn!(%error, "tokens cannot be looked up");
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                Code::Timeout,
                "The token cannot be looked up at the moment: ask again later.",
            )
        })?;
        let now = self.now();
        found
            .filter(|token| token.is_valid(now))
            .ok_or_else(invalid)
    }

    fn now(&self) -> i64 {
        (self.0.clock)().timestamp_micros()
    }

    /// Ends what was opened with tokens that are no longer valid, writes down uses, keeps the keys of the identity provider fresh, and
    /// forgets who has asked, until `stopping`.
    pub async fn keep_up(self, stopping: CancellationToken) {
        let Inner {
            tokens,
            provider,
            limiter,
            attempts,
            ..
        } = self.0.as_ref();
        let look_after = async {
            loop {
                tokio::time::sleep(LOOK_AFTER).await;
                warn(tokens.look_after(self.now()).await);
            }
        };
        // By themselves: however long these take, a revoked token stops.
        let write_uses = async {
            loop {
                tokio::time::sleep(LOOK_AFTER).await;
                warn(tokens.write_uses().await);
            }
        };
        let keep_fresh = async {
            while let Some(provider) = provider {
                provider.keep_fresh().await;
                tokio::time::sleep(LOOK_AFTER).await;
            }
        };
        let tidy = async {
            loop {
                tokio::time::sleep(rate::WINDOW).await;
                attempts.tidy();
                if let Some(limiter) = limiter {
                    limiter.tidy();
                }
            }
        };
        let all = futures_util::future::join4(look_after, write_uses, keep_fresh, tidy);
        tokio::select! {
            () = stopping.cancelled() => {}
            ((), (), (), ()) = all => {}
        }
        // Whoever was answered since is not counted; nothing else depends on it.
        let _ = tokens.write_uses().await;
    }
}

fn warn(done: Result<(), DbErr>) {
    if let Err(error) = done {
        tracing::warn!(%error, "tokens cannot be looked after");
    }
}

/// Who was let in.
enum Who {
    /// A token of this installation.
    Token(Arc<Token>),
    /// One of an identity provider.
    Provided(Proven),
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn invalid() -> Refusal {
    Refusal::unauthenticated(
        "The token is not valid: it is mistyped, revoked or expired. Whoever runs the server sees those that are in `hookgraph token list`.",
    )
}
