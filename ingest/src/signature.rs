//! Svix's signature: whether a request was signed with one of the secrets, and recently. Pure: `now` is an argument.
//!
//! The scheme signs `{id}.{timestamp}.{body}`, so all three are proven to be as sent. Svix sends the headers as `svix-*`,
//! the Standard Webhooks specification as `webhook-*`: one family or the other, whole.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How far a signature's timestamp may be from now, in seconds, both ways, inclusive.
pub const TOLERANCE_SECONDS: u64 = 300;

/// The longest message id that is taken, in bytes.
pub const MAX_MESSAGE_ID_BYTES: usize = 256;

/// A signing secret, as the portal shows it: `whsec_` and base64.
pub struct Secret {
    id: String,
    /// Keyed and empty. The processor's own instructions for SHA-256 are used where it has them: without, this is the most that
    /// a webhook costs at the door.
    mac: Hmac<Sha256>,
}

impl Secret {
    /// Reads a secret.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        let key = STANDARD.decode(encoded).map_err(|_| InvalidSecret)?;
        if key.is_empty() {
            return Err(InvalidSecret);
        }
        let mac = Hmac::new_from_slice(&key).map_err(|_| InvalidSecret)?;
        let digest = Sha256::digest(encoded);
        let id = digest[..6]
            .iter()
            .fold(String::new(), |id, byte| format!("{id}{byte:02x}"));
        Ok(Self { id, mac })
    }

    /// A fingerprint of twelve hexadecimal digits, which tells secrets apart and gives none away.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.id)
    }
}

/// A text that is no signing secret. It is not repeated here, since it may be one with a typing error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a signing secret is `whsec_` followed by base64, as the Svix portal shows it; this one is not"
)]
pub struct InvalidSecret;

/// The three headers of a signed request, as sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureHeaders {
    /// The message id, which stays the same when a delivery is repeated.
    pub id: String,
    /// Seconds since 1970, in decimal.
    pub timestamp: String,
    /// One or several signatures, separated by spaces.
    pub signature: String,
}

/// Why a request is not taken for the sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header of the three is missing, twice there, empty, not ASCII, or, for the timestamp, not a whole number.
    #[error("the {0} header is missing or malformed")]
    Header(&'static str),
    /// The message id is longer than [`MAX_MESSAGE_ID_BYTES`].
    #[error("the message id is over {MAX_MESSAGE_ID_BYTES} bytes")]
    LongMessageId,
    /// The scheme signs text, so a body that is none cannot have been signed.
    #[error("the body is not UTF-8")]
    NotText,
    /// No secret gives this signature.
    #[error("no secret matches the signature")]
    NoSecretMatches,
    /// Dated more than [`TOLERANCE_SECONDS`] ago or ahead: by so many seconds, which are below zero for ago. Who signed it was not
    /// looked at.
    #[error(
        "the signature's timestamp is {} s {} this server's clock",
        .0.unsigned_abs(),
        if *.0 < 0 { "behind" } else { "ahead of" }
    )]
    OutsideTolerance(i64),
}

const FAMILIES: [[&str; 3]; 2] = [
    ["svix-id", "svix-timestamp", "svix-signature"],
    ["webhook-id", "webhook-timestamp", "webhook-signature"],
];

/// The message id that a request claims, signed or not, if it has one: as near to text as it can be read.
pub fn message_id(headers: &HeaderMap) -> Option<String> {
    let id = FAMILIES
        .iter()
        .find_map(|family| headers.get(family[0]))?
        .as_bytes();
    Some(String::from_utf8_lossy(id).into_owned())
}

impl SignatureHeaders {
    /// Takes the three headers from a request: `svix-*` if `svix-id` is there, else `webhook-*`.
    pub fn from_request(headers: &HeaderMap) -> Result<Self, Refusal> {
        let family = FAMILIES[usize::from(!headers.contains_key("svix-id"))];
        let [id, timestamp, signature] = family.map(|name| {
            let mut values = headers.get_all(name).iter();
            match (values.next().map(HeaderValue::to_str), values.next()) {
                (Some(Ok(value)), None) if !value.is_empty() => Ok(value.to_owned()),
                _ => Err(Refusal::Header(name)),
            }
        });
        let (id, timestamp, signature) = (id?, timestamp?, signature?);
        if id.len() > MAX_MESSAGE_ID_BYTES {
            return Err(Refusal::LongMessageId);
        }
        if timestamp.parse::<i64>().is_err() {
            return Err(Refusal::Header(family[1]));
        }
        Ok(Self {
            id,
            timestamp,
            signature,
        })
    }

    /// The signatures of the scheme's first version, which is its only one for a shared secret.
    fn signatures(&self) -> impl Iterator<Item = Vec<u8>> {
        self.signature
            .split(' ')
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .filter_map(|encoded| STANDARD.decode(encoded).ok())
    }
}

/// Whether the timestamp is within the tolerance around `now`: what can be known of a request before its body is.
pub fn check_time(headers: &SignatureHeaders, now: DateTime<Utc>) -> Result<(), Refusal> {
    let signed_at: i64 = headers
        .timestamp
        .parse()
        .map_err(|_| Refusal::Header("timestamp"))?;
    let ahead = signed_at.saturating_sub(now.timestamp());
    if ahead.unsigned_abs() > TOLERANCE_SECONDS {
        return Err(Refusal::OutsideTolerance(ahead));
    }
    Ok(())
}

/// The secret among `secrets` that signed `body`, if one did within the tolerance around `now`.
pub fn verify<'s>(
    secrets: &'s [Secret],
    headers: &SignatureHeaders,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<&'s Secret, Refusal> {
    check_time(headers, now)?;
    verify_at_any_time(secrets, headers, body)
}

/// As [`verify`], whenever it was signed: for events that are in the log already.
pub fn verify_at_any_time<'s>(
    secrets: &'s [Secret],
    headers: &SignatureHeaders,
    body: &[u8],
) -> Result<&'s Secret, Refusal> {
    if str::from_utf8(body).is_err() {
        return Err(Refusal::NotText);
    }
    let timestamp: i64 = headers
        .timestamp
        .parse()
        .map_err(|_| Refusal::Header("timestamp"))?;
    let before = format!("{}.{timestamp}.", headers.id);
    secrets
        .iter()
        .find(|secret| {
            let mac = secret.mac.clone().chain_update(&before).chain_update(body);
            // Each is compared in constant time.
            headers
                .signatures()
                .any(|signature| mac.clone().verify_slice(&signature).is_ok())
        })
        .ok_or(Refusal::NoSecretMatches)
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    /// Published test vectors of the Standard Webhooks libraries: secret, id, timestamp, body, signature.
    const VECTORS: [[&str; 5]; 3] = [
        [
            "whsec_plJ3nmyCDGBKInavdOK15jsl",
            "msg_loFOjxBNrRLzqYUf",
            "1731705121",
            r#"{"event_type":"ping","data":{"success":true}}"#,
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        ],
        [
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "1649367553",
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ],
        [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ],
    ];

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 999_999_999).unwrap()
    }

    fn request(family: usize, vector: [&str; 5]) -> HeaderMap {
        let values = [vector[1], vector[2], vector[4]];
        FAMILIES[family]
            .into_iter()
            .zip(values)
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_published_vectors_verify_in_both_families() {
        let secrets = VECTORS.map(|vector| Secret::parse(vector[0]).unwrap());
        for (vector, secret) in VECTORS.iter().zip(&secrets) {
            for family in [0, 1] {
                let headers = SignatureHeaders::from_request(&request(family, *vector)).unwrap();
                let now = at(vector[2].parse().unwrap());
                let matched = verify(&secrets, &headers, vector[3].as_bytes(), now).unwrap();
                assert_eq!(matched.id(), secret.id());
                let other = [vector[3], " "].concat();
                assert_eq!(
                    verify(&secrets, &headers, other.as_bytes(), now).unwrap_err(),
                    Refusal::NoSecretMatches
                );
            }
        }
    }

    #[test]
    fn the_tolerance_is_five_minutes_both_ways_and_inclusive() {
        let secrets = [Secret::parse(VECTORS[0][0]).unwrap()];
        let headers = SignatureHeaders::from_request(&request(0, VECTORS[0])).unwrap();
        let signed_at = 1_731_705_121;
        for (shift, accepted) in [
            (-301, false),
            (-300, true),
            (0, true),
            (300, true),
            (301, false),
        ] {
            let verified = verify(
                &secrets,
                &headers,
                VECTORS[0][3].as_bytes(),
                at(signed_at + shift),
            );
            assert_eq!(verified.is_ok(), accepted, "{shift}");
        }
    }

    #[test]
    fn one_of_several_signatures_is_enough() {
        let secrets = [Secret::parse(VECTORS[0][0]).unwrap()];
        let mut headers = SignatureHeaders::from_request(&request(0, VECTORS[0])).unwrap();
        let right = headers.signature.clone();
        headers.signature = format!("v1a,abc v1,AAAA {right}");
        assert!(verify_at_any_time(&secrets, &headers, VECTORS[0][3].as_bytes()).is_ok());
        headers.signature = right.replace("v1,", "v2,");
        assert!(verify_at_any_time(&secrets, &headers, VECTORS[0][3].as_bytes()).is_err());
    }

    #[test]
    fn malformed_headers_are_refused_before_any_secret_is_tried() {
        let refused = |change: &dyn Fn(&mut HeaderMap)| {
            let mut headers = request(0, VECTORS[0]);
            change(&mut headers);
            SignatureHeaders::from_request(&headers).unwrap_err()
        };
        for name in FAMILIES[0] {
            let expected = if name == "svix-id" {
                "webhook-id"
            } else {
                name
            };
            assert_eq!(
                refused(&|h| drop(h.remove(name))),
                Refusal::Header(expected)
            );
            let twice = |h: &mut HeaderMap| {
                let _ = h.append(name, "1".parse().unwrap());
            };
            assert_eq!(refused(&twice), Refusal::Header(name));
            let empty = |h: &mut HeaderMap| {
                let _ = h.insert(name, "".parse().unwrap());
            };
            assert_eq!(refused(&empty), Refusal::Header(name));
        }
        let words = |h: &mut HeaderMap| {
            let _ = h.insert("svix-timestamp", "soon".parse().unwrap());
        };
        assert_eq!(refused(&words), Refusal::Header("svix-timestamp"));
        let long = "m".repeat(257);
        let long = |h: &mut HeaderMap| {
            let _ = h.insert("svix-id", long.parse().unwrap());
        };
        assert_eq!(refused(&long), Refusal::LongMessageId);
    }

    #[test]
    fn a_secret_must_be_base64_and_never_shows() {
        assert!(Secret::parse("whsec_not base64!").is_err());
        assert!(Secret::parse("whsec_").is_err());
        let secret = Secret::parse(VECTORS[0][0]).unwrap();
        assert!(!format!("{secret:?}").contains("plJ3"));
        assert_eq!(secret.id().len(), 12);
    }
}
