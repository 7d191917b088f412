//! What is asked: the questions, the documents in which each contestant is asked them, and the values that go with them.
//!
//! Invariant: all contestants are asked the same: their answers must hold the same values, whatever the fields are called
//! ([`values_of`]), or nothing is measured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A question that a user would ask.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Its name, and that of its documents.
    pub name: &'static str,
    /// What it asks for.
    pub about: &'static str,
}

/// The questions of the comparison, the first page beside the one at depth, and ten more that users send.
pub const QUESTIONS: [Question; 15] = [
    question(
        "Q1",
        "the newest 20 calls of an org, with user and analyses",
    ),
    question("Q2", "one call with its 100 lines, prospects and analyses"),
    question("Q3", "calls and mean score by user of an org, over 30 days"),
    question("Q4", "a page of 20 calls at depth 15,000"),
    question("first", "the first page of the same"),
    question("user", "a user with their org and newest 10 calls"),
    question("orgs", "all orgs, each with its newest 20 users"),
    question("best", "the 20 calls of a user with the highest scores"),
    question("count", "how many calls an org had in 30 days"),
    question(
        "prospects",
        "50 prospects of an org with company, role and difficulty",
    ),
    question("tiny", "title and score of one call"),
    question(
        "analyses",
        "the analyses of the newest 50 calls, with call and user",
    ),
    question("wide", "the newest 100 calls with org, user and prospects"),
    question("ids", "20 calls by their ids"),
    question(
        "team",
        "the users of a team, each with their newest 5 calls",
    ),
];

impl Question {
    /// Whether the floor answers it.
    pub fn has_floor(&self) -> bool {
        crate::floor::answers(self.name)
    }

    /// The body in which the floor is asked.
    pub fn for_floor(&self, case: &Case) -> Bytes {
        let body = json!({ "question": self.name, "case": case });
        Bytes::from(body.to_string())
    }
}

const fn question(name: &'static str, about: &'static str) -> Question {
    Question { name, about }
}

/// The values that a question is asked with. Each document takes those that it declares as variables.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// An org.
    pub org: String,
    /// A user.
    pub user: String,
    /// The team of that user.
    pub team: String,
    /// A call.
    pub call: String,
    /// Twenty calls.
    pub ids: Vec<String>,
    /// The beginning of 30 days.
    pub from: String,
    /// Their end.
    pub to: String,
    /// Where a page at depth begins, in the words of each contestant.
    pub after: BTreeMap<String, String>,
}

/// The documents of one contestant.
#[derive(Clone, Debug)]
pub struct Documents {
    contestant: &'static str,
    folder: PathBuf,
}

impl Documents {
    /// Those in the folder `questions/<contestant>`.
    pub fn of(contestant: &'static str) -> Self {
        let questions = Path::new(env!("CARGO_MANIFEST_DIR")).join("questions");
        Self {
            contestant,
            folder: questions.join(contestant),
        }
    }

    /// The text in which the contestant is asked `question`; none when it cannot answer it.
    pub fn text(&self, question: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(format!("{question}.graphql"))).ok()
    }

    /// The body of a request with this document.
    pub fn body(&self, document: &str, case: &Case) -> anyhow::Result<Bytes> {
        let mut variables = Map::new();
        if let Value::Object(values) = serde_json::to_value(case)? {
            for (name, value) in values {
                let value = if name == "after" {
                    json!(case.after.get(self.contestant))
                } else {
                    value
                };
                if document.contains(&format!("${name}:")) {
                    variables.insert(name, value);
                }
            }
        }
        let body = json!({ "query": document, "variables": variables });
        Ok(Bytes::from(serde_json::to_vec(&body)?))
    }
}

/// All that an answer says, without the names of its fields: its leaves, sorted. Numbers that are equal are written alike.
///
/// # Errors
/// The answer has errors, or no data.
pub fn values_of(answer: &[u8]) -> anyhow::Result<Vec<String>> {
    let answer: Value = serde_json::from_slice(answer).context("the answer is not JSON")?;
    anyhow::ensure!(
        answer["errors"].is_null(),
        "the answer has errors: {}",
        answer["errors"]
    );
    anyhow::ensure!(
        !answer["data"].is_null(),
        "the answer has no data: {answer}"
    );
    let mut leaves = Vec::new();
    collect(&answer["data"], &mut leaves);
    leaves.sort_unstable();
    Ok(leaves)
}

fn collect(value: &Value, leaves: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|value| collect(value, leaves)),
        Value::Array(elements) => elements.iter().for_each(|value| collect(value, leaves)),
        Value::Number(number) => {
            leaves.extend(number.as_f64().map(|number| format!("{number:.6}")));
        }
        // A peer's big number is a text.
        Value::String(text) => leaves.push(match text.parse::<f64>() {
            Ok(number) => format!("{number:.6}"),
            Err(_) => text.clone(),
        }),
        Value::Bool(_) | Value::Null => leaves.push(value.to_string()),
    }
}
