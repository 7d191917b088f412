//! Search against going through all lines of all calls, and against what a person expects.
//!
//! The same body runs on both databases and expects the same, order included: so both answer the same.

mod plan;
mod said;
mod typed;

use std::collections::BTreeMap;

use sample::Delivery;
use sample::company::{Company, Size};
use serde_json::{Value, json};
use tests::Server;
use tests::server::finish;

use said::{Found, Said, Wanted, call, calls};

const SEARCH: &str = "query ($text: SearchText!, $filter: CallFilter, $first: Int, $after: String, $last: Int, $before: String) {
    searchTranscripts(query: $text, filter: $filter, first: $first, after: $after, last: $last, before: $before) {
        totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        edges { cursor node {
            matchCount call { id }
            lines(first: 100) { line { index prospectText } highlights { start end } }
        } }
    }
}";

/// A company's calls, and those that are made up here.
fn deliveries() -> Vec<Delivery> {
    let size = Size {
        calls: 40,
        users: 12,
        orgs: 2,
        ..Size::default()
    };
    let company = Company::new(size).deliveries();
    let mut all: Vec<_> = company
        .filter(|of| of.event_type == "call.completed")
        .collect();
    all.extend([
        call(
            "one",
            1,
            "Café au lait",
            &["The price is too expensive", "Too high. Expensive!"],
        ),
        call(
            "two",
            2,
            "Second e-mail",
            &[
                "Too",
                "expensive... pricing, PRICE",
                "I don\u{2019}t e-mail",
            ],
        ),
        call(
            "three",
            3,
            "",
            &[
                "\u{1f600}\u{1f468}\u{200d}\u{1f469} Un caf\u{e9}, deux cafe\u{301}s",
                "",
                "\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{6587}",
            ],
        ),
        call("four", 4, "ha ha", &["ha ha ha, ha ha", "price"]),
        call(
            "five",
            4,
            "ties",
            &[
                "price",
                "\u{397} \u{3a3}\u{399}\u{3a3}\u{3a5}\u{3a6}\u{39f}\u{3a3}",
            ],
        ),
        call("six", 4, "none", &[]),
        call(
            "seven",
            7,
            "odd",
            &[
                "a\"b' c\\d & | ! <-> % _ NEAR(x) AND NOT * ^ : {spoken}",
                "\u{202e}\u{5e9}\u{5dc}\u{5d5}\u{5dd}\u{202c} \u{645}\u{631}\u{62d}\u{628}\u{627}",
            ],
        ),
    ]);
    all
}

async fn filled() -> (Server, Vec<Said>) {
    let server = Server::start().await;
    let deliveries = deliveries();
    server.sender().deliver(&deliveries).await;
    server.settled().await;
    (server, calls(&deliveries))
}

async fn ask(server: &Server, variables: Value) -> Value {
    server.graphql(SEARCH, variables).await["searchTranscripts"].take()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn size(value: &Value) -> usize {
    let size = value.as_u64().expect("a number");
    usize::try_from(size).expect("it is small")
}

/// What a page shows.
fn found(page: &Value) -> Vec<Found> {
    let nodes = list(&page["edges"]).iter().map(|edge| &edge["node"]);
    nodes
        .map(|node| Found {
            id: text(&node["call"]["id"]).to_owned(),
            count: size(&node["matchCount"]),
            lines: list(&node["lines"])
                .iter()
                .map(|matching| size(&matching["line"]["index"]))
                .collect(),
        })
        .collect()
}

/// Words that many, some and few calls say, from all over the alphabet.
fn words(said: &[Said]) -> Vec<String> {
    let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
    for call in said {
        let mut words: Vec<&str> = call.lines.iter().flatten().map(String::as_str).collect();
        words.sort_unstable();
        words.dedup();
        for word in words {
            *calls.entry(word).or_default() += 1;
        }
    }
    let mut by_calls: Vec<(usize, &str)> = calls
        .into_iter()
        .map(|(word, calls)| (calls, word))
        .collect();
    by_calls.sort_unstable();
    let step = by_calls.len() / 14;
    by_calls
        .iter()
        .step_by(step)
        .map(|(_, word)| (*word).to_owned())
        .collect()
}

/// Searches of every kind over what was said.
fn searches(said: &[Said]) -> Vec<Wanted> {
    let words = words(said);
    let mut all: Vec<Wanted> = words
        .iter()
        .map(|word| Wanted::all(word, &[word]))
        .collect();
    for (at, pair) in words.windows(2).enumerate() {
        let [one, other] = [&pair[0], &pair[1]];
        all.push(Wanted::all(&format!("{one} {other}"), &[one, other]));
        all.push(Wanted::all(one, &[one]).without(&[other]));
        all.last_mut().expect("one").text = format!("{one} -{other}");
        let mut either = Wanted::all("", &[one]);
        either.groups[0].push(other.clone());
        either.text = format!("{one} OR {other}");
        all.push(either);
        let beginning: String = one.chars().take(2 + at % 2).collect();
        if beginning.chars().count() >= 2 {
            let star = format!("{beginning}*");
            all.push(Wanted::all(&star, &[&star]));
        }
    }
    let lines: Vec<_> = said
        .iter()
        .flat_map(|call| &call.lines)
        .filter(|line| line.len() > 5)
        .collect();
    for line in lines.iter().step_by(lines.len() / 7) {
        let phrase = line[1..3].join(" ");
        all.push(Wanted::all(&format!("\"{phrase}\""), &[&phrase]));
        let long = line.join(" ");
        all.push(Wanted::all(&format!("\"{long}\""), &[&long]));
        let turned = format!("{} {}", line[2], line[1]);
        all.push(Wanted::all(&format!("\"{turned}\""), &[&turned]));
        all.push(Wanted::all(&line[1], &[&line[1]]).without(&[&phrase]));
        all.last_mut().expect("one").text = format!("{} -\"{phrase}\"", line[1]);
        let beginning: String = line[2].chars().take(2).collect();
        if beginning.chars().count() == 2 {
            let term = format!("{} {beginning}*", line[1]);
            all.push(Wanted::all(&format!("\"{term}\""), &[&term]));
        }
    }
    all
}

#[tokio::test]
async fn what_is_found_is_what_going_through_all_lines_finds() {
    let (server, said) = filled().await;
    let mut several = 0;
    for wanted in searches(&said) {
        let expected = wanted.found(&said);
        let page = ask(&server, json!({ "text": wanted.text, "first": 100 })).await;
        assert_eq!(found(&page), expected, "{wanted:?}");
        assert_eq!(page["totalCount"], expected.len(), "{wanted:?}");
        several += usize::from(expected.len() > 1 && expected.len() < said.len());
        for (edge, call) in list(&page["edges"]).iter().zip(&expected) {
            let call = said
                .iter()
                .find(|of| of.id == call.id)
                .expect("it was sent");
            for matching in list(&edge["node"]["lines"]) {
                let at = size(&matching["line"]["index"]);
                assert_eq!(matching["line"]["prospectText"], call.texts[at]);
                assert!(!list(&matching["highlights"]).is_empty(), "{wanted:?}");
            }
        }
    }
    assert!(
        several > 40,
        "only {several} searches find some and not all"
    );
}

#[tokio::test]
async fn every_page_size_and_both_directions_visit_each_result_once() {
    let (server, said) = filled().await;
    let words = words(&said);
    // Few words are said by many calls equally often: there are ties.
    let wanted = words.iter().map(|word| Wanted::all(word, &[word]));
    let wanted = wanted.max_by_key(|wanted| {
        let mut counts: Vec<_> = wanted
            .found(&said)
            .iter()
            .map(|found| found.count)
            .collect();
        let all = counts.len();
        counts.dedup();
        all - counts.len()
    });
    let wanted = wanted.expect("a word");
    let expected = wanted.found(&said);
    let mut counts: Vec<_> = expected.iter().map(|found| found.count).collect();
    counts.dedup();
    assert!(
        expected.len() > counts.len() + 3,
        "{wanted:?}: {expected:?}"
    );
    for (number, cursor, more, end) in [
        ("first", "after", "hasNextPage", "endCursor"),
        ("last", "before", "hasPreviousPage", "startCursor"),
    ] {
        for size in [1, 2, 7, 100] {
            let mut visited = Vec::new();
            let mut at = Value::Null;
            loop {
                let variables = json!({ "text": wanted.text, number: size, cursor: at });
                let page = ask(&server, variables).await;
                assert_eq!(page["totalCount"], expected.len());
                let mut results = found(&page);
                assert!(results.len() <= size);
                let edges = list(&page["edges"]);
                let outer = [edges.first(), edges.last()]
                    .map(|edge| edge.expect("an edge")["cursor"].clone());
                assert_eq!(
                    [
                        &page["pageInfo"]["startCursor"],
                        &page["pageInfo"]["endCursor"]
                    ],
                    [&outer[0], &outer[1]]
                );
                if number == "last" {
                    results.reverse();
                }
                visited.append(&mut results);
                if page["pageInfo"][more] == false {
                    break;
                }
                at = page["pageInfo"][end].clone();
            }
            if number == "last" {
                visited.reverse();
            }
            assert_eq!(visited, expected, "{number}: {size}");
        }
    }
}

#[tokio::test]
async fn lists_reports_and_subscriptions_are_filtered_by_what_was_said() {
    let (server, said) = filled().await;
    let ids = |data: &Value| -> Vec<String> {
        let nodes = list(&data["calls"]["nodes"]).iter();
        let mut ids: Vec<_> = nodes.map(|node| text(&node["id"]).to_owned()).collect();
        ids.sort();
        ids
    };
    let query = "query ($filter: CallFilter) {
        calls(first: 100, filter: $filter) { totalCount nodes { id } }
        callReport(filter: $filter) { total { calls } }
    }";
    for wanted in searches(&said).iter().step_by(5) {
        for field in ["spoken", "title"] {
            let has = |call: &Said| match field {
                "spoken" => wanted.is_in(&call.lines),
                _ => wanted.is_in(std::slice::from_ref(&call.title)),
            };
            for (filter, passes) in [
                (json!({ field: wanted.text }), true),
                (json!({ "not": { field: wanted.text } }), false),
                (json!({ "orgId": [said[0].org], field: wanted.text }), true),
            ] {
                let of_org =
                    |call: &&Said| filter.get("orgId").is_none() || call.org == said[0].org;
                let expected = said
                    .iter()
                    .filter(of_org)
                    .filter(|call| has(call) == passes);
                let expected: Vec<_> = expected.map(|call| call.id.clone()).collect();
                let data = server.graphql(query, json!({ "filter": filter })).await;
                assert_eq!(ids(&data), expected, "{filter}");
                assert_eq!(data["calls"]["totalCount"], expected.len(), "{filter}");
                assert_eq!(
                    data["callReport"]["total"]["calls"],
                    expected.len(),
                    "{filter}"
                );
            }
        }
    }
    let title = json!({ "filter": { "title": "cafe -second", "spoken": "\"price is\" OR cost" } });
    assert_eq!(ids(&server.graphql(query, title).await), ["one"]);

    let subscription = "subscription ($filter: CallFilter) { callCompleted(after: \"0\", filter: $filter) { call { id } } }";
    let filter = json!({ "filter": { "spoken": "\"too expensive\"", "orgId": ["org-of-search"] } });
    let mut calls = server.subscribe(subscription, filter).await;
    assert_eq!(calls.item().await["call"]["id"], "one");
    let news = [
        call("eight", 8, "", &["expensive, too"]),
        call("nine", 9, "", &["It is too expensive."]),
    ];
    server.sender().deliver(&news).await;
    assert_eq!(calls.item().await["call"]["id"], "nine");
}

#[tokio::test]
async fn only_what_a_call_says_now_is_found_and_a_rebuild_finds_the_same() {
    let server = Server::start().await;
    let long = {
        let filler = "ab ".repeat(1_000);
        let mut lines = vec!["opening"];
        lines.extend(std::iter::repeat_n(filler.as_str(), 140));
        lines.push("closing");
        call("long", 3, "", &lines)
    };
    assert!(long.body.len() < 1 << 20, "a webhook takes it");
    let deliveries = [
        call("again", 1, "Old title", &["The old words"]),
        call("kept", 2, "", &["The kept words"]),
        call("again", 5, "New title", &["The new words"]),
        // It comes last and says what was before: nothing of it counts.
        call("again", 0, "Older title", &["The older words"]),
        long,
    ];
    server.sender().deliver(&deliveries).await;
    server.settled().await;
    let check = async || {
        for (typed, expected) in [
            ("old", &[][..]),
            ("older", &[]),
            ("new", &["again"]),
            ("words", &["again", "kept"]),
            ("opening", &["long"]),
            ("closing", &[]),
        ] {
            let page = ask(&server, json!({ "text": typed })).await;
            let ids: Vec<_> = found(&page).into_iter().map(|found| found.id).collect();
            assert_eq!(ids, expected, "{typed}");
        }
        for (title, expected) in [("old OR older", 0), ("new", 1)] {
            let query =
                "query ($title: SearchText) { calls(filter: { title: $title }) { totalCount } }";
            let data = server.graphql(query, json!({ "title": title })).await;
            assert_eq!(data["calls"]["totalCount"], expected, "{title}");
        }
        // Each takes four bytes of the 512 KiB that are searched.
        let page = ask(&server, json!({ "text": "ab" })).await;
        let count = found(&page)[0].count;
        assert!((130_000..=512 * 1024 / 4).contains(&count), "{count}");
        assert_eq!(found(&page)[0].lines.len(), 100, "so many lines at most");
    };
    check().await;
    let rebuilt = finish(&mut server.installation.on_store(["rebuild"])).await;
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    check().await;
}
