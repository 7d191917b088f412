//! The data: an invented company's webhooks, each call of the same size.
//!
//! The bodies are those that `hookgraph send` sends, but each transcript is cut or repeated to the same number of lines, and
//! one analysis is kept: so that figures of two runs, and of two databases, are of the same work.

use chrono::{DateTime, TimeDelta};
use sample::Delivery;
use sample::company::{Company, Size};
use serde_json::Value;

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Practice calls.
    pub calls: usize,
    /// Lines of each call's transcript.
    pub lines: usize,
}

impl Default for Amount {
    fn default() -> Self {
        Self {
            calls: 20_000,
            lines: 100,
        }
    }
}

/// The day at which the company's history ends, counted from 1970: June 2, 2025.
const ENDS_AT: i64 = 20_241;

/// Five orgs and two hundred users, whose calls are spread over a year.
pub fn deliveries(amount: Amount) -> impl Iterator<Item = Delivery> {
    of_seed(amount, 1)
}

/// The calls of another such company, for what arrives while something is measured.
pub fn more(amount: Amount) -> impl Iterator<Item = Delivery> {
    of_seed(amount, 2).filter(|delivery| delivery.event_type == "call.completed")
}

fn of_seed(amount: Amount, seed: u64) -> impl Iterator<Item = Delivery> {
    let company = Company::new(Size {
        orgs: 5,
        users: 200,
        calls: amount.calls,
        seed,
        ends_at: DateTime::UNIX_EPOCH + TimeDelta::days(ENDS_AT),
        days: 365,
    });
    company.deliveries().map(move |mut delivery| {
        if delivery.event_type == "call.completed" {
            delivery.body = cut(&delivery.body, amount.lines);
        }
        delivery
    })
}

fn cut(body: &str, lines: usize) -> String {
    let mut body: Value = serde_json::from_str(body).expect("a sample is JSON");
    let call = &mut body["payload"]["call"];
    if let Value::Array(transcript) = &mut call["transcript"] {
        *transcript = transcript.iter().cycle().take(lines).cloned().collect();
    }
    if let Value::Array(analyses) = &mut call["analysis"] {
        analyses.truncate(1);
    }
    body.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_as_many_lines_and_one_analysis() {
        let amount = Amount {
            calls: 20,
            lines: 100,
        };
        let calls = deliveries(amount).filter(|delivery| delivery.event_type == "call.completed");
        let mut counted = 0;
        for call in calls {
            let body: Value = serde_json::from_str(&call.body).unwrap();
            let call = &body["payload"]["call"];
            assert_eq!(call["transcript"].as_array().unwrap().len(), 100);
            assert_eq!(call["analysis"].as_array().unwrap().len(), 1);
            counted += 1;
        }
        assert_eq!(counted, 20);
    }
}
