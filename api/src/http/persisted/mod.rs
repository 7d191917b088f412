//! Documents that a request names instead of sending them.
//!
//! Two ways of naming are understood everywhere: Apollo's `extensions.persistedQuery`, and `documentId` of the GraphQL-over-HTTP
//! specification's appendix on persisted documents. Which documents can be named is one of two things: those that clients have
//! sent before with their hash (Apollo's automatic persisted queries), as many as there is room for, or those that the operator trusts, and then
//! nothing else is executed ([`trusted`]).
//!
//! Invariant: the text that is executed is the one that the name stands for: its SHA-256 is the hash, or the operator's folder says so.

mod trusted;

use std::sync::Arc;

use async_graphql::{Request, ServerError, parser::types::OperationType};
use sha2::{Digest, Sha256};

pub use self::trusted::{Trusted, TrustedError};
use super::{
    EdgeLimits,
    document::{self, Known},
    recent::Recent,
    refusal::{Code, error},
};

/// The SHA-256 of a document's text.
type Hash = [u8; 32];

/// What comes before the hash in a `documentId`.
const SHA256: &str = "sha256:";

/// The documents that are executed. Cheap to clone.
#[derive(Clone)]
pub struct Documents {
    named: Named,
    /// Those that were read before, however they were sent.
    known: Known,
}

/// The documents that can be named.
#[derive(Clone)]
enum Named {
    /// Those that clients have sent with their hash.
    Kept(Arc<Recent<Hash, Arc<str>>>),
    /// Those that the operator trusts, and no others are executed.
    Trusted(Arc<Trusted>),
}

/// A request as sent: with a document, with the name of one, or with both.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) request: Request,
    /// As the client wrote it: a hash in hex, `sha256:` and a hash, or any id of a trusted document.
    pub(super) document_id: Option<String>,
}

impl Sent {
    /// Whether it tells a document's name, so that it can be named from now on: that has to be heard each time.
    pub(super) fn tells_a_name(&self) -> bool {
        self.document_id.is_some() && !self.request.query.is_empty()
    }
}

impl Documents {
    /// None yet: clients will send them.
    pub fn automatic(limits: &EdgeLimits) -> Self {
        Self {
            named: Named::Kept(Arc::new(Recent::new(
                limits.kept_documents,
                limits.kept_bytes,
            ))),
            known: Known::new(limits),
        }
    }

    /// Those that the operator trusts, and no others.
    pub fn trusted(trusted: Trusted, limits: &EdgeLimits) -> Self {
        Self {
            named: Named::Trusted(Arc::new(trusted)),
            known: Known::new(limits),
        }
    }

    /// Finds the document of a request, reads it, and says what kind of operation is to run.
    ///
    /// The errors are request errors: nothing was executed.
    pub(super) fn read(
        &self,
        sent: Sent,
        limits: &EdgeLimits,
    ) -> Result<(Request, OperationType), Vec<ServerError>> {
        let Sent {
            mut request,
            document_id,
        } = sent;
        let id = document_id.as_deref().map(without_prefix);
        let known = &self.known;
        match &self.named {
            Named::Kept(kept) => {
                let Some(id) = id else {
                    return document::read(&mut request, limits, known).map(|kind| (request, kind));
                };
                let hash = hash_from_hex(id);
                if request.query.is_empty() {
                    let text = hash.and_then(|hash| kept.find(&hash));
                    request.query = text.ok_or_else(not_found)?.to_string();
                    let kind = document::read(&mut request, limits, known)?;
                    return Ok((request, kind));
                }
                let hash = hash.filter(|hash| *hash == hash_of(&request.query));
                let hash = hash.ok_or_else(other_hash)?;
                let kind = document::read(&mut request, limits, known)?;
                // What can be read at all is kept, and nothing else.
                kept.keep(hash, request.query.as_str().into(), request.query.len());
                Ok((request, kind))
            }
            Named::Trusted(trusted) => {
                let text = match id {
                    Some(id) => trusted.named(id).ok_or_else(not_trusted)?,
                    None => trusted.exactly(&request.query).ok_or_else(not_trusted)?,
                };
                if request.query.is_empty() {
                    request.query = text.to_string();
                } else if request.query.trim() != text.trim() {
                    return Err(other_hash());
                }
                let kind = document::read(&mut request, limits, known)?;
                Ok((request, kind))
            }
        }
    }

    /// Reads a document that was found before, once more.
    pub(super) fn read_again(
        &self,
        request: &mut Request,
        limits: &EdgeLimits,
    ) -> Result<OperationType, Vec<ServerError>> {
        document::read(request, limits, &self.known)
    }

    /// Whether only trusted documents are executed.
    pub fn are_trusted(&self) -> bool {
        matches!(self.named, Named::Trusted(_))
    }
}

/// An id without the sign that it is a hash: a hash is always one.
pub(super) fn without_prefix(id: &str) -> &str {
    id.strip_prefix(SHA256).unwrap_or(id)
}

fn hash_of(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// The id that every document has: its hash in hex.
fn hex_of(text: &str) -> String {
    format!("{:x}", Sha256::digest(text.as_bytes()))
}

fn hash_from_hex(hex: &str) -> Option<Hash> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut hash = Hash::default();
    if hex.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(hash)
}

/// The words are the protocol's: clients compare them.
fn not_found() -> Vec<ServerError> {
    vec![error(
        Code::PersistedQueryNotFound,
        "PersistedQueryNotFound",
    )]
}

fn other_hash() -> Vec<ServerError> {
    vec![error(
        Code::BadUserInput,
        "The query is not the document that its hash or id names: send the SHA-256 of its exact text, or no hash.",
    )]
}

fn not_trusted() -> Vec<ServerError> {
    vec![error(
        Code::DocumentNotTrusted,
        "This server executes only the documents that its operator trusts, and this is none of them: ask the operator to add it to the folder of trusted documents, or send the id or the text of one that is there.",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "{ hello }";

    #[test]
    fn a_name_is_told_with_its_document() {
        let tells = |query: &str, id: Option<&str>| {
            let sent = Sent {
                request: Request::new(query),
                document_id: id.map(str::to_owned),
            };
            sent.tells_a_name()
        };
        assert!(tells(QUERY, Some("id")));
        assert!(!tells("", Some("id")));
        assert!(!tells(QUERY, None));
    }

    fn read(documents: &Documents, query: &str, id: Option<&str>) -> Result<String, String> {
        let sent = Sent {
            request: Request::new(query),
            document_id: id.map(str::to_owned),
        };
        documents
            .read(sent, &EdgeLimits::default())
            .map(|(request, _)| request.query)
            .map_err(|errors| {
                // The parser's own have none yet.
                let code = crate::http::refusal::code_of(&errors[0]);
                code.unwrap_or("BAD_USER_INPUT").to_owned()
            })
    }

    #[test]
    fn a_document_that_came_with_its_hash_can_be_named() {
        let documents = Documents::automatic(&EdgeLimits::default());
        let id = hex_of(QUERY);
        let unknown = Err("PERSISTED_QUERY_NOT_FOUND".to_owned());
        assert_eq!(read(&documents, "", Some(&id)), unknown);
        assert_eq!(read(&documents, QUERY, None), Ok(QUERY.to_owned()));
        // Without its hash it is not kept.
        assert_eq!(read(&documents, "", Some(&id)), unknown);
        assert_eq!(read(&documents, QUERY, Some(&id)), Ok(QUERY.to_owned()));
        for id in [id.clone(), id.to_uppercase(), format!("sha256:{id}")] {
            assert_eq!(read(&documents, "", Some(&id)), Ok(QUERY.to_owned()));
        }
        for id in [
            "",
            "sha256:",
            "x",
            &id[1..],
            &id.replace(&id[..1], "g"),
            "ü",
        ] {
            assert_eq!(read(&documents, "", Some(id)), unknown, "{id}");
        }
    }

    #[test]
    fn what_is_kept_is_what_the_hash_says_and_can_be_read() {
        let documents = Documents::automatic(&EdgeLimits::default());
        let refused = Err("BAD_USER_INPUT".to_owned());
        assert_eq!(read(&documents, "{ other }", Some(&hex_of(QUERY))), refused);
        assert_eq!(read(&documents, QUERY, Some("x")), refused);
        for wrong in ["{", "{...f} fragment f on Q{...f}"] {
            assert_eq!(read(&documents, wrong, Some(&hex_of(wrong))), refused);
            assert_eq!(
                read(&documents, "", Some(&hex_of(wrong))),
                Err("PERSISTED_QUERY_NOT_FOUND".to_owned())
            );
        }
    }

    #[test]
    fn of_trusted_documents_nothing_else_is_executed() {
        let trusted = Trusted::of([
            (None, QUERY.to_owned()),
            (
                Some("hello-1".to_owned()),
                "query A{a} query B{b}".to_owned(),
            ),
        ]);
        let documents = Documents::trusted(trusted.expect("two documents"), &EdgeLimits::default());
        let id = hex_of(QUERY);
        for (query, id) in [
            (QUERY, None),
            ("", Some(id.clone())),
            ("", Some(format!("sha256:{id}"))),
            (QUERY, Some(id.clone())),
        ] {
            let found = read(&documents, query, id.as_deref());
            assert_eq!(found, Ok(QUERY.to_owned()), "{query} {id:?}");
        }
        let untrusted = Err("DOCUMENT_NOT_TRUSTED".to_owned());
        assert_eq!(read(&documents, "{hello}", None), untrusted);
        assert_eq!(read(&documents, "", None), untrusted);
        assert_eq!(
            read(&documents, "{hello}", Some(&hex_of("{hello}"))),
            untrusted
        );
        assert_eq!(read(&documents, "", Some(&hex_of("{hello}"))), untrusted);
        assert_eq!(
            read(&documents, "{hello}", Some(&id)),
            Err("BAD_USER_INPUT".to_owned())
        );
        // By a name of its own; which of its operations runs is for `operationName` to say.
        let sent = Sent {
            request: Request::new("").operation_name("B"),
            document_id: Some("hello-1".to_owned()),
        };
        assert!(documents.read(sent, &EdgeLimits::default()).is_ok());
        assert!(documents.are_trusted());
    }
}
