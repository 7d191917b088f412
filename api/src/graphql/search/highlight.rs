//! Where in a line what is searched stands.

use std::ops::Range;

use ingest::fold::{self, Word};

use super::syntax::{Search, Term};

impl Term {
    /// Whether these words, as many as it has, are its words.
    fn is(&self, words: &[Word]) -> bool {
        let last = self.words.len() - 1;
        self.words
            .iter()
            .zip(words)
            .enumerate()
            .all(|(at, (own, word))| {
                if self.is_prefix && at == last {
                    word.folded.starts_with(own)
                } else {
                    word.folded == *own
                }
            })
    }
}

/// The places of all terms that may occur, in UTF-16 code units, in their order. What overlaps or touches is one place.
pub fn places(search: &Search, line: &str) -> Vec<Range<usize>> {
    let words: Vec<Word> = fold::words(line).collect();
    let mut found: Vec<Range<usize>> = Vec::new();
    for term in search.terms() {
        let windows = words.windows(term.words.len());
        found.extend(windows.filter(|words| term.is(words)).filter_map(|words| {
            let (first, last) = (words.first()?, words.last()?);
            Some(first.range.start..last.range.end)
        }));
    }
    found.sort_unstable_by_key(|place| place.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for place in found {
        match merged.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    in_utf16(line, merged)
}

fn in_utf16(line: &str, places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let (mut bytes, mut units) = (0, 0);
    let mut units_before = |end: usize| {
        units += line[bytes..end].encode_utf16().count();
        bytes = end;
        units
    };
    let places = places.into_iter();
    places
        .map(|place| units_before(place.start)..units_before(place.end))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Search, places};

    /// The places cut out as JavaScript's `slice` does.
    fn slices(text: &str, line: &str) -> Vec<String> {
        let search = Search::parse(text).unwrap();
        let units: Vec<u16> = line.encode_utf16().collect();
        let places = places(&search, line).into_iter();
        places
            .map(|place| String::from_utf16(&units[place]).unwrap())
            .collect()
    }

    #[test]
    fn each_place_is_found_as_it_was_written() {
        for (text, line, expected) in [
            ("budget", "Budget? No BUDGET.", &["Budget", "BUDGET"][..]),
            (
                "cafe",
                "\u{1f468}\u{200d}\u{1f469} Le Caf\u{e9}, le cafe\u{301}!",
                &["Caf\u{e9}", "cafe\u{301}"],
            ),
            ("dont", "I don\u{2019}t", &["don\u{2019}t"]),
            (
                "\"too expensive\"",
                "too... expensive, too",
                &["too... expensive"],
            ),
            (
                "integrat*",
                "Integration integrates",
                &["Integration", "integrates"],
            ),
            ("\"a b\" \"b c\"", "a b c b", &["a b c"]),
            (
                "\u{672c} OR \u{65e5}",
                "\u{1f600}\u{65e5}\u{672c}\u{8a9e}",
                &["\u{65e5}\u{672c}"],
            ),
            ("a -b", "b a", &["a"]),
            ("\"a a\"", "a a a", &["a a a"]),
            ("budget", "", &[]),
        ] {
            assert_eq!(slices(text, line), expected, "{text} in {line}");
        }
    }
}
