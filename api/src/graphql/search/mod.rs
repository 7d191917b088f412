//! Full text search over the words of calls.
//!
//! [`syntax`] understands what was typed, [`condition`] asks the database with it, [`page`] goes through the calls that were found,
//! [`highlight`] finds the lines and the places in them again, [`result`] shows it.

mod condition;
mod highlight;
mod page;
mod result;
mod syntax;

use std::sync::Arc;

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

pub use condition::{spoken, titled};
pub use page::search;
pub use result::SearchResult;

use syntax::Search;

/// What it costs to count a term in the words of every call that has it, in fields of a row.
const COUNTING: usize = 10_000;

/// What it costs to look for a phrase in the words of every call that has its words.
const COMPARING: usize = 10_000;

/// What it costs to look up a word.
const LOOKING_UP: usize = 2_000;

/// [`ScalarType`] of `SearchText`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchText {
    text: String,
    search: Arc<Search>,
}

impl SearchText {
    /// What ranking calls by it costs, in fields of a row.
    pub fn ranking(&self) -> usize {
        let counted = self.search.terms().len().saturating_mul(COUNTING);
        counted.saturating_add(self.search.excluded.len().saturating_mul(COMPARING))
    }

    /// What letting calls pass by it costs, in fields of a row.
    pub fn reading(&self) -> usize {
        let terms = self.search.groups.iter().flatten();
        let costs = terms.chain(&self.search.excluded).map(|term| {
            if term.is_phrase() {
                COMPARING
            } else {
                LOOKING_UP
            }
        });
        costs.sum()
    }

    fn search(&self) -> &Search {
        &self.search
    }
}

/// What to search for, as in a search box. All of it must occur: words (`budget`), phrases (`"too expensive"`, within one line), beginnings
/// of words of at least two characters (`integrat*`). `OR` in capitals stands between alternatives (`price OR cost`), and what `-`
/// stands before must not occur (`-demo`, `-"free trial"`). Case, accents and punctuation are set aside, so that `cafe` finds `Café`;
/// `e-mail` is a phrase of two words. At most 16 terms and 1,000 bytes, and at least one term that is not excluded.
#[Scalar(name = "SearchText")]
impl ScalarType for SearchText {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = value else {
            return Err(InputValueError::expected_type(value));
        };
        match Search::parse(&text) {
            Ok(search) => Ok(Self {
                text,
                search: Arc::new(search),
            }),
            Err(wrong) => Err(InputValueError::custom(wrong.advice())),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.text.clone())
    }
}
