//! docs/reports.md: its queries are run, and its answers are what the server says and what counting by hand gives.
//!
//! `UPDATE_DOCS=1` writes the answers into the document anew, after every one of them has agreed with the count by hand.

use std::fs;
use std::path::{Path, PathBuf};

use async_graphql::{Number, Value as Answer};
use chrono::DateTime;
use chrono_tz::Tz;
use sample::company::{Company, Size};
use serde_json::{Value, json};
use tests::Server;
use tests::server::finish;
use tokio::process::Command;

use crate::report::{GROUPS, Keys, day_in, figures};
use crate::report_absence::{gaps, streaks};
use crate::report_facts::{Facts, assert_within, at, micros, moment, text};
use crate::report_insight::{Asked, By, groups, rows};
use crate::report_leaderboard::{METRICS, days, leaderboard};
use crate::report_trend::trend;

/// A query of the document.
struct Example {
    /// The heading above it.
    question: String,
    query: String,
    variables: Value,
    /// The answer as it stands there.
    answer: String,
    /// Where that begins in the document.
    place: usize,
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reports.md")
}

/// The blocks of a language, each with where its text begins.
fn blocks<'d>(document: &'d str, language: &str) -> Vec<(usize, &'d str)> {
    let fence = format!("```{language}\n");
    let begins = document.match_indices(&fence);
    begins
        .map(|(at, _)| {
            let from = at + fence.len();
            let text = &document[from..];
            // An empty block ends at once.
            let end = if text.starts_with("```") {
                0
            } else {
                text.find("\n```").expect("it ends") + 1
            };
            (from, &text[..end])
        })
        .collect()
}

fn examples(document: &str) -> Vec<Example> {
    let queries = blocks(document, "graphql");
    let texts = blocks(document, "json");
    let ends = queries
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain([document.len()]);
    let with_ends: Vec<_> = queries.iter().zip(ends).collect();
    with_ends
        .into_iter()
        .map(|((from, query), to)| {
            let of_it: Vec<_> = texts
                .iter()
                .filter(|(at, _)| (*from..to).contains(at))
                .collect();
            let (variables, (place, answer)) = match of_it.as_slice() {
                [answer] => (json!({}), answer),
                [(_, variables), answer] => {
                    (serde_json::from_str(variables).expect("variables"), answer)
                }
                other => panic!("one answer a query, with or without variables: {other:?}"),
            };
            let heading = document[..*from].rfind("\n## ").expect("a heading");
            let question = document[heading + 4..].lines().next().expect("a line");
            Example {
                question: question.to_owned(),
                query: (*query).to_owned(),
                variables,
                answer: (*answer).to_owned(),
                place: *place,
            }
        })
        .collect()
}

/// The arguments of the command that sends the company.
fn sending(document: &str) -> Vec<&str> {
    let (_, command) = blocks(document, "sh")[0];
    let (_, arguments) = command
        .trim()
        .split_once("hookgraph ")
        .expect("the command");
    arguments.split_whitespace().collect()
}

/// The company that the command sends.
fn company(arguments: &[&str]) -> Company {
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| *argument == name);
        arguments[place.expect("it is named") + 1]
    };
    let number = |name: &str| value(name).parse::<u32>().expect("a number");
    let count = |name: &str| number(name).try_into().expect("few");
    Company::new(Size {
        orgs: count("--orgs"),
        users: count("--users"),
        calls: count("--calls"),
        days: number("--days"),
        seed: number("--seed").into(),
        ends_at: DateTime::parse_from_rfc3339(value("--ends-at"))
            .expect("a time")
            .to_utc(),
    })
}

/// A server that was sent what the document says, and what that tells.
async fn followed(document: &str) -> (Server, Facts) {
    let server = Server::start().await;
    let url = server.url("/webhooks/salesmagic");
    let arguments = sending(document);
    let command = arguments.iter().copied().chain(["--url", &url]);
    let sent = server.installation.run(command).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    server.settled().await;
    let deliveries: Vec<_> = company(&arguments).deliveries().collect();
    (server, Facts::of(&deliveries))
}

/// The answer as the server writes it, fields in the order of the query.
async fn ask(server: &Server, query: &str, variables: &Value) -> Answer {
    let request = server.client.post(server.url("/graphql"));
    let body = json!({ "query": query, "variables": variables });
    let response = request.json(&body).send().await.expect("an answer");
    let text = response.text().await.expect("a body");
    let mut answer: Answer = serde_json::from_str(&text).expect("JSON");
    let Answer::Object(fields) = &mut answer else {
        panic!("{text}");
    };
    assert!(!fields.contains_key("errors"), "{query}\n{text}");
    fields.swap_remove("data").expect("data")
}

/// As the document shows an answer: what fits into a line is in one.
fn shown(answer: &Answer, indent: usize) -> String {
    let line = in_a_line(answer);
    let deeper = " ".repeat(indent + 2);
    let parts: Vec<String> = match answer {
        _ if indent > 0 && indent + line.chars().count() <= 148 => return line,
        Answer::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{deeper}\"{name}\": {}", shown(value, indent + 2)))
            .collect(),
        Answer::List(values) => values
            .iter()
            .map(|value| format!("{deeper}{}", shown(value, indent + 2)))
            .collect(),
        _ => return line,
    };
    let [open, close] = if matches!(answer, Answer::List(_)) {
        ["[", "]"]
    } else {
        ["{", "}"]
    };
    format!(
        "{open}\n{}\n{}{close}",
        parts.join(",\n"),
        " ".repeat(indent)
    )
}

fn in_a_line(answer: &Answer) -> String {
    match answer {
        Answer::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| format!("\"{name}\": {}", in_a_line(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Answer::List(values) => {
            let values = values.iter().map(in_a_line);
            format!("[{}]", values.collect::<Vec<_>>().join(", "))
        }
        Answer::Number(number) => in_four_decimals(number),
        other => other.to_string(),
    }
}

/// Databases differ in the last bits of a sum.
fn in_four_decimals(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => ((float * 1e4).round() / 1e4).to_string(),
        _ => number.to_string(),
    }
}

/// A row for each group of a call report, the one with the most calls first.
fn call_rows(calls: &[&Value], group: &str, second: Option<&str>) -> Vec<Value> {
    let of = |name: &str| {
        let found = GROUPS.iter().find(|(group, ..)| *group == name);
        let (_, field, keys) = found.expect("such a group");
        (*field, keys)
    };
    let named: Vec<(&str, &Keys)> = [Some(group), second]
        .into_iter()
        .flatten()
        .map(of)
        .collect();
    let by: Vec<By<'_>> = named
        .iter()
        .map(|(field, keys)| (*field, *keys as &dyn Fn(&Value) -> Vec<Value>))
        .collect();
    let mut rows: Vec<_> = groups(calls, &by)
        .into_iter()
        .map(|(keys, calls)| {
            let mut row = json!({ "figures": figures(&calls, None) });
            for ((field, _), key) in by.iter().zip(&keys) {
                row[*field] = key.clone();
            }
            let order: Vec<String> = keys.iter().map(|key| text(key).to_owned()).collect();
            (std::cmp::Reverse(calls.len()), order, row)
        })
        .collect();
    rows.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    rows.into_iter().map(|(.., row)| row).collect()
}

/// The same rows, each with all that is known of its user.
fn with_users(facts: &Facts, mut rows: Value) -> Value {
    for row in rows.as_array_mut().expect("rows") {
        let id = row.get("userId").unwrap_or(&row["user"]["id"]).clone();
        row["user"] = facts.user(text(&id)).clone();
    }
    rows
}

/// The weeks of New York between two of its Mondays, of these calls.
fn weeks(calls: &[&Value], mondays: &[&str]) -> Vec<Value> {
    let week = |two: &[&str]| {
        let bound = |day: &str| micros(&format!("{day}T00:00:00-04:00"));
        let (from, to) = (bound(two[0]), bound(two[1]));
        let within = calls
            .iter()
            .copied()
            .filter(|call| (from..to).contains(&at(call)));
        json!({
            "period": { "date": two[0], "from": moment(from), "to": moment(to) },
            "figures": figures(&within.collect::<Vec<_>>(), None),
        })
    };
    mondays.windows(2).map(week).collect()
}

fn insights(
    calls: &[&Value],
    past: Option<&[&Value]>,
    kind: &str,
    by_month: bool,
    first: usize,
) -> Value {
    let month = |call: &Value| {
        let day = day_in(Tz::UTC, call).to_string();
        vec![json!({ "date": format!("{}-01", &day[..7]) })]
    };
    let asked = Asked {
        kind,
        by: if by_month {
            vec![("period", &month)]
        } else {
            Vec::new()
        },
        first,
        of_analyses: false,
    };
    json!({ "totalCalls": calls.len(), "rows": rows(calls, past, &asked) })
}

/// What counting by hand says to a question: at least all that its answer shows.
fn counted(facts: &Facts, question: &str, variables: &Value) -> Value {
    let all: Vec<&Value> = facts.calls.iter().collect();
    let some = |passes: &dyn Fn(&Value) -> bool| {
        facts
            .calls
            .iter()
            .filter(|call| passes(call))
            .collect::<Vec<_>>()
    };
    let of_user = some(&|call| call["user"]["id"] == variables["user"]);
    match question {
        "How well do the teams do?" => json!({
            "callReport": { "rows": call_rows(&all, "TEAM", None), "total": figures(&all, None) }
        }),
        "How many calls were there each week?" => {
            let mondays = [
                "2025-04-28",
                "2025-05-05",
                "2025-05-12",
                "2025-05-19",
                "2025-05-26",
                "2025-06-02",
            ];
            let bound = |day: &str| micros(&format!("{day}T00:00:00-04:00"));
            let inside =
                |call: &&&Value| (bound(mondays[0])..bound(mondays[5])).contains(&at(call));
            let calls: Vec<&Value> = of_user.iter().filter(inside).copied().collect();
            json!({ "callReport": { "rows": weeks(&calls, &mondays), "total": figures(&calls, None) } })
        }
        "How do scores depend on the persona?" => {
            let rows = call_rows(&all, "DIFFICULTY", Some("INDUSTRY"));
            json!({ "callReport": { "rows": rows[..6] } })
        }
        "Who is best against hard personas?" => {
            let hard = some(&|call| {
                let personas = call["personas"].as_array().expect("a list");
                let mut levels = personas.iter().map(|persona| text(&persona["difficulty"]));
                levels.any(|level| ["hard", "expert"].contains(&level))
            });
            let facts = Facts {
                calls: hard.into_iter().cloned().collect(),
                users: facts.users.clone(),
            };
            let end = micros("2025-06-02T00:00:00Z");
            let mut board = leaderboard(&facts, METRICS[1], None, Tz::UTC, end, 3);
            board["rows"] = with_users(&facts, board["rows"].take());
            json!({ "leaderboard": board })
        }
        "Which objections come up, month by month?" => {
            json!({ "insightReport": insights(&all, None, "objections", true, 3) })
        }
        "Which competitors come up more than before?" => {
            let [from, to] = ["from", "to"].map(|end| micros(text(&variables[end])));
            let now = some(&|call| (from..to).contains(&at(call)));
            let past = some(&|call| (from - (to - from)..from).contains(&at(call)));
            let mut report = insights(&now, Some(&past), "competitors", false, 5);
            for row in report["rows"].as_array_mut().expect("rows") {
                let newest = &row["examples"][0]["id"];
                let call = facts.calls.iter().find(|call| call["id"] == *newest);
                row["examples"] = json!([{ "title": call.expect("it is there")["title"] }]);
            }
            json!({ "insightReport": report })
        }
        "Who leads this month?" => {
            let as_of = micros("2025-05-31T12:00:00Z");
            let month = days("MONTH", Tz::UTC, as_of);
            let mut board = leaderboard(facts, METRICS[1], month, Tz::UTC, as_of, 3);
            board["rows"] = with_users(facts, board["rows"].take());
            board["period"]["date"] = json!("2025-05-01");
            json!({ "leaderboard": board })
        }
        "Who has stopped practising?" => {
            let mut all = gaps(facts, 7, micros("2025-06-02T00:00:00Z"));
            all["rows"] = with_users(facts, all["rows"].take());
            json!({ "practiceGaps": all })
        }
        "Whose streak is about to break?" => {
            let mut all = streaks(
                facts,
                1,
                Tz::America__New_York,
                micros("2025-05-31T12:00:00Z"),
            );
            all["rows"] = with_users(facts, all["rows"].take());
            json!({ "streaksAtRisk": all })
        }
        "How is a rep developing?" => {
            let mut trend = trend(&of_user, 5);
            for point in trend["points"].as_array_mut().expect("points") {
                let id = point["call"]["id"].clone();
                let call = facts.calls.iter().find(|call| call["id"] == id);
                point["call"]["createdAt"] = moment(at(call.expect("it is there")));
            }
            json!({ "trend": trend })
        }
        other => panic!("nobody has counted by hand: {other}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests are their own edge")]
fn is_to_be_updated() -> bool {
    std::env::var("UPDATE_DOCS").is_ok_and(|value| value == "1")
}

#[tokio::test]
async fn every_query_of_the_document_is_answered_as_it_says() {
    let mut document_now = fs::read_to_string(document()).expect("the document");
    let (server, facts) = followed(&document_now).await;
    let examples = examples(&document_now);
    assert!(examples.len() >= 9);
    let mut answers = Vec::new();
    for example in &examples {
        let answer = ask(&server, &example.query, &example.variables).await;
        let counted = counted(&facts, &example.question, &example.variables);
        let found = answer.clone().into_json().expect("JSON");
        assert_within(&found, &counted, &example.question);
        answers.push(format!("{}\n", shown(&answer, 0)));
    }
    if is_to_be_updated() {
        // From the end, so that what stands before keeps its place.
        for (example, answer) in examples.iter().zip(&answers).rev() {
            let end = example.place + example.answer.len();
            document_now.replace_range(example.place..end, answer);
        }
        fs::write(document(), document_now).expect("the document");
        return;
    }
    for (example, answer) in examples.iter().zip(&answers) {
        assert_eq!(*answer, example.answer, "{}", example.question);
    }
}

#[tokio::test]
async fn the_scripts_of_the_document_work() {
    let document = fs::read_to_string(document()).expect("the document");
    let (server, facts) = followed(&document).await;
    let (_, curl) = blocks(&document, "sh")[1];
    let (_, body) = curl.split_once("-d '").expect("a body");
    let (body, _) = body.split_once("'\n").expect("its end");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let answer = server
        .graphql(text(&body["query"]), body["variables"].clone())
        .await;
    let team = &body["variables"]["team"][0];
    let calls: Vec<&Value> = facts
        .calls
        .iter()
        .filter(|call| call["teamId"] == *team)
        .collect();
    assert!(!calls.is_empty());
    assert_within(
        &answer["callReport"]["total"],
        &figures(&calls, None),
        "curl",
    );

    let (_, script) = blocks(&document, "js")[0];
    let script = script.replace("127.0.0.1:8080", server.address());
    let ran = finish(Command::new("node").args(["--input-type=module", "-e", &script])).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
    let rows: Vec<Vec<String>> = reader
        .deserialize()
        .map(|row| row.expect("a row"))
        .collect();
    let mut sum = 0;
    for row in &rows {
        let calls = facts.calls.iter().filter(|call| {
            facts.user(text(&call["user"]["id"]))["name"] == row[1]
                && day_in(Tz::UTC, call).to_string()[..7] == row[0][..7]
        });
        let figures = figures(&calls.collect::<Vec<_>>(), None);
        assert_eq!(figures["calls"].to_string(), row[2], "{row:?}");
        let mean: f64 = row[3].parse().expect("a number");
        assert_within(&json!(mean), &figures["meanScore"], "mean");
        sum += row[2].parse::<usize>().expect("a count");
    }
    assert_eq!(sum, facts.calls.len());
}
