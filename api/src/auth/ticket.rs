//! Tickets: what stands for a token in the address of an event stream, for a browser's `EventSource`, which can send no header.
//!
//! An address is written down in many places, so a ticket is valid for [`VALID`] only, and only to open a stream. It is no row
//! anywhere: it says itself for which token it stands and until when, sealed with the key of the log, which all servers of an
//! installation share.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ingest::log::{Log, Sealed};
use ingest::token::Grant;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// What all tickets begin with.
const PREFIX: &str = "hgt_";

/// How long a ticket can be used.
pub(super) const VALID: Duration = Duration::from_mins(1);

/// What a ticket stands for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Of {
    /// The token with this id, as it is when the ticket is used.
    Token(String),
    /// What a token of an identity provider said, until it ends, in microseconds since 1970.
    Grant {
        /// Of whom it was.
        sender: String,
        /// What it allows.
        grant: Grant,
        /// When it ends.
        ends: i64,
    },
}

/// What a ticket says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    /// What it stands for.
    pub(super) of: Of,
    /// From when on it cannot be used any more, in microseconds since 1970.
    pub(super) until: i64,
}

impl Ticket {
    /// The text of a ticket. None: it cannot be written.
    pub(super) fn seal(&self, log: &Log) -> Option<String> {
        let said = serde_json::to_vec(self).ok()?;
        let seal = log.seal(Sealed::Ticket, &said);
        let [said, seal] = [&said[..], &seal[..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        Some(format!("{PREFIX}{said}.{seal}"))
    }

    /// What the text of a ticket says. None: it is no ticket, or no server on this log has sealed it.
    pub(super) fn open(log: &Log, text: &str) -> Option<Self> {
        let (said, seal) = text.strip_prefix(PREFIX)?.split_once('.')?;
        let said = URL_SAFE_NO_PAD.decode(said).ok()?;
        let seal = URL_SAFE_NO_PAD.decode(seal).ok()?;
        let is_ours = bool::from(log.seal(Sealed::Ticket, &said).ct_eq(&seal));
        is_ours
            .then(|| serde_json::from_slice(&said).ok())
            .flatten()
    }
}

/// Whether a text is meant as a ticket.
pub(super) fn is_one(text: &str) -> bool {
    text.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use ingest::database::Location;

    use super::*;

    #[tokio::test]
    async fn only_a_server_on_the_same_log_opens_a_ticket_and_only_as_it_was() {
        let ticket = Ticket {
            of: Of::Token("abc".to_owned()),
            until: 7,
        };
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [log, other] = folders.each_ref().map(|folder| {
            let location = Location::Sqlite(folder.path().to_owned());
            async move { Log::open(&location).await.unwrap() }
        });
        let (log, other) = tokio::join!(log, other);
        let text = ticket.seal(&log).unwrap();
        assert_eq!(Ticket::open(&log, &text), Some(ticket));
        assert_eq!(Ticket::open(&other, &text), None);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(Ticket::open(&log, &changed), None, "{at}");
        }
        for text in ["", "hgt_", "hgt_.", "hgt_e30.", &text[..text.len() - 1]] {
            assert_eq!(Ticket::open(&log, text), None, "{text}");
        }
    }
}
