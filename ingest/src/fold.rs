//! Texts made comparable: case, accents, punctuation and spaces set aside, in the same way on every database.
//!
//! What is stored and what is asked for go through the same functions, so a comparison byte by byte finds what a person
//! would call the same words.

mod ascii;

use std::ops::{ControlFlow, Range};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// The longest word, in bytes of its folded form; what stands behind is cut off. PostgreSQL's index of words takes 2,046.
pub const MAX_WORD_BYTES: usize = 256;

/// The longest key, in bytes: as long as the longest id, so that every index can hold it.
pub const MAX_KEY_BYTES: usize = crate::payload::MAX_ID_BYTES;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Where it stands in the text, in bytes.
    pub range: Range<usize>,
    /// Its letters and digits, in small letters and without accents. Never empty, and without space.
    pub folded: String,
}

/// The words of a text in their order, as Unicode's rules for word boundaries (UAX #29) find them; but a dot, a colon or a low line
/// between letters ends a word, so that `example` is found in `example.com`.
pub fn words(text: &str) -> impl Iterator<Item = Word> {
    let mut words = Vec::new();
    let _ = each_word(text, |range, folded| {
        words.push(Word {
            range,
            folded: folded.to_owned(),
        });
        ControlFlow::Continue(())
    });
    words.into_iter()
}

/// Goes through the words of a text, each with where it stands and its folded form, until `found` has had enough.
///
/// No word reaches over a space, so what stands between spaces is looked at alone: nearly all of it is ASCII, whose rules are few.
pub fn each_word(
    text: &str,
    mut found: impl FnMut(Range<usize>, &str) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if text.is_ascii() {
        return each_ascii_word(text, found);
    }
    let mut start = 0;
    for part in text.split(' ') {
        if part.is_ascii() {
            each_ascii_word(part, |range, folded| {
                found(start + range.start..start + range.end, folded)
            })?;
        } else {
            for (at, word) in part.unicode_word_indices() {
                for (within, piece) in pieces(word) {
                    let folded = cut(word_key(piece), MAX_WORD_BYTES);
                    let begin = start + at + within;
                    if !folded.is_empty() {
                        found(begin..begin + piece.len(), &folded)?;
                    }
                }
            }
        }
        start += part.len() + 1;
    }
    ControlFlow::Continue(())
}

fn each_ascii_word(
    text: &str,
    mut found: impl FnMut(Range<usize>, &str) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut folded = String::new();
    ascii::each_word(text.as_bytes(), |range| {
        folded.clear();
        folded.push_str(&text[range.clone()]);
        if !folded.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
            folded.retain(|letter| letter.is_ascii_alphanumeric());
        }
        folded.truncate(MAX_WORD_BYTES);
        folded.make_ascii_lowercase();
        if folded.is_empty() {
            return ControlFlow::Continue(());
        }
        found(range, &folded)
    })
}

/// What stands between the dots and the like of a word. Those of a number are a part of it.
fn pieces(word: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_number = word.starts_with(char::is_numeric);
    let ends = move |letter| !is_number && matches!(letter, '.' | ':' | '_' | '\u{b7}');
    let mut behind = 0;
    word.split_inclusive(ends).map(move |piece| {
        let at = behind;
        behind += piece.len();
        (at, piece.trim_end_matches(ends))
    })
}

/// The words of a text, one space between them: [`MAX_KEY_BYTES`] at most. Texts with equal keys say the same, as far as they go.
pub fn key(text: &str) -> String {
    let mut key = String::new();
    let _ = each_word(text, |_, folded| {
        if !key.is_empty() {
            key.push(' ');
        }
        key.push_str(folded);
        if key.len() > MAX_KEY_BYTES {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    cut(key, MAX_KEY_BYTES)
}

/// An e-mail address in small letters, without the spaces around it: [`MAX_KEY_BYTES`] at most.
pub fn address(email: &str) -> String {
    cut(email.trim().to_lowercase(), MAX_KEY_BYTES)
}

fn word_key(word: &str) -> String {
    word.nfd()
        .filter(|letter| !is_accent(*letter))
        .nfc()
        .flat_map(char::to_lowercase)
        .filter(|letter| letter.is_alphanumeric() || is_combining_mark(*letter))
        .filter(|letter| !is_accent(*letter))
        .flat_map(spelled)
        .collect()
}

/// Letters that have a small form and no capital one, as their capitals are spelled.
fn spelled(letter: char) -> impl Iterator<Item = char> {
    let (first, second) = match letter {
        'ß' => ('s', Some('s')),
        'ς' => ('σ', None),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

/// Marks of European scripts, which readers leave out when they type. Vowel signs and the like of other scripts are letters.
fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_punctuation_and_spaces_are_set_aside() {
        for (one, other) in [
            ("Too  expensive!", "too expensive"),
            ("Émile's Café", "emiles cafe"),
            ("don\u{2019}t", "DON'T"),
            ("cafe\u{301}", "café"),
            ("İstanbul", "istanbul"),
            ("3.14 %", "314"),
            ("example.com", "Example Com"),
            ("deal.Next", "deal; next"),
            ("ΣΊΣΥΦΟΣ", "Σίσυφος"),
            ("STRASSE", "Straße"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        for (one, other) in [("がく", "かく"), ("कि", "का"), ("a b", "ab"), ("ü", "o")]
        {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn a_word_tells_where_it_stands() {
        let text = "So -- «Où ça?» a.b:c_";
        let found: Vec<_> = words(text)
            .map(|word| (&text[word.range], word.folded))
            .collect();
        let expected = [
            ("So", "so"),
            ("Où", "ou"),
            ("ça", "ca"),
            ("a", "a"),
            ("b", "b"),
            ("c", "c"),
        ];
        assert_eq!(
            found,
            expected.map(|(word, folded)| (word, folded.to_owned()))
        );
    }

    /// What [`each_word`] does without its shorter way for ASCII.
    fn by_the_rules(text: &str) -> Vec<Word> {
        text.unicode_word_indices()
            .flat_map(|(start, word)| pieces(word).map(move |(at, piece)| (start + at, piece)))
            .map(|(start, word)| Word {
                range: start..start + word.len(),
                folded: cut(word_key(word), MAX_WORD_BYTES),
            })
            .filter(|word| !word.folded.is_empty())
            .collect()
    }

    /// Every text of up to so many of these letters.
    fn texts(letters: &[&str], length: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut longest = all.clone();
        for _ in 0..length {
            longest = longest
                .iter()
                .flat_map(|text| letters.iter().map(move |letter| format!("{text}{letter}")))
                .collect();
            all.extend_from_slice(&longest);
        }
        all
    }

    #[test]
    fn the_shorter_way_finds_the_words_that_the_rules_find() {
        let ascii = [
            "a", "B", "1", "_", ".", ":", "'", ",", ";", "-", " ", "\"", "\r", "\n", "\0",
        ];
        let mixed = [
            "a", "1", ".", "'", "_", " ", "é", "\u{301}", "\u{2019}", "が", "\u{200d}", "א",
        ];
        for text in texts(&ascii, 4).iter().chain(&texts(&mixed, 4)) {
            let found: Vec<Word> = words(text).collect();
            assert_eq!(found, by_the_rules(text), "{text:?}");
        }
    }

    #[test]
    fn nothing_is_longer_than_an_index_takes() {
        let long = "é".repeat(10_000);
        assert_eq!(key(&long).len(), MAX_WORD_BYTES);
        assert_eq!(key(&format!("{long} ").repeat(9)).len(), MAX_KEY_BYTES);
        assert_eq!(key("日本語の文").split(' ').count(), 5);
        assert_eq!(key("… — !"), "");
        assert_eq!(address(" Ann@Example.COM\n"), "ann@example.com");
    }
}
