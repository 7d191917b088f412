//! The words of a text of ASCII: Unicode's rules for word boundaries (UAX #29) as far as they speak of its letters, and the same
//! exception: a dot, a colon or a low line ends a word that does not begin with a digit.

use std::ops::{ControlFlow, Range};

/// Goes through the words until `found` has had enough. One may have no letter and no digit.
pub(super) fn each_word(
    text: &[u8],
    mut found: impl FnMut(Range<usize>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut at = 0;
    while let Some(begin) = text[at..].iter().position(|letter| is_of_word(*letter)) {
        let begin = at + begin;
        let end = end_of_word(text, begin);
        if text[begin].is_ascii_digit() {
            found(begin..end)?;
        } else {
            let mut piece = begin;
            for ended in text[begin..end].split(|letter| matches!(letter, b'.' | b':' | b'_')) {
                if !ended.is_empty() {
                    found(piece..piece + ended.len())?;
                }
                piece += ended.len() + 1;
            }
        }
        at = end;
    }
    ControlFlow::Continue(())
}

/// Letters, digits and the low line hold together.
fn is_of_word(letter: u8) -> bool {
    letter.is_ascii_alphanumeric() || letter == b'_'
}

/// Where the word ends that begins at `begin`. Some marks belong to it between two letters, some between two digits.
fn end_of_word(text: &[u8], begin: usize) -> usize {
    let mut at = begin;
    while let Some(&letter) = text.get(at) {
        if !is_of_word(letter) {
            let (before, behind) = (text[at - 1], text.get(at + 1).copied().unwrap_or_default());
            let letters = before.is_ascii_alphabetic() && behind.is_ascii_alphabetic();
            let digits = before.is_ascii_digit() && behind.is_ascii_digit();
            let holds = match letter {
                b':' => letters,
                b',' | b';' => digits,
                b'.' | b'\'' => letters || digits,
                _ => false,
            };
            if !holds {
                return at;
            }
        }
        at += 1;
    }
    at
}
