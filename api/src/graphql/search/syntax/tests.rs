use proptest::prelude::*;

use super::{Search, Wrong};

/// As it was understood, written plainly: `|` between alternatives, `~` before exclusions, `*` behind beginnings.
fn read(text: &str) -> String {
    let search = Search::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
    let term = |term: &super::Term| {
        let star = if term.is_prefix { "*" } else { "" };
        term.words.join("+") + star
    };
    let groups = search.groups.iter().map(|group| {
        let terms: Vec<_> = group.iter().map(term).collect();
        terms.join("|")
    });
    let excluded = search.excluded.iter().map(|of| format!("~{}", term(of)));
    groups.chain(excluded).collect::<Vec<_>>().join(" ")
}

#[test]
fn words_phrases_beginnings_exclusions_and_alternatives_are_told_apart() {
    for (text, expected) in [
        ("budget", "budget"),
        ("  Too   EXPENSIVE! ", "too expensive"),
        ("\"Too expensive\" deal", "too+expensive deal"),
        ("\u{201c}Too expensive\u{201d}", "too+expensive"),
        ("e-mail don\u{2019}t caf\u{e9}", "e+mail dont cafe"),
        ("integrat*", "integrat*"),
        ("e-ma*", "e+ma*"),
        ("\"next st*\" \"go li\"*", "next+st* go+li*"),
        (
            "budget -demo -\"free trial\" -pri*",
            "budget ~demo ~free+trial ~pri*",
        ),
        ("a --b - c", "a c ~b"),
        ("price OR cost OR fee budget", "price|cost|fee budget"),
        ("price or cost", "price or cost"),
        ("OR price OR", "price"),
        ("price OR ... cost", "price|cost"),
        ("price OR price price", "price price"),
        ("price \"OR\" -OR", "price or ~or"),
        ("say \"hello wor", "say hello+wor"),
        ("\"\" price \"\"", "price"),
        ("5\" pipe", "5 pipe"),
        ("a:*b NEAR(c) ^d AND NOT e", "a+b near+c d and not e"),
        ("\u{65e5}\u{672c}\u{8a9e}", "\u{65e5}+\u{672c}+\u{8a9e}"),
        ("\u{1f600} smile", "smile"),
        ("a\u{3000}b\0c", "a b+c"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_searched_for_is_told() {
    let long = "a".repeat(1_001);
    let many = "a b ".repeat(17);
    for (text, wrong) in [
        ("", Wrong::Nothing),
        (" \t", Wrong::Nothing),
        ("?! \u{2026} \"\" * - OR", Wrong::Nothing),
        ("\u{1f600}", Wrong::Nothing),
        ("-demo", Wrong::OnlyExcluded),
        ("-demo -\"free trial\"", Wrong::OnlyExcluded),
        (&long, Wrong::TooLong),
        (&many, Wrong::TooManyTerms),
        ("a*", Wrong::ShortPrefix),
        ("budget -\"free t*\"", Wrong::ShortPrefix),
        ("price OR -cost", Wrong::ExcludedAlternative),
        ("price -cost OR fee", Wrong::ExcludedAlternative),
    ] {
        assert_eq!(Search::parse(text), Err(wrong), "{text}");
        assert!(!wrong.advice().is_empty());
    }
}

#[test]
fn a_term_is_looked_for_in_the_form_in_which_words_are_stored() {
    let stored = |text| Search::parse(text).unwrap().terms()[0].stored();
    assert_eq!(stored("a"), " a ");
    assert_eq!(stored("ab*"), " ab");
    assert_eq!(stored("\"a bc\""), " a  bc ");
    assert_eq!(stored("\"a bc*\""), " a  bc");
}

proptest! {
    #[test]
    fn any_text_is_understood_or_told_wrong(text in "\\PC*|[-\"*a ORb\u{201c}\0]*") {
        if let Ok(search) = Search::parse(&text) {
            prop_assert!(!search.groups.is_empty());
            let excluded = search.excluded.iter();
            for term in search.groups.iter().flatten().chain(excluded) {
                prop_assert!(!term.words.is_empty());
                for word in &term.words {
                    prop_assert!(!word.is_empty());
                    let odd = |letter: char| letter.is_ascii() && !letter.is_ascii_alphanumeric();
                    prop_assert!(!word.contains(odd), "{word:?}");
                    prop_assert!(!word.contains(char::is_whitespace), "{word:?}");
                }
            }
        }
    }
}
