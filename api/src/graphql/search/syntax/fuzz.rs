//! Whatever is typed is understood within the limits, or told wrong; and what is highlighted stands in the line.

use std::ops::Range;

use ::tests::fuzz::fuzz;

use super::*;
use crate::graphql::search::highlight;

#[test]
fn any_text_is_a_search_or_told_wrong() {
    fuzz("search", |input| {
        let input: &str = &String::from_utf8_lossy(input);
        // What is typed, and a line that is searched.
        let (text, line) = input.split_once('\n').unwrap_or((input, input));
        let search = match Search::parse(text) {
            Ok(search) => search,
            Err(wrong) => {
                assert!(!wrong.advice().is_empty());
                assert_eq!(wrong == Wrong::TooLong, text.len() > MOST_BYTES);
                return;
            }
        };
        assert!(text.len() <= MOST_BYTES);
        check(&search);
        check_places(&highlight::places(&search, line), line);
    });
}

fn check(search: &Search) {
    let Search { groups, excluded } = search;
    assert!(!groups.is_empty());
    assert!(groups.iter().all(|group| !group.is_empty()));
    let all = || groups.iter().flatten().chain(excluded);
    assert!(all().count() <= MOST_TERMS);
    for term in all() {
        check_term(term);
    }
    let terms = search.terms();
    for (at, term) in terms.iter().enumerate() {
        assert!(!terms[..at].contains(term), "{term:?} is there twice");
    }
}

/// What the index is asked with has words alone: nothing of it is read as anything else there.
fn check_term(term: &Term) {
    for word in &term.words {
        let is_odd = |letter: char| {
            letter.is_whitespace()
                || letter.is_control()
                || letter.is_ascii() && !letter.is_ascii_alphanumeric()
        };
        assert!(!word.is_empty() && !word.contains(is_odd), "{word:?}");
        assert!(word.len() <= fold::MAX_WORD_BYTES, "{word:?}");
    }
    let last = term.words.last().expect("a word");
    assert!(
        !term.is_prefix || last.chars().count() >= SHORTEST_PREFIX,
        "{term:?}"
    );
    let stored = term.stored();
    assert!(stored.starts_with(' '), "{stored:?}");
    assert_eq!(stored.ends_with(' '), !term.is_prefix, "{stored:?}");
}

/// They follow each other, none is empty, and none is behind the line's end.
fn check_places(places: &[Range<usize>], line: &str) {
    let mut behind = 0;
    for place in places {
        assert!(
            behind <= place.start && place.start < place.end,
            "{places:?}"
        );
        behind = place.end;
    }
    assert!(behind <= line.encode_utf16().count(), "{places:?}");
}
