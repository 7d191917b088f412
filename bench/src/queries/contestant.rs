//! Who is asked: a running server and the words in which it is asked.

use std::sync::Arc;

use bytes::Bytes;

use crate::peer::{self, Peer};
use crate::process::Process;
use crate::question::{Case, Documents, Question};

/// A server that answers.
pub struct Contestant {
    /// Its name in the tables.
    pub name: &'static str,
    /// The server.
    pub process: Process,
    /// In whose words it is asked.
    pub asked: Words,
}

/// How a contestant is asked.
pub enum Words {
    /// By the name of the question.
    Floor,
    /// By Hookgraph's documents.
    Hookgraph,
    /// By a peer's documents.
    Peer(Peer),
}

impl Contestant {
    /// The requests in which it is asked `question`, one for each case; none when it cannot answer.
    pub fn bodies(
        &self,
        question: &Question,
        cases: &[Case],
    ) -> anyhow::Result<Option<Arc<[Bytes]>>> {
        let documents = match self.asked {
            Words::Floor => {
                return Ok(question
                    .has_floor()
                    .then(|| cases.iter().map(|case| question.for_floor(case)).collect()));
            }
            Words::Hookgraph => Documents::of("hookgraph"),
            Words::Peer(peer) => Documents::of(peer.name()),
        };
        let Some(text) = documents.text(question.name) else {
            return Ok(None);
        };
        let bodies = cases.iter().map(|case| documents.body(&text, case));
        bodies.collect::<anyhow::Result<_>>().map(Some)
    }
}

/// The cases, the first `pages` of them with the cursors of the peers.
pub async fn with_cursors(
    contestants: &[Contestant],
    mut cases: Vec<Case>,
    depth: usize,
    pages: usize,
) -> anyhow::Result<Vec<Case>> {
    for contestant in contestants {
        let Words::Peer(peer) = contestant.asked else {
            continue;
        };
        for (at, case) in cases.iter_mut().take(pages).enumerate() {
            let target = &contestant.process.target;
            if let Some(cursor) = peer::cursor_at_depth(peer, target, depth + at).await? {
                case.after.insert(peer.name().to_owned(), cursor);
            }
        }
    }
    Ok(cases)
}
