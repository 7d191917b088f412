//! The tokens that read, in a table beside the events: made, listed and revoked by the operator, looked up by the server.
//!
//! A token is `hg_<id>_<secret>`. The id finds its row and may be shown; of the secret only the SHA-256 is stored, which is enough, since
//! it is random and as long as the hash. Invariant: the secret leaves this module once, in the text of a new token.

use entity::log::token::{ActiveModel, Column, Entity, Model};
use rand::distr::{Alphanumeric, SampleString};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::log::Log;

/// What all tokens begin with, so that scanners find leaked ones.
pub const PREFIX: &str = "hg_";

/// Letters and digits of an id: 60 bits, so that no two are alike.
const ID_LENGTH: usize = 10;

/// Letters and digits of a secret: 256 bits.
const SECRET_LENGTH: usize = 43;

/// Orgs that a token may be for. Each of them stands in every statement.
pub const MOST_ORGS: usize = 1_000;

/// What a token can be kept from seeing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hidden {
    /// E-mail addresses.
    Email,
    /// What was said, and what is made of it word by word.
    Transcript,
    /// Events as they were sent. Whoever is not to see anything else is not to see these either: they hold everything.
    Payload,
}

impl Hidden {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Email, Self::Transcript, Self::Payload];

    /// The word for it, in commands, claims and the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Transcript => "transcript",
            Self::Payload => "payload",
        }
    }

    /// What the word means.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hidden| hidden.name() == name)
    }
}

/// What a token allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The orgs that it sees; none: every org, and what belongs to none.
    pub orgs: Option<Vec<String>>,
    /// What it does not see of them.
    pub hidden: Vec<Hidden>,
}

/// A token as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The part that is no secret.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub grant: Grant,
    /// When it was made, in microseconds since 1970, as all times here.
    pub created_at: i64,
    /// From when on it is no longer valid.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// When it was used last, up to a few seconds ago.
    pub last_used_at: Option<i64>,
    /// How many requests and sockets it has opened.
    pub uses: i64,
    hash: Vec<u8>,
}

impl Token {
    /// Whether it lets anyone in at this moment.
    pub fn is_valid(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether `secret` is its secret. Takes the same time whatever the answer.
    pub fn has(&self, secret: &Secret<'_>) -> bool {
        bool::from(self.hash.as_slice().ct_eq(&secret.hash()))
    }
}

/// The text of a token, taken apart. It has no `Debug`: it is a secret.
#[derive(Clone, Copy)]
pub struct Secret<'t> {
    id: &'t str,
    secret: &'t str,
}

impl<'t> Secret<'t> {
    /// Reads the text of a token. None: it cannot be one.
    pub fn parse(text: &'t str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_whole = |part: &str, length| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        (is_whole(id, ID_LENGTH) && is_whole(secret, SECRET_LENGTH)).then_some(Self { id, secret })
    }

    /// The part that is no secret.
    pub fn id(&self) -> &'t str {
        self.id
    }

    /// What stands for the whole token where it is remembered.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }
}

/// Makes a token, and returns its text, which is nowhere else.
pub async fn create(
    log: &Log,
    name: &str,
    grant: &Grant,
    expires_at: Option<i64>,
    now: i64,
) -> Result<String, DbErr> {
    let mut rng = rand::rng();
    let id = Alphanumeric.sample_string(&mut rng, ID_LENGTH);
    let secret = Alphanumeric.sample_string(&mut rng, SECRET_LENGTH);
    let hash = Secret {
        id: &id,
        secret: &secret,
    }
    .hash();
    let hidden: Vec<&str> = grant.hidden.iter().map(|hidden| hidden.name()).collect();
    let row = ActiveModel {
        id: Set(id.clone()),
        name: Set(name.to_owned()),
        hash: Set(hash.to_vec()),
        orgs: Set(grant.orgs.as_ref().map(json).transpose()?),
        hidden: Set(json(&hidden)?),
        created_at: Set(now),
        expires_at: Set(expires_at),
        revoked_at: Set(None),
        last_used_at: Set(None),
        uses: Set(0),
    };
    Entity::insert(row).exec_without_returning(log.db()).await?;
    Ok(format!("{PREFIX}{id}_{secret}"))
}

/// All tokens that were ever made, the oldest first.
pub async fn all(log: &Log) -> Result<Vec<Token>, DbErr> {
    let rows = Entity::find()
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(log.db())
        .await?;
    rows.into_iter().map(token).collect()
}

/// The tokens with these ids.
pub async fn find(log: &Log, ids: &[String]) -> Result<Vec<Token>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().map(String::as_str)))
        .all(log.db())
        .await?;
    rows.into_iter().map(token).collect()
}

/// Whether any token was ever made: from then on nobody reads without one.
pub async fn are_any(log: &Log) -> Result<bool, DbErr> {
    Ok(Entity::find().one(log.db()).await?.is_some())
}

/// Revokes the token with this id. False: there is none, or it was revoked before.
pub async fn revoke(log: &Log, id: &str, now: i64) -> Result<bool, DbErr> {
    let revoked = Entity::update_many()
        .col_expr(Column::RevokedAt, now.into())
        .filter(Column::Id.eq(id))
        .filter(Column::RevokedAt.is_null())
        .exec(log.db())
        .await?;
    Ok(revoked.rows_affected == 1)
}

/// Notes that a token was used so many more times, last at this moment.
pub async fn used(log: &Log, id: &str, times: i64, last: i64) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Uses, Expr::col(Column::Uses).add(times))
        .col_expr(Column::LastUsedAt, last.into())
        .filter(Column::Id.eq(id))
        .exec(log.db())
        .await?;
    Ok(())
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, DbErr> {
    serde_json::to_string(value).map_err(|error| DbErr::Custom(error.to_string()))
}

/// A row that this version cannot read is an error: it must not see more than it should.
fn token(row: Model) -> Result<Token, DbErr> {
    let unreadable = || DbErr::Custom(format!("the token {} cannot be read", row.id));
    let orgs: Option<Vec<String>> = match &row.orgs {
        Some(orgs) => Some(serde_json::from_str(orgs).map_err(|_| unreadable())?),
        None => None,
    };
    let hidden: Vec<String> = serde_json::from_str(&row.hidden).map_err(|_| unreadable())?;
    let hidden: Option<Vec<Hidden>> = hidden.iter().map(|name| Hidden::of_name(name)).collect();
    Ok(Token {
        grant: Grant {
            orgs,
            hidden: hidden.ok_or_else(unreadable)?,
        },
        id: row.id,
        name: row.name,
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        last_used_at: row.last_used_at,
        uses: row.uses,
        hash: row.hash,
    })
}

#[cfg(test)]
mod tests {
    use super::{ID_LENGTH, SECRET_LENGTH, Secret};

    #[test]
    fn only_a_whole_token_is_one() {
        let (id, secret) = ("a".repeat(ID_LENGTH), "B".repeat(SECRET_LENGTH));
        let whole = format!("hg_{id}_{secret}");
        assert_eq!(
            Secret::parse(&whole).map(|token| token.id()),
            Some(id.as_str())
        );
        for broken in [
            "",
            "hg_",
            &whole[1..],
            &whole[..whole.len() - 1],
            &format!("{whole}x"),
            &format!("hg_{id}{secret}"),
            &format!("hg_{id}_{}é", &secret[2..]),
            &format!("HG_{id}_{secret}"),
        ] {
            assert!(Secret::parse(broken).is_none(), "{broken}");
        }
    }
}
