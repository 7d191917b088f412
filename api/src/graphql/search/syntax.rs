//! What a person types into a search box, understood: pure, and never at a loss for any text.
//!
//! `budget`, `"too expensive"`, `integrat*`, `-demo`, `price OR cost`. Each is folded as the stored words are (`ingest::fold`), so
//! that case, accents and punctuation are set aside; what has several words then, such as `e-mail`, is a phrase. A quote that is
//! not closed goes to the end, and an `OR` without a neighbour joins nothing: both are typed on the way to something else.

use ingest::fold;

/// The longest text, in bytes.
const MOST_BYTES: usize = 1_000;

/// How many terms it may have, excluded ones included.
const MOST_TERMS: usize = 16;

/// How many characters the beginning of a word has at least: a shorter one would be found nearly everywhere.
const SHORTEST_PREFIX: usize = 2;

/// What is looked for. Its parts are never empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Search {
    /// Of each of these, one must occur.
    pub groups: Vec<Vec<Term>>,
    /// None of these may occur.
    pub excluded: Vec<Term>,
}

/// A word, or words that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// The folded words, at least one.
    pub words: Vec<String>,
    /// Whether the last of them is only how a word begins.
    pub is_prefix: bool,
}

/// Why a text cannot be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It has no word.
    Nothing,
    /// It only says what must not occur.
    OnlyExcluded,
    /// It is longer than [`MOST_BYTES`].
    TooLong,
    /// It has more than [`MOST_TERMS`] terms.
    TooManyTerms,
    /// A beginning of a word is shorter than [`SHORTEST_PREFIX`].
    ShortPrefix,
    /// An exclusion stands beside `OR`.
    ExcludedAlternative,
}

impl Wrong {
    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Nothing => {
                "there is no word to search for: give at least one, such as budget or \"too expensive\""
            }
            Self::OnlyExcluded => {
                "only exclusions are given: add a word that must occur, such as budget -demo"
            }
            Self::TooLong => "the text is too long: a search has at most 1,000 bytes",
            Self::TooManyTerms => "there are too many terms: a search has at most 16 of them",
            Self::ShortPrefix => {
                "the beginning of a word is too short: give at least two characters before the *, such as in*"
            }
            Self::ExcludedAlternative => {
                "an exclusion cannot stand beside OR: write it elsewhere, such as price OR cost -demo"
            }
        }
    }
}

impl Search {
    /// Understands `text`.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        if text.len() > MOST_BYTES {
            return Err(Wrong::TooLong);
        }
        let mut search = Self {
            groups: Vec::new(),
            excluded: Vec::new(),
        };
        let mut terms = 0;
        let mut before = Before::Nothing;
        for piece in Pieces(text) {
            if piece.is_or() {
                before = match before {
                    Before::Nothing => Before::Nothing,
                    Before::Excluded => return Err(Wrong::ExcludedAlternative),
                    Before::Term | Before::Or => Before::Or,
                };
                continue;
            }
            let Some(term) = piece.term()? else { continue };
            terms += 1;
            if piece.is_excluded {
                if before == Before::Or {
                    return Err(Wrong::ExcludedAlternative);
                }
                before = Before::Excluded;
                add(&mut search.excluded, term);
            } else {
                match search.groups.last_mut() {
                    Some(group) if before == Before::Or => add(group, term),
                    _ => search.groups.push(vec![term]),
                }
                before = Before::Term;
            }
        }
        match (terms, search.groups.is_empty()) {
            (0, _) => Err(Wrong::Nothing),
            (_, true) => Err(Wrong::OnlyExcluded),
            (terms, _) if terms > MOST_TERMS => Err(Wrong::TooManyTerms),
            _ => Ok(search),
        }
    }

    /// Every term that may occur, each once.
    pub fn terms(&self) -> Vec<&Term> {
        let mut terms = Vec::new();
        for term in self.groups.iter().flatten() {
            add(&mut terms, term);
        }
        terms
    }
}

impl Term {
    /// As it stands in the form in which words are stored (see `entity::read_model::call_word`).
    pub fn stored(&self) -> String {
        let words = self.words.iter();
        let mut stored: String = words.flat_map(|word| [" ", word, " "]).collect();
        if self.is_prefix {
            stored.pop();
        }
        stored
    }

    /// Whether it has several words.
    pub fn is_phrase(&self) -> bool {
        self.words.len() > 1
    }
}

fn add<T: PartialEq>(terms: &mut Vec<T>, term: T) {
    if !terms.contains(&term) {
        terms.push(term);
    }
}

/// What stands before the next piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Term,
    Excluded,
    Or,
}

/// What stands between quotes, or between spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece<'t> {
    text: &'t str,
    is_quoted: bool,
    is_excluded: bool,
    is_prefix: bool,
}

impl Piece<'_> {
    fn is_or(self) -> bool {
        self.text == "OR" && !self.is_quoted && !self.is_excluded && !self.is_prefix
    }

    /// None where there is no word in it.
    fn term(self) -> Result<Option<Term>, Wrong> {
        let words: Vec<String> = fold::words(self.text).map(|word| word.folded).collect();
        let Some(last) = words.last() else {
            return Ok(None);
        };
        if self.is_prefix && last.chars().count() < SHORTEST_PREFIX {
            return Err(Wrong::ShortPrefix);
        }
        Ok(Some(Term {
            words,
            is_prefix: self.is_prefix,
        }))
    }
}

/// What is still to be read.
struct Pieces<'t>(&'t str);

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        let left = self.0.trim_start();
        if left.is_empty() {
            return None;
        }
        let rest = left.trim_start_matches('-');
        let is_excluded = rest.len() < left.len();
        let is_quoted = rest.starts_with(is_quote);
        let (text, mut behind) = if is_quoted {
            let (_, inner) = rest.split_once(is_quote).unwrap_or_default();
            inner.split_once(is_quote).unwrap_or((inner, ""))
        } else {
            let end = rest.find(|letter: char| letter.is_whitespace() || is_quote(letter));
            rest.split_at(end.unwrap_or(rest.len()))
        };
        // The star of a phrase stands before or behind the closing quote.
        let mut is_prefix = text.trim_end().ends_with('*');
        if is_quoted && behind.starts_with('*') {
            is_prefix = true;
            behind = behind.trim_start_matches('*');
        }
        self.0 = behind;
        Some(Piece {
            text,
            is_quoted,
            is_excluded,
            is_prefix,
        })
    }
}

/// Quotes as keyboards type them, and as telephones and word processors make of that.
fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '\u{201c}'..='\u{201f}' | '\u{ff02}')
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
