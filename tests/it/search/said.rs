//! What was said, kept plainly: calls as they were sent, and a search that goes through all of their lines.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ingest::fold;
use sample::Delivery;
use serde_json::{Value, json};

use crate::expected::time;

/// How many lines of a call are shown at most.
const MOST_LINES: usize = 100;

/// The folded words of a line.
type Line = Vec<String>;

/// A call as it was last sent.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) id: String,
    pub(super) org: Value,
    pub(super) made_at: i64,
    pub(super) title: Line,
    pub(super) lines: Vec<Line>,
    pub(super) texts: Vec<String>,
}

/// A search, as the tests write it: each group has alternatives, a star stands behind the beginning of a word.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) text: String,
    pub(super) groups: Vec<Vec<String>>,
    pub(super) excluded: Vec<String>,
}

/// A call that is found: how often it says what is wanted, and in which lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) count: usize,
    pub(super) lines: Vec<usize>,
}

fn line(text: &str) -> Line {
    fold::words(text).map(|word| word.folded).collect()
}

/// The calls of `deliveries`, each as it was last sent.
pub(super) fn calls(deliveries: &[Delivery]) -> Vec<Said> {
    let mut calls = BTreeMap::new();
    for delivery in deliveries {
        let body: Value = serde_json::from_str(&delivery.body).unwrap_or_default();
        let Some(call) = body["payload"].get("call") else {
            continue;
        };
        let id = call["id"].as_str().expect("an id").to_owned();
        let texts = call["transcript"].as_array().into_iter().flatten();
        let texts: Vec<String> = texts
            .map(|line| line["prospectText"].as_str().unwrap_or_default().to_owned())
            .collect();
        let said = Said {
            id: id.clone(),
            org: call["orgId"].clone(),
            made_at: time(&call["createdAt"]).expect("a time").timestamp_micros(),
            title: line(call["title"].as_str().unwrap_or_default()),
            lines: texts.iter().map(|text| line(text)).collect(),
            texts,
        };
        calls.insert(id, said);
    }
    calls.into_values().collect()
}

impl Wanted {
    /// All of these.
    pub(super) fn all(text: &str, terms: &[&str]) -> Self {
        let groups = terms.iter().map(|term| vec![(*term).to_owned()]);
        Self {
            text: text.to_owned(),
            groups: groups.collect(),
            excluded: Vec::new(),
        }
    }

    /// The same without what has one of these.
    pub(super) fn without(mut self, terms: &[&str]) -> Self {
        self.excluded = terms.iter().map(|term| (*term).to_owned()).collect();
        self
    }

    /// The calls that have it, in the order in which the API gives them.
    pub(super) fn found<'s>(&self, calls: impl IntoIterator<Item = &'s Said>) -> Vec<Found> {
        let mut found: Vec<_> = calls
            .into_iter()
            .filter(|call| self.is_in(&call.lines))
            .map(|call| {
                let terms: Vec<&String> = self.groups.iter().flatten().collect();
                let of_line =
                    |line: &Line| terms.iter().map(|term| times(term, line)).sum::<usize>();
                let counts: Vec<usize> = call.lines.iter().map(of_line).collect();
                let lines = (0..counts.len()).filter(|at| counts[*at] > 0);
                let found = Found {
                    id: call.id.clone(),
                    count: counts.iter().sum(),
                    lines: lines.take(MOST_LINES).collect(),
                };
                (Reverse((found.count, call.made_at, call.id.clone())), found)
            })
            .collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found.into_iter().map(|(_, found)| found).collect()
    }

    /// Whether lines have it.
    pub(super) fn is_in(&self, lines: &[Line]) -> bool {
        let has = |term: &String| lines.iter().any(|line| times(term, line) > 0);
        self.groups.iter().all(|group| group.iter().any(has)) && !self.excluded.iter().any(has)
    }
}

/// How often a term stands in a line, counted from the left without overlap.
fn times(term: &str, line: &Line) -> usize {
    let words: Vec<&str> = term.split(' ').collect();
    let (mut at, mut times) = (0, 0);
    while at + words.len() <= line.len() {
        let here = words
            .iter()
            .zip(&line[at..])
            .all(|(word, said)| match word.strip_suffix('*') {
                Some(beginning) => said.starts_with(beginning),
                None => said == word,
            });
        times += usize::from(here);
        at += if here { words.len() } else { 1 };
    }
    times
}

/// A call, one line after the other, as SalesMagic would send it.
pub(super) fn call(id: &str, second: u32, title: &str, lines: &[&str]) -> Delivery {
    let lines: Vec<Value> = lines
        .iter()
        .map(|text| json!({ "prospectText": text }))
        .collect();
    let at = format!("2025-05-01T00:00:{second:02}Z");
    let body = json!({
        "id": format!("event-{id}-{second}"),
        "type": "call.completed",
        "timestamp": at,
        "payload": { "call": { "id": id, "orgId": "org-of-search", "title": title, "createdAt": at, "transcript": lines } },
    });
    Delivery {
        message_id: format!("msg_{id}_{second}"),
        event_type: "call.completed".to_owned(),
        body: body.to_string(),
    }
}
