//! What a person types, or pastes by mistake, or means as an attack.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tests::Server;

use super::{SEARCH, ask, filled, found, list, size, text};

/// Calls in their order, with what is highlighted in each.
type Highlighted = &'static [(&'static str, &'static [&'static str])];

/// The texts that are highlighted, cut out as JavaScript's `slice` does, by call.
fn highlighted(page: &Value) -> BTreeMap<&str, Vec<String>> {
    let nodes = list(&page["edges"]).iter().map(|edge| &edge["node"]);
    let slices = |matching: &Value| -> Vec<String> {
        let units: Vec<u16> = text(&matching["line"]["prospectText"])
            .encode_utf16()
            .collect();
        let places = list(&matching["highlights"]).iter();
        places
            .map(|place| &units[size(&place["start"])..size(&place["end"])])
            .map(|units| String::from_utf16(units).expect("whole characters"))
            .collect()
    };
    let of_node = |node: &'_ Value| list(&node["lines"]).iter().flat_map(slices).collect();
    nodes
        .map(|node| (text(&node["call"]["id"]), of_node(node)))
        .collect()
}

#[tokio::test]
async fn what_a_person_types_finds_what_they_mean() {
    let (server, _) = filled().await;
    // The made-up calls in their order, and what is highlighted in them.
    let cases: [(&str, Highlighted); 16] = [
        ("\"TOO Expensive\"", &[("one", &["too expensive"])]),
        (
            "\u{201c}too expensive\u{201d}",
            &[("one", &["too expensive"])],
        ),
        (
            "expensive too",
            &[
                ("one", &["too", "expensive", "Too", "Expensive"]),
                ("two", &["Too", "expensive"]),
            ],
        ),
        (
            "pri* -high",
            &[
                ("two", &["pricing", "PRICE"]),
                ("four", &["price"]),
                ("five", &["price"]),
            ],
        ),
        (
            "price -\"too expensive\" -ha",
            &[("five", &["price"]), ("two", &["PRICE"])],
        ),
        ("CAFE", &[("three", &["caf\u{e9}"])]),
        ("cafe*", &[("three", &["caf\u{e9}", "cafe\u{301}s"])]),
        ("don't", &[("two", &["don\u{2019}t"])]),
        ("e-mail", &[("two", &["e-mail"])]),
        ("\u{65e5}\u{672c}", &[("three", &["\u{65e5}\u{672c}"])]),
        ("\u{672c}\u{65e5}", &[]),
        (
            "\u{3c3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c2}",
            &[(
                "five",
                &["\u{3a3}\u{399}\u{3a3}\u{3a5}\u{3a6}\u{39f}\u{3a3}"],
            )],
        ),
        (
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{645}\u{631}*",
            &[(
                "seven",
                &[
                    // With the invisible mark that ends the direction.
                    "\u{5e9}\u{5dc}\u{5d5}\u{5dd}\u{202c}",
                    "\u{645}\u{631}\u{62d}\u{628}\u{627}",
                ],
            )],
        ),
        ("\"ha ha\"", &[("four", &["ha ha ha, ha ha"])]),
        (
            "near spoken and not",
            &[("seven", &["NEAR", "AND", "NOT", "spoken"])],
        ),
        ("nobody-says-this", &[]),
    ];
    for (typed, expected) in cases {
        let filter = json!({ "orgId": ["org-of-search"] });
        let page = ask(
            &server,
            json!({ "text": typed, "filter": filter, "first": 100 }),
        )
        .await;
        let shown: Vec<_> = found(&page).into_iter().map(|found| found.id).collect();
        let mut wanted: Vec<_> = expected.iter().map(|(id, _)| *id).collect();
        assert_eq!(page["totalCount"], wanted.len(), "{typed}");
        let highlighted = highlighted(&page);
        for (id, slices) in expected {
            assert_eq!(highlighted[id], *slices, "{typed} in {id}");
        }
        if typed == "\"ha ha\"" {
            assert_eq!(found(&page)[0].count, 2, "occurrences do not overlap");
        }
        // The newest of those that say it equally often: `four` and `five` are made in the same moment, then their ids decide.
        wanted.sort_by_key(|id| expected.iter().position(|(of, _)| of == id));
        assert_eq!(shown, wanted, "{typed}");
    }
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_refused_with_what_to_do() {
    let server = Server::start().await;
    let refused = async |variables: Value| {
        let code = server.error_code(SEARCH, variables.clone()).await;
        assert_eq!(code, "BAD_USER_INPUT", "{variables}");
    };
    let (long, many) = ("a".repeat(1_001), "a ".repeat(33));
    for typed in [
        "",
        " ",
        "?!\u{2026}",
        "\u{1f600}",
        "-budget",
        "a*",
        "a OR -b",
        &long,
        &many,
    ] {
        refused(json!({ "text": typed })).await;
        let calls =
            "query ($text: SearchText!) { calls(filter: { spoken: $text }) { totalCount } }";
        let code = server.error_code(calls, json!({ "text": typed })).await;
        assert_eq!(code, "BAD_USER_INPUT", "{typed}");
    }
    let answer = server.answer(SEARCH, json!({ "text": "-budget" })).await;
    let message = text(&answer["errors"][0]["message"]);
    assert!(message.contains("add a word that must occur"), "{message}");
    for arguments in [
        json!({ "text": "a", "first": -1 }),
        json!({ "text": "a", "first": 101 }),
        json!({ "text": "a", "first": 1, "last": 1 }),
        json!({ "text": "a", "after": "no cursor" }),
        json!({ "text": "a", "before": "WyJjYWxscyIsWzEsImEiXV0" }),
    ] {
        refused(arguments).await;
    }
}

#[tokio::test]
async fn no_text_whatever_makes_a_database_fail() {
    let (server, _) = filled().await;
    let mut texts: Vec<String> = [
        "\"",
        "'",
        "''; DROP TABLE calls; --",
        "a\0b",
        "a:b",
        "^a",
        "a NEAR b",
        "NEAR(a b, 2)",
        "a AND b",
        "a NOT b",
        "NOT a",
        "a & b | !c <-> d",
        "a:*",
        "{spoken title} : a",
        "spoken : a",
        "a + b",
        "(a",
        "a)",
        "\\",
        "a\\'b",
        "%a_",
        "\u{202e}abc",
        "\u{fffd} a",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} a",
        "$1 ?1 :a @a",
        "rank MATCH 'x'",
    ]
    .map(str::to_owned)
    .into();
    texts.push("a b c d e ".repeat(3) + "f");
    texts.push(format!("\"{}\"", "a b ".repeat(249)));
    // As many different words as there is room for.
    let pairs = ('a'..='z').flat_map(|one| ('a'..='z').map(move |two| format!("{one}{two} ")));
    texts.push(format!("\"{}\"", pairs.take(330).collect::<String>()));
    texts.push("z".repeat(1_000));
    texts.push(format!("{}*", "\u{e9}".repeat(499)));
    let mut runner = TestRunner::deterministic();
    let odd = "[-\"'*:^&|!<>(){}\\\\%_$?@,a-cOR \u{0}\u{e9}\u{65e5}\u{1f600}]{0,40}";
    for strategy in [odd, "\\PC{0,40}"] {
        for _ in 0..60 {
            texts.push(strategy.new_tree(&mut runner).expect("a text").current());
        }
    }
    let query = "query ($text: SearchText!) {
        searchTranscripts(query: $text) { totalCount nodes { matchCount lines { highlights { start end } } } }
        calls(filter: { title: $text }) { totalCount }
    }";
    let mut answered = 0;
    for typed in texts {
        let answer = server.answer(query, json!({ "text": typed })).await;
        let errors = answer["errors"].as_array().into_iter().flatten();
        let codes: Vec<_> = errors.map(|error| &error["extensions"]["code"]).collect();
        assert!(
            codes.iter().all(|code| **code == "BAD_USER_INPUT"),
            "{typed:?}: {answer:#}"
        );
        answered += usize::from(codes.is_empty());
    }
    assert!(answered > 60, "only {answered} are searched for");
}
