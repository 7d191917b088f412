//! Nobody sees another org, nor what is hidden from them: every field of the schema, with every argument, by whichever way.
//!
//! Two installations hold the same events of one org, at the same places and times; what other orgs have there differs. Whoever sees only
//! that org must be answered the same by both, to the letter: rows, counts, cursors and the words of errors.

mod live;
mod walk;
mod ways;
mod world;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};
use tests::Server;

use self::walk::Schema;
use self::world::{MARKS, MINE, WORDS, Words, World};

/// A server, and a token that is for one org alone.
struct Seen {
    server: Server,
    token: String,
}

impl Seen {
    async fn of(world: World, flags: &[&str]) -> Self {
        let server = world.serve().await;
        let token = server.installation.token(flags).await;
        Self { server, token }
    }

    async fn ask(&self, document: &str) -> Value {
        let mut answer = self
            .server
            .answer_to(&self.token, document, Value::Null)
            .await;
        in_order(&mut answer);
        answer
    }
}

/// Makes an answer comparable.
fn in_order(answer: &mut Value) {
    forget(answer);
    // They are told in the order in which they come up.
    if let Some(errors) = answer["errors"].as_array_mut() {
        errors.sort_by_cached_key(Value::to_string);
    }
}

/// Takes out what is of a log or of a moment: the cursors of the feed, which name the log, and when a report was asked for.
fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("asOf");
            if fields.contains_key("caughtUp") || fields.contains_key("replicationLag") {
                fields.remove("cursor");
            }
            fields.values_mut().for_each(forget);
        }
        Value::Array(elements) => elements.iter_mut().for_each(forget),
        _ => {}
    }
}

/// The first place where two answers differ.
fn difference(one: &Value, other: &Value, path: &str) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            let mut fields = one.iter();
            fields.find_map(|(name, value)| {
                difference(value, &other[name], &format!("{path}.{name}"))
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(at, (one, other))| difference(one, other, &format!("{path}[{at}]")))
        }
        _ if one == other => None,
        _ => Some(format!("{path}: {one} and {other}")),
    }
}

/// Asks both servers everything, and expects equal answers without any of these words.
async fn assert_alike(schema: &Schema, [one, other]: [&Seen; 2], words: &[&str]) {
    let mut wrong = String::new();
    let mut asked = 0;
    let mut with_data = 0;
    for document in schema.deep(2).into_iter().chain(schema.arguments()) {
        let (mine, theirs) = tokio::join!(one.ask(&document), other.ask(&document));
        asked += 1;
        with_data += usize::from(mine.to_string().contains("aardvark"));
        // The words of a question may come back in an error.
        let text = mine["data"].to_string();
        let told = words.iter().find(|word| text.contains(**word));
        let short: String = document.chars().take(400).collect();
        if let Some(told) = told {
            let _ = writeln!(wrong, "{short}\n  tells {told}");
        } else if let Some(difference) = difference(&mine, &theirs, "") {
            let difference: String = difference.chars().take(400).collect();
            let _ = writeln!(wrong, "{short}\n  differs at {difference}");
        }
    }
    let count = wrong.matches("\n  ").count();
    let first: String = wrong.chars().take(8_000).collect();
    assert!(wrong.is_empty(), "{count} of {asked} answers:\n{first}");
    assert!(
        asked > 1_000 && with_data > asked / 10,
        "{asked} questions, of which {with_data} were answered with anything"
    );
}

#[tokio::test]
async fn a_token_of_one_org_is_answered_as_if_there_were_no_other() {
    let crowded = World::crowded(WORDS).serve().await;
    let schema = Schema::of(&crowded).await;
    // Whoever sees everything is told of the others by nearly every field of the root: the walk gets there.
    let mut telling = BTreeSet::new();
    for document in schema.deep(2) {
        let answer = crowded.answer(&document, Value::Null).await;
        let text = answer["data"].to_string();
        if MARKS.iter().any(|mark| text.contains(mark)) {
            let root = answer["data"]
                .as_object()
                .and_then(|data| data.keys().next());
            telling.extend(root.cloned());
        }
    }
    assert!(telling.len() > 14, "only {telling:?} tell");
    let token = crowded.installation.token(&["--org", MINE]).await;
    let one = Seen {
        server: crowded,
        token,
    };
    let other = Seen::of(World::quiet(WORDS), &["--org", MINE]).await;
    assert_alike(&schema, [&one, &other], &MARKS).await;
}

#[tokio::test]
async fn a_token_of_one_org_is_answered_alike_whichever_way_it_asks() {
    let crowded = World::crowded(WORDS).serve().await;
    let schema = Schema::of(&crowded).await;
    let token = crowded.installation.token(&["--org", MINE]).await;
    let seen = Seen {
        server: crowded,
        token,
    };
    let mut socket = seen.own_socket().await;
    let mut wrong = String::new();
    for document in schema.deep(2).into_iter().chain(schema.arguments()) {
        let by_request = seen.ask(&document).await;
        let by_stream = seen.ask_by_stream(&document).await;
        let by_socket = seen.ask_by_socket(&mut socket, &document).await;
        for (way, answer) in [("a stream", by_stream), ("a socket", by_socket)] {
            if let Some(difference) = difference(&by_request, &answer, "") {
                let _ = writeln!(wrong, "{document}\n  by {way} differs at {difference}");
            }
        }
    }
    let first: String = wrong.chars().take(8_000).collect();
    assert!(wrong.is_empty(), "{first}");
}

#[tokio::test]
async fn what_is_hidden_changes_no_answer() {
    let others = Words {
        email: "postbox-of",
        spoken: "cinnamon bark",
    };
    let crowded = World::crowded(WORDS).serve().await;
    // What may not be null is refused, and everything around it with it.
    let schema = Schema::of(&crowded)
        .await
        .without("body")
        .without("ignored")
        .without("unknownFields");
    let hide = ["--hide", "email,transcript"];
    let token = crowded.installation.token(&hide).await;
    let one = Seen {
        server: crowded,
        token,
    };
    let other = Seen::of(World::crowded(others), &hide).await;
    assert_alike(&schema, [&one, &other], &[WORDS.email, WORDS.spoken]).await;
    // Not only equal: said to be hidden.
    for (document, code) in [
        (
            "{ users(filter: { email: [\"x@example.com\"] }) { totalCount } }",
            "FORBIDDEN",
        ),
        (
            "{ users(filter: { not: { or: [{ email: [\"x\"] }] } }) { totalCount } }",
            "FORBIDDEN",
        ),
        (
            "{ calls(filter: { spoken: \"tamarind\" }) { totalCount } }",
            "FORBIDDEN",
        ),
        (
            "{ analyses(filter: { call: { and: [{ spoken: \"x\" }] } }) { totalCount } }",
            "FORBIDDEN",
        ),
        (
            "{ searchTranscripts(query: \"tamarind\") { totalCount } }",
            "FORBIDDEN",
        ),
        (
            "{ org(id: \"org-mine\") { calls(filter: { spoken: \"tamarind\" }) { totalCount } } }",
            "FORBIDDEN",
        ),
        (
            "{ callReport(filter: { spoken: \"tamarind\" }) { total { calls } } }",
            "FORBIDDEN",
        ),
        (
            "{ practiceGaps(days: 1, filter: { email: [\"x\"] }) { totalCount } }",
            "FORBIDDEN",
        ),
        ("{ events(first: 1) { nodes { ignored } } }", "FORBIDDEN"),
        ("{ schemaDrift { unknownFields { path } } }", "FORBIDDEN"),
        ("{ events(first: 1) { nodes { body } } }", "FORBIDDEN"),
    ] {
        let answer = one.ask(document).await;
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], code,
            "{document}: {answer}"
        );
    }
    let seen = one
        .ask("{ users(first: 1) { nodes { name email } } calls(first: 1) { nodes { title transcript { lineCount } } } \
              events(first: 1) { nodes { payload sha256 type } } }")
        .await;
    let data = &seen["data"];
    assert!(
        data["users"]["nodes"][0]["name"].is_string()
            && data["calls"]["nodes"][0]["title"].is_string()
    );
    assert_eq!(data["users"]["nodes"][0]["email"], Value::Null);
    assert_eq!(data["calls"]["nodes"][0]["transcript"], Value::Null);
    assert_eq!(data["events"]["nodes"][0]["payload"], Value::Null);
    assert_eq!(data["events"]["nodes"][0]["sha256"], Value::Null);
}

/// All items of a subscription until the checkpoint that says there are no more.
async fn items(seen: &Seen, document: &str) -> Vec<Value> {
    let mut subscription = seen
        .server
        .subscribe_as(Some(&seen.token), document, Value::Null)
        .await;
    let mut items = Vec::new();
    loop {
        let mut item = subscription.item().await;
        forget(&mut item);
        let is_last = item["caughtUp"] == true;
        items.push(item);
        if is_last {
            return items;
        }
    }
}

#[tokio::test]
async fn subscriptions_tell_of_no_other_org() {
    let crowded = World::crowded(WORDS).serve().await;
    let schema = Schema::of(&crowded).await;
    let token = crowded.installation.token(&["--org", MINE]).await;
    let one = Seen {
        server: crowded,
        token,
    };
    let other = Seen::of(World::quiet(WORDS), &["--org", MINE]).await;
    for (field, object, of, filters) in [
        (
            "callCompleted",
            "call",
            "Call",
            &[
                "{ orgId: [\"org-quokka\"] }",
                "{ not: { currentTeamId: [\"team-1\"] } }",
                "{ currentTeamId: [\"team-1\"] }",
            ][..],
        ),
        (
            "userChanged",
            "user",
            "User",
            &["{ hasCalls: true }", "{ orgId: [\"org-quokka\"] }"],
        ),
        ("orgChanged", "org", "Org", &["{ id: [\"org-walrus\"] }"]),
        (
            "eventFeed",
            "event",
            "Event",
            &[
                "{ orgId: [\"org-walrus\"] }",
                "{ outcome: [DEAD] }",
                "{ outcome: [UNRECOGNIZED] }",
            ],
        ),
    ] {
        let selection = format!("{object} {{ {} }}", schema.selection(of, 1));
        let given = filters.iter().map(|filter| format!(", filter: {filter}"));
        for arguments in given.chain([String::new()]) {
            let document = format!(
                "subscription {{ {field}(after: \"0\", checkpoints: true{arguments}) {{ caughtUp {selection} }} }}"
            );
            let mine = items(&one, &document).await;
            let theirs = items(&other, &document).await;
            let by_ticket = one.items_by_ticket(&document).await;
            assert_eq!(mine, by_ticket, "{field}{arguments}");
            let text = json!(mine).to_string();
            for mark in MARKS {
                assert!(
                    !text.contains(mark),
                    "{field}{arguments} tells {mark}: {text}"
                );
            }
            let difference = difference(&json!(mine), &json!(theirs), "");
            assert_eq!(difference, None, "{field}{arguments}");
            let tells_mine = text.contains("aardvark");
            assert_eq!(
                tells_mine,
                !arguments.contains("org-") && !arguments.contains("outcome"),
                "{field}{arguments}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn each_thing_is_hidden_by_itself_and_payloads_with_every_other() {
    let server = World::crowded(WORDS).serve().await;
    for hidden in ["email", "transcript", "payload"] {
        let token = server.installation.token(&["--hide", hidden]).await;
        let ask = async |document: &str| server.answer_to(&token, document, Value::Null).await;
        let seen = ask(
            "{ user(id: \"user-aardvark-1\") { email } call(id: \"call-aardvark-0-0\") { transcript { lineCount } } \
             events(first: 1) { nodes { payload } } }",
        )
        .await;
        let data = &seen["data"];
        let is_seen = [
            ("email", &data["user"]["email"]),
            ("transcript", &data["call"]["transcript"]),
            ("payload", &data["events"]["nodes"][0]["payload"]),
        ];
        for (what, value) in is_seen {
            let is_hidden = what == hidden || what == "payload";
            assert_eq!(value.is_null(), is_hidden, "{hidden}: {what} is {value}");
        }
        for (what, document) in [
            (
                "email",
                "{ users(filter: { email: [\"x\"] }) { totalCount } }",
            ),
            (
                "transcript",
                "{ calls(filter: { spoken: \"tamarind\" }) { totalCount } }",
            ),
            (
                "transcript",
                "{ searchTranscripts(query: \"tamarind\") { totalCount } }",
            ),
            ("payload", "{ events(first: 1) { nodes { body } } }"),
        ] {
            let answer = ask(document).await;
            let is_hidden = what == hidden || what == "payload";
            let code = &answer["errors"][0]["extensions"]["code"];
            assert_eq!(
                code == "FORBIDDEN",
                is_hidden,
                "{hidden}: {document}: {answer}"
            );
        }
        for (what, field, filter) in [
            ("email", "userChanged", "{ email: [\"x\"] }"),
            (
                "transcript",
                "callCompleted",
                "{ not: { spoken: \"tamarind\" } }",
            ),
        ] {
            let document = format!(
                "subscription {{ {field}(after: \"0\", checkpoints: true, filter: {filter}) {{ caughtUp }} }}"
            );
            let mut subscription = server
                .subscribe_as(Some(&token), &document, Value::Null)
                .await;
            if what == hidden {
                assert_eq!(subscription.error_code().await, "FORBIDDEN", "{document}");
            } else {
                subscription.item().await;
            }
        }
    }
}
